"""MATMUL and MATMUL_OS of the golden machine against loops over single products and against a convolution written with einsum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.gen.config import Config
from weft.gen.isa import CONTROL, Cause, Unit
from weft.gen.sections import Array, Axi, Scratchpad
from weft.verif.golden.faults import Error, UndefinedProgram
from weft.verif.tests.programs import TINY, TINY_DEPTHWISE, TINY_OUTPUT, machine_for, run

LANES = TINY.lanes


def text(values: dict[str, int], *, activation: int, weight_line: int, accumulator: int, accumulate: int) -> str:
    shape = " ".join(f"{name}={value}" for name, value in values.items())
    return f"""MATRIX_SHAPE {shape}
    MATMUL activation={activation} weight_line={weight_line} accumulator={accumulator} accumulate={accumulate}
    HALT"""


def shape(x=(1, 0), y=(1, 0), inner=(1, 0), outer=(1, 0)) -> dict[str, int]:
    names = ("x", "y", "inner", "outer")
    return {f"{name}_{what}": value for name, pair in zip(names, (x, y, inner, outer), strict=True)
            for what, value in zip(("count", "stride"), pair, strict=True)}


def test_by_hand():
    """One position: [1 2 -3 4] times rows [1 0 0 -1], [2 0 0 0], [3 1 0 0], [4 0 5 -128], added to [10 20 30 40]."""
    machine, length = machine_for(text(shape(), activation=1, weight_line=4, accumulator=7, accumulate=1))
    machine.memory.scratchpad[1:5] = np.array([1, 2, -3, 4], np.int8).view(np.uint8)
    tile = np.array([[1, 0, 0, -1], [2, 0, 0, 0], [3, 1, 0, 0], [4, 0, 5, -128]], np.int8)
    machine.memory.scratchpad[16:32] = tile.view(np.uint8).ravel()
    machine.memory.accumulators[7] = [10, 20, 30, 40]
    outcome = run(machine, length)
    assert machine.memory.accumulators[7].tolist() == [22, 17, 50, -473]
    assert outcome.counts == {"MATRIX_VECTORS": 1, "WEIGHT_TILES": 1}


@settings(deadline=None)
@given(x=st.tuples(st.integers(1, 4), st.integers(-9, 9)), y=st.tuples(st.integers(1, 3), st.integers(-40, 40)),
       inner=st.tuples(st.integers(1, 3), st.integers(-5, 5)), outer=st.tuples(st.integers(1, 3), st.integers(-50, 50)),
       accumulate=st.integers(0, 1))
def test_definition(x, y, inner, outer, accumulate):
    machine, length = machine_for(text(shape(x, y, inner, outer), activation=300, weight_line=200, accumulator=30,
                                       accumulate=accumulate), seed=5)
    scratchpad = machine.memory.scratchpad.view(np.int8).tolist()
    expected = machine.memory.accumulators.copy()
    for j in range(y[0]):
        for i in range(x[0]):
            line = 30 + j * x[0] + i
            sums = expected[line].tolist() if accumulate else [0] * LANES
            for o in range(outer[0]):
                for n in range(inner[0]):
                    at = 300 + i * x[1] + j * y[1] + n * inner[1] + o * outer[1]
                    tile = (200 + (o * inner[0] + n) * LANES) * LANES
                    for k in range(LANES):
                        for column in range(LANES):
                            sums[column] += scratchpad[at + k] * scratchpad[tile + k * LANES + column]
            expected[line] = [(value + (1 << 31)) % (1 << 32) - (1 << 31) for value in sums]
    run(machine, length)
    assert (machine.memory.accumulators == expected).all()


def test_wraps():
    machine, length = machine_for(text(shape(), activation=0, weight_line=4, accumulator=0, accumulate=1))
    machine.memory.scratchpad[0] = 1
    machine.memory.scratchpad[16] = 1
    machine.memory.accumulators[0, 0] = (1 << 31) - 1
    run(machine, length)
    assert machine.memory.accumulators[0, 0] == -(1 << 31)


def test_implicit_convolution():
    """A 3 x 3 convolution with stride 2 over three channels: kernel rows are runs of 9 bytes, cut into 3 tiles."""
    random = np.random.default_rng(6)
    image, kernel = random.integers(-128, 128, (9, 9, 3)), random.integers(-128, 128, (LANES, 3, 3, 3))
    tiles = np.zeros((3, 3 * LANES, LANES), np.int8)
    tiles[:, :9] = kernel.transpose(1, 2, 3, 0).reshape(3, 9, LANES)
    machine, length = machine_for(text(shape((4, 6), (4, 54), (3, 4), (3, 27)), activation=0, weight_line=100,
                                       accumulator=5, accumulate=0), seed=1)
    machine.memory.scratchpad[: 9 * 9 * 3] = image.astype(np.int8).ravel().view(np.uint8)
    machine.memory.scratchpad[100 * LANES :][: tiles.size] = tiles.ravel().view(np.uint8)
    run(machine, length)
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3), axis=(0, 1))[::2, ::2]  # (4, 4, channel, ky, kx)
    expected = np.einsum("yxcij,oijc->yxo", windows, kernel).reshape(16, LANES)
    assert (machine.memory.accumulators[5:21] == expected).all()


LAST_BYTE, LAST_LINE, LAST_ACCUMULATOR = TINY.scratchpad_bytes - LANES, TINY.scratchpad_lines - LANES, TINY.accumulator_lines - 1


@pytest.mark.parametrize(("inner_stride", "change", "cause", "address"), [
    (0, {"activation": LAST_BYTE - 1}, Cause.SCRATCHPAD, LAST_BYTE + 1),
    (-3, {"activation": 1}, Cause.SCRATCHPAD, (1 << 24) - 2),
    (0, {"weight_line": LAST_LINE - LANES + 1}, Cause.SCRATCHPAD, (LAST_LINE + 1) * LANES),
    (0, {"accumulator": LAST_ACCUMULATOR - 1}, Cause.ACCUMULATOR, LAST_ACCUMULATOR + 1),
])
def test_traps(inner_stride, change, cause, address):
    values = {"activation": 60, "weight_line": 8, "accumulator": 0, "accumulate": 0} | change
    machine, length = machine_for(text(shape(x=(3, 1), inner=(2, inner_stride)), **values))
    before = machine.memory.accumulators.copy()
    assert machine.run(0, length).error == Error(cause, 1, Unit.MATRIX, address)
    assert (machine.memory.accumulators == before).all()


def test_huge_nest_traps_quickly():
    """Counts at their maximum describe 10**12 products; the first access beyond the accumulators ends it."""
    nest = shape((4095, 0), (4095, 0), (255, 0), (255, 0))
    machine, length = machine_for(text(nest, activation=0, weight_line=0, accumulator=0, accumulate=0))
    assert machine.run(0, length).error == Error(Cause.ACCUMULATOR, 1, Unit.MATRIX, TINY.accumulator_lines)


def test_last_addresses_are_legal():
    machine, length = machine_for(text(shape(), activation=LAST_BYTE, weight_line=LAST_LINE, accumulator=LAST_ACCUMULATOR,
                                       accumulate=0))
    run(machine, length)


SEGMENTS = {4: (1, 4), 8: (2, 4), 16: (3, 5), 32: (3, 10), 64: (3, 21)}  # rows -> segments and rows of each, as in the instruction set


def square(rows: int) -> Config:
    return Config(array=Array(rows=rows, columns=rows, depthwise=True), axi=Axi(data_bits=8 * rows), scratchpad=Scratchpad(kib=512))


def depthwise_text(values: dict[str, int], **fields: int) -> str:
    given = {"activation": 0, "weight_line": 0, "accumulator": 0, "accumulate": 0, "continues": 0, "line": 0, "skip": 0, "fill": 0} | fields
    return f"""MATRIX_SHAPE {" ".join(f"{name}={value}" for name, value in values.items())}
    DEPTHWISE {" ".join(f"{name}={value}" for name, value in given.items())}
    """


def test_depthwise_by_hand():
    """Column 1 sees 1 2 3 4 5 with weights 10 (now), 100, -100, 1 (three ago), after a stream of 7s; the first result is skipped."""
    machine, length = machine_for(depthwise_text(shape(x=(5, 4)), weight_line=8, accumulator=3, skip=1, fill=7) + "HALT",
                                  config=TINY_DEPTHWISE, seed=3)
    machine.memory.scratchpad[1:21:4] = [1, 2, 3, 4, 5]
    machine.memory.scratchpad[8 * 4 + 1:8 * 4 + 17:4] = np.array([10, 100, -100, 1], np.int8).view(np.uint8)
    below = machine.memory.accumulators[7].tolist()
    outcome = run(machine, length)
    assert machine.memory.accumulators[3:7, 1].tolist() == [20 + 100 - 700 + 7, 30 + 200 - 100 + 7, 40 + 300 - 200 + 1, 50 + 400 - 300 + 2]
    assert machine.memory.accumulators[7].tolist() == below
    assert outcome.counts == {"MATRIX_VECTORS": 5, "WEIGHT_TILES": 1}


@pytest.mark.parametrize("rows", SEGMENTS)
def test_depthwise_convolution(rows):
    """An image with one column of padding behind each line, in two bands, filtered by as many rows and columns as a fold takes."""
    segments, taps = SEGMENTS[rows]
    random, width, height = np.random.default_rng(rows), 11, 8
    image = np.full((height, width + taps - 1, rows), -5)
    image[:, :width] = random.integers(-128, 128, (height, width, rows))
    kernel = random.integers(-128, 128, (segments, taps, rows))
    line, first = width + taps - 1, 4
    nest = {"x": (line, rows), "y": (first, line * rows)}
    more = depthwise_text(shape(**nest), weight_line=400, line=line, fill=251)
    # A stream goes on after a MATMUL.
    more += text(shape(), activation=0, weight_line=0, accumulator=height * line, accumulate=0).replace("HALT", "")
    more += depthwise_text(shape(**nest | {"y": (height - first, line * rows)}), weight_line=400, line=line, continues=1, fill=1,
                           activation=first * line * rows, accumulator=first * line)
    machine, length = machine_for(more + "HALT", config=square(rows), seed=1)
    machine.memory.scratchpad[:image.size] = image.astype(np.int8).ravel().view(np.uint8)
    tile = np.zeros((rows, rows), np.int8)
    for segment in range(segments):  # row 0 of a segment meets the newest vector
        tile[(segments - 1 - segment) * taps:][:taps] = kernel[segment, ::-1]
    machine.memory.scratchpad[400 * rows:][:tile.size] = tile.ravel().view(np.uint8)
    run(machine, length)
    padded = np.full((height + segments - 1, width + 2 * (taps - 1), rows), -5)
    padded[segments - 1:, taps - 1:] = image
    windows = np.lib.stride_tricks.sliding_window_view(padded, (segments, taps), axis=(0, 1))
    expected = np.einsum("yxcij,ijc->yxc", windows, kernel)
    assert (machine.memory.accumulators[:height * line].reshape(height, line, rows) == expected).all()


@pytest.mark.parametrize("before", ["", depthwise_text(shape(), line=4)])
def test_depthwise_continues_nothing(before):
    machine, length = machine_for(before + depthwise_text(shape(), line=3, continues=1) + "HALT", config=TINY_DEPTHWISE)
    with pytest.raises(UndefinedProgram, match="continues"):
        machine.run(0, length)


def test_depthwise_does_not_continue_another_program():
    machine, length = machine_for(depthwise_text(shape(), line=3) + "HALT\n" + depthwise_text(shape(), line=3, continues=1) + "HALT",
                                  config=TINY_DEPTHWISE)
    run(machine, length - 3)
    with pytest.raises(UndefinedProgram, match="continues"):
        machine.run(3 * 16, 3)


def test_depthwise_needs_the_option():
    machine, length = machine_for(depthwise_text(shape()) + "HALT")
    assert machine.run(0, length).error == Error(Cause.ILLEGAL_OPCODE, 1, CONTROL)


@pytest.mark.parametrize(("skip", "error"), [(4, None), (3, TINY.accumulator_lines), (2, TINY.accumulator_lines)])
def test_depthwise_traps_at_results_only(skip, error):
    """Five positions: with four skipped the one result just fits."""
    machine, length = machine_for(depthwise_text(shape(x=(5, 4)), skip=skip, accumulator=LAST_ACCUMULATOR) + "HALT", config=TINY_DEPTHWISE)
    expected = None if error is None else Error(Cause.ACCUMULATOR, 1, Unit.MATRIX, error)
    assert machine.run(0, length).error == expected


def test_depthwise_without_results():
    program = depthwise_text(shape(x=(5, 4)), skip=5, accumulator=LAST_ACCUMULATOR) + "HALT"
    machine, length = machine_for(program, config=TINY_DEPTHWISE, seed=2)
    before = machine.memory.accumulators.copy()
    run(machine, length)
    assert (machine.memory.accumulators == before).all()


def _stationary(machine_text: str, last: int) -> str:
    return machine_text.replace("MATMUL ", "MATMUL_OS ").replace("\n    HALT", f" last={last}\n    HALT")


@settings(deadline=None)
@given(x=st.tuples(st.integers(1, 7), st.integers(-9, 9)), y=st.tuples(st.integers(1, 3), st.integers(-40, 40)),
       inner=st.tuples(st.integers(1, 4), st.integers(-5, 5)), outer=st.tuples(st.integers(1, 3), st.integers(-50, 50)),
       accumulate=st.integers(0, 1), short=st.integers(0, 6))
def test_stationary_sums_are_those_of_a_matmul(x, y, inner, outer, accumulate, short):
    """All positions of a MATMUL but the last few, and its weight tiles again for each four positions."""
    given_text = text(shape(x, y, inner, outer), activation=300, weight_line=200, accumulator=30, accumulate=accumulate)
    moving, length = machine_for(given_text, seed=5)
    before = moving.memory.accumulators.copy()
    run(moving, length)
    positions = max(1, x[0] * y[0] - short)
    staying, length = machine_for(_stationary(given_text, positions - 1), seed=5, config=TINY_OUTPUT)
    outcome = run(staying, length)
    np.testing.assert_array_equal(staying.memory.accumulators[30:30 + positions], moving.memory.accumulators[30:30 + positions])
    np.testing.assert_array_equal(staying.memory.accumulators[30 + positions:], before[30 + positions:])
    folds = inner[0] * outer[0]
    assert outcome.counts == {"MATRIX_VECTORS": positions * folds, "WEIGHT_TILES": folds * -(-positions // LANES)}


def test_the_first_error_of_stationary_sums():
    """Position 4 leaves the accumulators, position 3 of the second fold the scratchpad. A MATMUL meets the former first, and sums that stay
    the latter, as all folds of a block come before the next block."""
    line = TINY.accumulator_lines - 4
    given_text = text(shape((6, -4), inner=(2, -12)), activation=20, weight_line=0, accumulator=line, accumulate=0)
    for config, words, cause, address in ((TINY, given_text, Cause.ACCUMULATOR, TINY.accumulator_lines),
                                          (TINY_OUTPUT, _stationary(given_text, 5), Cause.SCRATCHPAD, (1 << 24) - 4)):
        machine, length = machine_for(words, config=config, seed=1)
        assert machine.run(0, length).error == Error(cause, 1, Unit.MATRIX, address)
    machine, length = machine_for(_stationary(given_text, 2), config=TINY_OUTPUT, seed=1)  # none of the two is there
    assert machine.run(0, length).error is None


@pytest.mark.parametrize(("config", "name"), [(TINY, "MATMUL_OS"), (TINY_OUTPUT, "MATMUL")], ids=["weights", "sums"])
def test_the_other_dataflow_is_an_unknown_opcode(config, name):
    given_text = text(shape(), activation=0, weight_line=0, accumulator=0, accumulate=0)
    machine, length = machine_for(_stationary(given_text, 0) if name == "MATMUL_OS" else given_text, config=config, seed=1)
    assert machine.run(0, length).error == Error(Cause.ILLEGAL_OPCODE, 1, CONTROL)
