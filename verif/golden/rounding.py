"""The scaling stage's rounding: 64-bit product, shifted right in one of five modes, saturated to 32 bits.

Written from the text of `isa.Rounding` and of VECTOR_SCALE. All of it is exact integer arithmetic in int64: |x| and
|multiplier| are at most 2**31, so products fit with one bit to spare; nothing is ever added at the shifted bit, because
2**62 + 2**62 would not fit.
"""

import numpy as np
from numpy.typing import NDArray

from weft.gen.isa import Rounding

Int64 = NDArray[np.int64]
INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
SIGNIFICAND_BITS = 24  # of an IEEE float32


def scale(x: Int64, multiplier: Int64, right: Int64, rounding: Rounding) -> Int64:
    """round(x * multiplier >> right), saturated to int32 (returned as int64); arguments broadcast.

    x and multiplier hold int32 values, right 0 .. 63.
    """
    x, multiplier, right = np.broadcast_arrays(*(np.asarray(value, dtype=np.int64) for value in (x, multiplier, right)))
    if rounding is Rounding.FLOAT32:
        product = to_significand(to_significand(x) * multiplier)
        rounded = half_even(product, right)
    else:
        product = x * multiplier
        match rounding:
            case Rounding.FLOOR:
                rounded = product >> right
            case Rounding.HALF_UP:
                rounded = half_up(product, right)
            case Rounding.HALF_AWAY:
                rounded = half_away(product, right)
            case Rounding.DOUBLE:
                high = half_up(product, np.full_like(right, 31))
                rounded = half_away(high << 31, right)
    return np.clip(rounded, INT32_MIN, INT32_MAX)


def half_up(p: Int64, shift: Int64 | np.int64) -> Int64:
    """Nearest integer of p / 2**shift, halves towards plus infinity; shift 0 changes nothing."""
    return (p >> shift) + np.where(shift > 0, p >> np.maximum(shift - 1, 0) & 1, 0)


def half_away(p: Int64, shift: Int64) -> Int64:
    """Nearest integer of p / 2**shift, halves away from zero: taking one from a negative p moves its ties below the half."""
    return np.where(shift > 0, half_up(p - (p < 0), shift), p)


def half_even(p: Int64, shift: Int64) -> Int64:
    """Nearest integer of p / 2**shift, halves to the even neighbour."""
    floor = p >> shift
    rest = p - (floor << shift)
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    return floor + np.where(shift > 0, (rest > half) | ((rest == half) & (floor & 1 == 1)), False)


def to_significand(p: Int64) -> Int64:
    """p rounded to SIGNIFICAND_BITS significant bits, halves to even, as float32 conversion does."""
    magnitude = np.abs(p)
    # frexp of a float64 may see a magnitude that was rounded up to the next power of two: correct the bit count by one.
    bits = np.frexp(magnitude.astype(np.float64))[1].astype(np.int64)
    bits -= (bits > 0) & (magnitude < np.int64(1) << np.minimum(np.maximum(bits - 1, 0), 62))
    drop = np.maximum(bits - SIGNIFICAND_BITS, 0)
    rounded: Int64 = np.sign(p) * (half_even(magnitude, drop) << drop)
    return rounded
