"""The control unit with stand-in units: order, semaphores, HALT, deadlock, which error comes first."""

import collections
import dataclasses
import random

import pytest
from amaranth.sim import Simulator

from weft.gen import isa
from weft.gen.isa import BY_NAME, Cause, State, Unit
from weft.hdl.control.semaphores import Semaphores
from weft.hdl.control.unit import ControlUnit
from weft.verif.tests.programs import TINY, image
from weft.verif.tests.read_memory import ReadMemory

HALT = isa.encode("HALT")
SETUP = {Unit.LOAD: "LOAD_SHAPE", Unit.MATRIX: "MATRIX_SHAPE", Unit.VECTOR: "VECTOR_LOOP", Unit.STORE: "STORE_SHAPE"}


def word(unit: int, wait: int = 0, signal: int = 0) -> int:
    """Some legal instruction of `unit`."""
    name = SETUP[Unit(unit)]
    return isa.encode(name, wait=wait, signal=signal, **{field.name: field.minimum for field in BY_NAME[name].fields})


class Bench:
    """Runs a program on a `ControlUnit` whose units take a random time and keep to the semaphores, or are found out.

    `log`: ("take" or "retire", unit, pc) in time order. `fail_at`: the pc whose instruction reports SCRATCHPAD and never retires.
    Each unit holds up to `overlap` instructions, and with `immediate` also retires in the cycle in which it takes.
    """

    def __init__(self, program: list[int], *, fail_at: int | None = None, overlap: int = 3, seed: int = 1, length: int | None = None,
                 wait_register: bool = False):
        self.program, self.fail_at, self.overlap, self.chance = program, fail_at, overlap, random.Random(seed)
        config = dataclasses.replace(TINY, queues=dataclasses.replace(TINY.queues, wait_register=wait_register))
        self.dut, self.length = ControlUnit(config), len(program) if length is None else length
        self.log: list[tuple[str, int, int]] = []
        self.states: set[tuple[int, int, int]] = set()  # (unit, state, pc) that were seen
        self.held: list[collections.deque[int]] = [collections.deque() for _ in Unit]
        self.semaphores: collections.Counter[tuple[int, int]] = collections.Counter()
        self.done, self.error = False, None

    def run(self) -> "Bench":
        memory = ReadMemory(self.dut.axi, bytes(image(self.program)) + bytes(64), line_bytes=4, burst_beats=16)
        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(self._control)
        simulator.add_testbench(self._units, background=True)
        simulator.add_testbench(memory.serve, background=True)
        simulator.run()
        return self

    async def _control(self, ctx) -> None:
        dut = self.dut
        for target, value in ((dut.length, self.length), (dut.window.size, 16 * self.length), (dut.window.read, 1), (dut.start, 1)):
            ctx.set(target, value)
        await ctx.tick()
        ctx.set(dut.start, 0)
        for _ in range(20_000):
            _, _, self.done = await ctx.tick().sample(dut.done)
            if ctx.get(dut.failed):
                first = ctx.get(dut.first)
                self.error = (first.cause, first.queue, first.pc, first.address)
                ctx.set(dut.halt, 1)
            if self.done or self.error:
                await ctx.tick().repeat(20)  # nothing may happen any more
                return
        raise AssertionError("neither done nor an error")

    async def _units(self, ctx) -> None:
        dut = self.dut
        ports = [[getattr(dut, f"{name}_{unit.value}") for name in ("instructions", "retire", "error", "unit_status", "status")]
                 for unit in Unit]
        while True:
            halted = ctx.get(dut.halt)
            for unit, (instructions, retire, error, unit_status, _) in enumerate(ports):
                held = self.held[unit]
                ctx.set(instructions.ready, not halted and len(held) < self.overlap and self.chance.random() < 0.3)
                ctx.set(unit_status.state, State.RUN if held else State.IDLE)
                ends = bool(held) and self.chance.random() < 0.2
                fails = ends and held[0] == self.fail_at
                ctx.set(retire.valid, ends and not fails)
                if held:
                    ctx.set(retire.pc, held[0])
                    ctx.set(retire.signal, self.program[held[0]] >> 12 & 15)
                    ctx.set(error.pc, held[0])
                    ctx.set(error.cause, Cause.SCRATCHPAD)
                    ctx.set(error.address, 0xABCD)
                ctx.set(error.valid, fails)
                if fails:
                    self.fail_at = None
                    held.clear()
            samples = [value for instructions, retire, _, _, status in ports for value in (
                instructions.valid & instructions.ready, instructions.payload.pc, retire.valid, status.state, status.pc)]
            values = (await ctx.tick().sample(*samples))[2:]
            for unit in Unit:
                self._observe(unit, *values[5 * unit:5 * unit + 5])

    def _observe(self, unit, taken, pc, retired, state, status_pc) -> None:
        self.states.add((unit, state, status_pc))
        if taken:
            self.log.append(("take", unit, pc))
            self.held[unit].append(pc)
            for other in Unit:
                if self.program[pc] >> 8 + other & 1:
                    self.semaphores[other, unit] -= 1
                    assert self.semaphores[other, unit] >= 0, f"pc {pc} passed a semaphore at zero"
        if retired:
            place = self.held[unit].popleft()
            self.log.append(("retire", unit, place))
            for other in Unit:
                self.semaphores[unit, other] += self.program[place] >> 12 + other & 1

    def performed(self, unit: int) -> list[int]:
        return [pc for event, who, pc in self.log if event == "retire" and who == unit]


def _random_program(chance: random.Random, count: int) -> list[int]:
    """Every wait has a signal earlier in the program, so that no schedule can deadlock."""
    words, budget = [], collections.Counter()
    for _ in range(count):
        unit, signal = chance.randrange(4), chance.choice([0, 0, chance.getrandbits(4)])
        wait = 0
        for other in Unit:
            if budget[other, unit] and chance.random() < 0.6:
                wait |= 1 << other
                budget[other, unit] -= 1
        for other in Unit:
            budget[unit, other] += signal >> other & 1
        words.append(word(unit, wait, signal))
    return words


@pytest.mark.parametrize("seed", range(6))
def test_random_programs_run_in_order_and_keep_to_the_semaphores(seed):
    program = _random_program(random.Random(seed), 150)
    bench = Bench([*program, HALT, 0xFF], seed=seed, wait_register=seed % 2 == 1).run()
    assert bench.done and bench.error is None
    for unit in Unit:
        expected = [pc for pc, each in enumerate(program) if isa.decode(each).instruction.unit == unit]
        assert bench.performed(unit) == expected  # all of them, in order, before HALT


def test_halt_comes_with_semaphores_left_over():
    bench = Bench([word(0, signal=0b1111), HALT]).run()
    assert bench.done and bench.error is None


def test_a_full_queue_does_not_stop_the_others_for_ever():
    """The matrix queue fills up while its head waits for a load that is dispatched before: no deadlock."""
    program = [word(Unit.LOAD, signal=1 << Unit.MATRIX), word(Unit.MATRIX, wait=1 << Unit.LOAD)]
    bench = Bench([*program, *[word(Unit.MATRIX)] * 40, word(Unit.LOAD), HALT]).run()
    assert bench.done and bench.error is None


@pytest.mark.parametrize("tail", [[HALT], [], [0xFF]])
@pytest.mark.parametrize(("heads", "queue", "pc"), [
    ([word(Unit.STORE, wait=1)], Unit.STORE, 0),  # nobody ever signals
    ([word(Unit.LOAD), word(Unit.VECTOR, wait=0b0010, signal=0b0010), word(Unit.MATRIX, wait=0b0100, signal=0b0100)], Unit.MATRIX, 2),
    ([word(Unit.MATRIX, wait=0b0010)], Unit.MATRIX, 0),  # for itself
])
def test_deadlock(heads, queue, pc, tail):
    bench = Bench([*heads, *tail]).run()
    assert bench.error == (Cause.DEADLOCK, queue, pc, 0)


def test_deadlock_behind_a_full_queue():
    """The signal stands behind more matrix instructions than the queue holds."""
    words = [word(Unit.MATRIX, wait=1 << Unit.LOAD), *[word(Unit.MATRIX)] * (TINY.queues.depth + 8), word(Unit.LOAD, signal=2), HALT]
    assert Bench(words).run().error == (Cause.DEADLOCK, Unit.MATRIX, 0, 0)


@pytest.mark.parametrize("seed", range(4))
def test_a_long_chain_is_no_deadlock(seed):
    """One instruction at a time can move: every cycle between a retirement and its semaphore is a chance for a false alarm."""
    ring, words = [Unit.LOAD, Unit.MATRIX, Unit.VECTOR, Unit.STORE], []
    for step in range(60):
        unit, after, before = ring[step % 4], ring[(step + 1) % 4], ring[(step - 1) % 4]
        words.append(word(unit, wait=(1 << before) if step else 0, signal=1 << after))
    bench = Bench([*words, HALT], overlap=1, seed=seed, wait_register=seed % 2 == 1).run()
    assert bench.done and bench.error is None
    assert [pc for event, _, pc in bench.log if event == "retire"] == list(range(60))


@pytest.mark.parametrize(("bad", "cause"), [(0xFF, Cause.ILLEGAL_OPCODE), (HALT | 1 << 100, Cause.ILLEGAL_OPERAND),
                                            (word(0) & ~(0xFFF << 16), Cause.ILLEGAL_OPERAND)])
def test_an_illegal_instruction_waits_for_those_before_it_and_stops_those_after(bad, cause):
    program = [word(pc % 4) for pc in range(20)]
    bench = Bench([*program, bad, word(0), HALT]).run()
    assert bench.error == (cause, isa.CONTROL, 20, 0)
    assert sorted(pc for event, _, pc in bench.log if event == "retire") == list(range(20))


def test_the_end_of_the_program():
    bench = Bench([word(0), word(1), HALT], length=2).run()
    assert bench.error == (Cause.PROGRAM_END, isa.CONTROL, 2, 0)
    assert len(bench.log) == 4


def test_an_error_in_a_unit_goes_before_a_later_illegal_instruction():
    bench = Bench([word(Unit.VECTOR), word(Unit.VECTOR), 0xFF], fail_at=1).run()
    assert bench.error == (Cause.SCRATCHPAD, Unit.VECTOR, 1, 0xABCD)
    assert bench.performed(Unit.VECTOR) == [0]


def test_a_waiting_head_shows_in_the_status():
    bench = Bench([word(Unit.STORE, wait=0b0101), *[word(Unit.LOAD)] * 3, word(Unit.LOAD, signal=0b1000),
                   *[word(Unit.VECTOR)] * 6, word(Unit.VECTOR, signal=0b1000), HALT], overlap=1).run()
    assert {(Unit.STORE, State.WAIT_LOAD, 0), (Unit.STORE, State.WAIT_VECTOR, 0)} <= bench.states
    assert (Unit.STORE, State.RUN, 0) in bench.states  # the stand-in's own status passes through
    assert not {state for unit, state, _ in bench.states if unit == Unit.LOAD} & {State.WAIT_LOAD, State.WAIT_STORE}


def test_a_semaphore_overflows_at_its_maximum():
    dut, maximum = Semaphores(bits=6), 63

    async def testbench(ctx):
        ctx.set(dut.retire_1.valid, 1)
        ctx.set(dut.retire_1.signal, 0b0100)
        _, _, overflow = await ctx.tick().sample(dut.overflow)
        for _ in range(maximum - 1):
            assert not overflow
            _, _, overflow = await ctx.tick().sample(dut.overflow)
        assert not overflow and ctx.get(dut.overflow) == 0b0010
        ctx.set(dut.take_2, 0b0010)  # one comes, one goes
        assert ctx.get(dut.overflow) == 0
        await ctx.tick()
        ctx.set(dut.take_2, 0)
        assert ctx.get(dut.overflow) == 0b0010
        ctx.set(dut.clear, 1)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        assert ctx.get(dut.overflow) == 0 and ctx.get(dut.available_2) == 0

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
