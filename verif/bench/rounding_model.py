"""The scaling stage's roundings from independent sources: Python integers, gemmlowp's formulas, numpy's float32."""

from fractions import Fraction

import numpy as np

from weft.gen.isa import Rounding

LOW, HIGH = -(1 << 31), (1 << 31) - 1


def wrap(x: int) -> int:
    return (x - LOW) % (1 << 32) + LOW


def saturate(x: int) -> int:
    return min(max(x, LOW), HIGH)


def half_away(p: int, s: int) -> int:
    """Through the magnitude, not through the identity that the RTL uses."""
    magnitude = (2 * abs(p) + (1 << s)) >> (s + 1)
    return -magnitude if p < 0 else magnitude


def gemmlowp(x: int, multiplier: int, shift: int) -> int:
    """MultiplyByQuantizedMultiplier of TFLite after its left shift: SaturatingRoundingDoublingHighMul and RoundingDivideByPOT."""
    if x == multiplier == LOW:
        high = HIGH
    else:
        nudged = x * multiplier + ((1 << 30) if x * multiplier >= 0 else 1 - (1 << 30))
        high = abs(nudged) // (1 << 31) * (1 if nudged >= 0 else -1)  # C division
    mask = (1 << shift) - 1
    return (high >> shift) + int((high & mask) > (mask >> 1) + (high < 0))


def significand_24(x: int) -> int:
    """x rounded to 24 significant bits, by division; Python rounds the halves of a Fraction to even."""
    unit = 1 << max(0, abs(x).bit_length() - 24)
    return round(Fraction(x, unit)) * unit


def rounded(rounding: Rounding, x: int, multiplier: int, s: int) -> int:
    """round(x * multiplier >> s), saturated, x and multiplier of 32 bits signed, s of 0 .. 63."""
    match rounding:
        case Rounding.FLOOR:
            return saturate(x * multiplier // (1 << s))
        case Rounding.HALF_UP:
            return saturate((2 * x * multiplier // (1 << s) + 1) // 2)
        case Rounding.HALF_AWAY:
            return saturate(half_away(x * multiplier, s))
        case Rounding.DOUBLE if 31 <= s <= 62:  # where gemmlowp defines it
            return gemmlowp(x, multiplier, s - 31)
        case Rounding.DOUBLE:
            return saturate(half_away((x * multiplier + (1 << 30)) // (1 << 31) * (1 << 31), s))
        case Rounding.FLOAT32:
            if abs(multiplier) < 1 << 24:
                scale = np.ldexp(np.float32(multiplier), -s)
                assert scale.dtype == np.float32
                return saturate(int(np.rint(np.float32(x) * scale)))
            return saturate(round(Fraction(significand_24(significand_24(x) * multiplier), 1 << s)))
