"""Terms moved into the window of `weft.gen.formats.window`."""

from amaranth import Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.utils import bits_for

from weft.gen.formats.pair import Pair
from weft.gen.formats.window import Window
from weft.hdl.formats.product import Product
from weft.hdl.formats.shift import shift_left

# A term that did not fit into the window, or had bits below it.
OUTSIDE = data.StructLayout({"overflow": 1, "underflow": 1})


def position_bits(pair: Pair) -> int:
    """Bits of the position of a window's unit above that of a product: 0 .. the largest exponent of a product."""
    return bits_for(pair.activation.largest_shift + pair.weight.largest_shift)


def place(m: Module, window: Window, value: Value, shift: Value, name: str) -> tuple[Signal, Signal]:
    """The term value * 2^shift, floored, and its `OUTSIDE` flags. `value` and `shift` are signed. Combinational."""
    bits, terms = len(value), window.term_bits
    # The value begins `bits` below the unit, where all of it is lost, and is moved up to where all of it is above the window.
    amount, low, high = (Signal(n, name=f"{name}_{part}") for n, part in ((bits_for(bits + terms), "amount"), (1, "low"), (1, "high")))
    m.d.comb += [low.eq(shift < -bits), high.eq(shift > terms),
                 amount.eq(Mux(low, 0, Mux(high, bits + terms, shift + bits)))]
    moved = shift_left(m, value, amount, 2 * bits + terms, f"{name}_moved")
    term, outside = Signal(signed(terms), name=f"{name}_term"), Signal(OUTSIDE, name=f"{name}_outside")
    m.d.comb += [
        term.eq(moved[bits:bits + terms]), outside.underflow.eq(moved[:bits].any()),
        outside.overflow.eq(moved[bits + terms - 1:] != moved[-1].replicate(bits + 1))]
    return term, outside


def windowed(m: Module, window: Window, pair: Pair, product: Product, position: Value, name: str) -> tuple[Signal, Signal]:
    """A product in the window whose unit is 2^(position + pair.lsb_exponent): the term, floored, and its `OUTSIDE` flags."""
    low, _ = pair.product_range
    value = Signal(signed(len(product.significand) + 1), name=f"{name}_value")
    shift = Signal(signed(max(len(product.exponent), len(position)) + 2), name=f"{name}_shift")
    negated = Mux(product.negative, -product.significand, product.significand) if low < 0 else product.significand
    m.d.comb += [value.eq(negated), shift.eq(product.exponent - product.offset - position)]
    return place(m, window, value, shift, name)
