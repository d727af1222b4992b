"""Element formats: how one number is laid out in bits.

Every finite value of every format is an integer, the *fixed-point value*, times 2^`lsb_exponent`. That is what the exact arithmetic of
the multiplier, the array and the golden model rests on; nothing else about a format needs to be known there.

Layouts are those of the Open Compute Project (8-bit floating point 1.0, microscaling formats 1.0), IEEE 754 and two's complement.
"""

import dataclasses
import enum
from fractions import Fraction


class Specials(enum.Enum):
    """Codes that are no finite number."""

    NONE = enum.auto()  # every code is one
    NAN = enum.auto()  # exponent and mantissa all ones: not a number; there is no infinity
    IEEE = enum.auto()  # exponent all ones: infinity with mantissa 0, else not a number


@dataclasses.dataclass(frozen=True)
class Element:
    """A format of one number: sign, exponent, mantissa from the highest bit down. No bit has another meaning.

    With `exponent_bits` = 0 the code is an integer, in two's complement if `signed`; value = code * 2^(1 - bias - mantissa_bits).
    Otherwise a sign bit (if `signed`), exponent field e and mantissa field m: value = (-1)^sign * 1.m * 2^(e - bias), and for e = 0, if
    there are `subnormals`, (-1)^sign * 0.m * 2^(1 - bias).

    Parameters
    ----------
    name: as in configurations and tables. bits: of a code in memory; those above the fields are ignored.
    """

    name: str
    bits: int
    signed: bool
    exponent_bits: int
    mantissa_bits: int
    bias: int
    specials: Specials = Specials.NONE
    subnormals: bool = True

    @property
    def integer(self) -> bool:
        """The code is the fixed-point value itself."""
        return self.exponent_bits == 0

    @property
    def lsb_exponent(self) -> int:
        """A value is its fixed-point value times 2 to this power. Of floating point: the smallest subnormal, or the unit of the least
        significant bit at the smallest exponent."""
        return self.smallest_exponent - self.mantissa_bits

    @property
    def smallest_exponent(self) -> int:
        """Power of two of the leading bit of the smallest normal number."""
        return (1 if self.subnormals else 0) - self.bias

    @property
    def significand_bits(self) -> int:
        """Mantissa with its hidden bit; of an integer, all of its magnitude."""
        return max(self.fixed_high, -self.fixed_low).bit_length() if self.integer else self.mantissa_bits + 1

    @property
    def largest_shift(self) -> int:
        """Fixed-point value = significand << shift; the shift is 0 .. this."""
        if self.integer:
            return 0
        reserved = self.specials is Specials.IEEE or (self.specials is Specials.NAN and self.mantissa_bits == 0)
        return (1 << self.exponent_bits) - 1 - reserved - self.subnormals

    @property
    def fixed_high(self) -> int:
        """Largest finite value in units of 2^`lsb_exponent`."""
        if self.integer:
            return (1 << self.mantissa_bits) - 1
        # Where the code with all ones is NaN and has a mantissa, the largest number is the one below it.
        below = self.specials is Specials.NAN and self.mantissa_bits > 0
        return ((2 << self.mantissa_bits) - 1 - below) << self.largest_shift

    @property
    def fixed_low(self) -> int:
        """Least finite value in the same units."""
        if not self.signed:
            return 0 if self.subnormals else 1
        return -(1 << self.mantissa_bits) if self.integer else -self.fixed_high

    @property
    def fixed_bits(self) -> int:
        """Width of the fixed-point value in two's complement, or unsigned if no value is negative."""
        return width(self.fixed_low, self.fixed_high)

    @property
    def largest(self) -> Fraction:
        """Largest finite value."""
        return self.fixed_high * Fraction(2) ** self.lsb_exponent

    @property
    def smallest_normal(self) -> Fraction:
        return Fraction(2) ** (self.lsb_exponent if self.integer else self.smallest_exponent)

    @property
    def smallest_subnormal(self) -> Fraction:
        """Smallest positive value."""
        return Fraction(2) ** self.lsb_exponent

    @property
    def largest_exponent(self) -> int:
        """Power of two of the leading bit of `largest`: what a shared scale is formed with (`emax` in the microscaling formats)."""
        return self.fixed_high.bit_length() - 1 + self.lsb_exponent


def width(low: int, high: int) -> int:
    """Bits that hold every integer of low .. high: two's complement if `low` is negative, unsigned otherwise."""
    return max(high.bit_length(), (-low - 1).bit_length()) + 1 if low < 0 else max(high.bit_length(), 1)


def _integer(name: str, bits: int, *, signed: bool = True, fraction: int = 0) -> Element:
    magnitude = bits - signed
    return Element(name, bits, signed, 0, magnitude, 1 - magnitude + fraction)


ELEMENTS = {element.name: element for element in (
    _integer("int8", 8),
    _integer("int4", 4),
    _integer("int2", 2),
    _integer("uint8", 8, signed=False),
    _integer("int8q6", 8, fraction=6),  # the element of MXINT8: an int8 with six bits of fraction
    Element("e4m3", 8, True, 4, 3, 7, Specials.NAN),
    Element("e5m2", 8, True, 5, 2, 15, Specials.IEEE),
    Element("e2m3", 6, True, 2, 3, 1),
    Element("e3m2", 6, True, 3, 2, 3),
    Element("e2m1", 4, True, 2, 1, 1),
    Element("bf16", 16, True, 8, 7, 127, Specials.IEEE),
    Element("fp16", 16, True, 5, 10, 15, Specials.IEEE),  # for results and tables only
    Element("fp32", 32, True, 8, 23, 127, Specials.IEEE),  # for results and scales only
    Element("e8m0", 8, False, 8, 0, 127, Specials.NAN, subnormals=False),  # for scales only: powers of two, no zero
    Element("ue4m3", 8, False, 4, 3, 7, Specials.NAN),  # for scales only: E4M3 whose sign bit is ignored
)}
