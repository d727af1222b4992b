"""Processing element of the arrays whose sums may stay: multiply, add, registers and nothing else."""

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.hdl.matrix.product import Product


class OutputElement(wiring.Component):
    """One cell of an output-stationary array, or of one that is weight-stationary as well.

    Output-stationary: in every cycle `activation_out` becomes `activation`, `weight_out` becomes `weight`, and `sum_out` becomes
    itself, or 0 in a cycle with `gives`, + `activation_out` * the weight that was `weight_out` when the activation came. So a
    weight comes one cycle before the activation that it meets, and `sum_out` in the cycle with `gives` is whole.

    That is so while `swap` is held at 1. With `switched`, also `stays` and `load` must be 1 for it; while `stays` is 0, the element is a
    `ProcessingElement` whose `weight` is `column`.

    A product register, its multiplier outside, and what no register has: see `ProcessingElement`.

    Parameters
    ----------
    sum_bits: width of the sums, enough for all that is added up: additions wrap.
    product: `Product`.
    switched: build both dataflows.

    Members
    -------
    activation, weight: int8, from the left and from above.
    swap: one bit.
    gives: the sum is taken in this cycle, and the next begins with what is added now.
    activation_out, weight_out: to the right and to below; also, with `switched`, the shadow weight.
    sum_out: see above; with `switched` also to below.
    column, sum, load, stays: only with `switched`.
    given: only with `Product.GIVEN`, as in `ProcessingElement`.
    """

    def __init__(self, sum_bits: int, product: Product = Product.DIRECT, *, switched: bool = False) -> None:
        if not isinstance(sum_bits, int) or not 16 <= sum_bits <= 32:
            raise ValueError(f"OutputElement sum_bits={sum_bits!r}: must be an integer of 16 .. 32")
        self._sum_bits, self._product, self._switched = sum_bits, product, switched
        both = {"column": In(signed(8)), "sum": In(signed(sum_bits)), "load": In(1), "stays": In(1)} if switched else {}
        super().__init__({
            "activation": In(signed(8)), "weight": In(signed(8)), "swap": In(1), "gives": In(1), "activation_out": Out(signed(8)),
            "weight_out": Out(signed(8)), "sum_out": Out(signed(sum_bits)), **both,
            **({"given": In(signed(16))} if product is Product.GIVEN else {})})

    @property
    def shadow(self) -> Signal:
        """What the weight is taken from."""
        return self.weight_out

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        weight, activation = (Signal(signed(8), reset_less=True, name=name) for name in ("weight_held", "activation_held"))
        total, before = Signal(signed(self._sum_bits), reset_less=True), Signal(signed(self._sum_bits))
        m.d.comb += [self.activation_out.eq(activation), self.weight_out.eq(weight), self.sum_out.eq(total)]
        if self._switched:
            m.d.comb += before.eq(Mux(self.stays, Mux(self.gives, 0, total), self.sum))
            with m.If(self.load):
                m.d.sync += weight.eq(Mux(self.stays, self.weight, self.column))
        else:
            m.d.comb += before.eq(Mux(self.gives, 0, total))
            m.d.sync += weight.eq(self.weight)
        product = self._product.multiply(m, coming=self.activation, activation=activation, weight=weight, swap=self.swap,
                                         given=getattr(self, "given", None))
        m.d.sync += [activation.eq(self.activation), total.eq(before.as_unsigned() + product[:self._sum_bits])]
        return m
