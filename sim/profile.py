"""What the units did, cycle by cycle, condensed."""

import dataclasses

import numpy as np
from weft.gen.isa import State, Unit


@dataclasses.dataclass(frozen=True)
class Profile:
    """Seen during one run. Cycles count from its start.

    Attributes
    ----------
    cycles: length of the run.
    histogram: (unit, instruction, state) cycles; IDLE belongs to no instruction and is not entered.
    spans: (unit, instruction, 2) first cycle and last cycle + 1 in which a unit held the instruction; -1 if never.
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
        """(layer, unit, 2) first cycle and last cycle + 1 of a unit's instructions of a layer, set-up included; -1 if none."""
        result = np.full((layers, len(Unit), 2), -1, np.int64)
        for layer in range(layers):
            spans = self.spans[:, layer_of_pc == layer]
            for unit in Unit:
                seen = spans[unit][spans[unit][:, 1] >= 0]
                if len(seen):
                    result[layer, unit] = seen[:, 0].min(), seen[:, 1].max()
        return result
