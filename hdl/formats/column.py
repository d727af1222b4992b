"""The end of a column: block scales, applied to exact sums of a block."""

from amaranth import Module, Shape, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from weft.hdl.formats.array import Arrangement
from weft.hdl.formats.decode import decode
from weft.hdl.formats.product import FLAGS
from weft.hdl.formats.window import OUTSIDE, place

POSITION_BITS = 10  # of the window's unit above the least product with the least scales


class ColumnEnd(wiring.Component):
    """`term` is the sum of a block times its scales in the accumulators' window, `LATENCY` cycles later; one every cycle.

    term = sum * scale * .. * 2^-position, floored, in units of 2^(position + operands.lsb_exponent); `outside` says whether it
    fits and whether the floor changed it (`weft.gen.formats.window`). A scale that is not a number makes the term one. Sums that are in
    the window already pass unchanged; so do, with `position` without effect, those without scales that fit into a term.

    Members
    -------
    sum: one column's. flags, outside: beside it; 0 where the array has none.
    scales: codes of the activations' and the weights' scale, as far as there are any, in this order.
    position: unsigned; must hold still while vectors are under way.
    term: signed, `window.term_bits`, or all of the window's width for sums that are in it already. term_flags, term_outside.
    """

    LATENCY = 2

    def __init__(self, arrangement: Arrangement) -> None:
        self._arrangement = a = arrangement
        self._sum = a.numbers.shape
        super().__init__({
            "sum": In(self._sum), "flags": In(FLAGS), "outside": In(OUTSIDE), "position": In(POSITION_BITS),
            **{f"scale_{k}": In(scale.bits) for k, scale in enumerate(a.operands.scales)},
            "term": Out(signed(term_bits(a))), "term_flags": Out(FLAGS), "term_outside": Out(OUTSIDE)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        scales = [decode(m, scale, getattr(self, f"scale_{k}"), f"scale_{k}")
                  for k, scale in enumerate(self._arrangement.operands.scales)]
        # 1: times the significands of the scales; exponents added.
        product: Value = self.sum
        exponent: Value = Signal(1)
        for k, scale in enumerate(scales):
            product, before = Signal((product * scale.significand).shape(), name=f"product_{k}"), product
            exponent, sooner = Signal((exponent + scale.exponent).shape(), name=f"exponent_{k}"), exponent
            m.d.comb += [product.eq(before * scale.significand), exponent.eq(sooner + scale.exponent)]
        offset = sum(scale.offset for scale in scales)
        value = Signal(Shape(len(product) + (not product.shape().signed), signed=True), reset_less=True)
        shift = Signal(signed(max(len(exponent), POSITION_BITS, bits_for(offset)) + 2), reset_less=True)
        flags, outside = Signal(FLAGS, reset_less=True), Signal(OUTSIDE, reset_less=True)
        nan = Signal()
        for scale in scales:
            nan = nan | scale.nan
        m.d.sync += [value.eq(product), shift.eq(exponent - offset - self.position), outside.eq(self.outside),
                     flags.eq(self.flags), flags.nan.eq(self.flags.nan | nan)]
        # 2: to its place in the window.
        term, lost = (value, 0)
        if self._arrangement.scaled:
            term, lost = place(m, self._arrangement.window, value, shift, "placed")
        m.d.sync += [self.term.eq(term), self.term_flags.eq(flags), self.term_outside.eq(Value.cast(outside) | Value.cast(lost))]
        return m


def term_bits(arrangement: Arrangement) -> int:
    """Width of a term: what is in the window already may be as wide as that."""
    return arrangement.window.width if arrangement.element_window else arrangement.window.term_bits

