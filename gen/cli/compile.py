"""`weft compile`: what the compiler makes of a network."""

from pathlib import Path
from typing import Annotated, Any

import typer

from weft.gen.cli import arguments
from weft.gen.cli.console import emit, existing_file, tables
from weft.gen.errors import WeftError

Listing = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the program as assembly text.", show_default=False)]

Header = Annotated[Path | None, typer.Option("--c", metavar="FILE", show_default=False,
                                             help="Write program, constants and layouts as a C header for weft_driver.")]


def compile(model: arguments.Model, config: arguments.ConfigOption, rounding: arguments.Rounding = "tflm", listing: Listing = None,
            header: Header = None, as_json: arguments.Json = False) -> None:
    """Compile a network and print its layers."""
    from weft.gen.config import Config  # noqa: PLC0415

    loaded = Config.load(config)
    for option, path in (("--listing", listing), ("--c", header)):
        if path:
            _check_file(option, path)
    existing_file(model, "network")
    from weft.gen.compiler import compile_network  # noqa: PLC0415
    from weft.gen.frontend import load  # noqa: PLC0415

    graph = load(model, rounding=rounding)
    network = compile_network(graph, loaded)
    if listing:
        from weft.gen.assembler import disassemble  # noqa: PLC0415

        _write(listing, disassemble(network.program))
    if header:
        from weft.gen.export.network import c_header  # noqa: PLC0415

        _write(header, c_header(network, header.stem))
    summary: dict[str, Any] = {
        "network": graph.name, "engine": graph.engine, "config": loaded.name, "macs": network.macs,
        "instructions": len(network.program), "constant_bytes": len(network.constants),
        "window_bytes": list(network.window_bytes), "estimated_cycles": sum(layer.estimated_cycles for layer in network.layers),
        "spilled": list(network.spilled), "notes": list(graph.notes)}
    layers = [{"name": layer.name, "op": layer.op, "source": layer.source, "shape": list(layer.shape), "tile": layer.tile,
               "macs": layer.macs, "estimated_cycles": layer.estimated_cycles} for layer in network.layers]
    if as_json:
        emit({**summary, "layers": layers})
        return
    _print(summary, layers, loaded.macs_per_cycle)


def _check_file(option: str, path: Path) -> None:
    from weft.sim.output import check_writable  # noqa: PLC0415

    if path.is_dir():
        raise WeftError(f"cannot write {path}", where=option, why="it is a folder", fix="give the name of a file")
    check_writable(path.parent, option)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _print(summary: dict[str, Any], layers: list[dict[str, Any]], macs_per_cycle: int) -> None:
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right", style="dim")
    table.add_column("layer", overflow="ellipsis", no_wrap=True, max_width=40)
    for name in ("operator", "output", "tile"):
        table.add_column(name, no_wrap=True)
    for name in ("MACs", "cycles (est.)"):
        table.add_column(name, justify="right", no_wrap=True)
    for index, layer in enumerate(layers, start=1):
        table.add_row(str(index), escape(layer["name"]), layer["source"], " x ".join(map(str, layer["shape"])), layer["tile"],
                      f"{layer['macs']:,}" if layer["macs"] else "", f"{layer['estimated_cycles']:,}")
    console = tables()
    console.print(table)
    bound = summary["macs"] / macs_per_cycle
    console.print(f"\n{summary['network']} for {summary['config']}: {summary['instructions']:,} instructions, "
                  f"{summary['constant_bytes'] / 1024:,.0f} KiB of constants, {summary['macs']:,} MACs, "
                  f"{summary['estimated_cycles']:,} cycles estimated (the array alone: {bound:,.0f})", highlight=False, soft_wrap=True)
    for note in summary["notes"]:
        console.print(f"note: {escape(note)}", highlight=False, soft_wrap=True)
