"""Floating-point numbers to E2M1 codes under a scale that is no power of two: by comparisons, so that nothing is divided."""

from amaranth import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.formats.element import Element

# Midpoints between the magnitudes 0, 0.5, 1, 1.5, 2, 3, 4, 6 of E2M1, in quarters. A number on one goes to the even code.
MIDPOINTS = (1, 3, 5, 7, 10, 14, 20)
_FACTOR = 24  # significand of a float32
_TOP = 10  # a number whose exponent exceeds that of the divisor by this is above all midpoints


class CompareElement(wiring.Component):
    """`code` is the E2M1 code nearest to value / (scale * factor), ties to even, saturated, `LATENCY` steps later; one every step.

    The quotient is exact: |value| is compared with each midpoint times scale times factor. Subnormal values count as zero; values that
    are not finite give a code of no meaning. A scale of 0 gives 0.

    Members
    -------
    value: code of `source`. scale: UE4M3, of a finite number. factor: fp32, positive and normal; must hold still.
    step: registers take their inputs at the end of this cycle.
    """

    LATENCY = 2

    def __init__(self, source: Element) -> None:
        self._source = source
        super().__init__({"value": In(source.bits), "scale": In(8), "factor": In(32), "step": In(1), "code": Out(4)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        mantissa = self._source.mantissa_bits
        exponent = self.value[mantissa:mantissa + 8]
        # 1: divisor = significands' product; value = significand << above, both in the same unit.
        normal, significand, product = Signal(), Signal(4), Signal(4 + _FACTOR, reset_less=True)
        above, number = Signal(signed(11)), Signal(_FACTOR)
        m.d.comb += [
            normal.eq(self.scale[3:7].any()), significand.eq(Cat(self.scale[:3], normal)),
            number.eq(Cat(Const(0, 23 - mantissa), self.value[:mantissa], exponent.any())),
            above.eq(exponent - Mux(normal, self.scale[3:7], 1) - self.factor[23:31] + 12)]
        shift, below, beyond, negative, held = (Signal(shape, name=name, reset_less=True) for name, shape in (
            ("shift", 4), ("below", 1), ("beyond", 1), ("negative", 1), ("held", _FACTOR)))
        with m.If(self.step):
            m.d.sync += [
                product.eq(significand * Cat(self.factor[:23], 1)), shift.eq(above[:4]), held.eq(number),
                below.eq((above < 0) | ~exponent.any() | (significand == 0)), beyond.eq(above >= _TOP),
                negative.eq(self.value[-1] & (significand != 0))]
        # 2: how many midpoints lie below.
        bits = 4 + _FACTOR + 5
        moved, magnitude = Signal(bits), Signal(3)
        m.d.comb += moved.eq((held << shift)[:bits])
        passed = []
        for n, midpoint in enumerate(MIDPOINTS):
            bound, over = Signal(bits, name=f"bound_{n}"), Signal(name=f"over_{n}")
            m.d.comb += [bound.eq(product * midpoint), over.eq(moved >= bound if n % 2 else moved > bound)]
            passed.append(over)
        # The comparisons are in order, so that the count of those that hold is a short priority chain.
        count = Const(0, 3)
        for n, over in enumerate(passed):
            count = Mux(over, n + 1, count)
        m.d.comb += magnitude.eq(Mux(below, 0, Mux(beyond, len(MIDPOINTS), count)))
        with m.If(self.step):
            m.d.sync += self.code.eq(Cat(magnitude, negative))
        return m
