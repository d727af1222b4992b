"""Cycle estimates from the instructions: what each unit needs if nothing ever waits. Not measured; for tables and early looks."""

import math

from weft.gen import isa
from weft.gen.compiler.builder import Emitted
from weft.gen.config import Config
from weft.gen.isa import Rounding, Unit

VECTOR_OVERHEAD, MATRIX_OVERHEAD, SETUP = 21, 4, 1

# The sequential machine: what its microprogram takes, with a memory that answers after 64 cycles.
DECODE = 690  # an instruction without what it does
BEAT, PADDING = 92, 44  # a line
FOLD = 69  # beside a cycle for each position
ITERATION, LANE = 90, 95  # of a VECTOR, and for each of its lanes
PRODUCT, PRODUCT_FLOAT32 = 135, 160  # more for a lane that is multiplied

Setup = dict[str, dict[str, int]]  # fields of the last instruction of each name


def estimate(instructions: list[Emitted], config: Config) -> list[int]:
    """Estimated cycles of each layer, index by layer: of the busiest unit, or of all together where they take turns."""
    sequential = config.machine.organisation == "sequential"
    cost = _sequential if sequential else _decoupled
    layers = max((emitted.layer for emitted in instructions), default=-1) + 1
    busy = [dict.fromkeys(Unit, 0) for _ in range(layers)]
    setup: Setup = {}
    for emitted in instructions:
        setup[emitted.name] = emitted.values
        if emitted.layer >= 0:
            busy[emitted.layer][Unit(isa.BY_NAME[emitted.name].unit)] += cost(emitted, setup, config)
    return [(sum if sequential else max)(units.values()) for units in busy]


def _folds(setup: Setup) -> tuple[int, int]:
    """Weight tiles of a MATMUL or DEPTHWISE, and positions of each."""
    shape = setup["MATRIX_SHAPE"]
    return shape["inner_count"] * shape["outer_count"], shape["x_count"] * shape["y_count"]


def _iterations(setup: Setup) -> int:
    return math.prod(setup["VECTOR_LOOP"][f"count_{level}"] for level in range(4))


def _decoupled(emitted: Emitted, setup: Setup, config: Config) -> int:
    """Cycles of its unit."""
    match emitted.name:
        case "MATMUL" | "DEPTHWISE":
            folds, positions = _folds(setup)
            return folds * max(positions, config.lanes + MATRIX_OVERHEAD)
        case "MATMUL_OS":
            folds, lanes = _folds(setup)[0], config.lanes
            return folds * (lanes * -(-(emitted.values["last"] + 1) // lanes) + MATRIX_OVERHEAD)
        case "VECTOR":
            return _iterations(setup) * config.vector.columns_per_lane + VECTOR_OVERHEAD
        case "LOAD":
            shape = setup["LOAD_SHAPE"]
            return shape["rows"] * (emitted.values["length"] + shape["pad_before"] + shape["pad_after"])
        case "STORE":
            return setup["STORE_SHAPE"]["rows"] * emitted.values["length"]
    return SETUP if emitted.name.startswith("VECTOR") else 0


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
