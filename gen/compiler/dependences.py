"""Which instruction must wait for which: memory dependences between units, turned into semaphore edges.

Units run concurrently, so two instructions of different units that touch the same lines, at least one of
them writing, must be ordered by a semaphore. Within a unit order is the hardware's.
"""

import dataclasses

import numpy as np

from weft.gen.isa import Unit

UNITS = len(Unit)


@dataclasses.dataclass(frozen=True)
class Region:
    """Lines first .. first + count - 1 of memory `space` ("scratchpad", "accumulator", "window0" ...); of "parameters" sets, and "table" is
    one line."""

    space: str
    first: int
    count: int

    def meets(self, other: "Region") -> bool:
        """Whether a line belongs to both."""
        return self.space == other.space and self.first < other.first + other.count and other.first < self.first + self.count


class DependenceTracker:
    """Finds, for each instruction, the earlier instructions of other units that it must wait for.

    For every line of every space it keeps the last instruction of each unit that read and that wrote it. Vector clocks
    drop waits that earlier waits imply already.
    """

    def __init__(self) -> None:
        self._read: dict[str, np.ndarray] = {}
        self._written: dict[str, np.ndarray] = {}
        self._known = np.full((UNITS, UNITS), -1, dtype=np.int64)  # [unit][other]: latest of other known complete
        self._clock_at: dict[int, np.ndarray] = {}

    def _rows(self, table: dict[str, np.ndarray], region: Region) -> np.ndarray:
        array = table.get(region.space)
        end = region.first + region.count
        if array is None or array.shape[1] < end:
            grown = np.full((UNITS, max(end, 1024, 2 * (0 if array is None else array.shape[1]))), -1, dtype=np.int64)
            if array is not None:
                grown[:, : array.shape[1]] = array
            array = table[region.space] = grown
        return array[:, region.first:end]

    def add(self, unit: Unit, index: int, reads: list[Region], writes: list[Region]) -> list[int]:
        """Record instruction `index` of `unit`; return the indices of the instructions that it must wait for.

        Each returned index belongs to another unit, at most one per unit, and is the latest that matters.
        """
        latest = np.full(UNITS, -1, dtype=np.int64)
        for region in reads:
            latest = np.maximum(latest, self._rows(self._written, region).max(axis=1, initial=-1))
        for region in writes:
            latest = np.maximum(latest, self._rows(self._written, region).max(axis=1, initial=-1))
            latest = np.maximum(latest, self._rows(self._read, region).max(axis=1, initial=-1))
        known, waits = self._known[unit], []
        # Latest first: its clock often covers the others.
        for other in np.argsort(-latest):
            if other != unit and latest[other] > known[other]:
                waits.append(int(latest[other]))
                np.maximum(known, self._clock_at[int(latest[other])], out=known)
        known[unit] = index
        self._clock_at[index] = known.copy()
        for region in reads:
            self._rows(self._read, region)[unit] = index
        for region in writes:
            self._rows(self._written, region)[unit] = index
        return waits
