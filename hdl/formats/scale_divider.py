"""Scales of blocks that are quotients: UE4M3 of the largest magnitude over six times the tensor's factor."""

from amaranth import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.formats.element import ELEMENTS, Element, Specials
from weft.hdl.formats.round_element import RoundElement

QUOTIENT = 8  # bits: four of the result, one for the half and more; the remainder says whether anything is below


class ScaleDivider(wiring.Component):
    """`scale` is the UE4M3 code nearest to largest / (6 * factor), ties to even, saturated, `LATENCY` cycles after `start`.

    One bit of the quotient a cycle. A magnitude that is not finite gives NaN (0x7F), a subnormal one 0.

    Members
    -------
    largest: code of `source` without its sign. factor: fp32, positive and normal. Both must hold still from `start` to `done`.
    start: begins; ignored until `done`. done: one cycle; `scale` is valid in it.
    """

    LATENCY = QUOTIENT + 2 + RoundElement.LATENCY

    def __init__(self, source: Element) -> None:
        self._source = source
        super().__init__({"largest": In(source.bits - 1), "factor": In(32), "start": In(1), "done": Out(1), "scale": Out(8)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        mantissa = self._source.mantissa_bits
        exponent = self.largest[mantissa:]
        # Significand / (3 * significand) lies between 1/6 and 2/3: the eight bits below the point hold at least six significant ones.
        divisor, rest, trial, quotient = Signal(26), Signal(27, reset_less=True), Signal(signed(29)), Signal(QUOTIENT, reset_less=True)
        count = Signal(range(self.LATENCY + 1))
        m.d.comb += [
            divisor.eq(Cat(self.factor[:23], 1) * 3), trial.eq((rest << 1) - divisor), self.done.eq(count == 1)]
        with m.If((count == 0) & self.start):
            m.d.sync += [count.eq(self.LATENCY), rest.eq(Cat(Const(0, 23 - mantissa), self.largest[:mantissa], 1))]
        with m.If(count != 0):
            m.d.sync += count.eq(count - 1)
            with m.If(count > self.LATENCY - QUOTIENT):
                m.d.sync += [rest.eq(Mux(trial < 0, rest << 1, trial)), quotient.eq(Cat(trial >= 0, quotient))]
        # Leading one to the top; value = 1.f * 2^(exponents' difference - 1 - 8 + its place).
        place, top = Signal(range(3)), Signal(QUOTIENT)
        m.d.comb += [place.eq(Mux(quotient[7], 0, Mux(quotient[6], 1, 2))), top.eq((quotient << place)[:QUOTIENT])]
        power, inside = Signal(signed(11)), Signal(8)
        largest = ELEMENTS["ue4m3"].largest_exponent
        m.d.comb += [power.eq(exponent - self.factor[23:31] - 2 - place), inside.eq(power + 127)]
        # A number with a mantissa of eight bits, the last for the remainder, out of range on neither side.
        number = Signal(17, reset_less=True)
        with m.If(exponent == 0):
            m.d.sync += number.eq(0)
        with m.Elif(power > largest):
            m.d.sync += number.eq(Cat(Const(0xFF, 8), Const(127 + largest, 8), Const(0, 1)))
        with m.Elif(power < -100):
            m.d.sync += number.eq(0)
        with m.Else():
            m.d.sync += number.eq(Cat(rest.any(), top[:-1], inside, Const(0, 1)))
        quotients = Element("quotient", 17, True, 8, 8, 127, Specials.IEEE)
        m.submodules.rounding = rounding = RoundElement(quotients, ELEMENTS["ue4m3"])
        m.d.comb += [rounding.value.eq(number), rounding.scale.eq(127), rounding.step.eq(1),
                     self.scale.eq(Mux(exponent == 255, 0x7F, rounding.code))]
        return m
