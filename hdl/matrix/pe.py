"""Processing element: multiply, add, registers and nothing else."""

from amaranth import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.hdl.matrix.product import Product


class ProcessingElement(wiring.Component):
    """One cell of the weight-stationary array.

    In every cycle: `activation_out` becomes `activation`, and `sum_out` becomes `sum` + `activation_out` * active weight, where
    the active weight is what `shadow` held when `swap` was last 1. So a vector that enters together with `swap` is the first that
    meets the new weight, and no cycle is lost between two tiles. `load` writes `weight` to the shadow register; a swap in the
    same cycle still takes the old one.

    With `Product.REGISTERED` the product goes through one more register: `sum` is taken a cycle later, and meets the product of what
    `activation_out` was in the cycle before. FPGAs need that register to be fast; the element's `Multiplier` then fills a DSP block
    with activation, active weight and product. Shadow weight, the copy of the activation that moves on, and the sum lie
    outside. `Product.GIVEN` is the same with the multiplier outside, where it can share a block with another element's.

    No register has a reset, and only the weights have enables: while nothing streams, the array's edge holds its inputs still.

    Parameters
    ----------
    sum_bits: width of the partial sums, 16 .. 32, enough for the whole column: additions wrap.
    product: `Product`.

    Members
    -------
    activation, weight: int8.
    load, swap: one bit each.
    sum, sum_out: partial sum from above, and to below.
    activation_out: to the right.
    given, shadow: only with `Product.GIVEN`: activation * active weight, two cycles after `activation`; the shadow register.

    Raises
    ------
    ValueError: for a `sum_bits` outside its range.
    """

    def __init__(self, sum_bits: int, product: Product = Product.DIRECT) -> None:
        if not isinstance(sum_bits, int) or not 16 <= sum_bits <= 32:
            raise ValueError(f"ProcessingElement sum_bits={sum_bits!r}: must be an integer of 16 .. 32")
        self._sum_bits, self._product = sum_bits, product
        outside = {"given": In(signed(16)), "shadow": Out(signed(8))} if product is Product.GIVEN else {}
        super().__init__({
            "activation": In(signed(8)), "weight": In(signed(8)), "load": In(1), "swap": In(1), "sum": In(signed(sum_bits)),
            "activation_out": Out(signed(8)), "sum_out": Out(signed(sum_bits)),
            **outside})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        shadow = Signal(signed(8), reset_less=True)
        activation = Signal(signed(8), reset_less=True)
        total = Signal(signed(self._sum_bits), reset_less=True)
        with m.If(self.load):
            m.d.sync += shadow.eq(self.weight)
        if self._product is Product.GIVEN:
            m.d.comb += self.shadow.eq(shadow)
        product = self._product.multiply(m, coming=self.activation, activation=activation, weight=shadow, swap=self.swap,
                                         given=getattr(self, "given", None))
        m.d.sync += [activation.eq(self.activation), total.eq(self.sum.as_unsigned() + product[:self._sum_bits])]
        m.d.comb += [self.activation_out.eq(activation), self.sum_out.eq(total)]
        return m
