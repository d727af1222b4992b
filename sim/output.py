"""Folders of results, and single files: checked before the work, filled at its end, never half-written."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from weft.gen.errors import WeftError

RESULTS = ("outputs.npz", "report.json", "report.html")  # of every simulation
WAVES = ("waves.vcd", "waves.gtkw", "states.txt")  # of a simulation with --waves only


def check_writable(folder: Path, where: str = "--out") -> None:
    """Raise `WeftError` if results cannot be written to `folder`, which need not exist. Leaves nothing behind."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise WeftError(f"cannot write to {folder}", where=where, why=f"{existing} is a file", fix="give a folder, or a name that is free")
    try:
        with tempfile.TemporaryDirectory(prefix=".weft-", dir=existing):
            pass
    except OSError as error:
        raise WeftError(f"cannot write to {folder}", where=where, why=f"{existing}: {error.strerror}",
                        fix="give a folder that you may write to") from None


def check_file(path: Path, where: str) -> None:
    """Raise `WeftError` if a file cannot be written to `path`, whose folders need not exist. Leaves nothing behind."""
    if path.is_dir():
        raise WeftError(f"cannot write {path}", where=where, why="it is a folder", fix="give the name of a file")
    check_writable(path.parent, where)


def write_file(path: Path, text: str) -> None:
    """Write it, with the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A temporary folder whose files move to `folder` at the end; after an exception they are removed instead.

    Waveforms and reports of parts that an earlier run left in `folder` go: they would not belong to the new report. Other files stay.
    """
    existing = folder
    while not existing.exists():
        existing = existing.parent
    with tempfile.TemporaryDirectory(prefix=".weft-", dir=existing) as name:
        yield Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if all((folder / result).is_file() for result in RESULTS):  # else a file of such a name is not weft's
            for stale in WAVES:
                if (folder / stale).is_file():
                    (folder / stale).unlink()
            for part in folder.glob("part[0-9]*"):
                if (part / RESULTS[1]).is_file():
                    shutil.rmtree(part)
        for item in sorted(Path(name).iterdir()):
            target = folder / item.name
            if item.is_dir() and target.exists():
                shutil.rmtree(target)
            os.replace(item, target)
