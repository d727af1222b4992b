"""What the units did, cycle by cycle, condensed."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from weft.gen import isa
from weft.gen.isa import State, Unit


@dataclasses.dataclass(frozen=True)
class Profile:
    """Seen during one run. Cycles count from its start.

    Attributes
    ----------
    cycles: length of the run.
    histogram: (unit, instruction, state) cycles; IDLE belongs to no instruction and is not entered.
    spans: (unit, instruction, 2) first cycle and last cycle + 1 in which a unit worked on the instruction; -1 if never.
    sample_width: cycles that one sample covers.
    samples: (sample, unit, state) cycles, IDLE included.
    """

    cycles: int
    histogram: np.ndarray
    spans: np.ndarray
    sample_width: int
    samples: np.ndarray

    def unit_states(self) -> dict[str, dict[str, int]]:
        """Unit -> state -> cycles, over the whole run."""
        totals = self.samples.sum(axis=0, dtype=np.int64)
        return {unit.name.lower(): {state.name.lower(): int(totals[unit, state]) for state in State} for unit in Unit}

    def layer_states(self, layer_of_pc: np.ndarray, layers: int) -> np.ndarray:
        """(layer, unit, state) cycles; `layer_of_pc` gives each instruction's layer, negative for none."""
        result = np.zeros((layers, *self.histogram.shape[::2]), np.int64)
        for layer in range(layers):
            result[layer] = self.histogram[:, layer_of_pc == layer].sum(axis=1, dtype=np.int64)
        return result

    def layer_spans(self, layer_of_pc: np.ndarray, layers: int) -> np.ndarray:
        """(layer, unit, 2) first cycle and last cycle + 1 in which a unit worked for a layer; -1 if never."""
        result = np.full((layers, len(Unit), 2), -1, np.int64)
        for layer in range(layers):
            for unit in Unit:
                seen = self._seen(layer_of_pc == layer, unit)
                if len(seen):
                    result[layer, unit] = seen[:, 0].min(), seen[:, 1].max()
        return result

    def intervals(self, chosen: np.ndarray, unit: int, gap: int) -> list[tuple[int, int]]:
        """When a unit worked on the chosen instructions (a mask): first cycle, last cycle + 1; pauses of up to `gap` do not count."""
        merged: list[tuple[int, int]] = []
        for first, last in sorted(map(tuple, self._seen(chosen, unit).tolist())):
            if merged and first <= merged[-1][1] + gap:
                merged[-1] = merged[-1][0], max(last, merged[-1][1])
            else:
                merged.append((first, last))
        return merged

    def _seen(self, chosen: np.ndarray, unit: int) -> np.ndarray:
        spans: np.ndarray = self.spans[unit, chosen]
        return spans[spans[:, 1] >= 0]


def workers(program: Sequence[int], layer_of_pc: Sequence[int]) -> np.ndarray:
    """Layer of each instruction that works, -1 for the others: set-up instructions are taken long before the work they are for."""
    runs = np.array([isa.BY_OPCODE[word & 0xFF].runs for word in program])
    return np.where(runs, np.asarray(layer_of_pc), -1)
