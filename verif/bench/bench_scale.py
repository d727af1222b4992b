"""The scaling stage of the vector unit against plain integers, gemmlowp's formulas and numpy's float32.

Every rounding mode meets thousands of random operands, all pairs of corner values and constructed ties; the pipeline is stopped
at random.
"""

import itertools
import random
from collections import deque

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from weft.gen.isa import Rounding
from weft.hdl.vector.scale import Scale
from weft.verif.bench import runner
from weft.verif.bench.rounding_model import HIGH, LOW, rounded, wrap

POWERS = {1 << k for k in (0, 1, 2, 7, 8, 15, 16, 22, 23, 24, 25, 29, 30, 31)}
CORNERS = sorted(value for value in {sign * power + off for power in POWERS for sign in (1, -1) for off in (-1, 0, 1)} | {0x55555555}
                 if LOW <= value <= HIGH)
RANDOM_CASES = 4000


def cases(rounding: Rounding, rng: random.Random):
    """(a, pre, left, multiplier, right): corners, ties, random ones of every size."""
    for x, multiplier in itertools.product(CORNERS, repeat=2):
        yield x, 0, 0, multiplier, rng.choice((0, 1, 23, 24, 30, 31, 32, 33, 47, 62, 63))
    for right in range(64):
        yield LOW, 0, 0, LOW, right
        yield HIGH, 0, 0, LOW, right
        for _ in range(12):  # products that lie exactly between two results, or next to that
            trailing = min(max(0, right - 1), 60)
            first = rng.randint(max(0, trailing - 30), min(30, trailing))
            x = rng.choice((1, -1)) * (rng.getrandbits(31 - first) | 1) << first
            multiplier = rng.choice((1, -1)) * ((rng.getrandbits(31 - (trailing - first)) | 1) << (trailing - first))
            yield wrap(x), rng.choice((0, 0, 1, -1)), 0, wrap(multiplier), right
    for _ in range(RANDOM_CASES):
        bits = rng.randint(1, 32)
        multiplier = wrap(rng.getrandbits(32)) >> rng.randint(0, 31)
        if rounding == Rounding.FLOAT32 and rng.random() < 0.7:
            multiplier = rng.choice((1, -1)) * (rng.getrandbits(23) | 1 << 23)
        yield (wrap(rng.getrandbits(32)) >> (32 - bits), rng.choice((0, wrap(rng.getrandbits(32)))),
               rng.choice((0, 0, rng.randint(0, 31))), multiplier, rng.choice((rng.randint(0, 63), rng.randint(24, 50))))


async def start(dut) -> None:
    dut.step.value = 0
    dut.rst.value = 1
    Clock(dut.clk, 2, unit="ns").start()
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.rst.value = 0


async def run_batch(dut, rng: random.Random, rounding: Rounding, batch: list[tuple[int, ...]], latency: int) -> None:
    """Stream `batch` through with one setting of control; operand B gives one of the three factors that it may replace, or none."""
    multiplier_b, left_b, right_b = rng.choice(((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)))
    dut.control.value = (
        (rounding == Rounding.DOUBLE) | (rounding == Rounding.FLOAT32) * 0b11110 | (rounding != Rounding.FLOOR) << 5
        | (rounding in (Rounding.HALF_AWAY, Rounding.DOUBLE)) << 6 | multiplier_b << 7 | left_b << 8 | right_b << 9)
    waiting, under_way, valid = deque(batch), deque(), [False] * (latency + 1)
    while waiting or under_way:
        valid[0] = bool(waiting) and rng.random() < 0.9
        if valid[0]:
            a, pre, left, multiplier, right = waiting.popleft()
            b, noise = wrap(rng.getrandbits(32)), rng.getrandbits(32)
            b = b & ~31 | left if left_b else b & ~63 | right if right_b else multiplier if multiplier_b else b
            dut.factors.value = (pre & 0xFFFFFFFF | ((noise if multiplier_b else multiplier) & 0xFFFFFFFF) << 32
                                 | (noise & 31 if left_b else left) << 64 | (noise & 63 if right_b else right) << 69)
            dut.a.value, dut.b.value = a, b
            x = wrap(wrap(a + pre) << left)
            under_way.append((rounded(rounding, x, multiplier, right), b, (rounding.name, x, multiplier, right)))
        while True:
            move = rng.random() < 0.8
            dut.step.value = sum((move and valid[k]) << k for k in range(latency))
            await FallingEdge(dut.clk)
            if move:
                break
        valid = [False, *valid[:-1]]
        if valid[-1]:
            v, y, what = under_way.popleft()
            assert (dut.v.value.to_signed(), dut.y.value.to_signed()) == (v, y), what


@cocotb.test()
async def every_mode_on_every_corner(dut):
    rng = random.Random(cocotb.RANDOM_SEED)
    float32, latency = (runner.bench_parameters()[name] for name in ("float32", "latency"))
    await start(dut)
    for rounding in Rounding:
        if rounding != Rounding.FLOAT32 or float32:
            operands = list(cases(rounding, rng))
            assert len(operands) > 2 * RANDOM_CASES
            for first in range(0, len(operands), 400):
                await run_batch(dut, rng, rounding, operands[first : first + 400], latency)
            dut._log.info(f"{rounding.name}: {len(operands)} operands")


@pytest.mark.parametrize(("float32", "latency"), [(True, 8), (False, 6)])
def test_scale(float32, latency):
    scale = Scale(float32=float32)
    assert scale.latency == latency
    runner.run(scale, "scale", "weft.verif.bench.bench_scale", parameters={"float32": float32, "latency": latency})
