"""LOAD and STORE of the golden machine against loops over single lines, and every way in which they can trap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.gen.isa import Cause, Unit
from weft.verif.golden.faults import Error
from weft.verif.tests.programs import TINY, machine_for, run

LINE = TINY.line_bytes
WINDOW_LINES = 64


def data(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, WINDOW_LINES * LINE).astype(np.uint8)


def test_load_by_hand():
    """Two rows of one line, taken backwards, a padding line before and two after each."""
    source = np.arange(WINDOW_LINES * LINE, dtype=np.uint8)
    machine, length = machine_for("""
        LOAD_SHAPE rows=2 dram_stride=-3 scratchpad_stride=5 pad_before=1 pad_after=2 pad_value=238
        LOAD window=1 dram_line=4 scratchpad_line=10 length=1
        HALT""", windows=[(source, True, False)])
    outcome = run(machine, length)
    pad = [238] * LINE
    lines = machine.memory.scratchpad.reshape(-1, LINE).tolist()
    assert lines[9:20] == [[0] * 4, pad, [16, 17, 18, 19], pad, pad, [0] * 4, pad, [4, 5, 6, 7], pad, pad, [0] * 4]
    assert outcome.counts["DRAM_READ_BEATS"] == 2
    assert outcome.instructions == 3


@given(rows=st.integers(1, 5), dram_stride=st.integers(-6, 6), local_stride=st.integers(-8, 8), before=st.integers(0, 3),
       after=st.integers(0, 3), count=st.integers(0, 6))
def test_load(rows, dram_stride, local_stride, before, after, count):
    source = data()
    machine, length = machine_for(f"""
        LOAD_SHAPE rows={rows} dram_stride={dram_stride} scratchpad_stride={local_stride} pad_before={before} pad_after={after} pad_value=9
        LOAD window=1 dram_line=32 scratchpad_line=100 length={count}
        HALT""", windows=[(source, True, False)], seed=3)
    expected = machine.memory.scratchpad.copy()
    for row in range(rows):
        line = 100 + row * local_stride
        for _ in range(before):
            expected[line * LINE : (line + 1) * LINE] = 9
            line += 1
        for index in range(count):
            at = (32 + row * dram_stride + index) * LINE
            expected[line * LINE : (line + 1) * LINE] = source[at : at + LINE]
            line += 1
        for _ in range(after):
            expected[line * LINE : (line + 1) * LINE] = 9
            line += 1
    run(machine, length)
    assert (machine.memory.scratchpad == expected).all()


@given(rows=st.integers(1, 5), dram_stride=st.integers(-6, 6), local_stride=st.integers(-8, 8), count=st.integers(0, 6))
def test_store(rows, dram_stride, local_stride, count):
    target = data()
    expected = target.copy()
    machine, length = machine_for(f"""
        STORE_SHAPE rows={rows} dram_stride={dram_stride} scratchpad_stride={local_stride}
        STORE window=2 dram_line=30 scratchpad_line=50 length={count}
        HALT""", windows=[(data(), True, False), (target, False, True)], seed=4)
    for row in range(rows):
        for index in range(count):
            to, at = (30 + row * dram_stride + index) * LINE, (50 + row * local_stride + index) * LINE
            expected[to : to + LINE] = machine.memory.scratchpad[at : at + LINE]
    outcome = run(machine, length)
    assert (target == expected).all()
    assert outcome.counts["DRAM_WRITE_BEATS"] == rows * count


LOAD_PLAIN = "LOAD_SHAPE rows=3 dram_stride={stride} scratchpad_stride=4 pad_before=1 pad_after=0 pad_value=0\n"
STORE_PLAIN = "STORE_SHAPE rows=3 dram_stride={stride} scratchpad_stride=4\n"


@pytest.mark.parametrize(("unit", "stride", "run_text", "cause", "address"), [
    (Unit.LOAD, 4, "LOAD window=1 dram_line=57 scratchpad_line=0 length=2", Cause.WINDOW, 65 * LINE),
    (Unit.LOAD, -4, "LOAD window=1 dram_line=7 scratchpad_line=0 length=2", Cause.WINDOW, ((1 << 28) - 1) * LINE),
    (Unit.LOAD, 0, "LOAD window=2 dram_line=0 scratchpad_line=0 length=1", Cause.WINDOW, 0),
    (Unit.LOAD, 0, "LOAD window=3 dram_line=0 scratchpad_line=0 length=1", Cause.WINDOW, 0),
    (Unit.LOAD, 0, f"LOAD window=1 dram_line=0 scratchpad_line={TINY.scratchpad_lines - 6} length=2", Cause.SCRATCHPAD,
     (TINY.scratchpad_lines - 2) * LINE),
    (Unit.STORE, 4, "STORE window=2 dram_line=57 scratchpad_line=0 length=2", Cause.WINDOW, 65 * LINE),
    (Unit.STORE, 0, "STORE window=1 dram_line=0 scratchpad_line=0 length=1", Cause.WINDOW, 0),
    (Unit.STORE, 0, f"STORE window=2 dram_line=0 scratchpad_line={TINY.scratchpad_lines - 5} length=2", Cause.SCRATCHPAD,
     (TINY.scratchpad_lines - 1) * LINE),
])
def test_traps(unit, stride, run_text, cause, address):
    shape = (LOAD_PLAIN if unit is Unit.LOAD else STORE_PLAIN).format(stride=stride)
    machine, length = machine_for(shape + run_text + "\nHALT", windows=[(data(), True, False), (data(), False, True)])
    assert machine.run(0, length).error == Error(cause, 1, unit, address)


def test_last_lines_are_legal():
    machine, length = machine_for(
        f"""LOAD_SHAPE rows=1 dram_stride=0 scratchpad_stride=0 pad_before=0 pad_after=0 pad_value=0
        LOAD window=1 dram_line={WINDOW_LINES - 2} scratchpad_line={TINY.scratchpad_lines - 2} length=2
        HALT""", windows=[(data(), True, False)])
    run(machine, length)
    assert (machine.memory.scratchpad[-2 * LINE :] == data()[-2 * LINE :]).all()


def test_nothing_is_checked_when_nothing_moves():
    """A row of padding only reads no DRAM, and a LOAD of no lines touches nothing at all."""
    machine, length = machine_for("""
        LOAD_SHAPE rows=1 dram_stride=0 scratchpad_stride=0 pad_before=0 pad_after=2 pad_value=7
        LOAD window=3 dram_line=1000 scratchpad_line=3 length=0
        LOAD_SHAPE rows=9 dram_stride=99 scratchpad_stride=77777 pad_before=0 pad_after=0 pad_value=7
        LOAD window=3 dram_line=1000 scratchpad_line=99999 length=0
        HALT""")
    run(machine, length)
    assert machine.memory.scratchpad[: 6 * LINE].tolist() == [0] * 12 + [7] * 8 + [0] * 4
