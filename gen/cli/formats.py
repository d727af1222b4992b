"""`weft formats`: number formats side by side."""

import shlex
from pathlib import Path
from textwrap import wrap
from typing import Annotated

import typer

from weft.gen.cli import arguments
from weft.gen.cli.console import Progress, emit, existing_file, tables
from weft.gen.errors import WeftError, nearest

HEADER = 10  # columns of a line of a table's header: longer ones would leave no room for figures

Area = Annotated[bool, typer.Option("--area", help="Synthesise a processing element of each for an FPGA without DSP blocks; minutes.")]
Liberty = Annotated[Path | None, typer.Option(metavar="FILE", help="Map to these standard cells too, a .lib file; implies --area.")]
Only = Annotated[list[str] | None, typer.Option(metavar="NAME", help="With --area this element format alone, with --products this format "
                                                "of operands; may be repeated.")]
Data = Annotated[bool, typer.Option("--data", help="Measure the error on layers of a language model, from $WEFT_MODELS, $WEFT_DATA.")]
Sums = Annotated[bool, typer.Option("--sums", help="On these layers too: exact sums against those of graphics processors; minutes.")]
Products = Annotated[bool, typer.Option("--products", help="Multiply matrices in each on the RTL of a 16 x 16 array; a minute for each.")]
Plot = Annotated[Path | None, typer.Option(metavar="FILE", help="With --area or --data: write a plot of them, an .svg file.")]


def formats(area: Area = False, liberty: Liberty = None, only: Only = None, data: Data = False, sums: Sums = False,
            products: Products = False, plot: Plot = None, as_json: arguments.Json = False) -> None:
    """Show the number formats: bits, range, exact widths, what they do to real data, and what they cost and give on hardware."""
    from weft.fpga import format_page, format_plot  # noqa: PLC0415
    from weft.fpga.formats import Cost, costs  # noqa: PLC0415
    from weft.sim import format_error, format_sums  # noqa: PLC0415
    from weft.sim.output import check_file, write_file  # noqa: PLC0415

    measure = area or liberty is not None
    _check_names(only or [], measure, products)
    if plot and not (measure or data):
        raise WeftError("--plot without --area or --data", where="weft formats", why="the plot shows what these two measure, nothing else",
                        fix="add --data, or --area, or both")
    if plot:
        check_file(plot, "--plot")
        if plot.suffix.lower() != ".svg":
            raise WeftError(f"no plot as {plot}", where="--plot", why="plots are SVG", fix="give a name that ends in .svg")
    if liberty:
        existing_file(liberty, "cell library", "--liberty")
    errors = format_error.errors() if data else {}  # what takes seconds, or lacks a file, comes first
    differences = format_sums.differences() if sums else {}
    measured: list[Cost] = []
    multiplied: list[format_page.Row] = []
    with Progress(silent=as_json) as progress:
        if measure:
            measured = costs(liberty, progress, only or ())
        if products:
            multiplied = [row for name in dict.fromkeys(only or [""]) for row in format_page.every_rows(name, progress)]
    multiplied = format_page.every_joined([], multiplied)
    if plot:
        write_file(plot, format_plot.plot(format_page.figures(measured), format_page.data_rows(errors)))
    if as_json:
        emit({"formats": [dict(zip(format_page.FACTS, row, strict=True)) for row in format_page.facts()],
              "errors": errors,
              "sums": [dict(zip(format_page.SUMS, row, strict=True)) for row in format_page.sums_rows(differences)],
              "products": [dict(zip(format_page.EVERY, row, strict=True)) for row in multiplied],
              "elements": [{"name": each.name, "luts": each.luts, "luts_booth": each.luts_booth, "luts_small": each.luts_small,
                            "registers": each.registers, "sum_bits": each.sum_bits, "packing": each.packing, "area_um2": each.area,
                            "delay_ns": each.delay, "energy_pj": each.energy, "booth": list(each.booth)} for each in measured]})
        return
    from rich.table import Table  # noqa: PLC0415

    console = tables()
    for header, rows in ((format_page.FACTS, format_page.facts()), (format_page.ERRORS, format_page.data_rows(errors)),
                         (format_page.SUMS, format_page.sums_rows(differences)), (format_page.EVERY, multiplied),
                         (format_page.FIGURES, format_page.figures(measured))):
        if not rows:
            continue
        table = Table(box=None, pad_edge=False, header_style="bold")
        for number, name in enumerate(header):
            table.add_column("\n".join(wrap(name, HEADER)), justify="right" if number else "left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
        console.print()
    if plot:
        console.print(f"plot: {plot}", highlight=False)


def _check_names(only: list[str], elements: bool, products: bool) -> None:
    """Raise `WeftError` unless each name of --only is one that each of the options measures, and there is such an option."""
    from weft.gen.formats.operand import OPERANDS, OperandPair  # noqa: PLC0415
    from weft.gen.formats.selection import OPERAND_PAIRS, PAIRS  # noqa: PLC0415
    from weft.sim.format_products import title  # noqa: PLC0415

    element_of = {title(*names): OperandPair(*(OPERANDS[name] for name in names)).elements.name for names in OPERAND_PAIRS}
    measured = {"--area": [each.name for each in PAIRS], "--products": list(element_of)}
    given = [option for option, there in (("--area", elements), ("--products", products)) if there]
    for name in only:
        if not any(name in names for names in measured.values()):
            raise WeftError(f"unknown format {name!r}", where="--only", why="no option of weft formats measures such a one",
                            fix=nearest(name, {each for option in given or measured for each in measured[option]}))
        for option in given:
            if name in measured[option]:
                continue
            why, fix = "it is not among the formats of operands that are compared", nearest(name, measured[option])
            if name in element_of:
                why, fix = (f"its elements are {element_of[name]}, and that is what a processing element multiplies",
                            f"use --only {shlex.quote(element_of[name])}")
            raise WeftError(f"{option} does not measure {name!r}", where="--only", why=why, fix=fix)
    if only and not given:
        options = [f"add {option}" for option, names in measured.items() if set(only) <= set(names)]
        options += [f"add --area and say --only {shlex.quote(element_of[name])}" for name in only if name not in measured["--area"]]
        raise WeftError("--only without --area or --products", where="weft formats", why="it says which of what they measure",
                        fix=", or ".join(options))
