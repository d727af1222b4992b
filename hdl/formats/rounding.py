"""Fixed point to floating point, rounded once."""

from amaranth import C, Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft.gen.formats.element import Element
from weft.hdl.formats.product import FLAGS

UNIT_BITS = 12  # of the power of two that is the unit of a fixed-point value


class Rounder(wiring.Component):
    """`result` is the code of value * 2^unit in format `target`, `LATENCY` cycles later; one every cycle.

    To nearest, ties to even, or with `toward_zero` cut off; subnormal results too. Beyond the largest number it is infinity (cut off:
    from the next power of two on). Zero is +0. With `flags` it is
    not a number (the quiet one without sign) for `nan` or infinities of both signs, or the one infinity.

    Parameters
    ----------
    width: bits of the value, more than those of the significand by 2 at least.
    target: an IEEE format.
    toward_zero: cut off instead of rounding to nearest.

    Members
    -------
    value: signed. unit: signed. flags: `FLAGS`. result: `target.bits`.

    Raises
    ------
    ValueError: for a width that is too small.
    """

    LATENCY = 3

    def __init__(self, width: int, target: Element, *, toward_zero: bool = False) -> None:
        if width < target.mantissa_bits + 3:
            raise ValueError(f"Rounder width={width!r}: must be {target.mantissa_bits + 3} or more for {target.name}")
        self._width, self._target, self._toward_zero = width, target, toward_zero
        super().__init__({"value": In(signed(width)), "unit": In(signed(UNIT_BITS)), "flags": In(FLAGS), "result": Out(target.bits)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        width, target = self._width, self._target
        exponent_shape = signed(UNIT_BITS + 2)
        # 1: sign and magnitude.
        magnitude, negative, unit, flags = (Signal(shape, reset_less=True, name=name) for name, shape in (
            ("magnitude", width), ("negative", 1), ("unit_1", signed(UNIT_BITS)), ("flags_1", FLAGS)))
        m.d.sync += [magnitude.eq(Mux(self.value < 0, -self.value, self.value)), negative.eq(self.value < 0), unit.eq(self.unit),
                     flags.eq(self.flags)]
        # 2: the leading one moves to the top.
        step, zeros = magnitude, []
        for stage in reversed(range(ceil_log2(width))):
            size = 1 << stage
            empty, before, step = Signal(name=f"empty_{stage}"), step, Signal(width, name=f"normal_{stage}")
            m.d.comb += [empty.eq(before[max(width - size, 0):] == 0), step.eq(Mux(empty, (before << size)[:width], before))]
            zeros.insert(0, empty)
        normal, exponent, negative_2, flags_2 = (Signal(shape, reset_less=True, name=name) for name, shape in (
            ("normal", width), ("exponent", exponent_shape), ("negative_2", 1), ("flags_2", FLAGS)))
        m.d.sync += [normal.eq(step), exponent.eq(unit + (width - 1) - Cat(zeros)), negative_2.eq(negative), flags_2.eq(flags)]
        # 3: below the smallest exponent the significand moves down; then round and pack.
        bits = target.mantissa_bits + 3  # significand, a bit for the half, one for what is below
        low, down = Signal(exponent_shape), Signal(range(bits + 1))
        m.d.comb += [low.eq(target.smallest_exponent - exponent), down.eq(Mux(low < 0, 0, Mux(low > bits, bits, low)))]
        top, moved, rest = Signal(bits), Signal(bits), Signal()
        m.d.comb += [top.eq(normal[width - bits:]), moved.eq(top >> down),
                     rest.eq(normal[:width - bits].any() | ((moved << down)[:bits] != top) | moved[0])]
        kept, up = moved[2:], Signal()
        m.d.comb += up.eq(0 if self._toward_zero else moved[1] & (rest | moved[2]))
        # The hidden bit of a normal number adds one to the exponent field, a carry of the rounding another.
        field = Signal(signed(UNIT_BITS + 3 + target.mantissa_bits))
        biased = Signal(exponent_shape)
        m.d.comb += [biased.eq(Mux(low > 0, 0, exponent + (target.bias - 1))),
                     field.eq(Cat(C(0, target.mantissa_bits), biased).as_signed() + kept + up)]
        infinity = ((1 << target.exponent_bits) - 1) << target.mantissa_bits
        quiet = infinity | 1 << (target.mantissa_bits - 1)
        with m.If(flags_2.nan | (flags_2.plus & flags_2.minus)):
            m.d.sync += self.result.eq(quiet)
        with m.Elif(flags_2.plus | flags_2.minus):
            m.d.sync += self.result.eq(Cat(C(infinity, target.bits - 1), flags_2.minus))
        with m.Elif(normal[-1] == 0):
            m.d.sync += self.result.eq(0)
        with m.Else():
            m.d.sync += self.result.eq(Cat(Mux(field >= infinity, infinity, field)[:target.bits - 1], negative_2))
        return m
