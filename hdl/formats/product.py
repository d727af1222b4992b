"""Exact product of two decoded elements, and its place in fixed point."""

import dataclasses

from amaranth import Module, Mux, Shape, Signal, Value
from amaranth.lib import data

from weft.gen.formats.pair import Pair
from weft.hdl.formats.decode import Decoded, decode

# What became of a sum that is not finite: an invalid operation or an operand that is not a number; infinities of both signs.
FLAGS = data.StructLayout({"nan": 1, "plus": 1, "minus": 1})


@dataclasses.dataclass(frozen=True)
class Product:
    """(-1)^negative * significand * 2^(exponent - offset) in units of the pair's `lsb_exponent`; `flags` is a `FLAGS` value.

    Finite as long as no flag is set; the other parts are then of no use.
    """

    negative: Value
    significand: Value
    exponent: Value
    offset: int
    flags: Value


def multiply(m: Module, pair: Pair, activation: Value, weight: Value, name: str) -> Product:
    """Adds decoders and the product of two codes to `m`, combinational. `name` begins those of its signals.

    An infinity times 0 is not a number, an infinity times anything else an infinity.
    """
    a, b = decode(m, pair.activation, activation, f"{name}_a"), decode(m, pair.weight, weight, f"{name}_b")
    significand = Signal((a.significand * b.significand).shape(), name=f"{name}_significand")
    exponent = Signal((a.exponent + b.exponent).shape(), name=f"{name}_exponent_sum")
    negative = Signal(name=f"{name}_negative")
    m.d.comb += [significand.eq(a.significand * b.significand), exponent.eq(a.exponent + b.exponent),
                 negative.eq(a.negative ^ b.negative)]
    flags = Signal(FLAGS, name=f"{name}_flags")
    nan, infinite = Signal(name=f"{name}_nan"), Signal(name=f"{name}_infinite")
    m.d.comb += [
        nan.eq(a.nan | b.nan | _infinite_times_zero(a, b) | _infinite_times_zero(b, a)), infinite.eq((a.infinite | b.infinite) & ~nan),
        flags.nan.eq(nan), flags.plus.eq(infinite & ~negative), flags.minus.eq(infinite & negative)]
    return Product(negative, significand, exponent, a.offset + b.offset, flags)


def _infinite_times_zero(a: Decoded, b: Decoded) -> Value:
    return a.infinite & (b.significand == 0)


def fixed_point(m: Module, pair: Pair, product: Product, name: str) -> tuple[Signal, Value]:
    """The product as an integer of `pair.product_bits`, without its negation: value = (shifted ^ negative) + negative.

    The last addition is left to whoever adds the value to something, as a carry.
    """
    low, _ = pair.product_range
    shifted = Signal(Shape(pair.product_bits, signed=low < 0), name=f"{name}_shifted")
    m.d.comb += shifted.eq((product.significand << product.exponent) >> product.offset)
    term = Signal.like(shifted, name=f"{name}_term")
    m.d.comb += term.eq(Mux(product.negative, ~shifted, shifted))
    return term, product.negative
