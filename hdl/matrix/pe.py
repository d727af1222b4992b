"""Processing element: multiply, add, registers and nothing else."""

from amaranth import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class ProcessingElement(wiring.Component):
    """One cell of the weight-stationary array.

    In every cycle: `activation_out` becomes `activation`, and `sum_out` becomes `sum` + `activation_out` * active weight, where
    the active weight is what `shadow` held when `swap` was last 1. So a vector that enters together with `swap` is the first that
    meets the new weight, and no cycle is lost between two tiles. `load` writes `weight` to the shadow register; a swap in the
    same cycle still takes the old one.

    The four registers are those of a DSP block: input A (activation), two stages of input B with an enable each (shadow,
    active) and the output behind the cascade adder (sum). None has a reset, and only the weights have enables: while nothing
    streams, the array's edge holds its inputs still.

    Parameters
    ----------
    sum_bits: width of the partial sums, 16 .. 32, enough for the whole column: additions wrap.

    Members
    -------
    activation, weight: int8.
    load, swap: one bit each.
    sum, sum_out: partial sum from above, and to below.
    activation_out: to the right.

    Raises
    ------
    ValueError: for a `sum_bits` outside its range.
    """

    LATENCY = 2  # cycles from `activation` to the `sum_out` with its product

    def __init__(self, sum_bits: int) -> None:
        if not isinstance(sum_bits, int) or not 16 <= sum_bits <= 32:
            raise ValueError(f"ProcessingElement sum_bits={sum_bits!r}: must be an integer of 16 .. 32")
        self._sum_bits = sum_bits
        super().__init__({
            "activation": In(signed(8)), "weight": In(signed(8)), "load": In(1), "swap": In(1), "sum": In(signed(sum_bits)),
            "activation_out": Out(signed(8)), "sum_out": Out(signed(sum_bits))})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        shadow = Signal(signed(8), reset_less=True)
        active = Signal(signed(8), reset_less=True)
        activation = Signal(signed(8), reset_less=True)
        total = Signal(signed(self._sum_bits), reset_less=True)
        with m.If(self.load):
            m.d.sync += shadow.eq(self.weight)
        with m.If(self.swap):
            m.d.sync += active.eq(shadow)
        # Said in a simulator's words: 32-bit operations need no sign extension of results, which makes the array run 1.5 times as
        # fast in Verilator. Synthesis sees the copies of the sign and builds an 8 x 8 multiplier and an adder of sum_bits.
        left, right, product = Signal(signed(16)), Signal(signed(16)), Signal(signed(32))
        m.d.comb += [left.eq(activation), right.eq(active), product.eq(left * right)]
        m.d.sync += [activation.eq(self.activation), total.eq(self.sum.as_unsigned() + product[:self._sum_bits])]
        m.d.comb += [self.activation_out.eq(activation), self.sum_out.eq(total)]
        return m
