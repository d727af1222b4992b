"""What verbs share: output for people and for programs, errors, progress."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from weft.gen.errors import WeftError

TABLE_WIDTH = 132  # columns of a table that goes to a file or a pipe
PATIENCE = 2.0  # seconds before progress is shown


def emit(data: dict[str, Any]) -> None:
    """The one JSON object of a verb."""
    print(json.dumps(data, indent=1))


def fail(error: WeftError, *, as_json: bool) -> int:
    """Print an error, in red on a terminal that has colours; return its exit code."""
    if as_json:
        emit(error.as_dict())
    else:
        from rich.console import Console  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        text = Text(str(error))
        text.highlight_regex(r"^error:", "bold red")
        Console(stderr=True, soft_wrap=True, highlight=False).print(text)
    return error.exit_code


def tables() -> Any:
    """A console for tables: as wide as the terminal, and wide enough for a table where there is none."""
    from rich.console import Console  # noqa: PLC0415

    return Console() if sys.stdout.isatty() else Console(width=TABLE_WIDTH)


def existing_file(path: Path, what: str, where: str = "command line") -> Path:
    """`path`, or a `WeftError` that says what is missing."""
    if path.is_file():
        return path
    why = "it is a folder" if path.is_dir() else "the file does not exist"
    raise WeftError(f"no {what} {path}", where=where, why=why, fix="check the path")


class Progress:
    """Tells what goes on, on the terminal's error stream, once it has taken PATIENCE seconds. Silent elsewhere."""

    def __init__(self, *, silent: bool) -> None:
        self._begin = time.monotonic()
        self._silent = silent or not sys.stderr.isatty()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        """Step name, and how much of it is done; `total` 0 if nobody knows."""
        if self._silent or time.monotonic() - self._begin < PATIENCE:
            return
        if self._bar is None:
            from rich import progress  # noqa: PLC0415
            from rich.console import Console  # noqa: PLC0415

            self._bar = progress.Progress(progress.TextColumn("{task.description}"), progress.BarColumn(),
                                          progress.MofNCompleteColumn(), progress.TimeElapsedColumn(),
                                          console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(step, total=None)
            self._bar.start()
        self._bar.update(self._task, description=step, completed=done, total=total or None)
