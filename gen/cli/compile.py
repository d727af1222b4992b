"""`weft compile`: what the compiler makes of a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weft.gen.cli import arguments
from weft.gen.cli.console import emit, existing_file, tables

if TYPE_CHECKING:
    from weft.gen.compiler import CompiledNetwork
    from weft.gen.host import SplitNetwork

Listing = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the program as assembly text.", show_default=False)]

Header = Annotated[Path | None, typer.Option("--c", metavar="FILE", show_default=False,
                                             help="Write program, constants and layouts as a C header for weft_driver.")]


Dram = Annotated[bool, typer.Option("--dram", help="Print every byte to and from DRAM by what it is.")]


def compile(model: arguments.Model, config: arguments.ConfigOption, rounding: arguments.Rounding = "tflm", listing: Listing = None,
            header: Header = None, dram: Dram = False, host: arguments.Host = False, as_json: arguments.Json = False) -> None:
    """Compile a network and print its layers.

    A network that --host cuts into several parts has a program, and files, for each of them."""
    from weft.gen.config import Config  # noqa: PLC0415

    loaded = Config.load(config)
    from weft.sim.output import check_file, write_file  # noqa: PLC0415

    for option, path in (("--listing", listing), ("--c", header)):
        if path:
            check_file(path, option)
    existing_file(model, "network")
    from weft.gen.compiler import compile_network  # noqa: PLC0415
    from weft.gen.host import SplitNetwork, load_network, load_split  # noqa: PLC0415

    split = load_split(model, rounding=rounding) if host else SplitNetwork.of(load_network(model, rounding=rounding))
    networks = [compile_network(part.graph, loaded) for part in split.parts]
    for number, network in enumerate(networks, start=1):
        if listing:
            from weft.gen.assembler import disassemble  # noqa: PLC0415

            write_file(_of_part(listing, number, len(networks)), disassemble(network.program))
        if header:
            from weft.gen.export.network import c_header  # noqa: PLC0415

            path = _of_part(header, number, len(networks))
            write_file(path, c_header(network, path.stem))
    summary, layers, on_host = _summary(split, networks, loaded.name), _layers(split, networks), _host(split)
    if as_json:
        emit({**summary, "layers": [layer for layer in layers if "tile" in layer], **({"host": on_host} if host else {})})
        return
    _print(summary, layers, loaded.macs_per_cycle)
    if dram:
        _print_dram(summary["dram"])


def _summary(split: "SplitNetwork", networks: "list[CompiledNetwork]", config: str) -> dict[str, Any]:
    """Figures of all parts together."""
    return {
        "network": split.name, "engine": split.engine, "config": config, "macs": sum(network.macs for network in networks),
        "instructions": sum(len(network.program) for network in networks),
        "constant_bytes": sum(len(network.constants) for network in networks),
        "window_bytes": [sum(sizes) for sizes in zip(*(network.window_bytes for network in networks), strict=True)],
        "estimated_cycles": sum(network.estimated_cycles for network in networks),
        "spilled": [name for network in networks for name in network.spilled], "notes": list(split.notes),
        "dram": _dram(networks)}


def _dram(networks: "list[CompiledNetwork]") -> list[dict[str, Any]]:
    """Every byte to and from DRAM, of all parts together."""
    from weft.gen.compiler.dram_account import account  # noqa: PLC0415

    total: dict[tuple[str, str], int] = {}
    for network in networks:
        for what, way, count in account(network):
            total[what, way] = total.get((what, way), 0) + count
    return [{"what": what, "way": way, "bytes": count} for (what, way), count in total.items()]


def _print_dram(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table  # noqa: PLC0415

    total = sum(row["bytes"] for row in rows)
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    table.add_column("DRAM traffic", footer="all")
    table.add_column("")
    table.add_column("bytes", footer=f"{total:,}", justify="right")
    table.add_column("share", justify="right")
    for row in rows:
        table.add_row(row["what"], row["way"], f"{row['bytes']:,}", f"{row['bytes'] / total:.1%}")
    tables().print()
    tables().print(table)


def _layers(split: "SplitNetwork", networks: "list[CompiledNetwork]") -> list[dict[str, Any]]:
    """Layers in execution order; of an operator on the host only what it is and why."""
    rows: list[dict[str, Any]] = []
    programs, hosts = iter(networks), iter(_host(split))
    for stage in split.stages:
        if stage in split.on_host:
            rows.append(next(hosts))
            continue
        rows += [{"name": layer.name, "op": layer.op, "source": layer.source, "shape": list(layer.shape), "tile": layer.tile,
                  "macs": layer.macs, "estimated_cycles": layer.estimated_cycles} for layer in next(programs).layers]
    return rows


def _host(split: "SplitNetwork") -> list[dict[str, Any]]:
    return [{"name": stage.name, "source": stage.operator, "why": stage.why} for stage in split.on_host]


def _of_part(path: Path, number: int, count: int) -> Path:
    """The file for one of several parts: its number behind the name."""
    return path if count == 1 else path.with_stem(f"{path.stem}_part{number}")


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
        if "tile" in layer:
            table.add_row(str(index), escape(layer["name"]), layer["source"], " x ".join(map(str, layer["shape"])), layer["tile"],
                          f"{layer['macs']:,}" if layer["macs"] else "", f"{layer['estimated_cycles']:,}")
        else:
            table.add_row(str(index), escape(layer["name"]), layer["source"], "on the host")
    console = tables()
    console.print(table)
    bound = summary["macs"] / macs_per_cycle
    console.print(f"\n{summary['network']} for {summary['config']}: {summary['instructions']:,} instructions, "
                  f"{summary['constant_bytes'] / 1024:,.0f} KiB of constants, {summary['macs']:,} MACs, "
                  f"{summary['estimated_cycles']:,} cycles estimated (the array alone: {bound:,.0f})", highlight=False, soft_wrap=True)
    for layer in layers:
        if "why" in layer:
            console.print(f"on the host: {escape(layer['name'])} ({layer['source']}): {escape(layer['why'])}", highlight=False,
                          soft_wrap=True)
    for note in summary["notes"]:
        console.print(f"note: {escape(note)}", highlight=False, soft_wrap=True)
