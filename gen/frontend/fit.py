"""Integers for float formulas of 8-bit operands, proved by trying every operand.

onnxruntime's element-wise kernels compute rint(a * ra + F) in float32. Over 256 inputs (or 65,536 pairs) such a function is a
staircase; these fits look for integers m, pre, s with (a * m + pre) >> s equal to it everywhere. Where the staircase has exact
ties, which float32 rounds to even, the FLOAT32 rounding of the scaling stage is tried as well.
"""

import dataclasses
from fractions import Fraction

import numpy as np

from weft.gen.frontend.multiplier import float32_scale
from weft.gen.frontend.refusal import Unsupported
from weft.gen.graph import Scale
from weft.gen.isa import Rounding

LOW, HIGH = -128, 127
HELD = np.arange(LOW, HIGH + 1, dtype=np.int64)
MOST_SHIFT = 21  # 256 << 21 plus 128 * multiplier stays inside 32 bits
MOST_MULTIPLIER = 1 << 22
EVEN_SHIFTS = (16, 14, 12, 10, 8)  # sums of these keep within float32's 24 bits


@dataclasses.dataclass(frozen=True)
class UnaryFit:
    """y = clip(second(first(x)), -128, 127); zero points are inside."""

    first: Scale
    second: Scale


def fit_unary(wanted: np.ndarray, slope: float) -> UnaryFit:
    """Integers that give `wanted` (C, 256), held outputs for the held inputs -128 .. 127 of each channel: slope * x + const, clipped.

    The multiplier is the same for all channels. Members of `second` are arrays if C > 1. Raises `Unsupported` if no integers are exact.
    """
    wanted = np.asarray(wanted, dtype=np.int64).reshape(-1, HELD.size)
    for shift in range(MOST_SHIFT, 7, -1):
        for m in _multipliers(wanted, shift):
            low, high = _interval(wanted, m * HELD, shift)
            if (low <= high).all():
                return UnaryFit(Scale(multiplier=m), Scale(pre=_one_or_many((low + high) // 2), right=shift))
    for shift in EVEN_SHIFTS:
        m = round(slope * (1 << shift))
        pre = np.array([_pre_of_ties(row, m * HELD, shift) for row in wanted])
        got = _half_even(m * HELD + pre[:, None], shift)
        if np.array_equal(np.clip(got, LOW, HIGH), wanted):
            return UnaryFit(Scale(multiplier=m), Scale(pre=_one_or_many(pre), right=shift, rounding=Rounding.FLOAT32))
    raise Unsupported("no integers give onnxruntime's float32 result for all 256 inputs")


def fit_factor(wanted: np.ndarray, slope: float, input_zero: int, output_zero: int) -> Scale | None:
    """A float32 factor with clip(rint(float32(x - input_zero) * factor) + output_zero) equal to `wanted` (256,), or None.

    This is the form that keeps ties to even where `fit_unary`'s staircases cannot.
    """
    centre = np.float32(slope)
    for factor in (centre, np.nextafter(centre, np.float32(0)), np.nextafter(centre, np.float32(np.inf))):
        got = np.rint((HELD - input_zero).astype(np.float32) * factor).astype(np.int64) + output_zero
        if np.array_equal(np.clip(got, LOW, HIGH), wanted):
            return float32_scale(factor, -input_zero)
    return None


def fit_binary(wanted: np.ndarray, slope_a: float, slope_b: float) -> tuple[Scale, Scale, Scale, int]:
    """(scale_a, scale_b, scale, mismatches) for `wanted` (256, 256): held outputs for held a (rows) and b (columns).

    y = clip(scale(scale_a(a) + scale_b(b)), -128, 127). Not every float32 staircase of two operands has integers that
    match all pairs: `mismatches` counts the pairs, each then off by one, for the best integers found.
    """
    wanted, best = np.asarray(wanted, dtype=np.int64), None
    for rounding, shifts in ((Rounding.FLOOR, (20, 19, 18)), (Rounding.FLOAT32, EVEN_SHIFTS)):
        for shift in shifts:
            m_a, m_b = round(slope_a * (1 << shift)), round(slope_b * (1 << shift))
            if max(m_a, m_b) >= MOST_MULTIPLIER:
                continue
            for a in (m_a, m_a + 1, m_a - 1):
                for b in (m_b, m_b + 1, m_b - 1):
                    terms = a * HELD[:, None] + b * HELD
                    pre, wrong = _best_pre(wanted, terms, shift, rounding)
                    if best is None or wrong < best[3]:
                        best = Scale(multiplier=a), Scale(multiplier=b), Scale(pre=pre, right=shift, rounding=rounding), wrong
                    if not wrong:
                        return best
    if best is None:
        raise Unsupported(f"scale ratios {slope_a:g} and {slope_b:g} are too large")
    return best


def fit_product(wanted: np.ndarray, products: np.ndarray, real: np.float32, zero_point: int) -> tuple[Scale, int, int]:
    """(scale, zero point, mismatches) of clip(scale(product) + zero point) for `wanted`, QLinearMul's held outputs for integer products.

    onnxruntime adds the zero point before it rounds, so that an odd one turns ties to even into ties to odd. They happen where `real` is a
    small odd number over a power of two: one whole power more in front of the factor adds that odd number behind it.
    """
    ratio, results = Fraction(float(real)), []
    forms = [(0, zero_point), (ratio.denominator, zero_point - ratio.numerator), (-ratio.denominator, zero_point + ratio.numerator)]
    for pre, point in forms:
        if abs(pre) < MOST_MULTIPLIER and LOW <= point <= HIGH:
            got = np.clip(np.rint((products + pre).astype(np.float32) * real).astype(np.int64) + point, LOW, HIGH)
            results.append((int((got != wanted).sum()), pre, point))
    wrong, pre, point = min(results)
    return float32_scale(real, pre), point, wrong


def _multipliers(wanted: np.ndarray, shift: int) -> list[int]:
    """Up to three multipliers, best first, from the range that the constraints of every two inputs leave: output k at x means
    k * 2**shift <= m * x + pre < (k + 1) * 2**shift, and clipped outputs bound one side only."""
    low, high = 0.0, float(MOST_MULTIPLIER - 1)
    distance = (HELD[None, :] - HELD[:, None])[pairs := np.triu_indices(HELD.size, 1)]
    for row in wanted:
        least = np.where(row > LOW, (row << shift).astype(float), -np.inf)
        most = np.where(row < HIGH, (row + 1 << shift) - 1.0, np.inf)
        low = max(low, ((least[pairs[1]] - most[pairs[0]]) / distance).max())
        high = min(high, ((most[pairs[1]] - least[pairs[0]]) / distance).min())
    first, last = int(np.ceil(low)), int(np.floor(high))
    middle = (first + last) // 2
    return [m for m in dict.fromkeys((middle, first, last)) if first <= m <= last]


def _interval(wanted: np.ndarray, terms: np.ndarray, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Per row the lowest and highest pre for which (terms + pre) >> shift, clipped, equals `wanted`; empty if low > high."""
    limit = 1 << 30
    low = np.where(wanted > LOW, (wanted << shift) - terms, -limit).max(axis=1)
    high = np.where(wanted < HIGH, (wanted + 1 << shift) - 1 - terms, limit).min(axis=1)
    return np.maximum(low, -limit), np.minimum(high, limit)


def _best_pre(wanted: np.ndarray, terms: np.ndarray, shift: int, rounding: Rounding) -> tuple[int, int]:
    """The pre with the fewest wrong pairs among a few near the middle, and their count."""
    if rounding is Rounding.FLOAT32:
        pre = _pre_of_ties(wanted.reshape(-1), terms.reshape(-1), shift)
        return pre, int((np.clip(_half_even(terms + pre, shift), LOW, HIGH) != wanted).sum())
    low, high = (int(bound[0]) for bound in _interval(wanted.reshape(1, -1), terms.reshape(1, -1), shift))
    if low <= high:
        return (low + high) // 2, 0
    counts = {pre: int((np.clip(terms + pre >> shift, LOW, HIGH) != wanted).sum()) for pre in (low, high, (low + high) // 2)}
    pre = min(counts, key=counts.__getitem__)
    return pre, counts[pre]


def _pre_of_ties(wanted: np.ndarray, terms: np.ndarray, shift: int) -> int:
    """The middle of what half-to-even rounding allows: each output within half a step of its term."""
    half = 1 << shift >> 1
    inside = (wanted > LOW) & (wanted < HIGH)
    if not inside.any():
        return int(np.clip((wanted[0] << shift) * 2, -(1 << 30), 1 << 30))
    return int(((wanted << shift) - half - terms)[inside].max() + ((wanted << shift) + half - terms)[inside].min()) // 2


def _half_even(values: np.ndarray, shift: int) -> np.ndarray:
    """float32(values) / 2**shift to the nearest integer, halves to even."""
    rounded: np.ndarray = np.rint(values.astype(np.float32) / np.float32(1 << shift))
    return rounded.astype(np.int64)


def _one_or_many(values: np.ndarray) -> int | np.ndarray:
    return int(values[0]) if values.size == 1 else values.astype(np.int32)
