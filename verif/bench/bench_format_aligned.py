"""AlignedAccumulator in amaranth.sim against its definition in exact rationals, and a unit of them against the golden model."""

import dataclasses
import math
import random
import struct
from fractions import Fraction

import numpy as np
import pytest
from amaranth.sim import Simulator

from weft.gen.formats.alignment import Alignment
from weft.gen.formats.element import Element
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.hdl.formats.aligned import AlignedAccumulator
from weft.verif.bench.codes import floats


def single(code: int) -> float:
    return struct.unpack("<f", struct.pack("<I", code))[0]


def exponent(value: float, smallest: int) -> int:
    """Of the leading bit; a subnormal has the smallest."""
    return max(math.frexp(value)[1] - 1, smallest) if value else smallest


def dot(operands, alignment, activations, weights, scales, c: int) -> int | None:
    """Code of the result by the definition of `Alignment`; None if it is not a number. `scales`: codes of each side, by segment."""
    each, group, segment = operands.elements, alignment.group, len(activations) // max(1, *(len(side) for side in scales))
    reals = list(zip(floats(each.activation.name)[activations].tolist(), floats(each.weight.name)[weights].tolist(), strict=True))
    factors = [(floats(side.scale.name)[codes].tolist(), side.scale.smallest_exponent)
               for side, codes in zip((operands.activation, operands.weight), scales, strict=True) if side.scale]
    plain = np.array([a * w for a, w in reals] + [single(c)])
    if np.isnan([factor for codes, _ in factors for factor in codes]).any():
        return None
    if not np.isfinite(plain).all():
        total = plain[~np.isfinite(plain)].sum()
        return None if np.isnan(total) else struct.unpack("<I", struct.pack("<f", total))[0]
    smallest, addends = (each.activation.smallest_exponent, each.weight.smallest_exponent), []
    for first in range(0, len(reals), group):
        part = reals[first:first + group]
        power = exponent(part[0][0], smallest[0]) + exponent(part[0][1], smallest[1]) if group == 1 else 0
        value = sum(Fraction(a) * Fraction(w) for a, w in part)
        for codes, least in factors:
            factor = codes[first // segment]
            value, power = value * Fraction(factor), power + exponent(factor, least)
        addends.append((value, power))
    addends.append((Fraction(single(c)), exponent(single(c), -126)))
    top = max(power if value else -126 for value, power in addends)
    unit = Fraction(2) ** (top - alignment.fraction)
    total = sum(math.trunc(value / unit) for value, _ in addends) * unit
    if not total:
        return 0
    bits, size = alignment.mantissa, abs(total)
    power = size.numerator.bit_length() - size.denominator.bit_length()
    power -= size < Fraction(2) ** power
    quantum = Fraction(2) ** (max(power, -126) - bits)
    code = math.trunc(size / quantum) + (max(power + 126, 0) << bits)
    return min(code, 255 << bits) << 23 - bits | (total < 0) << 31


def random_code(chance: random.Random, element: Element, center: int) -> int:
    """Of wide formats most often near an exponent."""
    if element.bits < 16 or chance.random() < 0.02:
        return chance.getrandbits(element.bits)
    return chance.getrandbits(1) << 15 | chance.getrandbits(7) | min(max(center + chance.randrange(-9, 10), 0), 254) << 7


def random_sum(chance: random.Random, middle: int, bits: int) -> int:
    """Code of an fp32 with so many bits of mantissa."""
    near = chance.getrandbits(1) << 31 | chance.getrandbits(23) | min(max(middle + chance.randrange(-20, 20), 0), 254) << 23
    return chance.choice([0, 1 << 31, 0x7F800000, chance.getrandbits(32), *[near] * 12]) >> 23 - bits << 23 - bits


@pytest.mark.parametrize(("names", "alignment", "terms", "segments"), [
    (("bf16", "bf16"), Alignment(24), 4, 1), (("bf16", "bf16"), Alignment(25), 8, 1), (("e4m3", "e4m3"), Alignment(13, mantissa=13), 16, 1),
    (("e4m3", "e5m2"), Alignment(25), 8, 1), (("e2m1", "e2m1"), Alignment(35), 16, 1), (("mxfp8_e5m2", "mxfp4"), Alignment(25), 8, 1),
    (("mxfp4", "mxfp4"), Alignment(25), 64, 2), (("mxfp4", "mxfp4"), Alignment(35, group=16), 16, 1),
    (("nvfp4", "nvfp4"), Alignment(35, group=16), 32, 2), (("e2m1", "nvfp4"), Alignment(35, group=8), 8, 1)])
def test_dot_products(names, alignment, terms, segments):
    operands = OperandPair(*(OPERANDS[name] for name in names))
    each, chance, sums, due, cut = operands.elements, random.Random(alignment.fraction), [], [], 0
    sides, scaled = (operands.activation, operands.weight), [side for side in (operands.activation, operands.weight) if side.scale]
    dut = AlignedAccumulator(operands, alignment, terms=terms, segments=segments)

    async def testbench(ctx):
        nonlocal cut
        for cycle in range(400):
            center = chance.choice([127, 127, 120, 70, 8, 185])
            codes = [[random_code(chance, side.element, center) for _ in range(terms)] for side in sides]
            scales = [[] if side.scale is None else [
                chance.randrange(256) if side.scale.mantissa_bits else chance.randrange(center // 2, center // 2 + 8) + 60
                for _ in range(segments)] for side in sides]
            if chance.random() < 0.8:  # most often no special code at all
                codes = [[code if np.isfinite(floats(side.element.name)[code]) else 0 for code in own]
                         for side, own in zip(sides, codes, strict=True)]
                scales = [[code if code & 127 != 127 else 1 for code in own] for own in scales]
            else:
                scales = [[255 if chance.random() < 0.3 else code for code in own] for own in scales]
            middle = 2 * center - 127 if each.activation.bits == 16 else 127
            if scaled and not scaled[0].scale.mantissa_bits:
                middle += len(scaled) * (center // 2 + 60 - 127)
            sums.append(random_sum(chance, middle, alignment.mantissa))
            for name, values, bits in (("activations", codes[0], each.activation.bits), ("weights", codes[1], each.weight.bits),
                                       ("activation_scales", scales[0], 8), ("weight_scales", scales[1], 8)):
                if values:
                    ctx.set(getattr(dut, name), sum(code << bits * k for k, code in enumerate(values)))
            ctx.set(dut.c, sums[cycle - dut.BEFORE] if cycle >= dut.BEFORE else 0)
            due.append(dot(operands, alignment, *codes, scales, sums[-1]))
            cut += dot(operands, dataclasses.replace(alignment, fraction=400), *codes, scales, sums[-1]) != due[-1]
            await ctx.tick()
            if cycle >= dut.LATENCY - 1:
                wanted, got = due[cycle - dut.LATENCY + 1], ctx.get(dut.result)
                zero = got == 1 << 31  # what is cut off to zero keeps its sign
                assert (0 if zero else got) == (0x7FC00000 if wanted is None else wanted), cycle

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert len(set(due)) > 200 and cut > 5, "results that a wider accumulator would not have given"


@pytest.mark.parametrize(("names", "alignment", "text"), [
    (("bf16", "bf16"), Alignment(49), "fraction=49"), (("int8", "int8"), Alignment(24), "'int8'.*exactly"),
    (("nvfp4", "nvfp4"), Alignment(24), "powers of two"), (("e4m3", "e4m3"), Alignment(35, group=16), "4 bits")])
def test_what_is_not_possible_is_named(names, alignment, text):
    operands = OperandPair(*(OPERANDS[name] for name in names))
    with pytest.raises(ValueError, match=text):
        type("Unused", (AlignedAccumulator,), {"_MustUse__silence": True})(operands, alignment, terms=16)
