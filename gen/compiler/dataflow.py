"""Which layers keep their sums in the array and which their weights, where the array can do either."""

import dataclasses

from weft.gen.compiler.builder import Emitted
from weft.gen.config import FOLDS_IN_PLACE, Config


@dataclasses.dataclass
class Work:
    """What the MATMULs or MATMUL_OSs of a layer take: `cycles` of the array that never waits, `folds` of the shortest of them
    that begins a tile: others may add little to it."""

    cycles: int = 0
    folds: int = 0


def work(instructions: list[Emitted], config: Config) -> dict[int, Work]:
    """By layer, for those that have any. Each fold takes a cycle for each position, and not less than R; where sums stay the positions
    are a multiple of R."""
    shape: dict[str, int] = {}
    layers: dict[int, Work] = {}
    for emitted in instructions:
        if emitted.name == "MATRIX_SHAPE":
            shape = emitted.values
        if emitted.name not in ("MATMUL", "MATMUL_OS"):
            continue
        folds, positions = shape["inner_count"] * shape["outer_count"], shape["x_count"] * shape["y_count"]
        if emitted.name == "MATMUL_OS":
            positions = config.lanes * -(-positions // config.lanes)
        own = layers.setdefault(emitted.layer, Work(folds=folds))
        own.cycles += folds * max(positions, config.lanes)
        if not emitted.values["accumulate"]:
            own.folds = min(own.folds, folds)
    return layers


def stationary_sums(weights: list[Emitted], sums: list[Emitted], config: Config) -> frozenset[int]:
    """Layers whose sums had better stay, from the instructions of the network with stationary weights and with stationary sums.

    Those that take fewer cycles so; and of those that take as many, the ones whose MATMULs have enough folds for what there is to gain,
    `FOLDS_IN_PLACE` times fewer accesses of the accumulators. With few folds the price is higher than that: weights come one line a cycle
    all the time, and are in the way of what else is read from their bank.
    """
    before, after = work(weights, config), work(sums, config)
    return frozenset(layer for layer, own in after.items() if own.cycles < before[layer].cycles
                     or (own.cycles == before[layer].cycles and own.folds >= FOLDS_IN_PLACE))
