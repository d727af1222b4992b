"""Floating-point numbers to element codes under a shared power of two, rounded once to nearest even."""

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.formats.element import Element


class RoundElement(wiring.Component):
    """`code` is the code of `target` nearest to value / 2^(scale - 127), ties to even, `LATENCY` steps later; one every step.

    What exceeds the target saturates to its largest finite value, of integers also to its least. Subnormal values count as zero. Values
    that are not finite give a code of no meaning. -0 and what rounds to it keep their sign where the target has one.

    Parameters
    ----------
    source: an IEEE format with the exponent range of float32 (bf16, fp32).
    target: an element with subnormals, or a signed integer.

    Members
    -------
    value: code of `source`. scale: of E8M0. With `scale` as a quantiser forms it no value exceeds the target's largest power of two.
    step: registers take their inputs at the end of this cycle.
    """

    LATENCY = 2

    def __init__(self, source: Element, target: Element) -> None:
        self._source, self._target = source, target
        super().__init__({"value": In(source.bits), "scale": In(8), "step": In(1), "code": Out(target.bits)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        source, target = self._source, self._target
        mantissa, kept = source.mantissa_bits, target.mantissa_bits
        exponent = self.value[mantissa:mantissa + 8]
        # 1: the value's exponent above that of the target's smallest normal number; an integer has only smaller ones.
        above, down, up = Signal(signed(10)), Signal(range(kept + 3)), Signal(range(target.largest_shift + 2))
        zero = Signal()
        m.d.comb += [
            zero.eq(exponent == 0), above.eq(exponent - self.scale - target.smallest_exponent),
            down.eq(Mux(above >= 0, 0, Mux(above < -(kept + 2), kept + 2, -above))), up.eq(Mux((above < 0) | zero, 0, above))]
        significand = Cat(self.value[:mantissa], 1)
        bits = kept + 2  # with one for the half
        padding = max(bits - (mantissa + 1), 0)
        full = Cat(Const(0, padding), significand) if padding else significand
        top, rest, negative, shift_down, shift_up = (Signal(shape, reset_less=True, name=name) for name, shape in (
            ("top", bits), ("rest", 1), ("negative", 1), ("shift_down", down.shape()), ("shift_up", up.shape())))
        with m.If(self.step):
            m.d.sync += [
                top.eq(Mux(zero, 0, full[-bits:])), rest.eq(~zero & full[:-bits].any() if len(full) > bits else 0),
                negative.eq(self.value[-1]), shift_down.eq(down), shift_up.eq(up)]
        # 2: below the smallest normal number the significand moves down; then round, assemble and saturate.
        moved, lost, rounded = Signal(bits), Signal(), Signal(kept + 2)
        m.d.comb += [moved.eq(top >> shift_down), lost.eq(rest | ((moved << shift_down)[:bits] != top)),
                     rounded.eq(moved[1:] + (moved[0] & (lost | moved[1])))]
        with m.If(self.step):
            m.d.sync += self.code.eq(_code(m, target, rounded, shift_up, negative))
        return m


def _code(m: Module, target: Element, rounded: Value, shift: Value, negative: Value) -> Value:
    """Code of (-1)^negative * (rounded << shift), saturated. Combinational."""
    if target.integer:
        magnitude, value = Signal(target.bits, name="magnitude"), Signal(signed(target.bits + 1), name="signed_value")
        m.d.comb += [magnitude.eq(Mux(rounded > -target.fixed_low, -target.fixed_low, rounded)),
                     value.eq(Mux(negative, -magnitude, Mux(magnitude > target.fixed_high, target.fixed_high, magnitude)))]
        return value[:target.bits]
    # The hidden bit, and a carry of the rounding, add into the exponent field by themselves.
    sum_bits = target.exponent_bits + target.mantissa_bits + 1
    total, code = Signal(sum_bits, name="total"), Signal(sum_bits - 1, name="magnitude")
    largest = (target.largest_shift << target.mantissa_bits) + (target.fixed_high >> target.largest_shift)
    m.d.comb += [total.eq(Cat(Const(0, target.mantissa_bits), shift) + rounded), code.eq(Mux(total > largest, largest, total))]
    return Cat(code, negative)
