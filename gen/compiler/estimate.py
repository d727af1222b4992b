"""Cycle estimates from the instructions: what each unit needs if nothing ever waits. Not measured; for tables and early looks."""

from weft.gen.compiler.builder import Emitted
from weft.gen.isa import Unit

VECTOR_OVERHEAD, MATRIX_OVERHEAD, SETUP = 16, 4, 1


def estimate(instructions: list[Emitted], lanes: int) -> list[int]:
    """Estimated cycles of each layer: the busiest unit's. Index by layer."""
    layers = max((emitted.layer for emitted in instructions), default=-1) + 1
    busy = [dict.fromkeys(Unit, 0) for _ in range(layers)]
    loop: dict[str, dict[str, int]] = {}
    for emitted in instructions:
        values = emitted.values
        if emitted.name in ("MATRIX_SHAPE", "VECTOR_LOOP", "LOAD_SHAPE", "STORE_SHAPE"):
            loop[emitted.name] = values
        if emitted.layer < 0:
            continue
        units = busy[emitted.layer]
        if emitted.name == "MATMUL":
            shape = loop["MATRIX_SHAPE"]
            units[Unit.MATRIX] += shape["inner_count"] * shape["outer_count"] * max(
                shape["x_count"] * shape["y_count"], lanes + MATRIX_OVERHEAD)
        elif emitted.name == "VECTOR":
            counts = loop["VECTOR_LOOP"]
            units[Unit.VECTOR] += counts["count_0"] * counts["count_1"] * counts["count_2"] * counts["count_3"] + VECTOR_OVERHEAD
        elif emitted.name == "LOAD":
            shape = loop["LOAD_SHAPE"]
            units[Unit.LOAD] += shape["rows"] * (values["length"] + shape["pad_before"] + shape["pad_after"])
        elif emitted.name == "STORE":
            units[Unit.STORE] += loop["STORE_SHAPE"]["rows"] * values["length"]
        elif emitted.name.startswith("VECTOR"):
            units[Unit.VECTOR] += SETUP
    return [max(units.values()) for units in busy]
