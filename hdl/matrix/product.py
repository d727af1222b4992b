"""The product of a processing element, and where its registers are."""

import enum

from amaranth import Module, Signal, signed
from amaranth.hdl import Value

from weft.hdl.multiplier import Multiplier


class Product(enum.Enum):
    """How an element gets its product: without a register, through one, or, so, from a multiplier outside."""

    DIRECT = enum.auto()
    REGISTERED = enum.auto()
    GIVEN = enum.auto()

    @property
    def latency(self) -> int:
        """Cycles from `activation` to the `sum_out` with its product."""
        return 2 if self is Product.DIRECT else 3

    def multiply(self, m: Module, *, coming: Value, activation: Signal, weight: Signal, swap: Value, given: Value | None) -> Signal:
        """activation * active weight, 32 bits signed; the active weight is what `weight` held when `swap` was last 1.

        `activation` is the register that takes `coming`. With a product register, here or with the multiplier outside (`given`, 16 bits),
        the product is that of the cycle before.
        """
        product = Signal(signed(32))
        if self is Product.DIRECT:
            active = Signal(signed(8), reset_less=True)
            with m.If(swap):
                m.d.sync += active.eq(weight)
            # Said in a simulator's words: 32-bit operations need no sign extension of results, which makes the array run 1.5 times as
            # fast in Verilator. Synthesis sees the copies of the sign and builds an 8 x 8 multiplier and an adder of sum_bits.
            left, right = Signal(signed(16)), Signal(signed(16))
            m.d.comb += [left.eq(activation), right.eq(active), product.eq(left * right)]
        elif self is Product.REGISTERED:
            m.submodules.multiplier = multiplier = Multiplier(8, 8, inputs=True, output=True)
            m.d.comb += [multiplier.a.eq(coming), multiplier.b.eq(weight), multiplier.b_enable.eq(swap), product.eq(multiplier.p)]
        else:
            m.d.comb += product.eq(given)
        return product
