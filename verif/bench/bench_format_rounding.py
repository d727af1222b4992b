"""Rounder in amaranth.sim against exact rationals; the rationals' rounding against numpy and ml_dtypes."""

import random
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from amaranth.sim import Simulator

from weft.gen.formats.element import ELEMENTS
from weft.hdl.formats.rounding import Rounder
from weft.verif.bench.nearest import nearest

THEIRS = {"fp32": (np.float32, np.uint32), "bf16": (ml_dtypes.bfloat16, np.uint16)}


@pytest.mark.parametrize("name", THEIRS)
def test_rationals_are_rounded_as_elsewhere(name):
    """Double-precision values: their conversion by others rounds once."""
    chance, (kind, code) = random.Random(3), THEIRS[name]
    for _ in range(5000):
        value = np.ldexp(float(chance.getrandbits(chance.choice([1, 9, 25, 53]))), chance.randrange(-210, 90)) * chance.choice([-1, 1])
        with np.errstate(over="ignore"):
            wanted = int(np.array([value]).astype(kind).view(code)[0])
        assert nearest(Fraction(value), ELEMENTS[name]) == (wanted if value else 0), value


@pytest.mark.parametrize(("width", "name"), [(64, "fp32"), (64, "bf16"), (40, "fp32"), (100, "bf16")])
def test_rounder(width, name):
    target, chance = ELEMENTS[name], random.Random(width)
    dut, due = Rounder(width, target), []

    def draw():
        bits = chance.randrange(1, width)
        value = chance.choice([chance.getrandbits(bits), (1 << bits) - 1, 1 << bits - 1, (2 * chance.getrandbits(bits) + 1) << 3,
                               ((2 * chance.getrandbits(target.mantissa_bits) + 1) << bits) + chance.choice([-1, 0, 1])])
        value = min(value, (1 << width - 1) - 1) * chance.choice([-1, 1])
        unit = chance.choice([chance.randrange(-120 - width, 100), chance.randrange(-700, 200),
                              target.smallest_exponent - chance.randrange(0, width + 40),
                              target.largest_exponent - abs(value).bit_length() + chance.randrange(-2, 3)])
        return chance.choice([value, value, value, -1 << width - 1]), unit

    async def testbench(ctx):
        for cycle in range(6000):
            value, unit = draw()
            flags = chance.choice([0] * 12 + [1, 2, 3, 4, 5, 6, 7])
            ctx.set(dut.value, value)
            ctx.set(dut.unit, unit)
            ctx.set(dut.flags, {"nan": flags & 1, "plus": flags >> 1 & 1, "minus": flags >> 2})
            special = nearest(Fraction(2) ** 4000, target) | (flags & 4 and 1 << target.bits - 1)
            quiet = nearest(Fraction(2) ** 4000, target) | 1 << target.mantissa_bits - 1
            due.append(nearest(value * Fraction(2) ** unit, target) if not flags else special if flags in (2, 4) else quiet)
            await ctx.tick()
            if cycle >= dut.LATENCY - 1:
                assert ctx.get(dut.result) == due[cycle - dut.LATENCY + 1], cycle

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert len(set(due)) > 1000


def test_a_width_that_is_too_small_is_named():
    with pytest.raises(ValueError, match="width=25"):
        type("Unused", (Rounder,), {"_MustUse__silence": True})(25, ELEMENTS["fp32"])
