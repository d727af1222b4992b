"""Golden model, level 1: the arithmetic of single values, vectorised in numpy.

The scaling stage from the text of `weft.gen.isa`; gemmlowp's fixed point (fixedpoint.h) and TFLite's int8 softmax and average
pooling from their specification. All values are int64 arrays that hold int32, so that nothing wraps unless the text says so.
"""

import numpy as np
from numpy.typing import NDArray

from weft.gen.graph import Scale
from weft.gen.isa import Rounding
from weft.verif.golden import rounding

Int64 = NDArray[np.int64]
INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
EXP_MINUS_EIGHTH, THIRD = 1895147668, 715827883  # exp(-1/8) and 1/3 in Q0.31
# (weight 2**k of a bit of the difference, exp(-2**k) in Q0.31)
EXP_BARREL = ((-2, 1672461947), (-1, 1302514674), (0, 790015084), (1, 290630308), (2, 39332535), (3, 720401), (4, 242))
NEWTON_48_17, NEWTON_32_17 = 1515870810, -1010580540  # 48/17 and -32/17 in Q2.29
SOFTMAX_INTEGER_BITS = 5  # the scaled difference is Q5.26
SUM_INTEGER_BITS = 12  # the sum of exponentials is Q12.19


def wrap32(x: Int64) -> Int64:
    """The low 32 bits as a signed number."""
    return ((x + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def scale(x: NDArray[np.integer], parameters: Scale) -> Int64:
    """The scaling stage: round(((x + pre) << left, wrapped to 32 bits) * multiplier >> right), saturated to 32 bits.

    Per-channel members broadcast over the last axis of x.
    """
    left = np.asarray(parameters.left, dtype=np.int64)
    value = wrap32(wrap32(np.asarray(x, dtype=np.int64) + np.asarray(parameters.pre, dtype=np.int64)) << left)
    return rounding.scale(value, parameters.multiplier, parameters.right, Rounding(parameters.rounding))


def multiply_high(a: Int64 | int, b: Int64 | int) -> Int64:
    """SaturatingRoundingDoublingHighMul: a * b / 2**31, halves towards plus infinity, saturated to 32 bits.

    gemmlowp adds 2**30 to a product that is not negative and 1 - 2**30 to a negative one, then divides towards zero: a tie
    goes up in both cases.
    """
    return np.minimum(rounding.half_up(np.asarray(a, dtype=np.int64) * b, np.int64(31)), INT32_MAX)


def rounding_divide_by_power(x: Int64, exponent: Int64 | int) -> Int64:
    """RoundingDivideByPOT: x / 2**exponent, halves away from zero."""
    return rounding.half_away(np.asarray(x, dtype=np.int64), np.asarray(exponent, dtype=np.int64))


def saturating_multiply_by_power(x: Int64, exponent: int) -> Int64:
    """x * 2**exponent, saturated to 32 bits."""
    saturated: Int64 = np.clip(x << exponent, INT32_MIN, INT32_MAX)
    return saturated


def divide_half_away(total: Int64, count: Int64) -> Int64:
    """Integer nearest to total / count, halves away from zero (count > 0): average pooling."""
    nearest: Int64 = np.sign(total) * ((np.abs(total) + count // 2) // count)
    return nearest


def divide_half_up(total: Int64, count: Int64) -> Int64:
    """Integer nearest to total / count, halves towards plus infinity (count > 0): average pooling of uint8 values."""
    nearest: Int64 = (total + count // 2) // count
    return nearest


def exp_on_negative_values(a: Int64, integer_bits: int = SOFTMAX_INTEGER_BITS) -> Int64:
    """exp(a) for a <= 0 given with `integer_bits` integer bits, as Q0.31."""
    a = np.asarray(a, dtype=np.int64)
    fraction = 31 - integer_bits
    quarter = 1 << (fraction - 2)
    within = (a & (quarter - 1)) - quarter
    x = (within << integer_bits) + (1 << 28)
    x2 = multiply_high(x, x)
    x3, x4 = multiply_high(x2, x), multiply_high(x2, x2)
    series = rounding_divide_by_power(multiply_high(rounding_divide_by_power(x4, 2) + x3, THIRD) + x2, 1)
    result = EXP_MINUS_EIGHTH + multiply_high(EXP_MINUS_EIGHTH, x + series)
    remainder = within - a
    for exponent, factor in EXP_BARREL:
        if exponent < integer_bits:
            result = np.where(remainder >> (fraction + exponent) & 1, multiply_high(result, factor), result)
    return np.where(a == 0, INT32_MAX, result)


def one_over_one_plus_x(a: Int64) -> Int64:
    """1 / (1 + a) for a in [0, 1], both Q0.31: three Newton steps in Q2.29."""
    a = np.asarray(a, dtype=np.int64)
    total = a + INT32_MAX
    half = (total + np.sign(total)) // 2  # RoundingHalfSum
    x = NEWTON_48_17 + multiply_high(half, NEWTON_32_17)
    for _ in range(3):
        error = (1 << 29) - multiply_high(half, x)
        x = x + saturating_multiply_by_power(multiply_high(x, error), 2)
    return saturating_multiply_by_power(x, 1)


def softmax(x: NDArray[np.int8], exponentials: NDArray[np.int32]) -> NDArray[np.int8]:
    """TFLite's int8 softmax over the last axis. `exponentials`: see `weft.gen.graph.Softmax`."""
    values = np.asarray(x, dtype=np.int64)
    terms = exponentials.astype(np.int64)[(values - values.max(axis=-1, keepdims=True)) & 255]
    total = rounding_divide_by_power(terms, SUM_INTEGER_BITS).sum(axis=-1, keepdims=True)
    zeros = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    reciprocal = one_over_one_plus_x(((total << zeros) & 0xFFFFFFFF) - (1 << 31))
    shift = SUM_INTEGER_BITS - zeros + 31 - 8
    return np.clip(rounding_divide_by_power(multiply_high(reciprocal, terms), shift) - 128, -128, 127).astype(np.int8)
