"""TFLite's functions of one 8-bit operand as tables of 256 entries, each as the reference engine computes it.

Every function takes input and output tensor and gives int8 (256,): the held result for the held input -128 .. 127.
"""

import math
from collections.abc import Callable

import numpy as np

from weft.gen.frontend.ends import UNSIGNED_OFFSET
from weft.gen.frontend.gemmlowp import (
    divide_by_power,
    inverse_square_root,
    logistic,
    multiply_by_quantized_multiplier,
    multiply_high,
    tanh,
)
from weft.gen.frontend.multiplier import quantize_multiplier
from weft.gen.frontend.refusal import require
from weft.gen.graph import Tensor

HELD = range(-128, 128)
INTEGER_BITS = 4  # of the argument of logistic and tanh
RSQRT_BITS = 20
INT16_MIN, INT16_MAX = -(1 << 15), (1 << 15) - 1


def tabulate(result: Callable[[int], int], x: Tensor, y: Tensor) -> np.ndarray:
    """`result(q - zero point of x)` gives the result less its zero point."""
    values = [result(held - x.zero_point) + y.zero_point for held in HELD]
    return np.clip(values, -128, 127).astype(np.int8)


def float_table(function: Callable[[np.ndarray], np.ndarray], x: Tensor, y: Tensor) -> np.ndarray:
    """round(function(real) * (1 / scale)) in float32, halves away from zero: TFLite's look-up tables."""
    real = np.float32(x.scale) * np.array([held - x.zero_point for held in HELD], dtype=np.float32)
    scaled = (function(real) * (np.float32(1) / np.float32(y.scale))).astype(np.float64)
    rounded = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
    held: np.ndarray = np.clip(rounded + y.zero_point, -128, 127)
    return held.astype(np.int8)


def _fixed_point(function: Callable[[int, int], int], bits: int, x: Tensor, y: Tensor) -> np.ndarray:
    """tflite-micro's int8 LOGISTIC and TANH: `function` of a Q4.27 argument, rounded to `bits` fractional bits."""
    multiplier, shift = quantize_multiplier(x.scale * (1 << (31 - INTEGER_BITS)))
    require(shift >= 0, f"input scale {x.scale:g} is too small for the engine's fixed point")
    radius = math.floor(((1 << INTEGER_BITS) - 1) * (1 << (31 - INTEGER_BITS)) / (1 << shift))

    def result(difference: int) -> int:
        if abs(difference) >= radius:
            return 255 * (1 if difference > 0 else -1)
        argument = multiply_by_quantized_multiplier(difference, multiplier, shift)
        return divide_by_power(function(argument, INTEGER_BITS), 31 - bits)

    return tabulate(result, x, y)


def logistic_table(x: Tensor, y: Tensor, rounding: str) -> np.ndarray:
    if rounding == "tflm":
        require((y.scale, y.zero_point) == (1 / 256, -128), f"output scale {y.scale:g}, zero point {y.zero_point}, not 1/256 and -128")
        return _fixed_point(logistic, 8, x, y)
    return float_table(lambda real: np.float32(1) / (np.float32(1) + np.exp(-real)), x, y)


def tanh_table(x: Tensor, y: Tensor, rounding: str) -> np.ndarray:
    if rounding == "tflm":
        require((y.scale, y.zero_point) == (1 / 128, 0), f"output scale {y.scale:g} and zero point {y.zero_point}, not 1/128 and 0")
        return _fixed_point(tanh, 7, x, y)
    return float_table(np.tanh, x, y)


def elu_table(x: Tensor, y: Tensor) -> np.ndarray:
    return float_table(lambda real: np.where(real < 0, np.expm1(np.minimum(real, 0)), real), x, y)


def _ratio(x: Tensor, y: Tensor, rounding: str) -> tuple[int, int]:
    """Multiplier of x scale / y scale, which LiteRT divides in float32."""
    return quantize_multiplier(float(np.float32(x.scale) / np.float32(y.scale)) if rounding == "litert" else x.scale / y.scale)


def leaky_relu_table(x: Tensor, y: Tensor, alpha: float, rounding: str) -> np.ndarray:
    """Two rescalings, one for each sign."""
    positive = _ratio(x, y, rounding)
    require(alpha >= 0, f"slope {alpha:g} is negative")
    negative = quantize_multiplier(float(np.float32(x.scale) * np.float32(alpha) / np.float32(y.scale)))
    return tabulate(lambda d: multiply_by_quantized_multiplier(d, *(positive if d >= 0 else negative)), x, y)


def prelu_table(x: Tensor, y: Tensor, factors: list[float], slope: int) -> np.ndarray:
    """Two rescalings by `factors`, one for each sign; below zero, of the exact product with an 8-bit slope."""
    positive, negative = map(quantize_multiplier, factors)
    return tabulate(lambda d: multiply_by_quantized_multiplier(d, *positive) if d >= 0
                    else multiply_by_quantized_multiplier(d * slope, *negative), x, y)


def rsqrt_table(x: Tensor, y: Tensor) -> np.ndarray:
    """1 / sqrt(x) in fixed point, with 20 bits more in between; the largest value for 0. Below 0, where the engines stop with an error,
    the zero point."""
    factor = float(np.float32(1) / (np.sqrt(np.float32(x.scale)) * np.float32(y.scale)))
    multiplier, shift = quantize_multiplier(factor)

    def result(difference: int) -> int:
        if difference <= 0:
            return 255 if difference == 0 else 0
        data = multiply_by_quantized_multiplier(1, *_shifted(inverse_square_root(difference), RSQRT_BITS))
        return multiply_by_quantized_multiplier(data, multiplier, shift - RSQRT_BITS)

    return tabulate(result, x, y)


def _shifted(factor: tuple[int, int], bits: int) -> tuple[int, int]:
    return factor[0], factor[1] + bits


def absolute_table(x: Tensor, y: Tensor, rounding: str) -> np.ndarray:
    factor = _ratio(x, y, rounding)
    same = (x.scale, x.zero_point) == (y.scale, y.zero_point)
    return tabulate(lambda d: abs(d) if same else multiply_by_quantized_multiplier(abs(d), *factor), x, y)


def _int16(value: int) -> int:
    return min(max(value, INT16_MIN), INT16_MAX)


def _int16_multiplier(multiplier: int) -> int:
    """Of 31 bits, rounded to 15."""
    return min((multiplier + (1 << 15)) >> 16, INT16_MAX)


def hard_swish_table(x: Tensor, y: Tensor) -> np.ndarray:
    """x * relu6(x + 3) / 6 in TFLite's 16-bit fixed point: the input on a 128 times finer grid, once scaled so that [-3, 3] fills
    16 bits and once on the output's grid before its right shift; their product is rounded towards zero."""
    fine = np.float32(x.scale) * np.float32(1 / 128)
    output_multiplier, output_shift = quantize_multiplier(float(fine / np.float32(y.scale)))
    gate_multiplier, gate_shift = quantize_multiplier(float(fine / np.float32(3 / 32768)))
    require(output_shift <= 0, f"scales {x.scale:g} and {y.scale:g} are too far apart for HARD_SWISH")

    def result(difference: int) -> int:
        value = difference << 7
        scaled = multiply_high(value, _int16_multiplier(output_multiplier), 15)
        gate = _int16(value << (gate_shift - 1)) if gate_shift > 0 else value
        gate = multiply_high(gate, _int16_multiplier(gate_multiplier), 15)
        gate = _int16(gate << 1) if gate_shift > 0 else divide_by_power(gate, -gate_shift)
        product = ((gate + (1 << 15)) >> 1) * scaled
        high = _int16(product >> 15 if product >= 0 else -(-product >> 15))
        return divide_by_power(high, -output_shift)

    return tabulate(result, x, y)


def concatenation_table(x: Tensor, y: Tensor) -> np.ndarray:
    """LiteRT's ConcatenationWithScaling of uint8: round(q * scale + bias) in float32, halves away from zero."""
    scale = np.float32(x.scale) * (np.float32(1) / np.float32(y.scale))
    bias = np.float32(-(x.zero_point + UNSIGNED_OFFSET)) * scale
    values = (np.array([held + UNSIGNED_OFFSET for held in HELD], dtype=np.float32) * scale + bias).astype(np.float64)
    held: np.ndarray = np.clip(np.copysign(np.floor(np.abs(values) + 0.5), values) + y.zero_point, -128, 127)
    return held.astype(np.int8)
