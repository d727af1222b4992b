"""AlignedAccumulator in amaranth.sim against its definition in exact rationals."""

import math
import random
import struct
from fractions import Fraction

import numpy as np
import pytest
from amaranth.sim import Simulator

from weft.gen.formats.element import ELEMENTS, Element, Specials
from weft.gen.formats.pair import pair
from weft.hdl.formats.aligned import AlignedAccumulator
from weft.verif.bench.codes import floats

E8M13 = Element("e8m13", 22, True, 8, 13, 127, Specials.IEEE)


def single(code: int) -> float:
    return struct.unpack("<f", struct.pack("<I", code))[0]


def exponent(value: float, smallest: int) -> int:
    """Of the leading bit; a subnormal has the smallest."""
    return max(math.frexp(value)[1] - 1, smallest) if value else smallest


def dot(each, activations, weights, c: int, fraction: int, target: Element) -> int | None:
    """Code of the result by the definition in the docstring; None if it is not a number."""
    reals = list(zip(floats(each.activation.name)[activations].tolist(), floats(each.weight.name)[weights].tolist(), strict=True))
    plain = np.array([a * w for a, w in reals] + [single(c)])
    if not np.isfinite(plain).all():
        total = plain[~np.isfinite(plain)].sum()
        return None if np.isnan(total) else struct.unpack("<I", struct.pack("<f", total))[0] >> (32 - target.bits)
    smallest = each.activation.smallest_exponent, each.weight.smallest_exponent
    addends = [(Fraction(a) * Fraction(w), exponent(a, smallest[0]) + exponent(w, smallest[1])) for a, w in reals]
    addends.append((Fraction(single(c)), exponent(single(c), -126)))
    top = max(power if value else -126 for value, power in addends)
    unit = Fraction(2) ** (top - fraction)
    total = sum(math.trunc(value / unit) for value, _ in addends) * unit
    if not total:
        return 0
    size = abs(total)
    power = size.numerator.bit_length() - size.denominator.bit_length()
    power -= size < Fraction(2) ** power
    quantum = Fraction(2) ** (max(power, -126) - target.mantissa_bits)
    code = math.trunc(size / quantum) + (max(power + 126, 0) << target.mantissa_bits)
    return min(code, 255 << target.mantissa_bits) | (total < 0) << (target.bits - 1)


@pytest.mark.parametrize(("names", "terms", "fraction", "target"), [
    (("bf16",), 4, 24, ELEMENTS["fp32"]), (("bf16",), 8, 25, ELEMENTS["fp32"]), (("e4m3",), 16, 13, E8M13),
    (("e4m3", "e5m2"), 8, 25, ELEMENTS["fp32"]), (("e2m1",), 16, 35, ELEMENTS["fp32"])])
def test_dot_products(names, terms, fraction, target):
    each, chance, due, cut = pair(*names), random.Random(fraction), [], 0
    dut = AlignedAccumulator(each, terms=terms, fraction=fraction, target=target)

    def code(element, center):
        if element.bits < 16 or chance.random() < 0.02:
            return chance.getrandbits(element.bits)
        return chance.getrandbits(1) << 15 | chance.getrandbits(7) | min(max(center + chance.randrange(-9, 10), 0), 254) << 7

    async def testbench(ctx):
        nonlocal cut
        for cycle in range(400):
            center = chance.choice([127, 127, 120, 70, 8, 185])
            activations, weights = ([code(element, center) for _ in range(terms)] for element in (each.activation, each.weight))
            if chance.random() < 0.8:  # most often no special code at all
                activations = [a if np.isfinite(floats(each.activation.name)[a]) else 0 for a in activations]
                weights = [w if np.isfinite(floats(each.weight.name)[w]) else 0 for w in weights]
            middle = 2 * center - 127 if each.activation.bits == 16 else 127
            c = chance.choice([0, 1 << 31, 0x7F800000, chance.getrandbits(32), *[chance.getrandbits(1) << 31 | chance.getrandbits(23) | min(
                max(middle + chance.randrange(-20, 20), 0), 254) << 23 for _ in range(12)]])
            for name, codes, bits in (("activations", activations, each.activation.bits), ("weights", weights, each.weight.bits)):
                ctx.set(getattr(dut, name), sum(code << bits * k for k, code in enumerate(codes)))
            ctx.set(dut.c, c)
            due.append(dot(each, activations, weights, c, fraction, target))
            exact = dot(each, activations, weights, c, 400, target)
            cut += exact != due[-1]
            await ctx.tick()
            if cycle >= dut.LATENCY - 1:
                wanted, got = due[cycle - dut.LATENCY + 1], ctx.get(dut.result)
                nan = 255 << target.mantissa_bits | 1 << target.mantissa_bits - 1
                zero = got == 1 << target.bits - 1  # what is cut off to zero keeps its sign
                assert (0 if zero else got) == (nan if wanted is None else wanted), cycle

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert len(set(due)) > 200 and cut > 5, "results that a wider accumulator would not have given"


@pytest.mark.parametrize(("names", "fraction", "text"), [(("bf16",), 49, "fraction=49"), (("int8",), 24, "pair='int8'")])
def test_what_is_not_possible_is_named(names, fraction, text):
    with pytest.raises(ValueError, match=text):
        type("Unused", (AlignedAccumulator,), {"_MustUse__silence": True})(pair(*names), terms=4, fraction=fraction)
