"""Cycle estimates of layers from the program. Not measured; for tables and early looks."""

import math
from collections.abc import Sequence

import numpy as np

from weft.gen import isa
from weft.gen.compiler.builder import Emitted
from weft.gen.compiler.timing import spans
from weft.gen.config import Config
from weft.gen.isa import Rounding, Unit

FINISH = 3  # from the last instruction's end to the interrupt

# The sequential machine: what its microprogram takes, with a memory that answers after 64 cycles.
DECODE = 690  # an instruction without what it does
BEAT, PADDING = 92, 44  # a line
FOLD = 69  # beside a cycle for each position
ITERATION, LANE = 90, 95  # of a VECTOR, and for each of its lanes
PRODUCT, PRODUCT_FLOAT32 = 135, 160  # more for a lane that is multiplied

Setup = dict[str, dict[str, int]]  # fields of the last instruction of each name


def estimate(instructions: list[Emitted], program: Sequence[int], config: Config) -> list[int]:
    """Estimated cycles of each layer, index by layer: as `layer_ends` attributes them, or of the sequential machine all that its
    instructions take. `program`: the instructions' words."""
    layers = max((emitted.layer for emitted in instructions), default=-1) + 1
    if config.machine.organisation == "sequential":
        return _one_after_the_other(instructions, layers, config)
    found = np.full((layers, len(Unit), 2), -1)
    end = 0
    for emitted, (first, last) in zip(instructions, spans(program, config), strict=True):
        instruction = isa.BY_NAME[emitted.name]
        end = max(end, last)
        if instruction.runs and emitted.layer >= 0:
            begun, ended = found[emitted.layer, instruction.unit]
            found[emitted.layer, instruction.unit] = first if begun < 0 else min(begun, first), max(ended, last)
    return np.diff(layer_ends(found, end + FINISH), prepend=0).tolist() if layers else []


def layer_ends(worked: np.ndarray, cycles: int) -> list[int]:
    """Cycle at which each layer gives way to the next, as the array sees it; the program takes `cycles`. `worked`: (layer, unit, 2) first
    cycle and cycle after the last of a unit's work for a layer, -1 if none.

    A layer with matrix work lasts until its last matrix cycle. A layer without lasts until its own end or until the array
    starts on a later layer, whichever is first: what the array hides costs nothing. The last layer takes the rest.
    """
    ends: list[int] = []
    for index, span in enumerate(worked):
        later = worked[index + 1:, Unit.MATRIX, 0]
        started = min(later[later >= 0], default=cycles)
        end = span[Unit.MATRIX, 1] if span[Unit.MATRIX, 1] >= 0 else min(span[:, 1].max(), started)
        ends.append(max(int(end), ends[-1] if ends else 0))
    return [*ends[:-1], cycles]


def _one_after_the_other(instructions: list[Emitted], layers: int, config: Config) -> list[int]:
    cycles = [0] * layers
    setup: Setup = {}
    for emitted in instructions:
        setup[emitted.name] = emitted.values
        if emitted.layer >= 0:
            cycles[emitted.layer] += _sequential(emitted, setup, config)
    return cycles


def _folds(setup: Setup) -> tuple[int, int]:
    """Weight tiles of a MATMUL or DEPTHWISE, and positions of each."""
    shape = setup["MATRIX_SHAPE"]
    return shape["inner_count"] * shape["outer_count"], shape["x_count"] * shape["y_count"]


def _iterations(setup: Setup) -> int:
    return math.prod(setup["VECTOR_LOOP"][f"count_{level}"] for level in range(4))


def _sequential(emitted: Emitted, setup: Setup, config: Config) -> int:
    """Cycles of the microprogram."""
    work = 0
    match emitted.name:
        case "MATMUL":
            folds, positions = _folds(setup)
            work = folds * (FOLD + positions)
        case "VECTOR":
            scale, product = setup["VECTOR_SCALE"], PRODUCT
            if scale["rounding"] == Rounding.FLOAT32:
                product = PRODUCT_FLOAT32
            elif (scale["multiplier_select"], scale["multiplier"], scale["right_select"], scale["right"]) == (0, 1, 0, 0):
                product = 0
            work = _iterations(setup) * (ITERATION + config.lanes * (LANE + product))
        case "LOAD" | "STORE":
            shape = setup[f"{emitted.name}_SHAPE"]
            padding = shape["pad_before"] + shape["pad_after"] if emitted.name == "LOAD" else 0
            work = shape["rows"] * (BEAT * (1 + emitted.values["length"]) + PADDING * padding)
    return DECODE + work
