"""Bytes counted from a program's instructions, against counts by hand."""

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Destination, Rounding, Select, Source
from weft.sim.traffic import Traffic, layer_traffic

CONFIG = Config()  # 16 bytes a line, 64 bytes an accumulator line


def vector(**values: int) -> int:
    given = {"a": 0, "a_source": Source.NONE, "b": 0, "b_source": Source.NONE, "destination": 0, "destination_kind": Destination.NONE,
             "lanes": 16, "parameter": 0, "overlap": 0}
    return isa.encode("VECTOR", **{**given, **values})


PROGRAM = [
    isa.encode("LOAD_SHAPE", rows=3, dram_stride=0, scratchpad_stride=0, pad_before=1, pad_after=2, pad_value=0),
    isa.encode("LOAD", window=0, dram_line=0, scratchpad_line=0, length=5),
    isa.encode("MATRIX_SHAPE", x_count=4, x_stride=0, y_count=2, y_stride=0, inner_count=3, inner_stride=0, outer_count=1, outer_stride=0),
    isa.encode("MATMUL", activation=0, weight_line=0, accumulator=0, accumulate=0),
    isa.encode("MATMUL", activation=0, weight_line=0, accumulator=0, accumulate=1),
    isa.encode("VECTOR_LOOP", count_0=7, count_1=2, count_2=1, count_3=1, reduce=1),
    isa.encode("VECTOR_SCALE", pre=0, multiplier=1, left=0, right=0, rounding=Rounding.FLOOR, pre_select=Select.CONSTANT,
               multiplier_select=Select.CONSTANT, left_select=Select.CONSTANT, right_select=Select.CONSTANT),
    vector(a_source=Source.ACCUMULATOR, destination_kind=Destination.BYTES, lanes=9),
    vector(a_source=Source.INT8, b_source=Source.SPLAT_INT32, destination_kind=Destination.ACCUMULATOR),
    vector(a_source=Source.UINT8, destination_kind=Destination.TABLE),
    isa.encode("STORE_SHAPE", rows=2, dram_stride=0, scratchpad_stride=0),
    isa.encode("STORE", window=2, dram_line=0, scratchpad_line=0, length=4),
    isa.encode("HALT"),
]
LAYER_OF_PC = [0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, -1]


def test_layers_by_hand() -> None:
    load, matrix, vectors, store = layer_traffic(PROGRAM, LAYER_OF_PC, 4, CONFIG)
    assert load == Traffic(dram_read=3 * 5 * 16, scratchpad_write=3 * 8 * 16)
    # Three folds of 16 weight lines and 8 vectors, twice; the first instruction's first fold does not read accumulators.
    assert matrix == Traffic(scratchpad_read=2 * 3 * (16 + 8) * 16, accumulator_write=2 * 3 * 8 * 64, accumulator_read=(2 + 3) * 8 * 64)
    # 14 iterations, 2 results.
    assert vectors == Traffic(accumulator_read=14 * 64, scratchpad_write=2 * 9, scratchpad_read=14 * (16 + 4) + 14 * 16,
                              accumulator_write=2 * 64)
    assert store == Traffic(dram_write=2 * 4 * 16, scratchpad_read=2 * 4 * 16)


def test_instructions_of_no_layer_are_left_out() -> None:
    assert layer_traffic(PROGRAM, [-1] * len(PROGRAM), 1, CONFIG) == [Traffic()]
