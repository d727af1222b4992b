"""A report in the terminal."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from weft.sim.report.figures import words
from weft.sim.report.page import verdict
from weft.sim.report.svg import si, size


def _show_host(report: dict[str, Any], console: Console) -> None:
    """Print what runs on the host, why, and what the split costs."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("on the host", "operator"):
        table.add_column(name, overflow="ellipsis", no_wrap=True, max_width=40)
    for name in ("after part", "time", "bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why")
    for row in report["host"]:
        table.add_row(escape(row["name"]), row["operator"], str(row["after"] or ""), f"{row['seconds'] * 1e3:,.3f} ms",
                      size(row["bytes_read"] + row["bytes_written"]), escape(row["why"]))
    console.print()
    console.print(table)
    console.print(f"\n{len(report['parts'])} parts on the accelerator; {len(report['host'])} operators on the host take "
                  f"{report['host_seconds'] * 1e3:,.3f} ms an inference; {size(report['cut_bytes'])} of tensors to and from DRAM "
                  "because the network is split", highlight=False, soft_wrap=True)


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
    if "host" in report:
        _show_host(report, console)
    said = verdict(report)
    traffic = sum(report["dram_bytes"].values())
    console.print()
    console.print(f"[bold]{report['model']['name']}[/] on [bold]{report['config']['name']}[/]: [bold]{report['cycles_per_inference']:,}[/] "
                  f"cycles an inference, array busy with MACs [bold]{report['utilization']:.1%}[/], {size(traffic)} of DRAM traffic "
                  f"({report['dram_over_least']:.2f} x weights, input and output), "
                  f"simulated at {si(report['simulation']['cycles_per_second'])} cycles/s", highlight=False, soft_wrap=True)
    colour, mark = ("red", "✗") if not said["good"] else ("green", "✓") if report["reference"]["version"] else ("yellow", "!")
    console.print(f"[{colour}]{mark} {said['text']}[/]: {escape(said['detail'])}", highlight=False, soft_wrap=True)
