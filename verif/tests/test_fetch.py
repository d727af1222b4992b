"""Instruction fetch: the program arrives whole and in order, faults come in their place, nothing else is read."""

import dataclasses
import random

import pytest
from amaranth.sim import Simulator

from weft.gen.config import Config
from weft.gen.isa import WORD_BYTES, Cause
from weft.gen.sections import Array, Axi, Queues
from weft.hdl.control.fetch import Fetch
from weft.hdl.interfaces import DECERR, ID_FETCH, SLVERR
from weft.verif.tests.read_memory import ReadMemory

BASE = 0x4_2000


def _config(rows: int, *, burst_beats: int = 16, fetch_depth: int = 32) -> Config:
    return dataclasses.replace(Config(), array=Array(rows=rows, columns=rows), queues=Queues(fetch_depth=fetch_depth),
                               axi=Axi(data_bits=8 * rows, burst_beats=burst_beats))


@dataclasses.dataclass
class Run:
    """What one run gave: instructions taken, the fault (cause, pc, address) behind them, the memory's log."""

    words: list[int]
    fault: tuple[int, int, int]
    memory: ReadMemory


def _fetch(config, program, *, offset=0, length=None, size=None, readable=True, bad=(), pause=0.3, stall=0.3, take=None, runs=1, base=BASE):
    """Run `program` (words) at `offset` of a window of `size` bytes until the fault, or until `take` instructions were taken and
    dispatch stopped fetch; that `runs` times."""
    chance, dut, result = random.Random(7), Fetch(config), []
    length = len(program) if length is None else length
    image = bytes(offset) + b"".join(word.to_bytes(WORD_BYTES, "little") for word in program)
    size = (len(image) + config.line_bytes - 1) // config.line_bytes * config.line_bytes if size is None else size
    memory = ReadMemory(dut.axi, image + bytes(4096), line_bytes=config.line_bytes, burst_beats=config.axi.burst_beats, base=base,
                        pause=pause)
    memory.responses = dict(bad)

    async def testbench(ctx):
        for target, value in ((dut.offset, offset), (dut.length, length), (dut.window.base, base), (dut.window.size, size),
                              (dut.window.read, readable), (dut.stop, 1)):
            ctx.set(target, value)
        for _ in range(runs):
            words, last = [], take == 0
            await ctx.tick()
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            ctx.set(dut.stop, 0)
            for _ in range(20_000):
                ready = not last and chance.random() >= stall
                ctx.set(dut.instructions.ready, ready)
                _, _, valid, word, pc, fault, cause, place, address = await ctx.tick().sample(
                    dut.instructions.valid, dut.instructions.payload.word, dut.instructions.payload.pc, dut.fault.valid, dut.fault.cause,
                    dut.fault.pc, dut.fault.address)
                assert not (valid and fault)
                if valid and ready:
                    assert pc == len(words)
                    words.append(word)
                    last = len(words) == take
                    ctx.set(dut.stop, last)
                if fault or (last and not ctx.get(dut.outstanding)):
                    break
            else:
                raise AssertionError("no end")
            ctx.set(dut.stop, 1)
            await ctx.tick()
            assert not ctx.get(dut.outstanding) and not memory.waiting
            result.append(Run(words, (cause, place, address), memory))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.add_testbench(memory.serve, background=True)
    simulator.run()
    assert all(identifier == ID_FETCH for *_, identifier in memory.requests)
    end = base + min(size, -(-(offset + WORD_BYTES * length) // config.line_bytes) * config.line_bytes)
    assert all(base + offset <= address and address + beats * config.line_bytes <= end for address, beats, _ in memory.requests)
    return result


def _program(count: int) -> list[int]:
    chance = random.Random(count)
    return [chance.getrandbits(128) for _ in range(count)]


@pytest.mark.parametrize("rows", [4, 8, 16, 32, 64])
@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_the_program_arrives(rows, count):
    program = _program(count)
    (run,) = _fetch(_config(rows), program, offset=0x340)
    assert run.words == program
    assert run.fault == (Cause.PROGRAM_END, count, 0)


def test_an_empty_program_reads_nothing():
    (run,) = _fetch(_config(16), [], size=64)
    assert (run.words, run.fault, run.memory.requests) == ([], (Cause.PROGRAM_END, 0, 0), [])


@pytest.mark.parametrize(("rows", "size", "first"), [(4, 16 * 5 + 4, 5), (4, 16 * 5, 5), (16, 16 * 3, 3), (32, 32 * 2, 4), (16, 0, 0)])
def test_the_window_ends_first(rows, size, first):
    program = _program(40)
    (run,) = _fetch(_config(rows), program, size=size)
    assert run.words == program[:first]
    assert run.fault == (Cause.WINDOW, first, 16 * first)


def test_an_offset_behind_the_window():
    (run,) = _fetch(_config(16), _program(4), offset=0x100, size=0x80)
    assert (run.words, run.fault, run.memory.requests) == ([], (Cause.WINDOW, 0, 0x100), [])


def test_the_bus_ends_inside_the_window():
    program = _program(40)
    (run,) = _fetch(_config(16), program, offset=0x20, base=(1 << 32) - 0x80)
    assert run.words == program[:6]
    assert run.fault == (Cause.WINDOW, 6, 0x20 + 16 * 6)


def test_no_permission():
    (run,) = _fetch(_config(16), _program(4), readable=False)
    assert (run.words, run.fault, run.memory.requests) == ([], (Cause.WINDOW, 0, 0), [])


@pytest.mark.parametrize(("response", "cause"), [(SLVERR, Cause.READ_SLVERR), (DECERR, Cause.READ_DECERR)])
@pytest.mark.parametrize(("rows", "place", "first"), [(4, 16 * 9 + 8, 9), (16, 16 * 9, 9), (32, 32 * 5, 10)])
def test_a_bad_beat_stops_in_its_place(rows, place, first, response, cause):
    program = _program(40)
    (run,) = _fetch(_config(rows), program, bad={BASE + place: response, BASE + 16 * 30: SLVERR})
    assert run.words == program[:first]
    assert run.fault == (cause, first, 16 * first)


@pytest.mark.parametrize("rows", [4, 16, 32])
def test_a_new_run_begins_clean(rows):
    """Dispatch stops behind the first instructions, with more in the buffer and in flight."""
    program = _program(100)
    runs = _fetch(_config(rows), program, take=3, runs=4)
    assert [run.words for run in runs] == [program[:3]] * 4


def test_it_reads_ahead_at_full_rate():
    """A 128-bit bus without pauses, latency 5: one instruction a cycle but for the start."""
    config, program, cycles = _config(16, fetch_depth=64), _program(500), 0
    dut = Fetch(config)
    image = b"".join(word.to_bytes(WORD_BYTES, "little") for word in program)
    memory = ReadMemory(dut.axi, image, line_bytes=16, burst_beats=16, pause=0)

    async def testbench(ctx):
        nonlocal cycles
        for target, value in ((dut.length, 500), (dut.window.size, len(image)), (dut.window.read, 1), (dut.instructions.ready, 1),
                              (dut.start, 1)):
            ctx.set(target, value)
        await ctx.tick()
        ctx.set(dut.start, 0)
        while not ctx.get(dut.fault.valid):
            await ctx.tick()
            cycles += 1
        assert ctx.get(dut.fault.pc) == 500

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.add_testbench(memory.serve, background=True)
    simulator.run()
    assert cycles <= 500 + 20
