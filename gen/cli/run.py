"""`weft run`: run a network on a device: golden machine, simulated RTL, board."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from weft.gen.cli import arguments
from weft.gen.cli.console import Progress, emit, existing_file, tables
from weft.gen.cli.sim import Inputs, Samples

SHOWN = 10  # samples in the table

Device = Annotated[str, typer.Option("--device", "-d", metavar="DEVICE", help="golden, rtl, netlist:BOARD, or the serial port of a board.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Where to write.", show_default="build/CONFIG/MODEL-run")]
Baud = Annotated[int, typer.Option(min=300, max=12_000_000, help="Rate at which the board's image talks after power-up.")]


def run(model: arguments.Model, inputs: Inputs, config: arguments.ConfigOption, device: Device = "golden", out: Out = None,
        samples: Samples = None, rounding: arguments.Rounding = "tflm", baud: Baud = 115_200,
        host: arguments.Host = False, as_json: arguments.Json = False) -> None:
    """Run a network on a board, or the same way on a simulation.

    Every output must have the same bits as on the golden machine. Writes outputs.npz and run.json."""
    from weft.gen.config import Config  # noqa: PLC0415

    loaded = Config.load(config)
    existing_file(model, "network")
    existing_file(inputs, "input file")
    from weft.fpga.run import RunOptions  # noqa: PLC0415
    from weft.fpga.run import run as run_on_device  # noqa: PLC0415

    folder = out or Path("build") / loaded.name / f"{model.stem}-run"
    options = RunOptions(device, samples, rounding, baud, shlex.join(["weft", *sys.argv[1:]]), host)
    with Progress(silent=as_json) as progress:
        report = run_on_device(loaded, model, inputs, folder, options, progress)
    if as_json:
        emit({**report, "folder": str(folder)})
        return
    _show(report)
    print(f"outputs: {folder / 'outputs.npz'}")


def _show(report: dict[str, Any]) -> None:
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("sample", "cycles", "time", "outputs"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in report["samples"][:SHOWN]:
        cycles = "" if row["cycles"] is None else f"{row['cycles']:,}"
        table.add_row(str(row["sample"]), cycles, f"{row['seconds'] * 1e3:,.1f} ms", "" if row["differing_bytes"] is None else "same bits")
    console = tables()
    console.print(table)
    hidden = report["inputs"] - SHOWN
    more = f" ({hidden} more)" if hidden > 0 else ""
    for row in report["host"]:
        console.print(f"on the host: {row['name']} ({row['operator']}): {row['why']}", highlight=False, soft_wrap=True, markup=False)
    verdict = "" if report["device"] == "golden" else ", every output byte equals the golden machine's"
    console.print(f"\n{report['network']} on {report['config']}, device {report['device']}: {report['inputs']} samples{more}{verdict}"
                  + _on_host(report), highlight=False, soft_wrap=True)


def _on_host(report: dict[str, Any]) -> str:
    """What a split network took on the host, the median."""
    if not report["host"]:
        return ""
    seconds = sorted(row["host_seconds"] for row in report["samples"])[len(report["samples"]) // 2]
    return f"; {report['parts']} parts, and {seconds * 1e3:,.3f} ms on the host"
