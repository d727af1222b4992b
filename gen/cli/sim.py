"""`weft sim`: run a network on the simulated RTL and check every bit."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from weft.gen.cli import arguments
from weft.gen.cli.console import Progress, emit, existing_file, tables

BRIEF = ("inputs", "reference", "mismatches", "cycles_per_inference", "macs", "utilization", "dram_bytes", "simulation")
SPLIT = ("parts", "host", "host_seconds", "cut_bytes")  # of a network of which the host computes some operators


Inputs = Annotated[Path, typer.Argument(metavar="INPUT", help="Samples: .npy, or .npz with array x; the first axis counts them.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Where to write.", show_default="build/CONFIG/MODEL")]
Samples = Annotated[int | None, typer.Option("--samples", "-n", min=1, help="Use only the first so many samples.", show_default="all")]
Waves = Annotated[str | None, typer.Option(metavar="WHAT", show_default=False, help="Record a waveform of the first sample: cycles "
                                           "such as 1000:2000, or a layer's name or number.")]
Bandwidth = Annotated[int, typer.Option(min=1, max=4096, help="DRAM bandwidth, shared by reads and writes.")]
Latency = Annotated[int, typer.Option(min=0, max=100_000, help="Cycles from a read address to its first data.")]


def sim(model: arguments.Model, inputs: Inputs, config: arguments.ConfigOption, out: Out = None, samples: Samples = None,
        rounding: arguments.Rounding = "tflm", waves: Waves = None, dram_bytes_per_cycle: Bandwidth = 16, dram_latency: Latency = 64,
        host: arguments.Host = False, as_json: arguments.Json = False) -> None:
    """Run a network on the RTL and check every bit.

    The golden machine must leave the same memory, and the reference engine (tflite-micro, LiteRT, onnxruntime) the same
    outputs. Writes outputs.npz, report.json and report.html."""
    from weft.gen.config import Config  # noqa: PLC0415

    loaded = Config.load(config)
    existing_file(model, "network")
    existing_file(inputs, "input file")
    folder = out or Path("build") / loaded.name / model.stem
    from weft.sim.output import check_writable  # noqa: PLC0415

    check_writable(folder)
    from weft.sim.execute import DramTiming  # noqa: PLC0415
    from weft.sim.runner import Options, simulate  # noqa: PLC0415

    command = shlex.join(["weft", *sys.argv[1:]])
    options = Options(samples, rounding, DramTiming(dram_bytes_per_cycle, dram_latency), waves, command, host=host)
    with Progress(silent=as_json) as progress:
        result = simulate(loaded, model, inputs, folder, options, progress)
    if as_json:
        emit({**{key: result[key] for key in (*BRIEF, *SPLIT) if key in result}, "folder": str(folder)})
        return
    from weft.sim.report.tables import show  # noqa: PLC0415

    show(result, tables())
    print(f"report: {folder / 'report.html'}")
