"""Pages in docs/ that `make bench` rewrites, and the third-party files that they are measured with."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from weft.gen.errors import WeftError

ROOT = Path(__file__).resolve().parents[1]


def third_party(variable: str, folder: str, name: str) -> Path:
    """A file that is not part of the project: in the folder that the environment's `variable` names, or in ../shared/`folder`."""
    return Path(os.environ.get(variable) or ROOT.parent / "shared" / folder) / name


def rewrite(page: Path, text: Callable[[], str], console: Console) -> int:
    """Write what `text` gives, all of it or, after a `WeftError`, which goes to stderr, nothing. The exit code."""
    try:
        page.write_text(text())
    except WeftError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    console.print(f"wrote {page.relative_to(ROOT)}")
    return 0
