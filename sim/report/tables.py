"""A report in the terminal."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from weft.sim.report.figures import words
from weft.sim.report.page import verdict
from weft.sim.report.svg import si, size


def show(report: dict[str, Any], console: Console) -> None:
    """Print verdict, headline figures and the table of layers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right", style="dim")
    table.add_column("layer", overflow="ellipsis", no_wrap=True, max_width=40)
    table.add_column("operator", no_wrap=True)
    for name in ("MACs", "cycles", "share", "array"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("main loss", no_wrap=True)
    for index, layer in enumerate(report["layers"], start=1):
        share, macs = layer["cycles"] / report["cycles_per_inference"], layer["macs"]
        table.add_row(str(index), escape(layer["name"]), layer["source"], si(macs) if macs else "", f"{layer['cycles']:,}",
                      f"{share:.1%}", f"{layer['utilization']:.1%}" if macs else "", words(layer["stall"]))
    console.print(table)
    said = verdict(report)
    traffic = sum(report["dram_bytes"].values())
    console.print()
    console.print(f"[bold]{report['model']['name']}[/] on [bold]{report['config']['name']}[/]: [bold]{report['cycles_per_inference']:,}[/] "
                  f"cycles an inference, array busy with MACs [bold]{report['utilization']:.1%}[/], {size(traffic)} of DRAM traffic "
                  f"({report['dram_over_least']:.2f} x weights, input and output), "
                  f"simulated at {si(report['simulation']['cycles_per_second'])} cycles/s", highlight=False, soft_wrap=True)
    colour, mark = ("red", "✗") if not said["good"] else ("green", "✓") if report["reference"]["version"] else ("yellow", "!")
    console.print(f"[{colour}]{mark} {said['text']}[/]: {escape(said['detail'])}", highlight=False, soft_wrap=True)
