"""Accumulators against a dictionary: a stream that never waits, a vector unit that takes what it leaves.

As Verilog in Verilator: requests held until they are taken, on any line at any time. In amaranth.sim: the assertion on the stream, and
ordered traffic.
"""

import random
from pathlib import Path

import cocotb
import pytest
from amaranth.sim import Simulator
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from weft.gen.config import Config
from weft.hdl.interfaces import AccumulatorRead
from weft.hdl.matrix.accumulators import Accumulators
from weft.verif.bench import runner

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
                clash = (stream and add and line // half == read_line // half) or (writing and write_line == read_line)
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


def _port(dut, name: str, **members: int) -> None:
    for member, value in members.items():
        getattr(dut, f"{name}__{member}").value = int(value)


@cocotb.test()
async def held_requests_against_the_stream(dut) -> None:
    """A request stays until it is taken; the stream is random, in bursts, and may touch the lines that are asked for.

    Every cycle: who waits and that only a reason of the contract makes it wait, the counts, and the data read, which stay.
    """
    chance = random.Random(cocotb.RANDOM_SEED)
    half, lines = LINES // 2, [0, 1, LINES // 2 - 1, LINES // 2, LINES // 2 + 1, LINES - 1]
    Clock(dut.clk, 10, unit="ns").start()
    for name in ("accumulate", "read", "write"):
        _port(dut, name, valid=0)
    dut.rst.value = 1
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    dut.rst.value = 0
    contents = {line: chance.getrandbits(32 * LANES) for line in lines}
    for line, data in contents.items():
        _port(dut, "write", valid=1, address=line, data=data)
        await FallingEdge(dut.clk)

    streamed: dict[int, int] = {}  # line -> last cycle in the stream
    totals: dict[int, tuple[int, int]] = {}  # cycle of the stream's write -> line, value
    shown: dict[int, int] = {}  # cycle from which `read.data` shows a value -> value
    reading = writing = data_now = None
    density, load, waits, taken = 1.0, 1.0, {"read": 0, "write": 0}, {"read": 0, "write": 0}
    for cycle in range(8000):
        if chance.random() < 0.03:
            density, load = chance.choice([0.0, 0.3, 0.8, 1.0]), chance.choice([0.1, 0.5, 1.0])
        # The stream: adds keep the distance that the matrix sequencer keeps.
        line, add = chance.choice(lines), chance.random() < 0.6
        add = add and cycle - streamed.get(line, -9) > 2
        stream, term = chance.random() < density, chance.getrandbits(BITS * LANES)
        _port(dut, "accumulate", valid=stream, add=add, address=line, data=term)
        if reading is None and chance.random() < load:
            reading = chance.choice(lines)
        if writing is None and chance.random() < load:
            writing = chance.choice(lines), chance.getrandbits(32 * LANES)
        # Ports that do not ask say anything, and `ready` answers that too.
        write_line, write_data = writing or (chance.choice(lines), chance.getrandbits(32 * LANES))
        read_line = chance.choice(lines) if reading is None else reading
        _port(dut, "read", valid=reading is not None, address=read_line)
        _port(dut, "write", valid=writing is not None, address=write_line, data=write_data)
        await ReadOnly()

        added, total = stream and add, totals.pop(cycle, None)
        write_ready = not (added and line == write_line) and (total is None or total[0] // half != write_line // half)
        written = writing is not None and write_ready
        read_ready = (not (added and line // half == read_line // half) and (total is None or total[0] != read_line)
                      and not (writing is not None and write_line == read_line))
        assert (int(dut.read__ready.value), int(dut.write__ready.value)) == (read_ready, write_ready), cycle
        taken_read = reading is not None and read_ready
        assert int(dut.reads.value) == added + taken_read, cycle
        assert int(dut.writes.value) == (total is not None) + written, cycle
        data_now = shown.pop(cycle, data_now)
        assert data_now is None or int(dut.read__data.value) == data_now, cycle

        if stream:
            streamed[line] = cycle
            totals[cycle + 2] = line, _add(contents[line] if add else 0, term)
        if taken_read:
            shown[cycle + AccumulatorRead.LATENCY] = contents[read_line]
        for name, asked, done in (("read", reading is not None, taken_read), ("write", writing is not None, written)):
            waits[name] += asked and not done
            taken[name] += done
        if total is not None:
            contents[total[0]] = total[1]
        if written:
            contents[write_line] = write_data
        reading, writing = None if taken_read else reading, None if written else writing
        await FallingEdge(dut.clk)
    assert min(*waits.values(), *taken.values()) > 500


@pytest.mark.integration
def test_verilog():
    runner.run(Accumulators(CONFIG), "accumulators", "weft.verif.bench.bench_accumulators")
