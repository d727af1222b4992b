"""Element codes to sign, significand and exponent."""

import dataclasses

from amaranth import C, Cat, Module, Signal, Value

from weft.gen.formats.element import Element, Specials


@dataclasses.dataclass(frozen=True)
class Decoded:
    """Parts of a finite element: fixed-point value = (-1)^negative * significand * 2^(exponent - offset).

    Parts that a format does not have are constants, so that whatever is built on them shrinks by itself. `significand` is signed
    for integers in two's complement, whose `negative` is 0, and else unsigned. `nan` and `infinite` say that the code is not
    finite; the other parts are then a number all the same (`negative` is the sign of the infinity).
    """

    negative: Value
    significand: Value
    exponent: Value
    nan: Value
    infinite: Value
    offset: int


def decode(m: Module, element: Element, code: Value, name: str) -> Decoded:
    """Adds the decoder of `element` to `m`, combinational. `name` begins those of its signals."""
    if element.integer:
        return Decoded(C(0, 1), code.as_signed() if element.signed else code, C(0, 0), C(0, 1), C(0, 1), 0)
    mantissa, exponent = element.mantissa_bits, element.exponent_bits
    m_field, e_field = code[:mantissa], code[mantissa:mantissa + exponent]
    negative = code[mantissa + exponent] if element.signed else C(0, 1)
    normal, full, fraction = (Signal(name=f"{name}_{part}") for part in ("normal", "full", "fraction"))
    m.d.comb += [normal.eq(e_field.any() if element.subnormals else 1), full.eq(e_field.all()), fraction.eq(m_field.any())]
    # The smallest two exponent codes mean the same power of two: 0 counts as 1.
    scale = Signal(exponent, name=f"{name}_exponent")
    m.d.comb += scale.eq(Cat(e_field[0] | ~normal, e_field[1:]))
    nan, infinite = {
        Specials.NONE: (C(0, 1), C(0, 1)),
        Specials.NAN: (full & m_field.all(), C(0, 1)),
        Specials.IEEE: (full & fraction, full & ~fraction)}[element.specials]
    return Decoded(negative, Cat(m_field, normal), scale, nan, infinite, int(element.subnormals))
