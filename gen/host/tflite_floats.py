"""TensorFlow Lite operators on float32 that IEEE 754 defines to the last bit, and conversions between float32 and integers.

Functions such as EXP and sums of many elements are not here: their bits depend on the engine's library and order.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from weft.gen.frontend.ends import UNSIGNED_OFFSET, quantise
from weft.gen.frontend.refusal import require
from weft.gen.frontend.tflite_file import ACTIVATIONS
from weft.gen.host.tflite_parts import Call, Compute

LARGEST = float(np.finfo(np.float32).max)  # the engines clamp to finite numbers where no activation is fused, too
LIMITS: dict[str, tuple[float, float]] = {"NONE": (-LARGEST, LARGEST), "RELU": (0, LARGEST), "RELU_N1_TO_1": (-1, 1), "RELU6": (0, 6)}
EIGHT_BITS = ("int8", "uint8")


def _clamp(x: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """As std::min and std::max: a negative zero and NaN stay what they are."""
    low, high = (np.float32(limit) for limit in limits)
    return np.where(x < low, low, np.where(high < x, high, x))


def _float(call: Call) -> None:
    for tensor in (*call.inputs, *call.outputs):
        require(tensor.type == "float32", f"tensor {tensor.name!r} is {tensor.type}, not float32")


def _binary(call: Call, function: Callable[..., np.ndarray], fused: bool = True) -> Compute:
    _float(call)
    name = call.operator.choice(0, ACTIVATIONS) if fused else "NONE"
    require(name in LIMITS, f"fused activation {name}")

    def run(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):  # infinity and NaN are results, too
            return _clamp(function(a, b), LIMITS[name]) if fused else function(a, b)

    return call.operands(run)


def _unary(call: Call, function: Callable[..., np.ndarray]) -> Compute:
    _float(call)
    return call.first(function)


def _limited(call: Call) -> Compute:
    _float(call)
    limits = {"RELU": (0.0, np.inf), "RELU6": (0.0, 6.0)}[call.operator.operator]
    return call.first(lambda x: _clamp(x, limits))


def _quantize(call: Call) -> Compute:
    source, target = call.input(0), call.output
    require(source.type == "float32" and target.type in EIGHT_BITS, f"from {source.type} to {target.type}")
    require(target.scales.size == 1, f"{target.scales.size} scales")
    offset = UNSIGNED_OFFSET * (target.type == "uint8")
    scale, point = float(target.scales[0]), int(target.zero_points[0])
    return call.first(lambda x: quantise(x, scale, point - offset, "half_away") + offset)


def _dequantize(call: Call) -> Compute:
    source, target = call.input(0), call.output
    require(source.type in (*EIGHT_BITS, "int16") and target.type == "float32", f"from {source.type} to {target.type}")
    require(source.scales.size == 1, f"{source.scales.size} scales")
    scale, point = source.scales[0], int(source.zero_points[0])
    return call.first(lambda x: (x.astype(np.int32) - point).astype(np.float32) * np.float32(scale))


def _cast(call: Call) -> Compute:
    """From integers: what a float32 becomes outside an integer's range is not defined."""
    source, target = call.input(0), call.output
    require(source.type in (*EIGHT_BITS, "int16", "int32") and target.type in ("float32", "int32"), f"from {source.type} to {target.type}")
    return call.first(lambda x: x.astype(target.type))


FLOATS: dict[str, Callable[[Call], Compute]] = {
    **{name: partial(_binary, function=function) for name, function in
       (("ADD", np.add), ("SUB", np.subtract), ("MUL", np.multiply), ("DIV", np.divide))},
    **{name: partial(_binary, function=function, fused=False) for name, function in (("MAXIMUM", np.maximum), ("MINIMUM", np.minimum))},
    **{name: partial(_unary, function=function) for name, function in
       (("ABS", np.abs), ("NEG", np.negative), ("SQRT", np.sqrt), ("SQUARE", np.square), ("FLOOR", np.floor), ("CEIL", np.ceil))},
    "RELU": _limited, "RELU6": _limited, "QUANTIZE": _quantize, "DEQUANTIZE": _dequantize, "CAST": _cast,
}
