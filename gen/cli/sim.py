"""`weft sim`: run a network on the simulated RTL and check every bit."""

import shlex
import sys
from pathlib import Path

import typer

from weft.gen.cli.console import JSON, Progress, emit, existing_file, tables

BRIEF = ("inputs", "reference", "mismatches", "cycles_per_inference", "macs", "utilization", "dram_bytes", "simulation")


def sim(model: Path = typer.Argument(..., metavar="MODEL", help="Network, .tflite or .onnx."),
        inputs: Path = typer.Argument(..., metavar="INPUT", help="Samples: .npy, or .npz with array x; the first axis counts them."),
        config: Path = typer.Option(..., "--config", "-c", metavar="CONFIG", help="Configuration, a TOML file."),
        out: Path = typer.Option(None, "--out", "-o", metavar="FOLDER", help="Where to write. [default: build/<config>/<model>]",
                                 show_default=False),
        samples: int = typer.Option(None, "--samples", "-n", min=1, help="Use only the first so many samples.", show_default=False),
        rounding: str = typer.Option("tflm", help="Whose rounding .tflite files mean: tflm or litert."),
        waves: str = typer.Option(None, "--waves", metavar="WHAT", show_default=False,
                                  help="Record a waveform of the first sample: cycles 1000:2000, or a layer's name or number."),
        dram_bytes_per_cycle: int = typer.Option(16, min=1, max=4096, help="DRAM bandwidth, shared by reads and writes."),
        dram_latency: int = typer.Option(64, min=0, max=100_000, help="Cycles from a read address to its first data."),
        as_json: bool = JSON) -> None:
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
    options = Options(samples, rounding, DramTiming(dram_bytes_per_cycle, dram_latency), waves, command)
    with Progress(silent=as_json) as progress:
        result = simulate(loaded, model, inputs, folder, options, progress)
    if as_json:
        emit({**{key: result[key] for key in BRIEF}, "folder": str(folder)})
        return
    from weft.sim.report.tables import show  # noqa: PLC0415

    show(result, tables())
    print(f"report: {folder / 'report.html'}")
