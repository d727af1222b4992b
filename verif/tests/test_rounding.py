"""The five roundings against definitions in fractions, against float32 arithmetic, and against gemmlowp's own formulas."""

import fractions
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.gen.isa import Rounding
from weft.verif.golden.rounding import scale

INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
CORNERS = [0, 1, -1, 2, -2, 3, -3, 127, -128, (1 << 24) - 1, (1 << 24) + 1, (1 << 24) + 3, 1 << 30, -(1 << 30), (1 << 31) - 1,
           1 - (1 << 31), -(1 << 31)]
EVERY_X, EVERY_M = (grid.ravel() for grid in np.meshgrid(np.array(CORNERS), np.array(CORNERS)))


def saturate(value: int) -> int:
    return min(max(value, -(1 << 31)), (1 << 31) - 1)


def nearest_away(ratio: fractions.Fraction) -> int:
    return math.floor(abs(ratio) + fractions.Fraction(1, 2)) * (1 if ratio >= 0 else -1)


def significant(value: int) -> int:
    """Round to 24 significant bits, halves to even, by Python's exact rounding of fractions."""
    unit = 1 << max(abs(value).bit_length() - 24, 0)
    return round(fractions.Fraction(value, unit)) * unit


def expected(x: int, multiplier: int, right: int, rounding: Rounding) -> int:
    ratio = fractions.Fraction(x * multiplier, 1 << right)
    match rounding:
        case Rounding.FLOOR:
            return saturate(math.floor(ratio))
        case Rounding.HALF_UP:
            return saturate(math.floor(ratio + (fractions.Fraction(1, 2) if right else 0)))
        case Rounding.HALF_AWAY:
            return saturate(nearest_away(ratio))
        case Rounding.DOUBLE:
            high = math.floor(fractions.Fraction(x * multiplier, 1 << 31) + fractions.Fraction(1, 2))
            return saturate(nearest_away(fractions.Fraction(high << 31, 1 << right)))
        case Rounding.FLOAT32:
            return saturate(round(fractions.Fraction(significant(significant(x) * multiplier), 1 << right)))


@pytest.mark.parametrize("rounding", list(Rounding))
@given(x=INT32, multiplier=INT32, right=st.integers(0, 63))
def test_definition(rounding, x, multiplier, right):
    assert int(scale(x, multiplier, right, rounding)) == expected(x, multiplier, right, rounding)


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("right", [0, 1, 2, 23, 30, 31, 32, 33, 47, 61, 62, 63])
def test_corners(rounding, right):
    values = scale(EVERY_X, EVERY_M, right, rounding)
    assert values.tolist() == [expected(int(x), int(m), right, rounding) for x, m in zip(EVERY_X, EVERY_M, strict=True)]


def test_double_is_gemmlowp():
    """SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT, as those two functions are defined; with exact ties."""
    random = np.random.default_rng(7)
    x = np.concatenate([random.integers(-(1 << 31), 1 << 31, 20000), random.integers(-999, 1000, 5000)])
    multiplier = np.concatenate([random.integers(1 << 30, 1 << 31, 20000), np.full(5000, 1 << 30)])
    for exponent in (0, 1, 5, 12, 31):
        product = [int(a) * int(b) for a, b in zip(x, multiplier, strict=True)]
        high = [int(fractions.Fraction(p + ((1 << 30) if p >= 0 else 1 - (1 << 30)), 1 << 31)) for p in product]  # truncates
        mask = (1 << exponent) - 1
        wanted = [(h >> exponent) + ((h & mask) > (mask >> 1) + (h < 0)) for h in high]
        assert scale(x, multiplier, 31 + exponent, Rounding.DOUBLE).tolist() == wanted


def test_float32_is_float32():
    """rint(float32(x) * float32 scale) of numpy, for scales with a full significand."""
    random = np.random.default_rng(8)
    x = np.concatenate([random.integers(-(1 << 31), 1 << 31, 20000), random.integers(-40000, 40000, 20000)])
    significand = random.integers(1 << 23, 1 << 24, x.size)
    for right in (24, 31, 40, 47):
        factor = np.ldexp(significand.astype(np.float32), -right)
        wanted = np.clip(np.rint(x.astype(np.float32) * factor).astype(np.float64), -(1 << 31), (1 << 31) - 1)
        assert (scale(x, significand, right, Rounding.FLOAT32) == wanted).all()
