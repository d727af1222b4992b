"""The two ways in which a program can fail: an error that the hardware reports, and behaviour that nobody defines."""

import dataclasses
from collections.abc import Sequence

from weft.gen.isa import Cause


class Trap(Exception):
    """Raised by a unit's model: the hardware stops with `cause` and offending `address` (on-chip address, or byte offset
    in the window for DRAM causes)."""

    def __init__(self, cause: Cause, address: int = 0) -> None:
        self.cause, self.address = cause, address
        super().__init__(f"{cause.name} at {address:#x}")


class UndefinedProgram(Exception):
    """The program's result depends on timing or on power-up state, so the instruction set does not define it."""


@dataclasses.dataclass(frozen=True)
class Error:
    """What the CSRs ERROR, ERROR_PC and ERROR_ADDRESS show. `queue` is an isa.Unit or isa.CONTROL."""

    cause: Cause
    pc: int
    queue: int
    address: int = 0


def raise_first(candidates: Sequence[tuple[tuple[int, ...], Cause, int]]) -> None:
    """Raise the `Trap` of the earliest candidate (order key, cause, address), if there is any."""
    if candidates:
        _, cause, address = min(candidates)
        raise Trap(cause, address)
