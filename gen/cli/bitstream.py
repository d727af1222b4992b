"""`weft bitstream`: configuration and board to a file that programs the board."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from weft.gen.cli import arguments
from weft.gen.cli.console import Progress, emit, tables

BoardName = Annotated[str, typer.Option("--board", "-b", metavar="BOARD", help="Board; `weft boards` lists them.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Where to write.", show_default="build/CONFIG/BOARD")]
Seed = Annotated[int | None, typer.Option(help="Seed of placement: another one gives another placement, a little faster or slower.",
                                          show_default="the board's")]
Freq = Annotated[float | None, typer.Option(metavar="MHZ", help="Clock.", show_default="the board's")]
Keep = Annotated[bool, typer.Option("--keep", help="Write the bitstream even if it is too slow for the clock.")]


def bitstream(config: arguments.Config, board: BoardName = "ulx3s", out: Out = None, seed: Seed = None, freq: Freq = None,
              keep: Keep = False, as_json: arguments.Json = False) -> None:
    """Build an FPGA image with open tools.

    Writes the bitstream, report.json, report.html and what they were made from. What has not changed is not built again."""
    from weft.fpga.boards.board import find  # noqa: PLC0415
    from weft.gen.config import Config  # noqa: PLC0415

    loaded, chosen = Config.load(config), find(board)
    folder = out or Path("build") / loaded.name / chosen.name
    from weft.fpga.flow.bitstream import Options, build  # noqa: PLC0415
    from weft.fpga.flow.core import image  # noqa: PLC0415

    options = Options(freq, seed, keep, shlex.join(["weft", *sys.argv[1:]]))
    with Progress(silent=as_json) as progress:
        def finished(step: Any) -> None:
            if not as_json:
                print(f"  {step.name:<12}" + (f"{step.seconds:7.1f} s" if step.fresh else "  unchanged"), flush=True)

        def working(step: str, text: str) -> None:
            progress(f"{step} {text}".strip(), 0, 0)

        result = build(loaded, image(loaded, chosen), chosen, folder, options, working, finished)
    if as_json:
        emit({**result, "folder": str(folder)})
        return
    from weft.fpga.report.tables import show  # noqa: PLC0415

    print()
    show(result, tables())
    print(f"bitstream: {folder / result['bitstream']}\nreport: {folder / 'report.html'}")
