"""TensorFlow Lite's convolutions and fully connected layers as graph nodes. Formulas: the reference kernels."""

from typing import TYPE_CHECKING, Any

import numpy as np

from weft.gen.frontend import tflite_parts as parts
from weft.gen.frontend.multiplier import double_scale, half_away_scale
from weft.gen.frontend.refusal import require
from weft.gen.frontend.tflite_file import FileOperator, FileTensor
from weft.gen.frontend.windows import Pair, check_output
from weft.gen.graph import Conv, Tensor

if TYPE_CHECKING:
    from weft.gen.frontend.tflite import TfliteContext


def _weights(tensor: FileTensor, rank: int, axis: int = 0) -> np.ndarray:
    """int16 weights less their zero points; quantised as a whole or by output channel (`axis`)."""
    data = parts.constant(tensor, "weights", ("int8", "uint8"))
    require(data.ndim == rank, f"weights have {data.ndim} dimensions, not {rank}")
    channels = data.shape[axis]
    require(tensor.scales.size in (1, channels), f"weights have {tensor.scales.size} scales for {channels} output channels")
    require(tensor.scales.size == 1 or tensor.axis == axis, f"weights are quantised along axis {tensor.axis}, not {axis}")
    shape = [1] * rank
    shape[axis] = tensor.zero_points.size
    weights: np.ndarray = data.astype(np.int64) - tensor.zero_points.reshape(shape)
    require(np.abs(weights).max(initial=0) <= 255, "weights have zero points outside their type")
    return weights.astype(np.int16)


def _bias(tensor: FileTensor | None, channels: int) -> Any:
    if tensor is None:
        return 0
    data = parts.constant(tensor, "bias", ("int32",))
    require(data.shape == (channels,), f"bias has shape {list(data.shape)} for {channels} output channels")
    return data.astype(np.int32)


def _factors(x: Tensor, filters: FileTensor, y: Tensor, single: bool) -> np.ndarray:
    """x scale * weight scale / y scale in double; `single`: the product in float32."""
    if single:
        return (np.float32(x.scale) * filters.scales).astype(np.float64) / np.float64(y.scale)
    return np.float64(x.scale) * filters.scales.astype(np.float64) / np.float64(y.scale)


def _convolution(context: "TfliteContext", operator: FileOperator, weights: np.ndarray, groups: int, activation: int, gaps: Pair) -> None:
    """`weights` (O, KH, KW, I); slots of the options that hold the fused activation and the dilation."""
    x, extra = context.padded_activation(context.input(operator, 0))
    y, filters = context.activation(context.output(operator)), context.input(operator, 1)
    stride, dilation = parts.pair(operator, (2, 1)), parts.pair(operator, gaps, 1)
    kernel = weights.shape[1:3]
    grown = (x.shape[0] + extra[0] + extra[2], x.shape[1] + extra[1] + extra[3], x.shape[2])
    top, left, bottom, right = (a + b for a, b in zip(extra, parts.padding(operator, grown, kernel, stride, dilation), strict=True))
    padding = (top, left, bottom, right)
    # The kernels for uint8 multiply the two scales in float32.
    scale = double_scale(_factors(x, filters, y, x.unsigned), _bias(context.optional(operator, 2), len(weights)))
    check_output(y, x.shape, kernel, stride, padding, dilation, len(weights))
    context.builder.node(Conv(operator.name, operator.operator, (x.name,), y.name, weights, scale, y.zero_point,
                              *parts.fused(operator, activation, y), stride, dilation, padding, groups))


def conv_2d(context: "TfliteContext", operator: FileOperator) -> None:
    weights, channels = _weights(context.input(operator, 1), 4), context.channels(context.input(operator, 0))
    outputs, depth = len(weights), weights.shape[3]
    require(depth and channels % depth == 0 and outputs % (channels // depth) == 0,
            f"weights for {depth} of {channels} input channels and {outputs} output channels")
    _convolution(context, operator, weights, channels // depth, 3, (5, 4))


def depthwise_conv_2d(context: "TfliteContext", operator: FileOperator) -> None:
    """One group for each input channel; its outputs follow each other."""
    weights, channels = _weights(context.input(operator, 1), 4, 3), context.channels(context.input(operator, 0))
    require(len(weights) == 1 and weights.shape[3] % channels == 0, f"weights of shape {list(weights.shape)} for {channels} channels")
    _convolution(context, operator, np.ascontiguousarray(weights.transpose(3, 1, 2, 0)), channels, 4, (6, 5))


def fully_connected(context: "TfliteContext", operator: FileOperator) -> None:
    filters = context.input(operator, 1)
    x, y = context.activation(context.input(operator, 0)), context.activation(context.output(operator))
    require(operator.option(1, "int8", 0) == 0, "shuffled weights")
    weights = _weights(filters, 2)
    outputs, inputs = weights.shape
    size = int(np.prod(x.shape))
    require(inputs and size % inputs == 0, f"weights for {inputs} inputs, {size} given")
    x, y_view = context.reshaped(x, (1, size // inputs, inputs)), (1, size // inputs, outputs)
    require(y.shape == y_view, f"output shape {list(y.shape)} is not {list(y_view)}")
    low, high = parts.fused(operator, 0, y)
    bias = _bias(context.optional(operator, 2), outputs)
    # tflite-micro, and the kernels for uint8, multiply the two scales in float32 where the weights have one.
    single = x.unsigned or (filters.scales.size == 1 and context.rounding == "tflm")
    reals = _factors(x, filters, y, single)
    once = context.rounding == "litert" and not x.unsigned
    scale = half_away_scale(reals, low - y.zero_point, high - y.zero_point, bias) if once else double_scale(reals, bias)
    context.builder.node(Conv(operator.name, operator.operator, (x.name,), y.name, weights.reshape(outputs, 1, 1, inputs), scale,
                              y.zero_point, low, high))
