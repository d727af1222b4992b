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
FACTORS = (2.0**-126, 1.5 * 2.0**-30, 0.0123, 1.9999999 * 2.0**40, 3.0 * 2.0**100)  # of tensors, for NVFP4


def blocks(chance: np.random.Generator, source: str, count: int, factor: float) -> np.ndarray:
    """Codes [count, 32]: like data, near the ends of the range, on and beside ties, at random; some with NaN or infinity."""
    element = ELEMENTS[source]
    mantissa, shape = element.mantissa_bits, (count, 32)
    random_codes = chance.integers(0, 1 << element.bits, shape)
    kind = chance.integers(0, 6, (count, 1))
    # Exponents near each other, around anything; short mantissas, which are ties of the narrow formats, and their neighbours.
    middle = 0 if factor == 1 else int(np.log2(factor)) + 127
    around = np.where(chance.random((count, 1)) < 0.2 if middle else True, chance.integers(0, 256, (count, 1)),
                      chance.integers(middle - 12, middle + 15, (count, 1)))
    near = np.clip(around - chance.geometric(0.2, shape), 0, 254)
    like = chance.integers(0, 2, shape) << (element.bits - 1) | near << mantissa | chance.integers(0, 1 << mantissa, shape)
    short = like & ~((1 << (mantissa - 4)) - 1)
    beside = np.clip((short & ((1 << (element.bits - 1)) - 1)) + chance.integers(-1, 2, shape), 0, (254 << mantissa) + (1 << mantissa) - 1)
    codes = np.select([kind == 0, kind == 1, kind == 2], [random_codes, short, beside], like)
    full = 255 << mantissa
    ordinary = np.where((codes & full) == full, codes & ~(1 << mantissa), codes)
    return np.where(chance.random((count, 1)) < 0.9, ordinary, codes)


def expected(operand: str, source: str, codes: np.ndarray, round_up: bool, factor: float) -> tuple[np.ndarray, np.ndarray]:
    values = decode(ELEMENTS[source], codes)
    values = np.where(np.abs(values) < 2.0**-126, np.copysign(0.0, values), values)  # subnormal numbers count as zero
    matrix = quantise(OPERANDS[operand], values, rule=ScaleRule.UP if round_up else ScaleRule.FLOOR, factor=[[factor]])
    return matrix.scales[:, 0], matrix.codes


@cocotb.test()
async def blocks_of_all_kinds(dut) -> None:
    given = runner.bench_parameters()
    operand, source = OPERANDS[given["operand"]], given["source"]
    chance, numbers = random.Random(cocotb.RANDOM_SEED), np.random.default_rng(cocotb.RANDOM_SEED)
    await start(dut)
    seen: set[int] = set()
    for factor in FACTORS if operand.tensor_scale else (1.0,):
        codes = blocks(numbers, source, BLOCKS // 2 if operand.tensor_scale else BLOCKS, factor).reshape(-1, operand.block)
        scales, wanted = expected(given["operand"], source, codes, given["round_up"], factor)
        if operand.tensor_scale:
            dut.factor.value = int(np.float32(factor).view(np.uint32))
        beats = codes.reshape(-1, given["lanes"])
        results = await stream(dut, [pack(beat, ELEMENTS[source].bits) for beat in beats.tolist()], chance)
        per_block = operand.block // given["lanes"]
        for number, (result, target) in enumerate(zip(results, wanted.reshape(beats.shape).tolist(), strict=True)):
            whole = int(scales[number // per_block]) | pack(target, operand.element.bits) << 8
            assert result == whole, (factor, [hex(code) for code in codes[number // per_block]], hex(result), hex(whole))
        seen.update(scales.tolist())
    assert len(seen) > 100


def pack(codes: list[int], bits: int) -> int:
    return sum(code << bits * n for n, code in enumerate(codes))


async def stream(dut, beats: list[int], chance: random.Random) -> list[int]:
    """Sends beats with random gaps, and takes what comes out with random stalls; eager on both sides now and then."""
    sent, results, eager = 0, [], True
    for cycle in range(len(beats) * 40):
        if len(results) == len(beats):
            break
        if cycle % 64 == 0:
            eager = chance.random() < 0.3
        if not int(dut.i__valid.value) and sent < len(beats) and (eager or chance.random() < 0.7):
            dut.i__valid.value, dut.i__payload.value = 1, beats[sent]
        dut.o__ready.value = int(eager or chance.random() < 0.6)
        before = int(dut.o__payload.value) if int(dut.o__valid.value) and not int(dut.o__ready.value) else None
        taken, entered = await edge(dut)
        if before is not None and taken is None:
            assert int(dut.o__valid.value) and int(dut.o__payload.value) == before, "held until taken"
        if taken is not None:
            results.append(taken)
        if entered:
            sent += 1
            dut.i__valid.value = 0
    assert len(results) == len(beats)
    return results


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
    operand = OPERANDS[given["operand"]]
    beats, delay = operand.block // given["lanes"], Quantiser.LATENCY
    await start(dut)
    if operand.tensor_scale:
        dut.factor.value, delay = 0x3F800000, delay + Quantiser.DIVISION
    dut.i__valid.value, dut.o__ready.value = 1, 1
    entered, left = [], []
    for cycle in range(beats * 12 + 20):
        taken, enters = await edge(dut)
        entered += [cycle] * enters
        left += [cycle] * (taken is not None)
    if operand.tensor_scale and beats < Quantiser.DIVISION:
        assert left[0] == beats - 1 + delay and left[-beats] - left[-2 * beats] == Quantiser.DIVISION
        return
    assert entered == list(range(beats * 12 + 20))
    assert left == list(range(left[0], left[0] + len(left))) and left[0] == beats - 1 + delay


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
    ("nvfp4", "bf16", 8, False), ("nvfp4", "fp32", 1, False), ("mxfp4", "fp32", 4, True),
    ("mxfp8_e4m3", "fp32", 32, False), ("mxint8", "bf16", 1, True), ("mxfp8_e5m2", "fp32", 2, True)])
def test_other_parameters(name, source, lanes, round_up):
    run(name, source, lanes, round_up)
