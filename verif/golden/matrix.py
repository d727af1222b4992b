"""MATMUL: weight-stationary matrix product over a two-level position loop and a two-level fold loop."""

import numpy as np

from weft.gen import isa
from weft.gen.isa import Cause
from weft.verif.golden.faults import raise_first
from weft.verif.golden.memory import ACCUMULATOR, SCRATCHPAD, Access, Addresses, Effect, Memory, first_beyond


def matmul(memory: Memory, shape: dict[str, int], values: dict[str, int]) -> Effect:
    """Perform one MATMUL with the fields of MATRIX_SHAPE and MATMUL.

    Products and sums of a fold are exact: they stay below 2**22, inside float32, whose matrix product is the fast one.
    Raises `Trap` SCRATCHPAD or ACCUMULATOR for the first access out of range: fold by fold the weight tile, then position
    by position activation before accumulator. Nothing is written in that case.
    """
    lanes = memory.config.lanes
    activations, weight_lines, lines = _addresses(memory, shape, values)
    _check(memory, activations, weight_lines, lines)
    folds = len(weight_lines)

    total = np.zeros((len(lines), lanes), dtype=np.int64)
    if values["accumulate"]:
        total += memory.accumulators[lines]
    for addresses, line in zip(activations, weight_lines, strict=True):
        tile = memory.scratchpad[line * lanes : (line + lanes) * lanes].reshape(lanes, lanes).view(np.int8)
        vectors = memory.gather(addresses, lanes).view(np.int8)
        total += (vectors.astype(np.float32) @ tile.astype(np.float32)).astype(np.int64)
    memory.accumulators[lines] = total.astype(np.int32)

    accesses = [
        Access(SCRATCHPAD, activations.ravel(), lanes, write=False),
        Access(SCRATCHPAD, weight_lines * lanes, lanes * lanes, write=False),
        Access(ACCUMULATOR, lines, 1, write=True),
    ]
    return Effect(accesses, {"MATRIX_VECTORS": activations.size, "WEIGHT_TILES": folds})


def _addresses(memory: Memory, shape: dict[str, int], values: dict[str, int]) -> tuple[Addresses, Addresses, Addresses]:
    """Activation bytes (folds, positions), first weight lines (folds,), accumulator lines (positions,).

    Cut one past what the memories hold: all that follows traps anyway, and 12-bit counts squared would not fit a host.
    """
    config, modulus = memory.config, 1 << isa.ADDRESS_BITS
    positions = min(shape["x_count"] * shape["y_count"], config.accumulator_lines + 1)
    folds = min(shape["inner_count"] * shape["outer_count"], config.scratchpad_lines // config.lanes + 1)
    y, x = np.divmod(np.arange(positions, dtype=np.int64), shape["x_count"])
    outer, inner = np.divmod(np.arange(folds, dtype=np.int64), shape["inner_count"])
    along_folds = inner * shape["inner_stride"] + outer * shape["outer_stride"]
    along_positions = x * shape["x_stride"] + y * shape["y_stride"]
    activations = (values["activation"] + along_folds[:, None] + along_positions) % modulus
    weight_lines = values["weight_line"] + np.arange(folds, dtype=np.int64) * config.lanes
    return activations, weight_lines, values["accumulator"] + np.arange(positions, dtype=np.int64)


def _check(memory: Memory, activations: Addresses, weight_lines: Addresses, lines: Addresses) -> None:
    config, found = memory.config, []
    if (fold := first_beyond(weight_lines, config.lanes, config.scratchpad_lines)) is not None:
        found.append(((fold, -1, 0), Cause.SCRATCHPAD, int(weight_lines[fold]) * config.lanes))
    if (index := first_beyond(activations.ravel(), config.lanes, config.scratchpad_bytes)) is not None:
        fold, position = divmod(index, len(lines))
        found.append(((fold, position, 0), Cause.SCRATCHPAD, int(activations[fold, position])))
    if (line := first_beyond(lines, 1, config.accumulator_lines)) is not None:
        found.append(((0, line, 1), Cause.ACCUMULATOR, int(lines[line])))
    raise_first(found)
