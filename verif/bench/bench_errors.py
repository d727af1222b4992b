"""Every error that a whole NPU can report: cause, place, interrupt, no stray write, and a good run after a soft reset."""

import dataclasses
import random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiResp

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import CONTROL, Alu, Cause, Destination, Rounding, Select, Source, Unit, encode
from weft.sim.build import TOP, verilog_text
from weft.verif.bench import runner
from weft.verif.bench.bench_registers import CONFIG, CONFIGS
from weft.verif.bench.npu_agents import Dram, Driver, image, power_up

LINE = CONFIG.line_bytes
DONE, ERROR = 1, 2  # interrupts
PROGRAM, INPUT, OUTPUT = 0, 1, 2  # windows; window 3 stays empty
BASE = {PROGRAM: 0x1000, INPUT: 0x8000, OUTPUT: 0xC000}
SIZE = {PROGRAM: 0x1000, INPUT: 0x400, OUTPUT: 0x400}
DRAM_BYTES = 0x10000
SCRATCHPAD_LINES, ACCUMULATOR_LINES = CONFIG.scratchpad.kib * 1024 // 4, CONFIG.accumulator.kib * 1024 // 16
CONCURRENT = CONFIG.machine.organisation == "decoupled"
HALT = encode("HALT")
POSITIONS = 8


def load_shape(rows=1, dram_stride=0, scratchpad_stride=0, before=0, after=0):
    return encode("LOAD_SHAPE", rows=rows, dram_stride=dram_stride, scratchpad_stride=scratchpad_stride, pad_before=before,
                  pad_after=after, pad_value=0)


def load(line=0, *, window=INPUT, dram_line=0, length=4, wait=0, signal=0):
    return encode("LOAD", wait=wait, signal=signal, window=window, dram_line=dram_line, scratchpad_line=line, length=length)


def store_shape(rows=1, dram_stride=0, scratchpad_stride=0):
    return encode("STORE_SHAPE", rows=rows, dram_stride=dram_stride, scratchpad_stride=scratchpad_stride)


def store(line=0, *, window=OUTPUT, dram_line=0, length=4, wait=0, signal=0):
    return encode("STORE", wait=wait, signal=signal, window=window, dram_line=dram_line, scratchpad_line=line, length=length)


def matrix_shape(positions=POSITIONS, stride=LINE):
    return encode("MATRIX_SHAPE", x_count=positions, x_stride=stride, y_count=1, y_stride=0, inner_count=1, inner_stride=0, outer_count=1,
                  outer_stride=0)


def matmul(activation=4 * LINE, weight_line=0, accumulator=0, *, wait=0, signal=0):
    return encode("MATMUL", wait=wait, signal=signal, activation=activation, weight_line=weight_line, accumulator=accumulator,
                  accumulate=0)


def vector_setup(count=POSITIONS):
    """Accumulator lines to saturated bytes."""
    return [
        encode("VECTOR_LOOP", count_0=count, count_1=1, count_2=1, count_3=1, reduce=0),
        *(encode("VECTOR_STRIDE", operand=operand, stride_0=step, stride_1=0, stride_2=0, stride_3=0)
          for operand, step in ((0, 1), (1, 0), (2, LINE))),
        encode("VECTOR_SCALE", pre=0, multiplier=1, left=0, right=0, rounding=Rounding.FLOOR, pre_select=Select.CONSTANT,
               multiplier_select=Select.CONSTANT, left_select=Select.CONSTANT, right_select=Select.CONSTANT),
        encode("VECTOR_POST", post=0, low=-128, high=127, alu=Alu.PASS, table=0)]


def vector(a=0, destination=64 * LINE, *, source=Source.ACCUMULATOR, parameter=0, wait=0, signal=0):
    return encode("VECTOR", wait=wait, signal=signal, a=a, a_source=source, b=0, b_source=Source.NONE, destination=destination,
                  destination_kind=Destination.BYTES, lanes=4, parameter=parameter, overlap=0)


def to(*units):
    """Mask of units."""
    return sum(1 << unit for unit in units)


# All four units in turn: 4 lines of weights and 8 vectors in, 8 vectors of saturated products out.
GOOD = [load_shape(), load(0, length=4 + POSITIONS, signal=to(Unit.MATRIX)), matrix_shape(),
        matmul(wait=to(Unit.LOAD), signal=to(Unit.VECTOR)), *vector_setup(), vector(wait=to(Unit.MATRIX), signal=to(Unit.STORE)),
        store_shape(), store(64, length=POSITIONS, wait=to(Unit.VECTOR)), HALT]


@dataclasses.dataclass(frozen=True)
class Case:
    """A program that fails at `pc` in `queue`. `address` is what ERROR_ADDRESS shows.

    faults: bus address -> response. length: PROGRAM_LENGTH, if not that of the program. readable: of the program window.
    written: window lines of OUTPUT that are written all the same.
    """

    words: list[int]
    cause: Cause
    queue: int
    pc: int
    address: int = 0
    faults: dict[int, AxiResp] = dataclasses.field(default_factory=dict)
    length: int | None = None
    readable: bool = True
    size: int = SIZE[PROGRAM]
    written: tuple[int, ...] = ()


# What follows the failing instruction in its queue, and what waits for it: none of it may happen.
AFTER = [load(32), store_shape(), store(0, dram_line=16, length=8, wait=to(Unit.LOAD)), HALT]
LOADS = [load_shape(), load(0)]

CASES = {
    "illegal_opcode": Case([*LOADS, 0xEE, *AFTER], Cause.ILLEGAL_OPCODE, CONTROL, 2),
    "opcode_zero": Case([0], Cause.ILLEGAL_OPCODE, CONTROL, 0),
    "reserved_bit": Case([*LOADS, HALT | 1 << 127, *AFTER], Cause.ILLEGAL_OPERAND, CONTROL, 2),
    "field_below_minimum": Case([load_shape() & ~(0xFFF << 16), *AFTER], Cause.ILLEGAL_OPERAND, CONTROL, 0),
    "field_above_maximum": Case([*LOADS, encode("VECTOR_STRIDE", operand=2, stride_0=0, stride_1=0, stride_2=0, stride_3=0) | 1 << 16,
                                 *AFTER], Cause.ILLEGAL_OPERAND, CONTROL, 2),
    "program_end": Case([*LOADS, load(8)], Cause.PROGRAM_END, CONTROL, 3),
    "program_end_before_halt": Case([*LOADS, HALT], Cause.PROGRAM_END, CONTROL, 2, length=2),
    "empty_program": Case([HALT], Cause.PROGRAM_END, CONTROL, 0, length=0),
    "fetch_window": Case([load_shape()] * 8 + [HALT], Cause.WINDOW, CONTROL, 5, address=80, size=80),
    "fetch_permission": Case(GOOD, Cause.WINDOW, CONTROL, 0, readable=False),
    "fetch_slverr": Case([*LOADS, *LOADS, *AFTER], Cause.READ_SLVERR, CONTROL, 3, address=48, faults={BASE[PROGRAM] + 56: AxiResp.SLVERR}),
    "fetch_decerr": Case(GOOD, Cause.READ_DECERR, CONTROL, 0, faults={BASE[PROGRAM]: AxiResp.DECERR}),
    "load_window": Case([*LOADS, load(0, dram_line=SIZE[INPUT] // LINE - 3, length=4), *AFTER], Cause.WINDOW, Unit.LOAD, 2,
                        address=SIZE[INPUT] - 3 * LINE),
    "load_window_far": Case([*LOADS, load(0, dram_line=(1 << 28) - 1, length=1), *AFTER], Cause.WINDOW, Unit.LOAD, 2,
                            address=0x3FFFFFFC),
    "load_empty_window": Case([*LOADS, load(0, window=3), *AFTER], Cause.WINDOW, Unit.LOAD, 2),
    "load_permission": Case([*LOADS, load(0, window=OUTPUT), *AFTER], Cause.WINDOW, Unit.LOAD, 2),
    "load_scratchpad": Case([*LOADS, load(SCRATCHPAD_LINES - 3), *AFTER], Cause.SCRATCHPAD, Unit.LOAD, 2,
                            address=(SCRATCHPAD_LINES - 3) * LINE),
    "load_slverr": Case([*LOADS, load(0, dram_line=16), *AFTER], Cause.READ_SLVERR, Unit.LOAD, 2, address=64,
                        faults={BASE[INPUT] + 72: AxiResp.SLVERR}),
    "load_decerr": Case([*LOADS, load(0, dram_line=16), *AFTER], Cause.READ_DECERR, Unit.LOAD, 2, address=64,
                        faults={BASE[INPUT] + 64: AxiResp.DECERR}),
    "store_window": Case([*LOADS, store_shape(), store(0, dram_line=SIZE[OUTPUT] // LINE - 3), store(0), HALT], Cause.WINDOW, Unit.STORE, 3,
                         address=SIZE[OUTPUT] - 3 * LINE),
    "store_permission": Case([*LOADS, store_shape(), store(0, window=INPUT), store(0), HALT], Cause.WINDOW, Unit.STORE, 3),
    "store_scratchpad": Case([store_shape(), store(SCRATCHPAD_LINES), store(0), HALT], Cause.SCRATCHPAD, Unit.STORE, 1,
                             address=SCRATCHPAD_LINES * LINE),
    "store_second_row": Case([load_shape(), load(0, length=4, signal=to(Unit.STORE)), store_shape(2, dram_stride=SIZE[OUTPUT] // LINE),
                              store(0, dram_line=8, length=2, wait=to(Unit.LOAD)), store(0), HALT], Cause.WINDOW, Unit.STORE, 3,
                             address=SIZE[OUTPUT] + 8 * LINE, written=(8, 9)),
    "store_slverr": Case([load_shape(), load(0, signal=to(Unit.STORE)), store_shape(), store(0, dram_line=4, wait=to(Unit.LOAD)),
                          load(0, wait=to(Unit.STORE)), HALT], Cause.WRITE_SLVERR, Unit.STORE, 3, address=16,
                         faults={BASE[OUTPUT] + 28: AxiResp.SLVERR}, written=(4, 5, 6, 7)),
    "store_decerr": Case([load_shape(), load(0, signal=to(Unit.STORE)), store_shape(), store(0, dram_line=4, wait=to(Unit.LOAD)),
                          load(0, wait=to(Unit.STORE)), HALT], Cause.WRITE_DECERR, Unit.STORE, 3, address=16,
                         faults={BASE[OUTPUT] + 16: AxiResp.DECERR}, written=(4, 5, 6, 7)),
    "matrix_activation": Case([*LOADS, matrix_shape(), matmul(activation=SCRATCHPAD_LINES * LINE - LINE * 2, signal=to(Unit.STORE)),
                               store_shape(), store(0, wait=to(Unit.MATRIX)), HALT], Cause.SCRATCHPAD, Unit.MATRIX, 3,
                              address=SCRATCHPAD_LINES * LINE),
    "matrix_unaligned_end": Case([matrix_shape(1), matmul(activation=SCRATCHPAD_LINES * LINE - 3), HALT], Cause.SCRATCHPAD, Unit.MATRIX, 1,
                                 address=SCRATCHPAD_LINES * LINE - 3),
    "matrix_weights": Case([matrix_shape(1), matmul(weight_line=SCRATCHPAD_LINES - 3), HALT], Cause.SCRATCHPAD, Unit.MATRIX, 1,
                           address=(SCRATCHPAD_LINES - 3) * LINE),
    "matrix_accumulator": Case([matrix_shape(), matmul(accumulator=ACCUMULATOR_LINES - 2), HALT], Cause.ACCUMULATOR, Unit.MATRIX, 1,
                               address=ACCUMULATOR_LINES),
    "vector_accumulator": Case([*vector_setup(), vector(a=ACCUMULATOR_LINES - 4, signal=to(Unit.STORE)), store_shape(),
                                store(0, wait=to(Unit.VECTOR)), HALT], Cause.ACCUMULATOR, Unit.VECTOR, 6, address=ACCUMULATOR_LINES),
    "vector_scratchpad": Case([*vector_setup(1), vector(a=SCRATCHPAD_LINES * LINE - 3, source=Source.INT8), HALT], Cause.SCRATCHPAD,
                              Unit.VECTOR, 6, address=SCRATCHPAD_LINES * LINE - 3),
    "vector_destination": Case([*vector_setup(), vector(destination=SCRATCHPAD_LINES * LINE - 2 * LINE), HALT], Cause.SCRATCHPAD,
                               Unit.VECTOR, 6, address=SCRATCHPAD_LINES * LINE),
    # The queue with the lowest number; a machine that performs one instruction after the other does not get further than the first.
    "deadlock": Case([*LOADS, store_shape(), store(0, wait=to(Unit.MATRIX)), load(8, wait=to(Unit.VECTOR)), HALT], Cause.DEADLOCK,
                     *((Unit.LOAD, 4) if CONCURRENT else (Unit.STORE, 3))),
    "deadlock_behind_a_full_queue": Case([store_shape(), store(0, wait=to(Unit.LOAD)), *[store(0)] * 20, load_shape(),
                                          load(0, signal=to(Unit.STORE)), HALT], Cause.DEADLOCK, Unit.STORE, 1),
}


async def _begin(dut) -> tuple[Driver, Dram]:
    host, dram = await power_up(dut, DRAM_BYTES)
    dram.readable = [range(BASE[window], BASE[window] + SIZE[window]) for window in (PROGRAM, INPUT)]
    dram.writable = [range(BASE[OUTPUT], BASE[OUTPUT] + SIZE[OUTPUT])]
    return host, dram


async def _start(host: Driver, dram: Dram, words: list[int], *, length=None, readable=True, size=SIZE[PROGRAM]) -> None:
    dram.memory[BASE[PROGRAM]:BASE[PROGRAM] + SIZE[PROGRAM]] = image(words).ljust(SIZE[PROGRAM], b"\xFF")
    await host.window(PROGRAM, BASE[PROGRAM], size, read=readable, write=False)
    await host.window(INPUT, BASE[INPUT], SIZE[INPUT], read=True, write=False)
    await host.window(OUTPUT, BASE[OUTPUT], SIZE[OUTPUT], read=False, write=True)
    await host.start(0, len(words) if length is None else length)


async def _good_run(host: Driver, dram: Dram, seed: int) -> None:
    """All units work and the result is right."""
    chance = np.random.default_rng(seed)
    weights, vectors = chance.integers(-20, 20, (LINE, LINE)), chance.integers(-128, 128, (POSITIONS, LINE))
    data = np.concatenate([weights, vectors]).astype(np.int8).tobytes()
    dram.memory[BASE[INPUT]:BASE[INPUT] + len(data)] = data
    dram.written.clear()
    await _start(host, dram, GOOD)
    assert await host.interrupt() == DONE
    assert await host.read("STATUS") == 2
    expected = np.clip(vectors @ weights, -128, 127).astype(np.int8).tobytes()
    assert dram.memory[BASE[OUTPUT]:BASE[OUTPUT] + len(expected)] == expected
    assert dram.written == [BASE[OUTPUT] + n for n in range(0, len(expected), LINE)]
    if not CONFIG.counters.enabled:
        return
    assert await host.read("COUNT_INSTRUCTIONS") == len(GOOD)
    assert await host.read("COUNT_MATRIX_VECTORS") == POSITIONS
    assert await host.read("COUNT_WEIGHT_TILES") == 1
    assert await host.read("COUNT_VECTOR_ITERATIONS") == POSITIONS
    assert await host.read("COUNT_DRAM_WRITE_BEATS") == POSITIONS
    assert await host.read("COUNT_DRAM_READ_BEATS") == 4 + POSITIONS + 4 * len(GOOD)
    cycles = await host.read("COUNT_CYCLES")
    for unit in Unit:
        assert sum([await host.read(f"COUNT_{unit.name}_{state.name}") for state in isa.State]) == cycles


@cocotb.test()
@cocotb.parametrize(name=list(CASES))
async def error(dut, name):
    case, chance = CASES[name], random.Random(name)
    host, dram = await _begin(dut)
    dram.pause(chance, chance.choice((0.0, 0.3)))
    dram.faults = dict(case.faults)
    await _start(host, dram, case.words, length=case.length, readable=case.readable, size=case.size)
    assert await host.interrupt() == ERROR
    assert await host.read("STATUS") == 4, "not busy, not done, error"
    found = (await host.field("ERROR", "cause"), await host.field("ERROR", "queue"), await host.read("ERROR_PC"),
             await host.read("ERROR_ADDRESS"))
    assert found == (case.cause, case.queue, case.pc, case.address)
    assert dram.written == [BASE[OUTPUT] + line * LINE for line in case.written]

    await host.write("CONTROL", 1)  # ignored after an error
    await ClockCycles(dut.clk, 300)
    assert await host.read("STATUS") == 4
    assert await host.read("INTR_STATE") == 0
    assert await host.field("ERROR", "cause") == case.cause, "sticky"
    assert len(dram.written) == len(case.written), "a write after the error"

    await host.soft_reset()
    assert await host.read("STATUS") == 0
    assert await host.read("ERROR") == 0
    dram.faults = {}
    await _good_run(host, dram, seed=1)
    assert not dram.violations


@cocotb.test()
async def good_runs_follow_each_other(dut):
    host, dram = await _begin(dut)
    for seed in range(4):
        await _good_run(host, dram, seed)
    dram.pause(random.Random(1), 0.5)
    for seed in range(4, 8):
        await _good_run(host, dram, seed)
    assert not dram.violations


@cocotb.test()
@cocotb.parametrize(delay=[0, 5, 17, 40, 77, 120, 160, 200, 300, 450])
async def soft_reset_in_the_middle_of_a_run(dut, delay):
    """No burst is cut off, and the next run knows nothing of the one before."""
    host, dram = await _begin(dut)
    dram.pause(random.Random(delay), 0.4)
    stores = [store_shape(), *[store(0, dram_line=4 * n, length=4) for n in range(12)]]
    await _start(host, dram, [load_shape(), *[load(0, length=40)] * 6, *stores, *[load(0, length=40)] * 6, HALT])
    await ClockCycles(dut.clk, delay + 1)
    await host.soft_reset()
    assert await host.read("STATUS") == 0
    assert len(dram.written) % (4 if CONCURRENT else 1) == 0, "a burst was cut off"
    assert await host.read("INTR_STATE") in (0, DONE)
    await host.write("INTR_STATE", 3)
    await _good_run(host, dram, seed=delay)
    assert not dram.violations


@pytest.mark.integration
@pytest.mark.parametrize("name", CONFIGS)
def test_errors(name):
    runner.run(verilog_text(Config.load(runner.CONFIGS / f"{name}.toml")), TOP, "weft.verif.bench.bench_errors",
               parameters={"config": name})
