"""`weft formats`: number formats side by side."""

from pathlib import Path
from typing import Annotated

import typer

from weft.gen.cli import arguments
from weft.gen.cli.console import Progress, emit, tables
from weft.gen.errors import WeftError, nearest

Area = Annotated[bool, typer.Option("--area", help="Synthesise a processing element of each for an FPGA without DSP blocks; minutes.")]
Liberty = Annotated[Path | None, typer.Option(metavar="FILE", help="Map to these standard cells too, a .lib file; implies --area.")]
Only = Annotated[list[str] | None, typer.Option(metavar="NAME", help="With --area: this element format alone; may be repeated.")]
Data = Annotated[bool, typer.Option("--data", help="Measure the error on layers of a language model, from $WEFT_MODELS, $WEFT_DATA.")]
Sums = Annotated[bool, typer.Option("--sums", help="On these layers too: exact sums against those of graphics processors; minutes.")]
Plot = Annotated[Path | None, typer.Option(metavar="FILE", help="With --area or --data: write a plot of them, an .svg file.")]


def formats(area: Area = False, liberty: Liberty = None, only: Only = None, data: Data = False, sums: Sums = False,
            plot: Plot = None, as_json: arguments.Json = False) -> None:
    """Show the number formats: bits, range, exact widths, what they do to real data, and what a processing element costs."""
    from weft.fpga import format_page, format_plot  # noqa: PLC0415
    from weft.fpga.formats import Cost, costs  # noqa: PLC0415
    from weft.gen.formats.selection import PAIRS  # noqa: PLC0415
    from weft.sim import format_error, format_sums  # noqa: PLC0415
    from weft.sim.output import check_writable  # noqa: PLC0415

    measure = area or liberty is not None
    if (only or (plot and not data)) and not measure:
        raise WeftError("--only or --plot without --area", where="weft formats", why="they concern what --area measures", fix="add --area")
    names = [each.name for each in PAIRS]
    for name in only or ():
        if name not in names:
            raise WeftError(f"unknown element format {name!r}", where="--only", why="it is none of those that are measured",
                            fix=nearest(name, names))
    if plot:
        check_writable(plot.parent, "--plot")
    measured: list[Cost] = []
    errors: dict[str, float] = {}
    if measure:
        with Progress(silent=as_json) as progress:
            measured = costs(liberty, progress, only or ())
    if data:
        errors = format_error.errors()
    differences = format_sums.differences() if sums else {}
    if plot:
        plot.write_text(format_plot.plot(format_page.figures(measured), format_page.data_rows(errors)))
    if as_json:
        emit({"formats": [dict(zip(format_page.FACTS, row, strict=True)) for row in format_page.facts()],
              "errors": errors,
              "sums": [dict(zip(format_page.SUMS, row, strict=True)) for row in format_page.sums_rows(differences)],
              "elements": [{"name": each.name, "luts": each.luts, "luts_booth": each.luts_booth, "luts_small": each.luts_small,
                            "registers": each.registers, "sum_bits": each.sum_bits, "packing": each.packing, "area_um2": each.area,
                            "delay_ns": each.delay, "energy_pj": each.energy, "booth": list(each.booth)} for each in measured]})
        return
    from rich.table import Table  # noqa: PLC0415

    console = tables()
    for header, rows in ((format_page.FACTS, format_page.facts()), (format_page.ERRORS, format_page.data_rows(errors)),
                         (format_page.SUMS, format_page.sums_rows(differences)), (format_page.FIGURES, format_page.figures(measured))):
        if not rows:
            continue
        table = Table(box=None, pad_edge=False, header_style="bold")
        for number, name in enumerate(header):
            table.add_column(name, justify="right" if number else "left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
        console.print()
    if plot:
        console.print(f"plot: {plot}", highlight=False)
