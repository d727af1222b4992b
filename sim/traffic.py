"""Bytes that a program moves, counted from its instructions."""

import dataclasses
from collections.abc import Sequence
from math import prod

from weft.gen import isa
from weft.gen.config import FOLDS_IN_PLACE, Config
from weft.gen.isa import Destination, Source

SPLAT_BYTES = {Source.SPLAT_INT8: 1, Source.SPLAT_UINT8: 1, Source.SPLAT_INT32: 4}


@dataclasses.dataclass
class Traffic:
    """Bytes. What the instruction fetch reads is not included."""

    dram_read: int = 0
    dram_write: int = 0
    scratchpad_read: int = 0
    scratchpad_write: int = 0
    accumulator_read: int = 0
    accumulator_write: int = 0

    def add(self, other: "Traffic") -> None:
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def layer_traffic(program: Sequence[int], layer_of_pc: Sequence[int], layers: int, config: Config) -> list[Traffic]:
    """Traffic of each layer; instructions of no layer (negative) are left out."""
    totals = [Traffic() for _ in range(layers)]
    setup: dict[str, dict[str, int]] = {}
    for word, layer in zip(program, layer_of_pc, strict=True):
        decoded = isa.decode(word)
        name, values = decoded.instruction.name, decoded.values
        if not decoded.instruction.runs:
            setup[name] = values
        elif layer >= 0 and name in COUNT:
            totals[layer].add(COUNT[name](values, setup, config))
    return totals


def _load(values: dict[str, int], setup: dict[str, dict[str, int]], config: Config) -> Traffic:
    shape, line = setup["LOAD_SHAPE"], config.line_bytes
    data = shape["rows"] * values["length"] * line
    padding = shape["rows"] * (shape["pad_before"] + shape["pad_after"]) * line
    return Traffic(dram_read=data, scratchpad_write=data + padding)


def _store(values: dict[str, int], setup: dict[str, dict[str, int]], config: Config) -> Traffic:
    data = setup["STORE_SHAPE"]["rows"] * values["length"] * config.line_bytes
    return Traffic(dram_write=data, scratchpad_read=data)


def _matmul(values: dict[str, int], setup: dict[str, dict[str, int]], config: Config) -> Traffic:
    shape, rows, line = setup["MATRIX_SHAPE"], config.array.rows, 4 * config.lanes
    folds, positions = shape["inner_count"] * shape["outer_count"], shape["x_count"] * shape["y_count"]
    results = max(0, positions - values.get("skip", 0))
    return Traffic(scratchpad_read=folds * rows * (rows + positions), accumulator_write=folds * results * line,
                   accumulator_read=(folds - 1 + values["accumulate"]) * results * line)


def _matmul_os(values: dict[str, int], setup: dict[str, dict[str, int]], config: Config) -> Traffic:
    """Weights come again for each block of positions; sums leave after `FOLDS_IN_PLACE` folds."""
    shape, rows, line = setup["MATRIX_SHAPE"], config.array.rows, 4 * config.lanes
    folds, positions = shape["inner_count"] * shape["outer_count"], values["last"] + 1
    times = -(-folds // FOLDS_IN_PLACE)
    return Traffic(scratchpad_read=folds * rows * (rows * -(-positions // rows) + positions), accumulator_write=times * positions * line,
                   accumulator_read=(times - 1 + values["accumulate"]) * positions * line)


def _vector(values: dict[str, int], setup: dict[str, dict[str, int]], config: Config) -> Traffic:
    loop, line = setup["VECTOR_LOOP"], 4 * config.lanes
    counts = [loop[f"count_{level}"] for level in range(4)]
    iterations, results = prod(counts), prod(counts[loop["reduce"]:])
    traffic = Traffic()
    for kind in (values["a_source"], values["b_source"]):
        if kind == Source.ACCUMULATOR:
            traffic.accumulator_read += iterations * line
        elif kind != Source.NONE:
            traffic.scratchpad_read += iterations * SPLAT_BYTES.get(Source(kind), config.lanes)
    if values["destination_kind"] == Destination.ACCUMULATOR:
        traffic.accumulator_write += results * line
    elif values["destination_kind"] == Destination.BYTES:
        traffic.scratchpad_write += results * values["lanes"]
    return traffic


COUNT = {"LOAD": _load, "STORE": _store, "MATMUL": _matmul, "DEPTHWISE": _matmul, "MATMUL_OS": _matmul_os, "VECTOR": _vector}
