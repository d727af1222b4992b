"""gemmlowp's fixed point (fixedpoint.h), on Python integers: what TFLite's reference kernels compute tables and functions with.

Raw values are 32 bits; Qm.n has m integer bits and n = 31 - m fractional ones.
"""

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
ONE = INT32_MAX  # Q0.31's largest value stands for 1
EXP_MINUS_EIGHTH, THIRD = 1895147668, 715827883  # exp(-1/8) and 1/3 in Q0.31
# exp(-2**k) in Q0.31 for k = -2 .. 4: what each bit of the argument above 1/4 contributes.
BARREL = {-2: 1672461947, -1: 1302514674, 0: 790015084, 1: 290630308, 2: 39332535, 3: 720401, 4: 242}
NEWTON_48_17, NEWTON_32_17 = 1515870810, -1010580540  # 48/17 and -32/17 in Q2.29
Q2_ONE = 1 << 29
THREE_HALVES, HALF_ROOT_2 = (1 << 28) + (1 << 27), 1518500250  # 3/2 in Q3.28, sqrt(1/2) in Q0.31


def multiply_high(a: int, b: int, bits: int = 31) -> int:
    """a * b / 2**bits, halves towards plus infinity, saturated: SaturatingRoundingDoublingHighMul of 32-bit numbers, and with
    `bits` 15 of 16-bit ones."""
    return min((a * b + (1 << bits >> 1)) >> bits, (1 << bits) - 1)


def divide_by_power(value: int, exponent: int) -> int:
    """value / 2**exponent, halves away from zero: RoundingDivideByPOT."""
    magnitude = (abs(value) + (1 << exponent >> 1)) >> exponent
    return magnitude if value >= 0 else -magnitude


def multiply_by_quantized_multiplier(value: int, multiplier: int, shift: int) -> int:
    """value * multiplier * 2**(shift - 31) with two roundings."""
    shifted = (value << max(shift, 0)) + (1 << 31)
    return divide_by_power(multiply_high((shifted & 0xFFFFFFFF) - (1 << 31), multiplier), max(-shift, 0))


def _exp_below_quarter(a: int) -> int:
    """exp(a) for a in [-1/4, 0), Q0.31: a series of four terms around -1/8."""
    x = a + (1 << 28)
    x2 = multiply_high(x, x)
    x3, x4 = multiply_high(x2, x), multiply_high(x2, x2)
    high = divide_by_power(multiply_high(divide_by_power(x4, 2) + x3, THIRD) + x2, 1)
    return EXP_MINUS_EIGHTH + multiply_high(EXP_MINUS_EIGHTH, x + high)


def exp_on_negative_values(a: int, integer_bits: int) -> int:
    """exp(a) as Q0.31 for a <= 0 with up to 5 integer bits."""
    if a == 0:
        return ONE
    fraction = 31 - integer_bits
    quarter = 1 << (fraction - 2)
    within = (a & (quarter - 1)) - quarter
    result = _exp_below_quarter(within << integer_bits)
    remainder = within - a
    for exponent, factor in BARREL.items():
        if exponent < integer_bits and remainder >> (fraction + exponent) & 1:
            result = multiply_high(result, factor)
    return result


def _reciprocal(a: int) -> int:
    """2 / (1 + a) as Q2.29 for a in [0, 1], Q0.31: three Newton steps."""
    half = (a + ONE + 1) // 2
    x = NEWTON_48_17 + multiply_high(half, NEWTON_32_17)
    for _ in range(3):
        x += _left(multiply_high(x, Q2_ONE - multiply_high(half, x)), 2)
    return x


def _left(value: int, exponent: int) -> int:
    return min(max(value << exponent, INT32_MIN), INT32_MAX)


def logistic(a: int, integer_bits: int) -> int:
    """1 / (1 + exp(-a)) as Q0.31."""
    if a == 0:
        return 1 << 30
    positive = _left(_reciprocal(exp_on_negative_values(-abs(a), integer_bits)), 1)
    return positive if a > 0 else ONE - positive


def inverse_square_root(value: int) -> tuple[int, int]:
    """1 / sqrt(value) as multiplier and left shift of `multiply_by_quantized_multiplier`, for value below 2**29: five Newton steps on a
    number with three integer bits (TFLite's GetInvSqrtQuantizedMultiplierExp)."""
    if value <= 1:
        return INT32_MAX, 0
    pairs = (31 - value.bit_length()) // 2 - 1
    argument = value << 2 * pairs >> 1
    half, x = divide_by_power(argument, 1), 1 << 28
    for _ in range(5):
        cube = _left(multiply_high(multiply_high(x, x), x), 6)
        x = _left(multiply_high(THREE_HALVES, x) - multiply_high(half, cube), 3)
    return multiply_high(x, HALF_ROOT_2), pairs - 11


def tanh(a: int, integer_bits: int) -> int:
    """tanh(a) as Q0.31."""
    if a == 0:
        return 0
    # The argument of exp is 2a: the same bits with one integer bit more.
    positive = _left(_reciprocal(exp_on_negative_values(-abs(a), integer_bits + 1)) - Q2_ONE, 2)
    return positive if a > 0 else -positive
