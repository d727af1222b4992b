"""Real rescaling factors as the integers of the scaling stage."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.gen.frontend.refusal import Unsupported, require
from weft.gen.graph import Scale
from weft.gen.isa import Rounding

MULTIPLIER_BITS = 31  # of TFLite's fixed-point multiplier
SIGNIFICAND_BITS = 24  # of a float32
MOST_RIGHT, MOST_LEFT = 63, 31  # what the scaling stage shifts


def quantize_multiplier(real: float) -> tuple[int, int]:
    """TFLite's QuantizeMultiplier: (m, shift) with real ~ m * 2**(shift - 31), m in [2**30, 2**31), halves away from zero."""
    require(math.isfinite(real) and real >= 0, f"rescaling factor {real!r} is not a finite positive number")
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(real)
    m = math.floor(fraction * 2.0**MULTIPLIER_BITS + 0.5)
    if m == 1 << MULTIPLIER_BITS:
        m, shift = m // 2, shift + 1
    return (0, 0) if shift < -MULTIPLIER_BITS else (m, shift)


def _per_channel(parts: Sequence[tuple[int, ...]]) -> list[Any]:
    """Columns of `parts`: an int where there is one channel, else an int32 array."""
    return [column[0] if len(parts) == 1 else np.array(column, dtype=np.int32) for column in zip(*parts, strict=True)]


def double_scale(reals: Any, pre: Any = 0, left: int = 0) -> Scale:
    """gemmlowp's two roundings (tflite-micro and LiteRT's reference): factor(s) `reals` on ((x + pre) << left)."""
    parts = []
    for real in np.atleast_1d(np.asarray(reals, dtype=np.float64)):
        m, shift = quantize_multiplier(float(real))
        parts.append((m, left + max(shift, 0), MULTIPLIER_BITS + max(-shift, 0)))
    multiplier, lefts, right = _per_channel(parts)
    require(np.max(lefts) <= MOST_LEFT, f"rescaling factor {np.max(reals):g} is too large")
    return Scale(multiplier=multiplier, left=lefts, right=right, pre=pre, rounding=Rounding.DOUBLE)


def half_away_scale(reals: Any, low: int, high: int, pre: Any = 0) -> Scale:
    """One rounding, halves away from zero: what `round(double(x) * real)` of LiteRT's FULLY_CONNECTED gives.

    The multiplier has 31 bits, the real 53, so equality is proved for each factor, at every x where the result changes
    inside low .. high (both are steps that never fall). Raises `Unsupported` where no multiplier near the real passes.
    """
    parts = [_proved(float(real), low, high) for real in np.atleast_1d(np.asarray(reals, dtype=np.float64))]
    multiplier, right = _per_channel(parts)
    return Scale(multiplier=multiplier, right=right, pre=pre, rounding=Rounding.HALF_AWAY)


def _proved(real: float, low: int, high: int) -> tuple[int, int]:
    m, shift = quantize_multiplier(real)
    right = MULTIPLIER_BITS - shift
    require(0 <= right <= MOST_RIGHT, f"rescaling factor {real:g} is too large or too small")
    borders = (np.arange(low, high) + 0.5) / real
    x = (np.floor(borders)[:, None] + np.arange(-2, 4)).astype(np.int64)
    x = x[(x >= -(1 << 31)) & (x < 1 << 31)]
    wanted = _round_half_away(x * real)
    for candidate in (m, m - 1, m + 1):
        if 0 < candidate < 1 << 31 and np.array_equal(_shift_half_away(x * candidate, right), wanted):
            return candidate, right
    raise Unsupported(f"no 31-bit multiplier rounds exactly as the factor {real!r} does")


def _round_half_away(values: np.ndarray) -> np.ndarray:
    whole = np.trunc(values)
    rounded: np.ndarray = whole + np.sign(values) * (np.abs(values - whole) >= 0.5)
    return rounded.astype(np.int64)


def _shift_half_away(product: np.ndarray, right: int) -> np.ndarray:
    magnitude = np.abs(product)
    rounded: np.ndarray = np.sign(product) * ((magnitude >> right) + (magnitude >> (right - 1) & 1 if right else 0))
    return rounded


def float32_scale(reals: Any, pre: Any = 0) -> Scale:
    """onnxruntime's float32 requantisation: rint(float32(x) * real), real a float32 (array)."""
    parts = []
    for real in np.atleast_1d(np.asarray(reals, dtype=np.float32)):
        require(math.isfinite(real) and real > 0, f"rescaling factor {float(real)!r} is not a finite positive number")
        fraction, exponent = math.frexp(float(real))
        significand, right = int(fraction * (1 << SIGNIFICAND_BITS)), SIGNIFICAND_BITS - exponent
        require(right >= 0, f"rescaling factor {float(real):g} is too large")
        # Below 2**-39 an int32 times the factor rounds to zero anyway.
        parts.append((significand, right) if right <= MOST_RIGHT else (0, 0))
    multiplier, rights = _per_channel(parts)
    return Scale(multiplier=multiplier, right=rights, pre=pre, rounding=Rounding.FLOAT32)
