"""Exact rationals rounded once to a floating-point format; in integers, for benches."""

from fractions import Fraction

from weft.gen.formats.element import Element


def nearest(value: Fraction, target: Element) -> int:
    """Code of the number of IEEE format `target` that is nearest to `value`, ties to even."""
    if value == 0:
        return 0
    sign, value = (1, -value) if value < 0 else (0, value)
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    exponent -= value < Fraction(2) ** exponent  # now 2^exponent <= value < 2^(exponent + 1)
    quantum = Fraction(2) ** (max(exponent, target.smallest_exponent) - target.mantissa_bits)
    steps = round(value / quantum)  # Python's rounding of a Fraction is to even
    # Codes of a sign count the numbers in their order: so many steps above the beginning of this power of two.
    code = steps + (max(exponent - target.smallest_exponent, 0) << target.mantissa_bits)
    infinity = ((1 << target.exponent_bits) - 1) << target.mantissa_bits
    return sign << (target.bits - 1) | min(code, infinity)
