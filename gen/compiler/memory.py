"""Scratchpad and accumulator space: activations by lifetime, constants in a ring, accumulator slots in turn."""

import collections
import dataclasses

from weft.gen.config import Config
from weft.gen.errors import WeftError


@dataclasses.dataclass
class Buffer:
    """Scratchpad lines needed from step `start` to step `end`, both included. `line` is where it was put."""

    name: str
    lines: int
    start: int
    end: int
    line: int = -1

    def overlaps(self, other: "Buffer") -> bool:
        return self.start <= other.end and other.start <= self.end


def place(buffers: list[Buffer], limit: int) -> int | None:
    """Give every buffer its lines below `limit`; return the height used, or None if it does not fit.

    If everything fits side by side nothing is reused, so nothing waits for old readers. Otherwise largest first, lowest
    place that is free during the buffer's whole life.
    """
    if sum(buffer.lines for buffer in buffers) <= limit:
        line = 0
        for buffer in buffers:
            buffer.line, line = line, line + buffer.lines
        return line
    placed: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda item: (-item.lines, item.start)):
        rivals = sorted((other for other in placed if other.overlaps(buffer)), key=lambda item: item.line)
        line = 0
        for other in rivals:
            if other.line - line >= buffer.lines:
                break
            line = max(line, other.line + other.lines)
        if line + buffer.lines > limit:
            return None
        buffer.line = line
        placed.append(buffer)
    return max((buffer.line + buffer.lines for buffer in buffers), default=0)


class ConstantRing:
    """First in, first out space for constants between lines `first` and `first + lines`."""

    def __init__(self, first: int, lines: int) -> None:
        self.first, self.lines = first, lines
        self._live: collections.deque[tuple[int, int]] = collections.deque()  # (line, lines), oldest first
        self._next = first

    def allocate(self, lines: int) -> int | None:
        """First line of a new run, or None while the oldest constants are still in the way."""
        if lines > self.lines:
            raise WeftError(f"constants of {lines} lines", why=f"only {self.lines} lines of scratchpad are left for constants",
                            fix="use a configuration with a larger scratchpad.kib")
        start, end = self._next, self.first + self.lines
        if not self._live:
            start = start if start + lines <= end else self.first
        else:
            oldest = self._live[0][0]
            if start > oldest:
                if start + lines > end:
                    start = self.first
                    if start + lines > oldest:
                        return None
            elif start + lines > oldest:
                return None
        self._live.append((start, lines))
        self._next = start + lines
        return start

    def release(self) -> None:
        """The oldest run is no longer needed by any instruction that is still to come."""
        self._live.popleft()


class AccumulatorSlots:
    """The two banks of the accumulators, taken in turn.

    One tile a bank: the matrix unit has priority in the bank it writes, so a tile that it started two ahead of the vector unit
    would lock the vector unit out of its own (measured: resnet8 takes 5 % longer with two tiles a bank).
    """

    ORDER = (0, 1)

    def __init__(self, config: Config) -> None:
        self.lines = config.accumulator_lines // len(self.ORDER)
        self._total = config.accumulator_lines
        self._turn = self._place = 0

    def next(self) -> int:
        """First line of the next slot; earlier users are waited for through the dependence tracker."""
        slot = self.ORDER[self._turn]
        self._turn = (self._turn + 1) % len(self.ORDER)
        return slot * self.lines

    def anywhere(self, lines: int) -> int:
        """First of `lines` lines (at most `self.lines`) behind the last ones that this gave, whatever the bank: for tiles that the matrix
        unit overwrites and never adds to, which leaves the read ports to the vector unit. Many short tiles may then be under way."""
        self._place = first = self._place if self._place + lines <= self._total else 0
        self._place += lines
        return first
