"""What is kept of builds: by a hash of all that goes in, under ``build/models`` of the project or ``$WEFT_CACHE``.

Two processes that want the same thing make it once; one that dies leaves nothing that looks finished.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def folder() -> Path:
    """$WEFT_CACHE, or ``build/models`` of the project."""
    return Path(os.environ.get("WEFT_CACHE") or ROOT / "build" / "models")


def digest(parts: Sequence[str]) -> str:
    """Names what is made of `parts`."""
    state = hashlib.sha256()
    for part in parts:
        state.update(f"{len(part)}:".encode() + part.encode())
    return state.hexdigest()[:20]


def write(path: Path, text: str) -> None:
    """All of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    Path(file.name).rename(path)


@contextlib.contextmanager
def staging(path: Path) -> Iterator[Path]:
    """An empty folder to build in, gone afterwards. The caller holds the lock of what it builds, so that what is there was left by a
    build that was killed."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; the system releases it even if this process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
