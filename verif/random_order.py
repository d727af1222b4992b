"""Semaphores for random programs: enough of them to order every conflict, and some that nothing needs."""

import random

import numpy as np

from weft.gen.isa import Unit
from weft.verif.golden.memory import Access
from weft.verif.golden.races import NEVER, Clock, RaceChecker


class SemaphorePlanner:
    """Gives each instruction, in program order, its wait mask, and sets the signal masks of earlier ones.

    Every edge leads from an earlier to a later instruction, and the edges of a pair of units never cross, so the k-th wait on
    a semaphore meets the signal that was meant for it, and no program can deadlock, however short its queues are.
    """

    def __init__(self, source: random.Random) -> None:
        self.random = source
        self.signals: list[int] = []  # by program counter
        self._conflicts = RaceChecker()
        self._units: list[int] = []
        self._clocks: list[Clock] = []
        self._known = np.full((len(Unit), len(Unit)), NEVER, dtype=np.int64)
        self._last_signal = np.full((len(Unit), len(Unit)), NEVER, dtype=np.int64)  # [from, to]: program counter

    def add(self, unit: int, accesses: list[Access]) -> int:
        """Record the next instruction of the program, return its wait mask."""
        pc, wait = len(self.signals), 0
        latest = self._conflicts.latest_conflicts(accesses)
        for other in np.argsort(-latest):
            if other != unit and latest[other] > self._known[unit, other]:
                wait |= self._edge(int(other), unit, int(latest[other]))
        if self.random.random() < 0.1:
            other = self.random.choice(list(Unit))
            if not wait >> other & 1:
                wait |= self._edge(other, unit, int(self._last_signal[other, unit]) + 1)
        self._conflicts.record(unit, pc, accesses)
        self._known[unit, unit] = pc
        self._clocks.append(self._known[unit].copy())
        self._units.append(unit)
        self.signals.append(0)
        return wait

    def leave_signals(self) -> None:
        """At the end of the program: signals that nobody takes."""
        for pc, unit in enumerate(self._units):
            for to in Unit:
                if pc > self._last_signal[unit, to] and self.random.random() < 0.02:
                    self.signals[pc] |= 1 << to

    def _edge(self, source: int, target: int, earliest: int) -> int:
        """A signal of `source` from instruction `earliest` or a little later; the wait mask's bit, or 0 if there is none."""
        earliest = max(earliest, int(self._last_signal[source, target]) + 1)
        candidates = [pc for pc in range(earliest, len(self._units)) if self._units[pc] == source]
        if not candidates:
            return 0
        producer = self.random.choice(candidates[:2])
        self.signals[producer] |= 1 << target
        self._last_signal[source, target] = producer
        np.maximum(self._known[target], self._clocks[producer], out=self._known[target])
        return 1 << source
