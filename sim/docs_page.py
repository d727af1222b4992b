"""Pages in docs/ that `make bench` rewrites, and the third-party files that they are measured with."""

import argparse
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console

from weft.gen.errors import WeftError

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 140  # of lines
PHOTOGRAPHS = "photos_224.npz"  # each an array of its own, 224 x 224 or larger

Key = tuple[str, str]  # network and configuration: a row's first two columns
Row = TypeVar("Row")


def third_party(variable: str, folder: str, name: str) -> Path:
    """A file that is not part of the project: in the folder that the environment's `variable` names, or in ../shared/`folder`."""
    return Path(os.environ.get(variable) or ROOT.parent / "shared" / folder) / name


def photographs(size: int) -> np.ndarray:
    """The middle `size` x `size` pixels of the third-party photographs."""
    with np.load(third_party("WEFT_DATA", "data", PHOTOGRAPHS)) as file:
        photos = np.stack(list(file.values()))
    start = (photos.shape[1] - size) // 2
    return photos[:, start:start + size, start:start + size]


def committed(page: Path) -> dict[Key, str]:
    """Rows of a page's table as it is. Empty without the page."""
    return {(cells[1].strip(), cells[2].strip()): line for line in _lines(page)[1:] if (cells := line.split("|"))}


def figures(page: Path) -> dict[Key, dict[str, str]]:
    """Cells of a page's table as it is, of each row by the names of the columns; numbers without commas between thousands."""
    names, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in _lines(page))
    return {(row[0], row[1]): dict(zip(names, (cell.replace(",", "") for cell in row), strict=True)) for row in rows}


def _lines(page: Path) -> list[str]:
    """Of the table: its head, then its rows."""
    return [line for line in page.read_text().splitlines(keepends=True) if line.startswith("| ")] if page.exists() else []


def chosen(description: str, rows: Iterable[Key]) -> Key:
    """What the command line asks to measure: ``--only`` a network, ``--config`` a configuration, "" for all of them. Ends the program with
    exit code 2 if none of the page's `rows` is of both."""
    networks, configs = zip(*(rows := list(rows)), strict=True)
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--only", default="", choices=["", *dict.fromkeys(networks)], help="measure this network alone")
    parser.add_argument("--config", default="", choices=["", *dict.fromkeys(configs)], help="measure on this configuration alone")
    given = parser.parse_args()
    choice = given.only, given.config
    if not any(_matches(choice, key) for key in rows):
        others = ", ".join(config for network, config in rows if network == given.only)
        parser.error(f"the page has no row of {given.only} on {given.config}: give --config one of {others}")
    return choice


def _matches(choice: Key, key: Key) -> bool:
    return all(wanted in ("", own) for wanted, own in zip(choice, key, strict=True))


def measured(page: Path, rows: Mapping[Key, Row], choice: Key, measure: Callable[[Row], str]) -> Iterable[str]:
    """Lines of a page's table: what `measure` gives for each of the `rows` that are `chosen`; others stay as they are.

    Raises `WeftError`, before it measures anything, if the page does not have one of these others."""
    kept = committed(page)
    absent = [key for key in rows if key not in kept]
    if lost := [key for key in absent if not _matches(choice, key)]:
        same = [f"{option} {names[0]}" for option, names in zip(("--only", "--config"), zip(*absent, strict=True), strict=True)
                if len(set(names)) == 1]  # this measures all that the page lacks
        raise WeftError(f"rows that are not chosen are not on the page: {', '.join(' on '.join(key) for key in lost)}", where=str(page),
                        why="a shorter table must not replace the whole one",
                        fix=f"first run with {' '.join(same)}" if same else "run without --only and --config, which measures every row")
    for key, row in rows.items():
        yield measure(row) if _matches(choice, key) else kept[key]


def filled(text: str) -> str:
    """A page with the lines of its paragraphs filled again, after figures have come into them. Headings, tables and images stay."""
    return "\n\n".join(part if part.lstrip().startswith(("#", "|", "!")) else textwrap.fill(
        part, WIDTH, break_long_words=False, break_on_hyphens=False) for part in text.strip("\n").split("\n\n")) + "\n"


def rewrite(page: Path, text: Callable[[], str], console: Console) -> int:
    """Write what `text` gives, all of it or, after a `WeftError`, which goes to stderr, nothing. The exit code."""
    try:
        page.write_text(text())
    except WeftError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    console.print(f"wrote {page.relative_to(ROOT)}")
    return 0
