"""Scratchpad and accumulator space: activations by lifetime, constants in a ring, accumulator slots in turn."""

import collections
import dataclasses
from collections.abc import Callable

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


def _largest_first(buffer: Buffer) -> tuple[int, ...]:
    return -buffer.lines, buffer.start


def place(buffers: list[Buffer], limit: int, order: Callable[[Buffer], tuple[int, ...]] = _largest_first) -> int | None:
    """Give every buffer its lines below `limit`; return the height used, or None if it does not fit.

    If everything fits side by side nothing is reused, so nothing waits for old readers. Otherwise one after the other in `order`, each at
    the lowest place that is free during the buffer's whole life.
    """
    if sum(buffer.lines for buffer in buffers) <= limit:
        line = 0
        for buffer in buffers:
            buffer.line, line = line, line + buffer.lines
        return line
    placed: list[Buffer] = []
    for buffer in sorted(buffers, key=order):
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


def free_from(buffers: list[Buffer], step: int, config: Config) -> int:
    """First line of the banks that no buffer touches from `step` on."""
    height = max((buffer.line + buffer.lines for buffer in buffers if buffer.end >= step), default=0)
    return -(-height // config.bank_lines) * config.bank_lines


def ring_start(height: int, needed: int, config: Config) -> int:
    """First line of the space for constants above `height` lines of activations: in a bank of its own if `needed` lines are left
    there, because the matrix unit reads weights and activations in the same cycle."""
    bank = -(-height // config.bank_lines) * config.bank_lines
    return bank if bank + needed < config.scratchpad_lines else height


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

    def grow(self, first: int) -> None:
        """Lines from `first` on are free from now on, too."""
        if first < self.first:
            self.first, self.lines = first, self.lines + self.first - first

    def release(self) -> None:
        """The oldest run is no longer needed by any instruction that is still to come."""
        self._live.popleft()


class AccumulatorSlots:
    """The two banks of the accumulators, taken in turn.

    One tile a bank: the matrix unit has priority in the bank it writes, so a tile that it started two ahead of the vector unit
    would lock the vector unit out of its own (measured: resnet8 takes 5 % longer with two tiles a bank). Short tiles are another matter:
    there the vector unit is done with a tile before the matrix unit comes back to its bank, and what counts is that neither waits for the
    other's start and end. So they take halves of a bank. Where columns share lanes the vector unit is done in time only with the shortest.
    """

    BANKS = 2

    def __init__(self, config: Config) -> None:
        self.lines = config.accumulator_lines // self.BANKS
        self._total = config.accumulator_lines
        self._short = self.lines // (2 if config.vector.columns_per_lane == 1 else 4)  # lines of a tile that shares a bank
        self._bank, self._half, self._place = 1, [0] * self.BANKS, 0  # the bank that was given last; the half of each that is next

    def next(self) -> int:
        """First line of the next slot; earlier users are waited for through the dependence tracker."""
        self._bank = (self._bank + 1) % self.BANKS
        return self._bank * self.lines

    def short(self, lines: int) -> int | None:
        """First line of the next slot of half a bank, or None for a tile of `lines` lines that had better have a whole bank."""
        if lines > self._short:
            return None
        first = self.next() + self._half[self._bank] * (self.lines // 2)
        self._half[self._bank] ^= 1
        return first

    def within(self, bank: int, lines: int) -> int:
        """First of `lines` lines in a bank that one stage of a chain keeps to, while others have the other one: its halves in turn for
        tiles that fit there."""
        if lines > self.lines // 2:
            return bank * self.lines
        self._half[bank] ^= 1
        return bank * self.lines + self._half[bank] * (self.lines // 2)

    def anywhere(self, lines: int) -> int:
        """First of `lines` lines (at most `self.lines`) behind the last ones that this gave, whatever the bank: for tiles that the matrix
        unit overwrites and never adds to, which leaves the read ports to the vector unit. Many short tiles may then be under way."""
        self._place = first = self._place if self._place + lines <= self._total else 0
        self._place += lines
        return first
