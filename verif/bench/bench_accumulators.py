"""Accumulators against a dictionary, in amaranth.sim: a stream that never waits, a vector unit that takes what it leaves."""

import random
from pathlib import Path

import pytest
from amaranth.sim import Simulator

from weft.gen.config import Config
from weft.hdl.interfaces import AccumulatorRead
from weft.hdl.matrix.accumulators import Accumulators

CONFIG = Config.load(Path(__file__).resolve().parents[2] / "configs" / "tiny4.toml")
LINES, LANES, BITS = CONFIG.accumulator_lines, CONFIG.lanes, CONFIG.partial_sum_bits


def _add(line: int, data: int) -> int:
    """Lane by lane, data sign-extended, wrapping."""
    total = 0
    for lane in range(LANES):
        term = data >> (BITS * lane) & ((1 << BITS) - 1)
        term -= (term >> (BITS - 1)) << BITS
        total |= ((line >> (32 * lane)) + term & 0xFFFF_FFFF) << (32 * lane)
    return total


def _simulate(dut: Accumulators, testbench) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("density", [1.0, 0.6])
def test_random_traffic(density):
    """All three sides in few lines of both banks; each line's value changes in the cycle that its contract says."""
    dut, chance = Accumulators(CONFIG), random.Random(5)
    lines = [0, 1, 2, LINES // 2 - 1, LINES // 2, LINES // 2 + 1, LINES - 2, LINES - 1]

    async def testbench(ctx):
        contents = {}
        for line in lines:  # contents are undefined at first
            contents[line] = chance.getrandbits(32 * LANES)
            ctx.set(dut.write.valid, 1)
            ctx.set(dut.write.address, line)
            ctx.set(dut.write.data, contents[line])
            await ctx.tick()
        touched, matrix_writes, due = {}, {}, {}  # line -> cycle; cycle -> (line, add, data); cycle -> expected read data
        counts = {"reads": 0, "writes": 0, "vector_waits": 0}
        for cycle in range(4000):
            # A line that the stream is working on is nobody else's: programs order such accesses with semaphores.
            free = [line for line in lines if cycle - touched.get(line, -9) > Accumulators.HAZARD]
            stream = chance.random() < density and bool(free)
            line, add, data = chance.choice(free or lines), chance.getrandbits(1), chance.getrandbits(BITS * LANES)
            others = [other for other in free if other != line or not stream]
            for name, value in (("valid", stream), ("add", add), ("address", line), ("data", data)):
                ctx.set(getattr(dut.accumulate, name), value)
            reading, writing = bool(others) and chance.random() < 0.7, bool(others) and chance.random() < 0.5
            read_line, write_line = (chance.choice(others or lines) for _ in range(2))
            write_data = chance.getrandbits(32 * LANES)
            ctx.set(dut.read.valid, reading)
            ctx.set(dut.read.address, read_line)
            ctx.set(dut.write.valid, writing)
            ctx.set(dut.write.address, write_line)
            ctx.set(dut.write.data, write_data)
            if cycle in due:
                assert ctx.get(dut.read.data) == due.pop(cycle)
            read_taken, write_taken = reading and ctx.get(dut.read.ready), writing and ctx.get(dut.write.ready)
            counts["vector_waits"] += reading + writing - read_taken - write_taken
            matrix_write = matrix_writes.pop(cycle, None)
            assert ctx.get(dut.reads) == (stream and add) + read_taken
            assert ctx.get(dut.writes) == (matrix_write is not None) + write_taken
            half = LINES // 2
            if reading:  # it waits only for a reason that the contract names
                clash = (stream and add and line // half == read_line // half) or (write_taken and write_line == read_line)
                assert read_taken == (not clash)
            if writing:
                assert write_taken == (matrix_write is None or matrix_write[0] // half != write_line // half)
            if read_taken:
                due[cycle + AccumulatorRead.LATENCY] = contents[read_line]
            if matrix_write is not None:
                target, adds, term = matrix_write
                contents[target] = _add(contents[target] if adds else 0, term)
            if write_taken:
                contents[write_line] = write_data
            if stream:
                touched[line] = cycle
                matrix_writes[cycle + Accumulators.LATENCY - 1] = (line, add, data)
            await ctx.tick()
        assert counts["vector_waits"] > 100

    _simulate(dut, testbench)


@pytest.mark.parametrize("distance", range(1, Accumulators.HAZARD + 2))
def test_adding_too_soon_is_an_assertion_failure(distance):
    dut = Accumulators(CONFIG)

    async def testbench(ctx):
        ctx.set(dut.accumulate.address, 3)
        ctx.set(dut.accumulate.valid, 1)
        await ctx.tick()
        ctx.set(dut.accumulate.valid, 0)
        for _ in range(distance - 1):
            await ctx.tick()
        ctx.set(dut.accumulate.valid, 1)
        ctx.set(dut.accumulate.add, 1)
        await ctx.tick()

    if distance <= Accumulators.HAZARD:
        with pytest.raises(AssertionError, match=r"added to before|in which it is written"):
            _simulate(dut, testbench)
    else:
        _simulate(dut, testbench)


def test_overwriting_needs_no_distance():
    """Two values for one line in neighbouring cycles: the second stays."""
    dut = Accumulators(CONFIG)

    async def testbench(ctx):
        ctx.set(dut.accumulate.valid, 1)
        for value in (1, 2):
            ctx.set(dut.accumulate.data, value)
            await ctx.tick()
        ctx.set(dut.accumulate.valid, 0)
        await ctx.tick().repeat(Accumulators.LATENCY - 1)
        ctx.set(dut.read.valid, 1)
        assert ctx.get(dut.read.ready)
        await ctx.tick().repeat(AccumulatorRead.LATENCY)
        assert ctx.get(dut.read.data) == 2

    _simulate(dut, testbench)
