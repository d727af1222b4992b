"""The DMA units against a row-by-row reading of the instruction set, on cocotbext-axi's memory and on a pipelined one."""

import dataclasses
import random
from typing import Any

import cocotb
import numpy as np
import pytest
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiBus, AxiRam

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause, State
from weft.verif.bench import runner
from weft.verif.bench.dma_agents import (
    DECERR,
    PAGE,
    SLVERR,
    BusMonitor,
    Cycles,
    Memory,
    Scratchpad,
    Unit,
    always,
    sometimes,
    start,
)
from weft.verif.bench.dma_top import DmaTop

UNITS = ("LOAD", "STORE")
pytestmark = pytest.mark.integration

MODULE = "weft.verif.bench.bench_dma"
RAM_BYTES = 1 << 18
LATENCY = 64


@dataclasses.dataclass(frozen=True)
class Move:
    """A shape and a run instruction. Names as in gen/isa."""

    rows: int
    dram_stride: int
    scratchpad_stride: int
    window: int
    dram_line: int
    scratchpad_line: int
    length: int
    pad_before: int = 0
    pad_after: int = 0
    pad_value: int = 0
    signal: int = 0

    def words(self, name: str) -> list[int]:
        shape = {"rows": self.rows, "dram_stride": self.dram_stride, "scratchpad_stride": self.scratchpad_stride}
        if name == "LOAD":
            shape |= {"pad_before": self.pad_before, "pad_after": self.pad_after, "pad_value": self.pad_value}
        return [isa.encode(f"{name}_SHAPE", **shape),
                isa.encode(name, signal=self.signal, window=self.window, dram_line=self.dram_line,
                           scratchpad_line=self.scratchpad_line, length=self.length)]

    def places(self) -> list[tuple[int, int]]:
        """(window line, scratchpad line) of the start of each row, before padding."""
        return [(self.dram_line + r * self.dram_stride, self.scratchpad_line + r * self.scratchpad_stride) for r in range(self.rows)]

    def load(self, dram: np.ndarray, first: int, scratchpad: np.ndarray) -> None:
        """`dram` is all memory in lines; the window begins at line `first`."""
        for far, near in self.places():
            row = [np.full(dram.shape[1], self.pad_value, np.uint8)] * self.pad_before
            row += [dram[first + far + n] for n in range(self.length)]
            row += [np.full(dram.shape[1], self.pad_value, np.uint8)] * self.pad_after
            for n, line in enumerate(row):
                scratchpad[near + n] = line

    def store(self, dram: np.ndarray, first: int, scratchpad: np.ndarray) -> None:
        for far, near in self.places():
            for n in range(self.length):
                dram[first + far + n] = scratchpad[near + n]

    def bursts(self, base: int, config: Config) -> list[tuple[int, int]]:
        """The bursts that the documentation promises: greedy up to the page, `burst_beats` and the row's end."""
        found = []
        for far, _ in self.places():
            line, left = base // config.line_bytes + far, self.length
            while left:
                beats = min(left, config.axi.burst_beats, PAGE // config.line_bytes - line % (PAGE // config.line_bytes))
                found.append((line * config.line_bytes, beats))
                line, left = line + beats, left - beats
        return found


class Windows:
    """Four windows anywhere in the memory."""

    def __init__(self, config: Config, generator: random.Random, units: list[Unit]) -> None:
        self.lines = [generator.randrange(300, 2000) for _ in range(isa.WINDOWS)]
        self.first = [generator.randrange(RAM_BYTES // config.line_bytes - size) for size in self.lines]
        self.base = [first * config.line_bytes for first in self.first]
        for unit in units:
            for number in range(isa.WINDOWS):
                unit.window(number, base=self.base[number], size=self.lines[number] * config.line_bytes)


def random_move(config: Config, windows: Windows, generator: random.Random, *, padded: bool) -> Move:
    """A legal move: rows, then strides of either sign that keep all rows inside, then a place for the first row."""
    window, rows, length = generator.randrange(isa.WINDOWS), generator.choice((1, 1, 2, 3, 9)), generator.choice((0, 1, 2, 5, 17, 40, 90))
    before, after = (generator.choice((0, 0, 1, 3)), generator.choice((0, 0, 1, 4))) if padded else (0, 0)

    def place(lines: int, used: int) -> tuple[int, int]:
        reach = (lines - used) // max(rows - 1, 1)
        stride = generator.randint(-reach, reach) if generator.random() < 0.5 else generator.randint(-min(used, reach), min(used, reach))
        low, high = max(0, -stride * (rows - 1)), lines - used - max(0, stride * (rows - 1))
        return stride, generator.randint(low, high)

    dram_stride, dram_line = place(windows.lines[window], length)
    near_stride, near_line = place(config.scratchpad_lines, before + length + after)
    return Move(rows, dram_stride, near_stride, window, dram_line, near_line, length, before, after, generator.randrange(256),
                generator.randrange(16))


def bench() -> tuple[Config, random.Random]:
    return Config.from_mapping(runner.bench_parameters()["config"], name="bench"), random.Random(cocotb.RANDOM_SEED)


def expected_retirements(moves: list[Move]) -> list[tuple[int, int]]:
    return [entry for n, move in enumerate(moves) for entry in ((2 * n, 0), (2 * n + 1, move.signal))]


def pauses(channel: Any, generator: random.Random, probability: float) -> None:
    """Make a cocotbext-axi channel pause at random."""
    channel.set_pause_generator(generator.random() < probability for _ in iter(int, 1))


@cocotb.test()
@cocotb.parametrize(name=UNITS)
async def random_moves(dut: Any, name: str) -> None:
    """Random instructions with every channel stalling at random; ends with equal memories, bursts and retirements."""
    config, generator = bench()
    await start(dut)
    unit = Unit(dut, name.lower())
    windows = Windows(config, generator, [unit])
    scratchpad = Scratchpad(dut, config, sometimes(generator, generator.choice((0.5, 0.9))), generator.randrange(1000))
    ram = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=RAM_BYTES)
    await RisingEdge(dut.clk)
    ram.write(0, np.random.default_rng(generator.randrange(1000)).bytes(RAM_BYTES))
    for channel in (ram.read_if.ar_channel, ram.read_if.r_channel, ram.write_if.aw_channel, ram.write_if.w_channel, ram.write_if.b_channel):
        pauses(channel, generator, generator.choice((0.1, 0.6)))
    monitor = BusMonitor(dut, config)

    moves = [random_move(config, windows, generator, padded=name == "LOAD") for _ in range(40)]
    dram = np.frombuffer(ram.read(0, RAM_BYTES), np.uint8).reshape(-1, config.line_bytes).copy()
    near, promised = scratchpad.lines.copy(), []
    for move in moves:
        (move.load if name == "LOAD" else move.store)(dram, windows.first[move.window], near)
        promised += move.bursts(windows.base[move.window], config)
    cocotb.start_soon(unit.feed([word for move in moves for word in move.words(name)], sometimes(generator, 0.7)))
    await unit.until(lambda: len(unit.retired) == 2 * len(moves) or bool(unit.errors), cycles=100_000)

    assert not unit.errors
    assert unit.retired == expected_retirements(moves)
    assert (monitor.reads if name == "LOAD" else monitor.writes) == promised
    assert not (monitor.writes if name == "LOAD" else monitor.reads)
    assert np.array_equal(scratchpad.lines, near)
    assert ram.read(0, RAM_BYTES) == dram.tobytes()


@cocotb.test()
@cocotb.parametrize(name=UNITS)
async def throughput(dut: Any, name: str) -> None:
    """64 KiB in four instructions: a beat a cycle after the first latency, within 5 %."""
    config, _ = bench()
    await start(dut)
    cycles, unit = Cycles(dut), Unit(dut, name.lower())
    memory = Memory(dut, config, cycles, latency=LATENCY, size=RAM_BYTES)
    scratchpad = Scratchpad(dut, config, always, 1)
    unit.window(0, base=0x1000, size=1 << 16)
    lines = (1 << 16) // config.line_bytes
    moves = [Move(rows=4, dram_stride=lines // 16, scratchpad_stride=lines // 16, window=0, dram_line=n * lines // 4,
                  scratchpad_line=n * lines // 4, length=lines // 16) for n in range(4)]
    cocotb.start_soon(unit.feed([word for move in moves for word in move.words(name)], always))
    await unit.until(lambda: len(unit.retired) == 2 * len(moves), cycles=4 * lines)

    begun = cycles.now if memory.first is None else memory.first
    ideal, measured = lines + LATENCY, cycles.now - begun
    if config.scratchpad.late_grants and name == "STORE":
        ideal += lines // config.axi.burst_beats  # a cycle each
    first = 0x1000 // config.line_bytes
    assert np.array_equal(scratchpad.lines[:lines], memory.data[first : first + lines])
    cocotb.log.info("%s: %d cycles for 64 KiB, ideal %d (%.2f %%)", name, measured, ideal, 100 * measured / ideal - 100)
    assert measured <= 1.05 * ideal, f"{measured} cycles, ideal {ideal}"
    assert unit.states[State.RUN] == lines


def bad_moves(config: Config, name: str, lines: int) -> list[tuple[Move, Cause, int]]:
    """Moves that fail, with cause and address. Window 0 has `lines` lines and both permissions, window 1 lacks the one needed."""
    size, near, pad = config.line_bytes, config.scratchpad_lines, int(name == "LOAD")
    return [
        (Move(1, 0, 0, 0, lines - 3, 0, 4), Cause.WINDOW, (lines - 3) * size),
        (Move(3, 5, 5, 0, lines - 9, 0, 5), Cause.WINDOW, (lines - 4) * size),
        (Move(2, -20, 5, 0, 4, 0, 5), Cause.WINDOW, ((1 << 28) - 16) * size % (1 << 32)),
        (Move(1, 0, 0, 1, 0, 0, 1), Cause.WINDOW, 0),
        (Move(1, 0, 0, 0, (1 << 28) - 1, 0, 2), Cause.WINDOW, ((1 << 28) - 1) * size % (1 << 32)),
        (Move(1, 0, 0, 0, 0, near - 3, 4), Cause.SCRATCHPAD, (near - 3) * size),
        (Move(2, 0, -8, 0, 0, 6, 2), Cause.SCRATCHPAD, ((1 << 24) - 2) * size),
        (Move(1, 0, 0, 1, 0, near - 1, 3), Cause.SCRATCHPAD, (near - 1) * size),
        (Move(1, 0, 0, 0, 0, near - 4, 5 - 2 * pad, pad_before=pad, pad_after=pad), Cause.SCRATCHPAD, (near - 4) * size)]


@cocotb.test()
@cocotb.parametrize(name=UNITS, index=range(9))
async def refusals(dut: Any, name: str, index: int) -> None:
    """Ranges and permissions: what precedes the bad row is done, nothing of it or after it reaches the bus, no retirement."""
    config, generator = bench()
    lines, base = 500, 0x2000
    move, cause, address = bad_moves(config, name, lines)[index]
    await start(dut)
    cycles, unit, monitor = Cycles(dut), Unit(dut, name.lower()), BusMonitor(dut, config)
    Memory(dut, config, cycles, latency=LATENCY, size=RAM_BYTES, may=sometimes(generator, 0.8))
    Scratchpad(dut, config, sometimes(generator, 0.8), 3)
    unit.window(0, base=base, size=lines * config.line_bytes)
    unit.window(1, base=0, size=lines * config.line_bytes, read=name != "LOAD", write=name != "STORE")
    good = Move(2, 40, 40, 0, 7, 3, 33, signal=5)
    cocotb.start_soon(unit.feed([word for each in (good, move, good) for word in each.words(name)], always))
    await unit.until(lambda: bool(unit.errors), cycles=5000)
    await unit.until(lambda: not int(unit.port("outstanding").value), cycles=5000)
    for _ in range(200):
        await RisingEdge(dut.clk)

    assert unit.errors == [(cause, 3, address)]
    assert unit.retired == [(0, 0), (1, 5), (2, 0)]
    rows_before = {1: 1, 2: 1, 6: 1}.get(index, 0)  # rows of the bad move that are fine
    partial = dataclasses.replace(move, rows=rows_before) if rows_before else None
    promised = good.bursts(base, config) + (partial.bursts(base, config) if partial else [])
    assert (monitor.reads if name == "LOAD" else monitor.writes) == promised


@cocotb.test()
@cocotb.parametrize(name=UNITS, response=(SLVERR, DECERR))
async def bus_errors(dut: Any, name: str, response: int) -> None:
    """Cause, instruction and burst of a bad answer; bursts in flight drain; nothing new; no later retirement."""
    config, generator = bench()
    await start(dut)
    cycles, unit, monitor = Cycles(dut), Unit(dut, name.lower()), BusMonitor(dut, config)
    memory = Memory(dut, config, cycles, latency=LATENCY, size=RAM_BYTES)
    scratchpad = Scratchpad(dut, config, sometimes(generator, 0.9), 3)
    before, beats = scratchpad.lines.copy(), min(config.axi.burst_beats, PAGE // config.line_bytes)
    unit.window(0, base=0, size=RAM_BYTES)
    moves = [Move(1, 0, 0, 0, n * 8 * beats, n * 8 * beats, 8 * beats, signal=n) for n in range(6)]
    bad_line = 2 * 8 * beats + 3 * beats + 2  # third beat of the fourth burst of the third move
    memory.faults[bad_line * config.line_bytes] = response
    cocotb.start_soon(unit.feed([word for move in moves for word in move.words(name)], always))
    await unit.until(lambda: bool(unit.errors), cycles=5000)
    await RisingEdge(dut.clk)
    monitor.closed = True
    await unit.until(lambda: not int(unit.port("outstanding").value), cycles=5000)
    for _ in range(200):
        await RisingEdge(dut.clk)

    causes = {("LOAD", SLVERR): Cause.READ_SLVERR, ("LOAD", DECERR): Cause.READ_DECERR,
              ("STORE", SLVERR): Cause.WRITE_SLVERR, ("STORE", DECERR): Cause.WRITE_DECERR}
    assert unit.errors == [(causes[name, response], 5, (bad_line - 2) * config.line_bytes)]
    assert unit.retired == [*expected_retirements(moves[:2]), (4, 0)]
    if name == "LOAD":  # beats before the bad one are written; it and all after it are not
        assert np.array_equal(scratchpad.lines[:bad_line], memory.data[:bad_line])
        assert np.array_equal(scratchpad.lines[bad_line:], before[bad_line:])


@cocotb.test()
@cocotb.parametrize(name=UNITS, cycle=(20, 60, 131, 200, 377, 640))
async def halting(dut: Any, name: str, cycle: int) -> None:
    """After `halt` no new burst; what was issued runs to its end, data and all."""
    config, generator = bench()
    await start(dut)
    cycles, unit, monitor = Cycles(dut), Unit(dut, name.lower()), BusMonitor(dut, config)
    memory = Memory(dut, config, cycles, latency=LATENCY, size=RAM_BYTES, may=sometimes(generator, 0.8))
    scratchpad = Scratchpad(dut, config, sometimes(generator, 0.6), 5)
    unit.window(0, base=0, size=RAM_BYTES)
    words = [word for n in range(4) for word in Move(4, 100, 100, 0, 400 * n, 400 * n, 90).words(name)]
    cocotb.start_soon(unit.feed(words, always))
    for _ in range(cycle):
        await RisingEdge(dut.clk)
    unit.port("halt").value = 1
    await RisingEdge(dut.clk)  # the value is seen from here on
    await RisingEdge(dut.clk)  # an address issued before is offered at the latest here
    monitor.closed = True
    await unit.until(lambda: not int(unit.port("outstanding").value), cycles=5000)
    for _ in range(200):
        await RisingEdge(dut.clk)
    assert not unit.errors and len(unit.retired) < len(words)
    for address, beats in monitor.reads + monitor.writes:
        first = address // config.line_bytes
        assert np.array_equal(scratchpad.lines[first : first + beats], memory.data[first : first + beats])


@cocotb.test()
@cocotb.parametrize(name=UNITS)
async def address_space_end(dut: Any, name: str) -> None:
    """A window that hangs over the end of the bus's address space: bursts up to the end, none around it."""
    config, _ = bench()
    await start(dut)
    cycles, unit, monitor = Cycles(dut), Unit(dut, name.lower()), BusMonitor(dut, config)
    Memory(dut, config, cycles, latency=LATENCY, size=RAM_BYTES)
    Scratchpad(dut, config, always, 3)
    base, lines = (1 << config.axi.address_bits) - PAGE, PAGE // config.line_bytes
    unit.window(3, base=base, size=2 * PAGE)
    cocotb.start_soon(unit.feed(Move(1, 0, 0, 3, 0, 0, lines + 3).words(name), always))
    await unit.until(lambda: bool(unit.errors), cycles=5000)
    await unit.until(lambda: not int(unit.port("outstanding").value), cycles=5000)
    assert unit.errors == [(Cause.WINDOW, 1, PAGE)]
    assert (monitor.reads if name == "LOAD" else monitor.writes) == Move(1, 0, 0, 3, 0, 0, lines).bursts(base, config)


CONFIGS = {
    "tiny4": Config.load(runner.CONFIGS / "tiny4.toml"),
    "edge8": Config.load(runner.CONFIGS / "edge8.toml"),  # lines wait in a queue for the scratchpad
    "edge16": Config.load(runner.CONFIGS / "edge16.toml"),
    # A burst may be longer than a page, and addresses wider than a window.
    "wide64": Config.from_mapping({
        "array": {"rows": 64, "columns": 64}, "accumulator": {"kib": 64},
        "axi": {"data_bits": 512, "address_bits": 40, "burst_beats": 256, "outstanding_reads": 4}}, name="wide64"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_dma(name: str) -> None:
    runner.run(DmaTop(CONFIGS[name]), f"dma_{name}", MODULE, parameters={"config": CONFIGS[name].canonical()})
