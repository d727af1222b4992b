"""Queues, semaphores, errors of dispatch, deadlock, and the race checker of the golden machine."""

import numpy as np
import pytest

from weft.gen import isa
from weft.gen.assembler import assemble
from weft.gen.isa import CONTROL, Cause, Unit
from weft.verif.golden.faults import Error, UndefinedProgram
from weft.verif.golden.machine import Machine
from weft.verif.tests.programs import PLAIN_POST, PLAIN_SCALE, TINY, image, machine_for, run, strides

LOAD_SHAPE = "LOAD_SHAPE rows=1 dram_stride=0 scratchpad_stride=0 pad_before=0 pad_after=0 pad_value=0\n"
STORE_SHAPE = "STORE_SHAPE rows=1 dram_stride=0 scratchpad_stride=0\n"
LOAD = "LOAD window=1 dram_line=0 scratchpad_line=0 length=4 "
STORE = "STORE window=1 dram_line=8 scratchpad_line=0 length=4 "
DEPTH = TINY.queues.depth


def window() -> tuple[np.ndarray, bool, bool]:
    return np.random.default_rng(2).integers(1, 256, 64).astype(np.uint8), True, True


def test_semaphore_orders_load_and_store():
    memory = window()
    text = f"{LOAD_SHAPE}{STORE_SHAPE}{LOAD}signal=store\n{STORE}wait=load\nHALT"
    for priority in ((0, 1, 2, 3), (3, 2, 1, 0)):
        memory[0][32:] = 0
        machine, length = machine_for(text, windows=[memory])
        assert machine.run(0, length, priority=priority).error is None
        assert (memory[0][32:48] == memory[0][:16]).all()


def test_semaphores_count():
    """Two signals and two waits pair up in order; the second LOAD must not run before the first STORE has read."""
    text = f"""{LOAD_SHAPE}{STORE_SHAPE}{LOAD} signal=store
        {STORE.replace('dram_line=8', 'dram_line=4')} wait=load signal=load
        LOAD window=1 dram_line=12 scratchpad_line=0 length=4 wait=store signal=store
        {STORE} wait=load
        HALT"""
    for priority in ((0, 1, 2, 3), (3, 2, 1, 0)):
        memory = window()
        original = memory[0].copy()
        machine, length = machine_for(text, windows=[memory])
        assert machine.run(0, length, priority=priority).error is None
        assert (memory[0][16:32] == original[:16]).all()
        assert (memory[0][32:48] == original[48:]).all()


def test_state_of_one_run_does_not_reach_the_next():
    """Semaphores start at zero: what one run leaves over cannot release the next."""
    machine, length = machine_for(f"{LOAD_SHAPE}{LOAD} signal=store\nHALT", windows=[window()])
    run(machine, length)
    words = assemble(f"{STORE_SHAPE}{STORE} wait=load\nHALT")
    machine.memory.windows[0].data = image(words)
    assert machine.run(0, len(words)).error == Error(Cause.DEADLOCK, 1, Unit.STORE)


@pytest.mark.parametrize(("text", "error"), [
    ("LOAD_SHAPE rows=1 dram_stride=0 scratchpad_stride=0 pad_before=0 pad_after=0 pad_value=0", Error(Cause.PROGRAM_END, 1, CONTROL)),
    ("", Error(Cause.PROGRAM_END, 0, CONTROL)),
    (".word 0xff", Error(Cause.ILLEGAL_OPCODE, 0, CONTROL)),
    (".word 0", Error(Cause.ILLEGAL_OPCODE, 0, CONTROL)),
    (f"{STORE_SHAPE}.word 0x10001", Error(Cause.ILLEGAL_OPERAND, 1, CONTROL)),
    (f".word {0x41 | 3 << 16}", Error(Cause.ILLEGAL_OPERAND, 0, CONTROL)),
    ("HALT\n.word 0xff", None),
    # An earlier instruction's error comes first, however early dispatch sees the later one.
    (f"{STORE_SHAPE}{STORE}\n.word 0xff", Error(Cause.WINDOW, 1, Unit.STORE, 32)),
    (f"{STORE_SHAPE}{STORE} wait=load\n.word 0xff", Error(Cause.DEADLOCK, 1, Unit.STORE)),
])
def test_dispatch(text, error):
    machine, length = machine_for(text)
    assert machine.run(0, length).error == error


def test_program_lies_in_window_0():
    words = assemble("HALT")
    padded = np.concatenate([np.zeros(32, np.uint8), image(words)])
    assert Machine(TINY, [(padded, True, False)]).run(32, 1).error is None
    assert Machine(TINY, [(padded, False, False)]).run(32, 1).error == Error(Cause.WINDOW, 0, CONTROL, 32)
    assert Machine(TINY, [(padded, True, False)]).run(48, 1).error == Error(Cause.WINDOW, 0, CONTROL, 48)


def test_cross_wait_is_a_deadlock():
    """Load waits for store and store for load; the lowest queue is named, with its own program counter."""
    text = f"{STORE_SHAPE}{LOAD_SHAPE}{STORE} wait=load signal=load\n{LOAD} wait=store signal=store\nHALT"
    machine, length = machine_for(text, windows=[window()])
    assert machine.run(0, length).error == Error(Cause.DEADLOCK, 3, Unit.LOAD)


@pytest.mark.parametrize(("waiting", "fits"), [(DEPTH, True), (DEPTH + 1, False)])
def test_a_full_queue_holds_dispatch_back(waiting, fits):
    """Instructions that wait for a signal from behind themselves: only as many as a queue holds may stand in between."""
    shape = "STORE_SHAPE rows=1 dram_stride=0 scratchpad_stride=0"
    text = f"{shape} wait=load\n" + f"{shape}\n" * (waiting - 1) + f"{LOAD_SHAPE.strip()} signal=store\nHALT"
    machine, length = machine_for(text)
    assert machine.run(0, length).error == (None if fits else Error(Cause.DEADLOCK, 0, Unit.STORE))


def test_semaphore_overflow():
    maximum = (1 << isa.SEMAPHORE_BITS) - 1
    signal = "STORE_SHAPE rows=1 dram_stride=0 scratchpad_stride=0 signal=load"
    word = image(assemble(signal))
    data = np.concatenate([np.tile(word, maximum), image(assemble("HALT"))])
    assert Machine(TINY, [(data, True, False)]).run(0, maximum + 1).error is None
    data = np.concatenate([np.tile(word, maximum + 1), image(assemble("HALT"))])
    error = Machine(TINY, [(data, True, False)]).run(0, maximum + 2).error
    assert (error.cause, error.pc, error.queue) == (Cause.SEMAPHORE_OVERFLOW, maximum, Unit.STORE)


@pytest.mark.parametrize("missing", range(5))
def test_run_without_setup_is_undefined(missing):
    lines = ["VECTOR_LOOP count_0=1 count_1=1 count_2=1 count_3=1 reduce=0", *strides().splitlines()[:1],
             *strides().splitlines()[1:2], PLAIN_SCALE, PLAIN_POST, strides().splitlines()[2]]
    run_line = ("VECTOR a=0 a_source=none b=0 b_source=none destination=0 destination_kind=none lanes=1 parameter=0 overlap=0\nHALT")
    machine, length = machine_for("\n".join([*lines, run_line]))
    run(machine, length)
    machine, length = machine_for("\n".join([*lines[:missing], *lines[missing + 1 :], run_line]))
    with pytest.raises(UndefinedProgram, match=r"VECTOR before any VECTOR_"):
        machine.run(0, length)


# -- races --------------------------------------------------------------------------------------------------------

COPY = ("VECTOR_LOOP count_0=2 count_1=1 count_2=1 count_3=1 reduce=0\n" + strides((4, 0, 0, 0), (0, 0, 0, 0), (4, 0, 0, 0))
        + PLAIN_SCALE + PLAIN_POST)


def vector(a: int, destination: int, rest: str = "", lanes: int = 4) -> str:
    return (f"VECTOR a={a} a_source=int8 b=0 b_source=none destination={destination} destination_kind=bytes lanes={lanes} "
            f"parameter=0 overlap=0 {rest}\n")


@pytest.mark.parametrize(("first", "second", "race"), [
    (LOAD + "{}\n", STORE + "{}\n", "scratchpad"),  # write, read
    (STORE + "{}\n", LOAD + "{}\n", "scratchpad"),  # read, write
    (LOAD + "{}\n", vector(100, 12, "{}"), "scratchpad"),  # write, write
    (LOAD + "{}\n", vector(100, 16, "{}"), None),  # the byte after the load's last
    (STORE + "{}\n", vector(9, 100, "{}"), None),  # both read
    (LOAD + "{}\n", "STORE window=1 dram_line=3 scratchpad_line=100 length=1 {}\n", "window1"),
    (LOAD + "{}\n", "STORE window=1 dram_line=4 scratchpad_line=100 length=1 {}\n", None),
])
def test_unordered_accesses_are_found(first, second, race):
    units = [isa.BY_NAME[line.split()[0]].unit for line in (first, second)]
    head = LOAD_SHAPE + STORE_SHAPE + COPY
    pc = len(assemble(head))

    def attempt(signal: str, wait: str) -> None:
        machine, length = machine_for(head + first.format(signal) + second.format(wait) + "HALT", windows=[window()])
        run(machine, length)

    if race:
        with pytest.raises(UndefinedProgram, match=race) as caught:
            attempt("", "")
        assert f"pc {pc} " in str(caught.value)
        assert f"pc {pc + 1} " in str(caught.value)
    else:
        attempt("", "")
    attempt(f"signal={Unit(units[1]).name.lower()}", f"wait={Unit(units[0]).name.lower()}")


def test_order_is_transitive():
    """Load before vector before store orders load before store, also over an instruction that touches nothing."""
    text = f"{LOAD_SHAPE}{STORE_SHAPE}{COPY}{LOAD} signal=vector\n{PLAIN_POST.strip()} wait=load signal=store\n{STORE} wait=vector\nHALT"
    machine, length = machine_for(text, windows=[window()])
    run(machine, length)


def test_a_signal_from_before_the_access_orders_nothing():
    text = f"{LOAD_SHAPE.strip()} signal=store\n{STORE_SHAPE}{LOAD}\n{STORE} wait=load\nHALT"
    machine, length = machine_for(text, windows=[window()])
    with pytest.raises(UndefinedProgram, match="race"):
        machine.run(0, length)
    lenient, length = machine_for(text, windows=[window()], strict=False)
    run(lenient, length)


@pytest.mark.parametrize(("a", "destination", "lanes", "overlap"), [
    (0, 4, 4, True),  # iteration 1 reads what iteration 0 wrote
    (0, 7, 1, True), (0, 8, 4, False), (4, 0, 4, False), (0, 0, 4, False), (0, 1, 4, True), (0, 1, 3, False),
])
def test_overtaking_sweeps_are_found(a, destination, lanes, overlap):
    machine, length = machine_for(COPY + vector(a, destination, lanes=lanes) + "HALT")
    if overlap:
        with pytest.raises(UndefinedProgram, match="earlier iteration"):
            machine.run(0, length)
    else:
        run(machine, length)


def test_a_vector_that_overlaps_must_not_read_what_the_one_before_writes():
    def program(*starts: int) -> str:
        vectors = [vector(a, 100 * (number + 1)) for number, a in enumerate(starts)]
        return COPY + vectors[0] + "".join(text.replace("overlap=0", "overlap=1") for text in vectors[1:]) + "HALT"

    for starts in ((0, 40), (0, 92), (0, 108), (0, 40, 100)):  # beside what is written; what the one before the last wrote
        machine, length = machine_for(program(*starts))
        run(machine, length)
    for starts in ((0, 93), (0, 107), (0, 40, 200)):
        machine, length = machine_for(program(*starts))
        with pytest.raises(UndefinedProgram, match="overlaps"):
            machine.run(0, length)
    machine, length = machine_for(COPY + vector(0, 100) + vector(100, 200) + "HALT")
    run(machine, length)


def test_reduction_may_overwrite_what_it_has_read():
    """Passes of two: result 0 replaces a byte of pass 0, which is fine; shifted by a pass it would be read again."""
    reduce = COPY.replace("count_1=1", "count_1=3").replace("reduce=0", "reduce=1").replace("alu=pass", "alu=add")
    steps = strides((4, 8, 0, 0), (0, 0, 0, 0), (0, 8, 0, 0))
    machine, length = machine_for(reduce + steps + vector(0, 0) + "HALT", seed=1)
    run(machine, length)
    machine, length = machine_for(reduce + steps + vector(0, 8) + "HALT", seed=1)
    with pytest.raises(UndefinedProgram, match="earlier iteration"):
        machine.run(0, length)


@pytest.mark.parametrize(("scale", "post", "kind", "target", "overlap"), [
    (PLAIN_SCALE, PLAIN_POST.replace("table=0", "table=1"), "table", 3, True),
    (PLAIN_SCALE, PLAIN_POST, "table", 3, False),
    (PLAIN_SCALE.replace("pre_select=constant", "pre_select=parameter"), PLAIN_POST, "parameter_pre", 6, True),
    (PLAIN_SCALE.replace("pre_select=constant", "pre_select=parameter"), PLAIN_POST, "parameter_pre", 7, False),
    (PLAIN_SCALE.replace("pre_select=constant", "pre_select=parameter"), PLAIN_POST, "parameter_shift", 6, False),
    (PLAIN_SCALE.replace("left_select=constant", "left_select=parameter"), PLAIN_POST, "parameter_shift", 6, True),
])
def test_sweeps_that_change_their_own_tables_are_found(scale, post, kind, target, overlap):
    """Two iterations that use set 6 or the table, the first of which writes `target`."""
    text = f"""{COPY}{scale}{post}{strides()}
        VECTOR a=0 a_source=int8 b=0 b_source=none destination={target} destination_kind={kind} lanes=1 parameter=6 overlap=0
        HALT"""
    machine, length = machine_for(text)
    if overlap:
        with pytest.raises(UndefinedProgram, match="earlier iteration"):
            machine.run(0, length)
    else:
        run(machine, length)


def test_writing_the_program_is_undefined():
    words = assemble(f"{STORE_SHAPE}STORE window=0 dram_line=11 scratchpad_line=0 length=1\nHALT")
    data = np.concatenate([image(words), np.zeros(16, np.uint8)])
    with pytest.raises(UndefinedProgram, match="program"):
        Machine(TINY, [(data, True, True)], strict=True).run(0, len(words))
    words = assemble(f"{STORE_SHAPE}STORE window=0 dram_line=12 scratchpad_line=0 length=1\nHALT")
    data = np.concatenate([image(words), np.zeros(16, np.uint8)])
    assert Machine(TINY, [(data, True, True)], strict=True).run(0, len(words)).error is None
