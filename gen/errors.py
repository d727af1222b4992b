"""The one exception that a user is meant to read.

Every error that a person can cause (configuration, model, file, argument, missing tool) is raised as a
`WeftError`; the command line prints it and turns it into an exit code.
"""

import difflib
from collections.abc import Iterable

EXIT_USER = 2
EXIT_TOOL = 3
EXIT_MISMATCH = 4


class WeftError(Exception):
    """A problem stated so that a person can act on it.

    Parameters
    ----------
    what: the offending thing with its value, e.g. ``array.rows = 12``.
    where: file, field, node or argument in which it stands ("" if there is no better place than `what`).
    why: the rule that it breaks.
    fix: the nearest thing that would work.
    exit_code: 2 the user's input, 3 a missing tool, 4 a mismatch.
    """

    exit_code = EXIT_USER

    def __init__(self, what: str, *, where: str = "", why: str = "", fix: str = "") -> None:
        self.what, self.where, self.why, self.fix = what, where, why, fix
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"error: {self.what}"]
        for label, text in (("where", self.where), ("why", self.why), ("fix", self.fix)):
            if text:
                lines.append(f"  {label:<5}: {text}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, str | int]:
        """The same for ``--json``."""
        return {"error": self.what, "where": self.where, "why": self.why, "fix": self.fix, "exit_code": self.exit_code}


def install(extra: str = "") -> str:
    """The command that brings what weft needs for `extra`, an optional dependency of pyproject.toml. weft is installed from its source."""
    return f"pip install -e '.[{extra}]'" if extra else "pip install -e ."


class ToolError(WeftError):
    """A program or package that weft needs is missing or does not work."""

    exit_code = EXIT_TOOL


class MismatchError(WeftError):
    """Two results that must be equal differ."""

    exit_code = EXIT_MISMATCH


def nearest(given: str, known: Iterable[str]) -> str:
    """`did you mean ...` text for an unknown name, or the list of known names if none is close."""
    known = sorted(known)
    close = difflib.get_close_matches(given, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(known)
