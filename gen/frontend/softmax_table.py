"""The table of exponentials behind TFLite's int8 softmax.

Arithmetic of gemmlowp's fixedpoint.h (`exp_on_negative_values`, input with 5 integer bits) and of TFLite's
PreprocessSoftmaxScaling, on Python integers: 256 values need no speed.
"""

import numpy as np

from weft.gen.frontend.multiplier import quantize_multiplier
from weft.gen.frontend.refusal import require

INTEGER_BITS = 5  # of the scaled difference: Q5.26
FRACTION = 31 - INTEGER_BITS
ONE = (1 << 31) - 1  # Q0.31's largest value stands for 1
EXP_MINUS_EIGHTH, THIRD = 1895147668, 715827883  # exp(-1/8) and 1/3 in Q0.31
# exp(-2**k) in Q0.31 for k = -2 .. 4: what each bit of the difference above 1/4 contributes.
BARREL = {-2: 1672461947, -1: 1302514674, 0: 790015084, 1: 290630308, 2: 39332535, 3: 720401, 4: 242}


def _multiply_high(a: int, b: int) -> int:
    """a * b / 2**31, halves towards plus infinity: gemmlowp's SaturatingRoundingDoublingHighMul."""
    return (a * b + (1 << 30)) >> 31


def _divide(value: int, exponent: int) -> int:
    """value / 2**exponent, halves away from zero."""
    magnitude = (abs(value) + (1 << exponent >> 1)) >> exponent
    return magnitude if value >= 0 else -magnitude


def _exp_below_quarter(a: int) -> int:
    """exp(a) for a in [-1/4, 0), Q0.31: a series of four terms around -1/8."""
    x = a + (1 << 28)
    x2 = _multiply_high(x, x)
    x3, x4 = _multiply_high(x2, x), _multiply_high(x2, x2)
    high = _divide(_multiply_high(_divide(x4, 2) + x3, THIRD) + x2, 1)
    return EXP_MINUS_EIGHTH + _multiply_high(EXP_MINUS_EIGHTH, x + high)


def exp_on_negative_values(a: int) -> int:
    """exp(a), a <= 0 in Q5.26, as Q0.31."""
    if a == 0:
        return ONE
    quarter = 1 << (FRACTION - 2)
    within = (a & (quarter - 1)) - quarter
    result = _exp_below_quarter(within << INTEGER_BITS)
    remainder = within - a
    for exponent, factor in BARREL.items():
        if remainder >> (FRACTION + exponent) & 1:
            result = _multiply_high(result, factor)
    return result


def exponential_table(input_scale: float, beta: float) -> np.ndarray:
    """256 int32 in Q0.31: entry d & 255 for the difference d = x - max, 0 where d lies below TFLite's diff_min."""
    real = min(beta * float(input_scale) * (1 << FRACTION), (1 << 31) - 1.0)
    require(real > 1, f"softmax with scale {input_scale:g} and beta {beta:g} is too flat for TFLite's fixed point")
    multiplier, left = quantize_multiplier(real)
    smallest = -int(((1 << INTEGER_BITS) - 1) * (1 << FRACTION) // (1 << left))
    table = np.zeros(256, dtype=np.int32)
    for difference in range(max(smallest, -255), 1):
        table[difference & 255] = exp_on_negative_values(_multiply_high(difference << left, multiplier))
    return table
