"""Pages in docs/ that `make bench` rewrites, and the third-party files that they are measured with."""

import os
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from weft.gen.errors import WeftError

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 140  # of lines


def third_party(variable: str, folder: str, name: str) -> Path:
    """A file that is not part of the project: in the folder that the environment's `variable` names, or in ../shared/`folder`."""
    return Path(os.environ.get(variable) or ROOT.parent / "shared" / folder) / name


def committed(page: Path) -> dict[tuple[str, str], str]:
    """Rows of a page's table as it is, by what is in their first two columns: network and configuration. Empty without the page."""
    rows = [line for line in page.read_text().splitlines(keepends=True) if line.startswith("| ")][1:] if page.exists() else []
    return {(cells[1].strip(), cells[2].strip()): line for line in rows if (cells := line.split("|"))}


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
