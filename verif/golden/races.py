"""Finds results that depend on timing: unordered accesses of two units, and sweeps that overtake themselves.

Units run concurrently. Instruction X happens before Y when both belong to one unit and X comes first, or when X signals
a semaphore whose matching wait Y (or something before Y) performed: the k-th wait on a semaphore matches its k-th signal,
since each has one signalling unit, one waiting unit, and both are in order. Program counters serve as the clocks.
"""

import collections
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from weft.gen.isa import Unit
from weft.verif.golden.faults import UndefinedProgram
from weft.verif.golden.memory import Access

Clock = NDArray[np.int64]  # [unit]: the latest instruction of that unit known to be complete
Region = tuple[int, NDArray[np.bool_]]  # first place, and from there on whether each place is touched
NEVER = -1


class RaceChecker:
    """Follows one run. For each place it keeps the last instruction of each unit that read it and that wrote it; older
    ones of the same unit happen before those."""

    def __init__(self) -> None:
        self._known = np.full((len(Unit), len(Unit)), NEVER, dtype=np.int64)
        self._signals: dict[tuple[int, int], collections.deque[Clock]] = collections.defaultdict(collections.deque)
        self._read: dict[str, NDArray[np.int64]] = {}
        self._written: dict[str, NDArray[np.int64]] = {}

    def begin(self, unit: int, wait: int) -> None:
        """The instruction at the head of `unit` took one count from each semaphore of its wait mask."""
        for other in Unit:
            if wait >> other & 1:
                np.maximum(self._known[unit], self._signals[other, unit].popleft(), out=self._known[unit])

    def end(self, unit: int, pc: int, signal: int) -> None:
        """The instruction at `pc` retired."""
        self._known[unit, unit] = pc
        for other in Unit:
            if signal >> other & 1:
                self._signals[unit, other].append(self._known[unit].copy())

    def touch(self, unit: int, pc: int, accesses: list[Access]) -> None:
        """Check and record what the instruction at `pc` accesses. Raises `UndefinedProgram` naming both instructions."""
        check_self_overlap(pc, accesses)
        for access, other, earlier, place, verb in self._conflicts(accesses):
            if other != unit and earlier > self._known[unit, other]:
                raise UndefinedProgram(
                    f"race: {Unit(unit).name} at pc {pc} {'writes' if access.write else 'reads'} {access.space} {place:#x}, which "
                    f"{Unit(other).name} at pc {earlier} {verb}, and no semaphore orders them")
        self.record(unit, pc, accesses)

    def latest_conflicts(self, accesses: list[Access]) -> Clock:
        """For each unit its latest recorded instruction that must come before an instruction with these accesses, or NEVER."""
        latest = np.full(len(Unit), NEVER, dtype=np.int64)
        for _, other, earlier, _, _ in self._conflicts(accesses):
            latest[other] = max(latest[other], earlier)
        return latest

    def record(self, unit: int, pc: int, accesses: list[Access]) -> None:
        """Remember the accesses of the instruction at `pc`."""
        for access in accesses:
            first, touched = cover(access)
            end = first + len(touched)
            table = self._rows(self._written if access.write else self._read, access.space, end)
            table[unit, first:end][touched] = pc

    def _conflicts(self, accesses: list[Access]) -> Iterator[tuple[Access, int, int, int, str]]:
        """(access, unit, its latest instruction that touched one of the same places, such a place, what it did there) where at
        least one of the two wrote."""
        for access in accesses:
            first, touched = cover(access)
            end = first + len(touched)
            for verb, tables in (("wrote", self._written), ("read", self._read))[: 1 + access.write]:
                table = np.where(touched, self._rows(tables, access.space, end)[:, first:end], NEVER)
                places = table.argmax(axis=1)
                for other in Unit:
                    if (earlier := int(table[other, places[other]])) != NEVER:
                        yield access, other, earlier, first + int(places[other]), verb

    def _rows(self, tables: dict[str, NDArray[np.int64]], space: str, end: int) -> NDArray[np.int64]:
        table = tables.get(space)
        if table is None or table.shape[1] < end:
            grown = np.full((len(Unit), max(2 * end, 4096)), NEVER, dtype=np.int64)
            if table is not None:
                grown[:, : table.shape[1]] = table
            table = tables[space] = grown
        return table


def first_shared(accesses: list[Access], earlier: list[Access]) -> tuple[str, int] | None:
    """A place that `accesses` read and `earlier` ones wrote, or None."""
    for read in (access for access in accesses if not access.write):
        first, touched = cover(read)
        for written in (access for access in earlier if access.write and access.space == read.space):
            begin, wrote = cover(written)
            low, high = max(first, begin), min(first + len(touched), begin + len(wrote))
            if low < high and (both := touched[low - first : high - first] & wrote[low - begin : high - begin]).any():
                return read.space, low + int(both.argmax())
    return None


def cover(access: Access) -> Region:
    """The lowest place of an access and, from there on, which places it touches."""
    first = int(access.starts.min())
    starts = np.bincount(access.starts - first, minlength=int(access.starts.max()) - first + access.size)
    touched = np.cumsum(starts)
    touched[access.size :] -= touched[: -access.size].copy()  # starts within the last `size` places
    return first, touched > 0


def check_self_overlap(pc: int, accesses: list[Access]) -> None:
    """Raise `UndefinedProgram` if an iteration reads what an earlier iteration of the same instruction wrote.

    Reads have an entry for each iteration; writes one for every iteration or one for each pass of a reduction.
    """
    reads = [access for access in accesses if not access.write]
    for written in (access for access in accesses if access.write):
        for read in (access for access in reads if access.space == written.space):
            low = max(int(read.starts.min()), int(written.starts.min()))
            high = min(int(read.starts.max()) + read.size, int(written.starts.max()) + written.size)
            if low >= high:
                continue
            passes = max(1, len(read.starts) // len(written.starts))
            earliest = _stamp(written, (np.arange(len(written.starts)) + 1) * passes - 1, low, high, first=True)
            latest = _stamp(read, np.arange(len(read.starts)), low, high, first=False)
            late = (earliest != NEVER) & (latest > earliest)
            if late.any():
                raise UndefinedProgram(f"pc {pc}: an iteration reads {read.space} {low + int(np.argmax(late)):#x}, which an earlier "
                                       "iteration of the same instruction writes")


def _stamp(access: Access, iterations: NDArray[np.int64], low: int, high: int, *, first: bool) -> NDArray[np.int64]:
    """For each place low .. high - 1 the first or last iteration that touches it, or NEVER."""
    stamps = np.full(high - low + 2 * access.size, NEVER, dtype=np.int64)
    near = (access.starts > low - access.size) & (access.starts < high)
    places, order = access.starts[near] - low + access.size, iterations[near]
    if first:
        places, order = places[::-1], order[::-1]  # the last assignment to a place stays
    stamped = places[:, None] + np.arange(access.size)
    stamps[stamped] = order[:, None]
    return stamps[access.size : access.size + high - low]
