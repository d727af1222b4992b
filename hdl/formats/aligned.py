"""Dot product as common graphics processors accumulate it: addends aligned to the largest exponent and cut off."""

import dataclasses
from functools import reduce
from operator import or_

from amaranth import C, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft.gen.formats.alignment import Alignment
from weft.gen.formats.element import ELEMENTS, Element
from weft.gen.formats.operand import OperandPair
from weft.hdl.delay import delayed
from weft.hdl.formats.decode import Decoded, decode
from weft.hdl.formats.product import FLAGS, fixed_point, multiply
from weft.hdl.formats.rounding import UNIT_BITS, Rounder

ZERO_EXPONENT = -126  # what an addend that is zero counts as
SINGLE = ELEMENTS["fp32"]
EXPONENT = signed(UNIT_BITS)


@dataclasses.dataclass(frozen=True)
class Addend:
    """(-1)^negative * significand * 2^(exponent - below); `counted` is its exponent for the alignment."""

    negative: Signal
    significand: Signal
    below: int
    counted: Signal


class AlignedAccumulator(wiring.Component):
    """result = c + sum of activations[k] * weights[k], as `Alignment` defines a step: inexact, in the way of tensor cores.

    One step every cycle. `c` belongs to the activations of `BEFORE` cycles ago; the result comes `LATENCY` cycles after them. Below
    -126 the result is subnormal, beyond the largest number infinity, and one that is not a number the quiet NaN without sign. What is
    cut off to zero may keep its sign.

    Parameters
    ----------
    operands: floating-point elements, with or without scales. terms: products at once. segments: blocks that these are in.

    Members
    -------
    activations, weights: `terms` codes each, lowest first. activation_scales, weight_scales: codes for each segment, as far as there are
    any. c: fp32. result: fp32, `alignment.mantissa` bits of it in use.

    Raises
    ------
    ValueError: for a fraction outside 1 .. 48, or operands that the alignment refuses.
    """

    BEFORE = 2
    LATENCY = BEFORE + 2 + Rounder.LATENCY

    def __init__(self, operands: OperandPair, alignment: Alignment, *, terms: int, segments: int = 1) -> None:
        if not 1 <= alignment.fraction <= 48:
            raise ValueError(f"AlignedAccumulator fraction={alignment.fraction!r}: must be 1 .. 48")
        if refusal := alignment.refusal(operands):
            raise ValueError(f"AlignedAccumulator operands={operands.elements.name!r}: {refusal}")
        self._operands, self._alignment, self._terms, self._segments = operands, alignment, terms, segments
        pair, sides = operands.elements, {"activation": operands.activation, "weight": operands.weight}
        super().__init__({
            "activations": In(pair.activation.bits * terms), "weights": In(pair.weight.bits * terms), "c": In(32), "result": Out(32),
            **{f"{name}_scales": In(side.scale.bits * segments) for name, side in sides.items() if side.scale}})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        fraction, target = self._alignment.fraction, self._alignment.sums
        # 1: addends and what is not finite among the products. 2: the largest exponent.
        found, nan = self._addends(m)
        products = [self._registered(m, addend, f"addend_{k}") for k, addend in enumerate(found)]
        seen = Signal(FLAGS.size, reset_less=True)
        m.d.sync += seen.eq(nan)
        most = Signal(EXPONENT, reset_less=True)
        m.d.sync += most.eq(_largest(m, [addend.counted for addend in products]))
        products = [self._registered(m, addend, f"held_{k}") for k, addend in enumerate(products)]
        seen = delayed(m, seen, 1, name="seen", reset_less=True)
        # 3: c comes.
        c = decode(m, SINGLE, self.c, "c")
        own = Addend(_named(m, c.negative, "c_negative"), _named(m, Cat(c.significand), "c_significand"), SINGLE.mantissa_bits,
                     Signal(EXPONENT, name="c_counted"))
        m.d.comb += own.counted.eq(Mux(own.significand == 0, ZERO_EXPONENT, c.exponent - SINGLE.bias))
        largest, unit = Signal(EXPONENT), Signal(EXPONENT, reset_less=True)
        m.d.comb += largest.eq(Mux(own.counted > most, own.counted, most))
        flags = Signal(FLAGS.size, reset_less=True)
        m.d.sync += [unit.eq(largest - fraction), flags.eq(seen | Cat(c.nan, c.infinite & ~c.negative, c.infinite & c.negative))]
        terms = [self._aligned(m, addend, largest, str(k)) for k, addend in enumerate([own, *products])]
        # 4: their sum.
        width = max(max(len(term) for term in terms) + ceil_log2(len(terms)), target.mantissa_bits + 3)
        value = Signal(signed(width), reset_less=True)
        m.d.sync += value.eq(_tree(m, terms))
        m.submodules.rounder = rounder = Rounder(width, target, toward_zero=True)
        m.d.comb += [rounder.value.eq(value), rounder.unit.eq(delayed(m, unit, 1, name="value_unit", reset_less=True)),
                     rounder.flags.eq(delayed(m, flags, 1, name="value_flags", reset_less=True)),
                     self.result.eq(Cat(C(0, 32 - target.bits), rounder.result))]
        return m

    def _addends(self, m: Module) -> tuple[list[Addend], Value]:
        """Of this cycle's codes, and the `FLAGS` of all of them."""
        operands, pair, terms = self._operands, self._operands.elements, self._terms
        group, size = min(self._alignment.group, terms), terms // self._segments
        scales = [[(side.scale, decode(m, side.scale, codes[side.scale.bits * s:side.scale.bits * (s + 1)], f"{name}_scale_{s}"))
                   for s in range(self._segments)]
                  for name, side, codes in (("activation", operands.activation, getattr(self, "activation_scales", None)),
                                            ("weight", operands.weight, getattr(self, "weight_scales", None))) if side.scale]
        flags: list[Value] = [Cat(scale.nan, C(0, 2)) for side in scales for _, scale in side]
        a, w, found = pair.activation.bits, pair.weight.bits, []
        for first in range(0, terms, group):
            own = [side[first // size] for side in scales]
            products = [multiply(m, pair, self.activations[a * k:a * (k + 1)], self.weights[w * k:w * (k + 1)], f"product_{k}")
                        for k in range(first, first + group)]
            flags += [product.flags.as_value() for product in products]
            if group == 1:
                product = products[0]
                found.append(_addend(m, product.negative, product.significand, pair.activation.mantissa_bits + pair.weight.mantissa_bits,
                                     product.exponent - (pair.activation.bias + pair.weight.bias), own, f"of_{first}"))
            else:
                parts = [part for k, product in enumerate(products, first) for part in fixed_point(m, pair, product, f"product_{k}")]
                total = _named(m, _tree(m, [_named(m, part, f"part_{first}_{k}") for k, part in enumerate(parts)]), f"total_{first}")
                magnitude = _named(m, Mux(total < 0, -total, total)[:len(total)], f"magnitude_{first}")
                found.append(_addend(m, total[-1], magnitude, -pair.lsb_exponent, C(0, 1), own, f"of_{first}"))
        return found, reduce(or_, flags)

    @staticmethod
    def _registered(m: Module, addend: Addend, name: str) -> Addend:
        negative, significand, counted = (
            Signal.like(part, name=f"{name}_{what}", reset_less=True) for part, what in (
                (addend.negative, "negative"), (addend.significand, "significand"), (addend.counted, "counted")))
        m.d.sync += [negative.eq(addend.negative), significand.eq(addend.significand), counted.eq(addend.counted)]
        return Addend(negative, significand, addend.below, counted)

    def _aligned(self, m: Module, addend: Addend, largest: Signal, name: str) -> Signal:
        """In units of 2^(largest - fraction), cut off towards zero, from what is held in registers."""
        fraction, below = self._alignment.fraction, addend.below
        # The significand stands so that a shift by 0 is that of the largest exponent.
        bits = len(addend.significand) + max(fraction - below, 0)
        gap = Signal(EXPONENT, name=f"gap_{name}")
        distance, negative, significand = (Signal(shape, name=f"{what}_{name}", reset_less=True) for what, shape in (
            ("distance", range(bits + 1)), ("negative", 1), ("significand", len(addend.significand))))
        m.d.comb += gap.eq(largest - addend.counted + max(below - fraction, 0))
        m.d.sync += [distance.eq(Mux(gap > bits, bits, gap)), negative.eq(addend.negative), significand.eq(addend.significand)]
        placed, moved = Signal(bits, name=f"placed_{name}"), Signal(bits, name=f"moved_{name}")
        term = Signal(signed(bits + 1), name=f"term_{name}")
        m.d.comb += [placed.eq(significand << max(fraction - below, 0)), moved.eq(placed >> distance),
                     term.eq(Mux(negative, -moved, moved))]
        return term


def _addend(m: Module, negative: Value, significand: Value, below: int, exponent: Value, scales: list[tuple[Element, Decoded]],
            name: str) -> Addend:
    """A value times its scales. `exponent` is what it counts for the alignment."""
    for k, (element, scale) in enumerate(scales):
        significand = _named(m, significand * scale.significand, f"{name}_scaled_{k}")
        exponent = exponent + scale.exponent - element.bias
        below += element.mantissa_bits
    own, counted = _named(m, significand, f"{name}_significand"), Signal(EXPONENT, name=f"{name}_counted")
    m.d.comb += counted.eq(Mux(own == 0, ZERO_EXPONENT, exponent))
    return Addend(_named(m, negative, f"{name}_negative"), own, below, counted)


def _named(m: Module, value: Value, name: str) -> Signal:
    signal = Signal(value.shape(), name=name)
    m.d.comb += signal.eq(value)
    return signal


def _tree(m: Module, values: list[Signal]) -> Value:
    """Sum by halves."""
    level = 0
    while len(values) > 1:
        pairs = [_named(m, values[k] + values[k + 1], f"{values[0].name}_tree_{level}_{k}") for k in range(0, len(values) - 1, 2)]
        values, level = pairs + values[len(values) & ~1:], level + 1
    return values[0]


def _largest(m: Module, values: list[Signal]) -> Signal:
    """Of signed values, by halves."""
    level = 0
    while len(values) > 1:
        pairs = [_named(m, Mux(values[k] > values[k + 1], values[k], values[k + 1]), f"largest_{level}_{k}")
                 for k in range(0, len(values) - 1, 2)]
        values, level = pairs + values[len(values) & ~1:], level + 1
    return values[0]
