"""Dot product as common graphics processors accumulate it: addends aligned to the largest exponent and cut off."""

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft.gen.formats.element import ELEMENTS, Element
from weft.gen.formats.pair import Pair
from weft.hdl.formats.decode import decode
from weft.hdl.formats.product import FLAGS, multiply
from weft.hdl.formats.rounding import UNIT_BITS, Rounder

ZERO_EXPONENT = -126  # what an addend that is zero counts as


class AlignedAccumulator(wiring.Component):
    """result = c + sum of activations[k] * weights[k], `LATENCY` cycles later, inexactly in the way of tensor cores.

    Products are exact. The exponent of a product is the sum of its operands' (a subnormal has the smallest), its significand is below
    4. All addends, `c` among them, are aligned to the largest exponent E and cut off towards zero to units of 2^(E - fraction); their
    sum is exact and is cut off to `target`. So results depend on the order in which products are grouped: this is here to study
    the difference from `FormatUnit`. The scheme and its fractions (Turing, Ampere and Ada 24, Hopper and Blackwell 25, FP8 on Ada and
    Hopper 13 with an e8m13 result) are those of the MMA-Sim project, which compared them with silicon. A result that is not a number is
    the quiet NaN without sign here.

    Parameters
    ----------
    pair: floating-point formats of the operands. terms: products at once. fraction: bits below E. target: IEEE format of `result`.

    Members
    -------
    activations, weights: `terms` codes each, lowest first. c: fp32. result: `target.bits`.

    Raises
    ------
    ValueError: for a fraction outside 1 .. 48, or integers.
    """

    LATENCY = 1 + Rounder.LATENCY

    def __init__(self, pair: Pair, *, terms: int, fraction: int, target: Element = ELEMENTS["fp32"]) -> None:
        if not 1 <= fraction <= 48:
            raise ValueError(f"AlignedAccumulator fraction={fraction!r}: must be 1 .. 48")
        if pair.activation.integer or pair.weight.integer:
            raise ValueError(f"AlignedAccumulator pair={pair.name!r}: operands must be floating point")
        self._pair, self._terms, self._fraction, self._target = pair, terms, fraction, target
        super().__init__({"activations": In(pair.activation.bits * terms), "weights": In(pair.weight.bits * terms), "c": In(32),
                          "result": Out(target.bits)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        pair, fraction, single = self._pair, self._fraction, ELEMENTS["fp32"]
        c = decode(m, single, self.c, "c")
        # Of each addend: sign, significand and how many bits of it are fraction, exponent.
        addends = [(c.negative, c.significand, single.mantissa_bits, c.exponent - single.bias)]
        flags: list[Value] = [Cat(c.nan, c.infinite & ~c.negative, c.infinite & c.negative)]
        for k in range(self._terms):
            a, w = pair.activation.bits, pair.weight.bits
            product = multiply(m, pair, self.activations[a * k:a * (k + 1)], self.weights[w * k:w * (k + 1)], f"product_{k}")
            addends.append((product.negative, product.significand, pair.activation.mantissa_bits + pair.weight.mantissa_bits,
                            product.exponent - (pair.activation.bias + pair.weight.bias)))
            flags.append(product.flags.as_value())
        shape, exponents = signed(UNIT_BITS), []
        for k, (_, significand, _, exponent) in enumerate(addends):
            counted = Signal(shape, name=f"exponent_{k}")
            m.d.comb += counted.eq(Mux(significand == 0, ZERO_EXPONENT, exponent))
            exponents.append(counted)
        largest = _largest(m, exponents)
        low = max(bits for _, _, bits, _ in addends)
        terms = []
        for k, ((negative, significand, below, _), exponent) in enumerate(zip(addends, exponents, strict=True)):
            # The significand stands so that a shift by 0 is that of the largest exponent; what goes below the unit is gone.
            bits = len(significand) + max(fraction - below, 0)
            placed, distance, moved = Signal(bits, name=f"placed_{k}"), Signal(range(bits + low + 1), name=f"distance_{k}"), Signal(
                bits, name=f"moved_{k}")
            gap = Signal(shape, name=f"gap_{k}")
            m.d.comb += [placed.eq(significand << max(fraction - below, 0)), gap.eq(largest - exponent + max(below - fraction, 0)),
                         distance.eq(Mux(gap > bits, bits, gap)), moved.eq(placed >> distance)]
            term = Signal(signed(bits + 1), name=f"addend_{k}")
            m.d.comb += term.eq(Mux(negative, -moved, moved))
            terms.append(term)
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        width = max(len(term) for term in terms) + ceil_log2(len(terms))
        width = max(width, self._target.mantissa_bits + 3)
        m.submodules.rounder = rounder = Rounder(width, self._target, toward_zero=True)
        value, unit, seen = Signal(signed(width), reset_less=True), Signal(shape, reset_less=True), Signal(FLAGS.size, reset_less=True)
        gathered: Value = flags[0]
        for each in flags[1:]:
            gathered = gathered | each
        m.d.sync += [value.eq(total), unit.eq(largest - fraction), seen.eq(gathered)]
        m.d.comb += [rounder.value.eq(value), rounder.unit.eq(unit), rounder.flags.eq(seen), self.result.eq(rounder.result)]
        return m


def _largest(m: Module, values: list[Signal]) -> Signal:
    """Of signed values, by halves."""
    level = 0
    while len(values) > 1:
        pairs = []
        for k in range(0, len(values) - 1, 2):
            greater = Signal.like(values[k], name=f"largest_{level}_{k}")
            m.d.comb += greater.eq(Mux(values[k] > values[k + 1], values[k], values[k + 1]))
            pairs.append(greater)
        values, level = pairs + values[len(values) & ~1:], level + 1
    return values[0]
