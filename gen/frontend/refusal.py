"""How front ends say no: every node that cannot be converted, in one error."""

from collections.abc import Iterable

from weft.gen.errors import WeftError


class Unsupported(Exception):
    """Why one node cannot be converted. Raised by converters, collected into `Refusals`; never leaves a front end."""


class Refused(WeftError):
    """Nodes that cannot be converted: `reasons` by the node's name; none where it is the network's ends."""

    def __init__(self, what: str, reasons: dict[str, str], **rest: str) -> None:
        super().__init__(what, **rest)
        self.reasons = reasons


class Refusals:
    """Collects the nodes that cannot be converted."""

    def __init__(self, path: str, supported: Iterable[str]) -> None:
        self.path, self.supported = path, sorted(supported)
        self.lines: list[str] = []
        self.reasons: dict[str, str] = {}

    def add(self, name: str, operator: str, reason: object) -> None:
        # Converters join the names of everything that they fused with semicolons: the first says enough.
        first, *fused = name.split(";")
        self.reasons[name] = str(reason)
        self.lines.append(f"{first + ';...' * bool(fused)!r} ({operator}): {reason}")

    def raise_if_any(self) -> None:
        """One `Refused` that names all of them."""
        if self.lines:
            count = len(self.lines)
            raise Refused(f"{count} node{'s' * (count > 1)} of the network not supported:\n    " + "\n    ".join(self.lines), self.reasons,
                          where=self.path, why="every node runs on the accelerator, bit-exactly, or the network is refused",
                          fix="replace or remove these nodes; supported: " + ", ".join(self.supported))


def damaged(path: str, why: object) -> WeftError:
    """The error for a file that is not what it claims to be."""
    return WeftError("damaged or foreign network file", where=path, why=str(why), fix="export or download it again")


def require(condition: object, reason: str) -> None:
    """Raise `Unsupported(reason)` unless the condition holds."""
    if not condition:
        raise Unsupported(reason)
