"""`weft report`: a finished run again."""

import json
from pathlib import Path
from typing import Annotated

import typer

from weft.gen.cli import arguments
from weft.gen.cli.console import emit, tables
from weft.gen.errors import WeftError

FILE = "report.json"


Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder that `weft sim` wrote.")]


def report(folder: Folder, as_json: arguments.Json = False) -> None:
    """Print the tables of an earlier run."""
    path = folder / FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeftError(f"no report in {folder}", where=str(path), why=error.strerror or str(error),
                        fix="give the folder of a finished `weft sim`") from None
    except ValueError as error:
        raise WeftError(f"{path} is damaged", where=str(path), why=str(error), fix="run `weft sim` again") from None
    if not isinstance(data, dict) or not {"layers", "mismatches", "config"} <= data.keys():
        raise WeftError(f"{path} is not a report of weft", where=str(path), why="it lacks the parts of a report",
                        fix="give the folder of a finished `weft sim`")
    if as_json:
        emit(data)
        return
    from weft.sim.report.tables import show  # noqa: PLC0415

    show(data, tables())
