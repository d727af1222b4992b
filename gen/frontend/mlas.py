"""onnxruntime's float32 formulas for element-wise 8-bit operators, as tables over all operands.

Found by comparing every operand with onnxruntime on x86-64 (AVX2 kernels); its Arm kernels round differently. A fused
multiply-add rounds once: the product of an 8-bit integer and a float32 is exact in float64, as is its sum, to well below the last bit.
"""

from collections.abc import Callable

import numpy as np

from weft.gen.frontend.ends import UNSIGNED_OFFSET, quantise
from weft.gen.frontend.fit import HELD
from weft.gen.graph import Tensor

Numbers = np.ndarray | np.float32


def _file_values(tensor: Tensor, held: np.ndarray) -> np.ndarray:
    return held + UNSIGNED_OFFSET * tensor.unsigned


def _multiply_add(values: Numbers, factor: np.float32, addend: Numbers) -> Numbers:
    return (values.astype(np.float64) * np.float64(factor) + addend.astype(np.float64)).astype(np.float32)


def add_table(outer: Tensor, outer_held: np.ndarray, inner: Tensor, inner_held: np.ndarray, output: Tensor) -> np.ndarray:
    """Held outputs of QLinearAdd: rint(fma(outer, ro, fma(inner, ri, F))), F = z - fma(zo, ro, zi * ri), all in the file's domain.

    `outer_held` and `inner_held` broadcast. Operand A is the outer one, unless it is a constant that is broadcast.
    """
    ratio_outer, ratio_inner = (np.float32(t.scale) / np.float32(output.scale) for t in (outer, inner))
    offset = UNSIGNED_OFFSET * output.unsigned
    zero_outer, zero_inner = (np.float32(t.zero_point + UNSIGNED_OFFSET * t.unsigned) for t in (outer, inner))
    fixed = np.float32(output.zero_point + offset) - _multiply_add(zero_outer, ratio_outer, ratio_inner * zero_inner)
    total = _multiply_add(_file_values(outer, outer_held), ratio_outer,
                          _multiply_add(_file_values(inner, inner_held), ratio_inner, fixed))
    held: np.ndarray = np.clip(np.rint(total).astype(np.int64) - offset, -128, 127)
    return held


def multiply_table(products: np.ndarray, real: np.float32, output: Tensor) -> np.ndarray:
    """Held outputs of QLinearMul for integer products less zero points: rint(product * real + z), every step in float32."""
    offset = UNSIGNED_OFFSET * output.unsigned
    total = products.astype(np.float32) * real + np.float32(output.zero_point + offset)
    held: np.ndarray = np.clip(np.rint(total).astype(np.int64) - offset, -128, 127)
    return held


def function_table(source: Tensor, output: Tensor, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Held int8 outputs (256,) of DequantizeLinear, a function of float32, QuantizeLinear."""
    real = (HELD - source.zero_point).astype(np.float32) * np.float32(source.scale)
    return quantise(function(real), output.scale, output.zero_point, "half_even").astype(np.int8)


def difference_table(a: Tensor, a_held: np.ndarray, b: Tensor, b_held: np.ndarray, output: Tensor) -> np.ndarray:
    """Held outputs of the difference of two dequantised operands, in float32, quantised. `a_held` and `b_held` broadcast."""
    real_a, real_b = ((held - t.zero_point).astype(np.float32) * np.float32(t.scale) for t, held in ((a, a_held), (b, b_held)))
    return quantise(real_a - real_b, output.scale, output.zero_point, "half_even").astype(np.int64)


def requantise_table(source: Tensor, output: Tensor) -> np.ndarray:
    """Held outputs (256,) of DequantizeLinear followed by QuantizeLinear."""
    real = (HELD - source.zero_point).astype(np.float32) * np.float32(source.scale)
    return quantise(real, output.scale, output.zero_point, "half_even")


LOGISTIC_RANGE = 18
NUMERATOR = (4.37031012579801e-11, 1.15627324459942e-07, 6.08574864600143e-05, 8.51377133304701e-03, 2.48287947061529e-01)
DENOMINATOR = (6.10247389755681e-13, 5.76102136993427e-09, 6.29106785017040e-06, 1.70198817374094e-03, 1.16817656904453e-01,
               9.93151921023180e-01)


def _polynomial(square: np.ndarray, coefficients: tuple[float, ...]) -> np.ndarray:
    """Horner's rule with fused multiply-adds."""
    total = np.float32(coefficients[0]) * np.ones_like(square)
    for coefficient in coefficients[1:]:
        total = (total.astype(np.float64) * square + np.float64(np.float32(coefficient))).astype(np.float32)
    return total


def logistic(real: np.ndarray) -> np.ndarray:
    """The rational function that stands for 1 / (1 + exp(-x)), in float32."""
    bounded = np.clip(real, -LOGISTIC_RANGE, LOGISTIC_RANGE).astype(np.float32)
    square = bounded * bounded
    odd = _polynomial(square, NUMERATOR) * bounded
    result: np.ndarray = np.clip(odd / _polynomial(square, DENOMINATOR) + np.float32(0.5), np.float32(0), np.float32(1))
    return result


TANH_RANGE = 9
TANH_NUMERATOR = (-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08, 1.48572235717979e-05,
                  6.37261928875436e-04, 4.89352455891786e-03)
TANH_DENOMINATOR = (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)


def tanh(real: np.ndarray) -> np.ndarray:
    """The rational function that stands for the hyperbolic tangent, in float32."""
    bounded = np.clip(real, -TANH_RANGE, TANH_RANGE).astype(np.float32)
    square = bounded * bounded
    result: np.ndarray = _polynomial(square, TANH_NUMERATOR) * bounded / _polynomial(square, TANH_DENOMINATOR)
    return result
