"""Quantiser in Verilator against the golden model: numbers of all kinds, random stalls on both sides, latency and throughput."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

from weft.gen.formats.element import ELEMENTS
from weft.gen.formats.operand import OPERANDS
from weft.hdl.formats.quantiser import Quantiser
from weft.verif.bench import runner
from weft.verif.golden.formats.blocks import ScaleRule, quantise
from weft.verif.golden.formats.element import decode

MX = [name for name, operand in OPERANDS.items() if operand.scale is ELEMENTS["e8m0"]]
BLOCKS = 600


def blocks(chance: np.random.Generator, source: str, count: int) -> np.ndarray:
    """Codes [count, 32]: like data, near the ends of the range, on and beside ties, at random; some with NaN or infinity."""
    element = ELEMENTS[source]
    mantissa, shape = element.mantissa_bits, (count, 32)
    random_codes = chance.integers(0, 1 << element.bits, shape)
    kind = chance.integers(0, 6, (count, 1))
    # Exponents near each other, around anything; short mantissas, which are ties of the narrow formats, and their neighbours.
    near = np.clip(chance.integers(0, 256, (count, 1)) - chance.geometric(0.2, shape), 0, 254)
    like = chance.integers(0, 2, shape) << (element.bits - 1) | near << mantissa | chance.integers(0, 1 << mantissa, shape)
    short = like & ~((1 << (mantissa - 4)) - 1)
    beside = np.clip((short & ((1 << (element.bits - 1)) - 1)) + chance.integers(-1, 2, shape), 0, (254 << mantissa) + (1 << mantissa) - 1)
    codes = np.select([kind == 0, kind == 1, kind == 2], [random_codes, short, beside], like)
    full = 255 << mantissa
    ordinary = np.where((codes & full) == full, codes & ~(1 << mantissa), codes)
    return np.where(chance.random((count, 1)) < 0.9, ordinary, codes)


def expected(operand: str, source: str, codes: np.ndarray, round_up: bool) -> tuple[np.ndarray, np.ndarray]:
    values = decode(ELEMENTS[source], codes)
    values = np.where(np.abs(values) < 2.0**-126, np.copysign(0.0, values), values)  # subnormal numbers count as zero
    matrix = quantise(OPERANDS[operand], values, rule=ScaleRule.UP if round_up else ScaleRule.FLOOR)
    return matrix.scales[:, 0], np.where(matrix.scales == 255, 0, matrix.codes)


@cocotb.test()
async def blocks_of_all_kinds(dut) -> None:
    given = runner.bench_parameters()
    lanes, element, source = given["lanes"], OPERANDS[given["operand"]].element, ELEMENTS[given["source"]]
    chance, numbers = random.Random(cocotb.RANDOM_SEED), np.random.default_rng(cocotb.RANDOM_SEED)
    codes = blocks(numbers, given["source"], BLOCKS)
    scales, wanted = expected(given["operand"], given["source"], codes, given["round_up"])
    assert len(set(scales.tolist())) > 100 and 255 in scales and (scales == 255).mean() < 0.5
    beats = codes.reshape(-1, lanes).tolist()
    await start(dut)
    sent, results, eager = 0, [], True
    for cycle in range(len(beats) * 20):
        if len(results) == len(beats):
            break
        if cycle % 64 == 0:
            eager = chance.random() < 0.3
        if not int(dut.i__valid.value) and sent < len(beats) and (eager or chance.random() < 0.7):
            dut.i__valid.value = 1
            dut.i__payload.value = sum(code << source.bits * n for n, code in enumerate(beats[sent]))
        dut.o__ready.value = int(eager or chance.random() < 0.6)
        before = dut.o__payload.value if int(dut.o__valid.value) and not int(dut.o__ready.value) else None
        taken, ready = await edge(dut)
        if before is not None and taken is None:
            assert int(dut.o__valid.value) and dut.o__payload.value == before, "held until taken"
        if taken is not None:
            results.append(taken)
        if ready:
            sent += 1
            dut.i__valid.value = 0
    assert len(results) == len(beats)
    for number, (result, target) in enumerate(zip(results, wanted.reshape(-1, lanes).tolist(), strict=True)):
        found = [result >> 8 + element.bits * n & ((1 << element.bits) - 1) for n in range(lanes)]
        assert (result & 255, found) == (scales[number * lanes // 32], target), (number, [hex(code) for code in beats[number]])


async def start(dut) -> None:
    Clock(dut.clk, 10, unit="ns").start()
    dut.rst.value, dut.i__valid.value, dut.i__payload.value, dut.o__ready.value = 1, 0, 0, 0
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    dut.rst.value = 0


async def edge(dut) -> tuple[int | None, bool]:
    """One rising edge; ports were set at the falling edge before. The payload that left, and whether something entered."""
    await Timer(1, unit="ns")
    taken = int(dut.o__payload.value) if int(dut.o__valid.value) and int(dut.o__ready.value) else None
    entered = bool(int(dut.i__valid.value) and int(dut.i__ready.value))
    await FallingEdge(dut.clk)
    return taken, entered


@cocotb.test()
async def latency_and_throughput(dut) -> None:
    """One beat in and out each cycle without a gap; the first beat `LATENCY` cycles after the last of its block."""
    given = runner.bench_parameters()
    beats = 32 // given["lanes"]
    await start(dut)
    dut.i__valid.value, dut.o__ready.value = 1, 1
    entered, left = [], []
    for cycle in range(beats * 12 + 20):
        taken, enters = await edge(dut)
        entered += [cycle] * enters
        left += [cycle] * (taken is not None)
    assert entered == list(range(len(entered))) and len(entered) == beats * 12 + 20
    assert left == list(range(left[0], left[0] + len(left))) and left[0] == beats - 1 + Quantiser.LATENCY


def run(operand: str, source: str, lanes: int, round_up: bool) -> None:
    parameters = {"operand": operand, "source": source, "lanes": lanes, "round_up": round_up}
    runner.run(Quantiser(OPERANDS[operand], source=source, lanes=lanes, round_up=round_up), "quantiser", "weft.verif.bench.bench_quantiser",
               parameters=parameters)


@pytest.mark.integration
@pytest.mark.parametrize("name", MX)
def test_formats(name):
    run(name, "bf16", 8, False)


@pytest.mark.integration
@pytest.mark.parametrize(("name", "source", "lanes", "round_up"), [
    ("mxfp4", "fp32", 4, True), ("mxfp8_e4m3", "fp32", 32, False), ("mxint8", "bf16", 1, True), ("mxfp8_e5m2", "fp32", 2, True)])
def test_other_parameters(name, source, lanes, round_up):
    run(name, source, lanes, round_up)
