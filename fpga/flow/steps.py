"""Steps that are done once: each one's results are kept under a hash of everything that goes into it."""

import dataclasses
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from weft.gen.errors import WeftError

FACTS = "step.json"

Input = str | Path  # text, or a file


@dataclasses.dataclass(frozen=True)
class Done:
    """A finished step: where its results are, how long it took when it was made, and whether that was now."""

    name: str
    folder: Path
    seconds: float
    fresh: bool

    def __truediv__(self, name: str) -> Path:
        return self.folder / name


class Steps:
    """Results of steps in `folder`. `begin` is told the name of a step that has to be made; `end` gets every finished step.

    A step works in a folder of its own, which becomes visible under its final name only when all its results are there:
    one that dies leaves nothing.
    """

    def __init__(self, folder: Path, begin: Callable[[str], None] = lambda name: None,
                 end: Callable[[Done], None] = lambda done: None) -> None:
        self._folder, self._begin, self._end = folder, begin, end
        self.done: list[Done] = []

    def make(self, name: str, inputs: Mapping[str, Input], results: tuple[str, ...], run: Callable[[Path], None], *facts: str) -> Done:
        """The step `name`: `run` is called in a folder that holds `inputs` and has to leave the files `results` there.

        Its hash is made of `inputs`' contents and `facts`: versions, options, sources: whatever else decides the results.
        """
        target = self._folder / f"{name}-{_digest(name, inputs, results, facts)}"
        if not target.exists():
            self._begin(name)
            self._make(name, target, inputs, results, run)
            fresh = True
        else:
            fresh = False
        done = Done(name, target, json.loads((target / FACTS).read_text())["seconds"], fresh)
        self.done.append(done)
        self._end(done)
        return done

    def _make(self, name: str, target: Path, inputs: Mapping[str, Input], results: tuple[str, ...], run: Callable[[Path], None]) -> None:
        begin = time.monotonic()
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="making-", dir=self._folder) as temporary:
            folder = Path(temporary) / name
            folder.mkdir()
            for file, content in inputs.items():
                (folder / file).write_text(content) if isinstance(content, str) else shutil.copyfile(content, folder / file)
            run(folder)
            for result in results:
                if not (folder / result).exists():
                    raise WeftError(f"step {name} made no {result}", where=name, why="the tool ended without it",
                                    fix="this is a bug in weft")
            for file in set(inputs) - set(results):
                (folder / file).unlink()
            (folder / FACTS).write_text(json.dumps({"step": name, "seconds": round(time.monotonic() - begin, 2)}))
            if not target.exists():  # else another process was faster
                folder.rename(target)


def _digest(name: str, inputs: Mapping[str, Input], results: tuple[str, ...], facts: tuple[str, ...]) -> str:
    state = hashlib.sha256(json.dumps([name, results, facts]).encode())
    for file, content in sorted(inputs.items()):
        data = content.encode() if isinstance(content, str) else content.read_bytes()
        state.update(f"{file}:{len(data)}:".encode() + hashlib.sha256(data).digest())
    return state.hexdigest()[:20]


def source_digest(*paths: Path) -> str:
    """Hash of all Python files in folders or files: what a step that runs Python depends on."""
    files = sorted({file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))})
    return hashlib.sha256(b"".join(file.read_bytes() + b"\0" for file in files)).hexdigest()[:20]
