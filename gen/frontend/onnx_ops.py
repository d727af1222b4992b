"""ONNX operators on quantised tensors as graph nodes. Formulas: onnxruntime's CPU kernels.

Each converter takes the context and one node and raises `Unsupported` where it cannot state exact arithmetic.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.gen.frontend.builder import file_order
from weft.gen.frontend.fit import fit_factor
from weft.gen.frontend.mlas import function_table, logistic, requantise_table
from weft.gen.frontend.multiplier import float32_scale
from weft.gen.frontend.onnx_elementwise import limits, qlinear_add, qlinear_mul, subtract
from weft.gen.frontend.onnx_file import OnnxNode
from weft.gen.frontend.onnx_functions import FUNCTIONS
from weft.gen.frontend.onnx_move import depth_to_space, pad, qlinear_concat, resize, slice_, space_to_depth, split_part
from weft.gen.frontend.onnx_pool import average_pool, global_average_pool, max_pool, reduce_mean, window
from weft.gen.frontend.onnx_qdq import REQUANTISE, SPLIT
from weft.gen.frontend.onnx_view import VIEWS
from weft.gen.frontend.refusal import require
from weft.gen.graph import Conv, Rescale, Scale, Table, Tensor

if TYPE_CHECKING:
    from weft.gen.frontend.onnx import OnnxContext


def _weights(context: "OnnxContext", name: str, zero_point: str, axis: int) -> np.ndarray:
    """int16 weights less their zero points, which are one or one for each output channel (`axis`)."""
    data = context.constant(name, "weights")
    require(data.dtype in (np.int8, np.uint8), f"weights {name!r} are {data.dtype}, not int8 or uint8")
    points = context.constant(zero_point, "zero points of weights").reshape(-1) if zero_point else np.zeros(1, data.dtype)
    require(points.dtype == data.dtype, f"zero points of weights are {points.dtype}, weights {data.dtype}")
    require(points.size in (1, data.shape[axis]), f"{points.size} zero points for {data.shape[axis]} output channels")
    shape = [1] * data.ndim
    shape[axis] = points.size
    return data.astype(np.int16) - points.astype(np.int16).reshape(shape)


def _factors(context: "OnnxContext", x: float, weights: str, y: float, channels: int) -> np.ndarray:
    """(x scale * weight scale) / y scale, each operation in float32."""
    scales = context.constant(weights, "scales of weights").reshape(-1)
    require(scales.dtype == np.float32 and scales.size in (1, channels), f"{scales.size} scales for {channels} output channels")
    return (np.float32(x) * scales) / np.float32(y)


def _bias(context: "OnnxContext", name: str, channels: int) -> Any:
    if not name:
        return 0
    data = context.constant(name, "bias")
    require(data.dtype == np.int32 and data.size == channels, f"bias {name!r} is {data.dtype} {list(data.shape)}, not int32 [{channels}]")
    return data.reshape(-1).astype(np.int32)


def qlinear_conv(context: "OnnxContext", node: OnnxNode) -> None:
    x_grid, y_grid = context.grid(*node.inputs[1:3]), context.grid(*node.inputs[6:8])
    x = context.read(node.inputs[0], x_grid)
    shape = context.value(node.inputs[0]).shape
    weights = _weights(context, node.inputs[3], node.inputs[5], 0)
    require(weights.ndim == 4 and len(shape) == 4, f"{weights.ndim - 2}-dimensional convolution, not 2-dimensional")
    groups = node.attributes.get("group", 1)
    require(groups > 0 and weights.shape[1] * groups == shape[1] and len(weights) % groups == 0,
            f"{groups} groups: weights for {weights.shape[1]} of {shape[1]} input channels and {len(weights)} output channels")
    weights = np.ascontiguousarray(weights.transpose(0, 2, 3, 1))
    frame = window(node, weights.shape[1:3], x.shape[:2])
    y = context.write(node, (1, len(weights), *frame.output), y_grid)
    factors = _factors(context, x_grid[0], node.inputs[4], y_grid[0], len(weights))
    scale = float32_scale(factors, _bias(context, node.inputs[8], len(weights)))
    context.builder.node(Conv(node.name, node.operator, (x.name,), y.name, weights, scale, y.zero_point, *limits(node, y), frame.stride,
                              frame.dilation, frame.padding, groups))


def _dense(context: "OnnxContext", node: OnnxNode, weights: np.ndarray, bias: str, y_scale: str, y_zero_point: str) -> None:
    """Matrix product with weights (N, K)."""
    x_grid, y_grid = context.grid(*node.inputs[1:3]), context.grid(y_scale, y_zero_point)
    shape = context.value(node.inputs[0]).shape
    require(len(shape) == 2, f"the first operand has {len(shape)} dimensions, not 2")
    x = context.read(node.inputs[0], x_grid)
    require(shape[1] == weights.shape[1], f"{shape[1]} inputs, weights for {weights.shape[1]}")
    y = context.write(node, (shape[0], len(weights)), y_grid)
    scale = float32_scale(_factors(context, x_grid[0], node.inputs[4], y_grid[0], len(weights)), _bias(context, bias, len(weights)))
    low, high = limits(node, y)
    context.builder.node(Conv(node.name, node.operator, (x.name,), y.name, weights[:, None, None, :], scale, y.zero_point, low, high))


def qlinear_matmul(context: "OnnxContext", node: OnnxNode) -> None:
    weights = _weights(context, node.inputs[3], node.inputs[5], -1)
    require(weights.ndim == 2, f"weights have {weights.ndim} dimensions, not 2")
    _dense(context, node, np.ascontiguousarray(weights.T), "", *node.inputs[6:8])


def qgemm(context: "OnnxContext", node: OnnxNode) -> None:
    require(not node.attributes.get("transA", 0) and node.attributes.get("alpha", 1.0) == 1.0, "transposed first operand, or alpha not 1")
    require(node.attributes.get("beta", 1.0) == 1.0, "beta is not 1")
    require(node.inputs[7], "no output scale: it gives float32; end it with a quantised output")
    transposed = bool(node.attributes.get("transB", 0))
    weights = _weights(context, node.inputs[3], node.inputs[5], 0 if transposed else 1)
    require(weights.ndim == 2, f"weights have {weights.ndim} dimensions, not 2")
    _dense(context, node, np.ascontiguousarray(weights if transposed else weights.T), node.inputs[6], node.inputs[7], node.inputs[8])


def _table(context: "OnnxContext", node: OnnxNode, function: Callable[[np.ndarray], np.ndarray]) -> None:
    """A function of one operand: dequantised, computed in float32, quantised."""
    grid, y_grid = context.grid(*node.inputs[1:3]), context.grid(*node.inputs[3:5])
    x, shape = context.read(node.inputs[0], grid), context.value(node.inputs[0]).shape
    y = context.write(node, shape, y_grid)
    table = np.clip(function_table(x, y, function), *limits(node, y)).astype(np.int8)
    context.builder.node(Table(node.name, node.operator, (x.name,), y.name, table))


def float_function(name: str, context: "OnnxContext", node: OnnxNode) -> None:
    """A function that onnxruntime computes in float32."""
    _table(context, node, lambda real: FUNCTIONS[name](real, node.attributes))


def qlinear_sigmoid(context: "OnnxContext", node: OnnxNode) -> None:
    _table(context, node, logistic)


def qlinear_leaky_relu(context: "OnnxContext", node: OnnxNode) -> None:
    alpha = np.float32(node.attributes.get("alpha", 0.01))
    _table(context, node, lambda real: np.where(real >= 0, real, alpha * real))


def requantise(context: "OnnxContext", node: OnnxNode) -> None:
    """DequantizeLinear -> (Relu or Clip) -> QuantizeLinear."""
    grid, y_grid = context.grid(*node.inputs[1:3]), context.grid(*node.inputs[3:5])
    x, shape = context.read(node.inputs[0], grid), context.value(node.inputs[0]).shape
    _requantise(context, node, x, shape, y_grid)


def _requantise(context: "OnnxContext", node: OnnxNode, x: Tensor, shape: tuple[int, ...], y_grid: tuple[float, int, bool]) -> None:
    """A rescaling where one float32 factor gives all 256 results, else their table."""
    y = context.write(node, shape, y_grid)
    second, zero_point = Scale(), 0
    if (x.scale, x.zero_point) != (y.scale, y.zero_point):
        table = requantise_table(x, y)
        factor = fit_factor(table, float(np.float32(x.scale) / np.float32(y.scale)), x.zero_point, y.zero_point)
        if factor is None:
            values = np.clip(table, *limits(node, y)).astype(np.int8)
            context.builder.node(Table(node.name, node.operator, (x.name,), y.name, values))
            return
        second, zero_point = factor, y.zero_point
    context.builder.node(Rescale(node.name, node.operator, (x.name,), y.name, Scale(), second, zero_point, *limits(node, y)))


def relu(context: "OnnxContext", node: OnnxNode) -> None:
    """Relu of an integer tensor compares the stored integers with 0."""
    x, shape = context.read(node.inputs[0]), context.value(node.inputs[0]).shape
    require(not x.unsigned, "Relu of uint8")
    context.write(node, shape, (x.scale, x.zero_point, x.unsigned))
    context.builder.node(Rescale(node.name, node.operator, (x.name,), node.outputs[0], Scale(), Scale(), 0, 0, 127))


def quantize_linear(context: "OnnxContext", node: OnnxNode) -> None:
    """Of the network's float input: the host's work. Of a dequantised tensor: another scale."""
    value, grid = context.value(node.inputs[0]), context.grid(node.inputs[1], node.inputs[2])
    require(value.real, "the operand is not float32")
    tensor = context.builder.tensors[value.held]
    if not value.raw:
        x = context.canonical(f"{node.inputs[0]}#integer", value, None)
        _requantise(context, node, x, value.shape, grid)
        return
    if value.held in context.unknown:
        context.unknown.discard(value.held)
        tensor = context.builder.tensors[value.held] = Tensor(tensor.name, tensor.shape, *grid)
    require((tensor.scale, tensor.zero_point, tensor.unsigned) == grid, "the network's input is quantised in two ways")
    context.values[node.outputs[0]] = dataclasses.replace(value, real=False, raw=False)


def dequantize_linear(context: "OnnxContext", node: OnnxNode) -> None:
    """A float32 view: the host converts it at the network's end, anything else but a view or QuantizeLinear is refused there."""
    value, grid = context.value(node.inputs[0]), context.grid(node.inputs[1], node.inputs[2])
    tensor = context.read(node.inputs[0], grid)
    order = value.order if tensor.name == value.held else file_order(value.shape, "nchw")
    context.values[node.outputs[0]] = dataclasses.replace(value, held=tensor.name, order=order, real=True)


CONVERTERS: dict[str, Callable[["OnnxContext", OnnxNode], None]] = {
    "QLinearConv": qlinear_conv, "QLinearMatMul": qlinear_matmul, "com.microsoft.QGemm": qgemm, "com.microsoft.QLinearAdd": qlinear_add,
    "com.microsoft.QLinearMul": qlinear_mul, "com.microsoft.QLinearSigmoid": qlinear_sigmoid,
    "com.microsoft.QLinearLeakyRelu": qlinear_leaky_relu, "com.microsoft.QLinearConcat": qlinear_concat, "Pad": pad, "Resize": resize,
    "MaxPool": max_pool, "com.microsoft.QLinearAveragePool": average_pool, "com.microsoft.QLinearGlobalAveragePool": global_average_pool,
    "DepthToSpace": depth_to_space, "SpaceToDepth": space_to_depth, "Slice": slice_, SPLIT: split_part, "quantised Sub": subtract,
    "quantised ReduceMean": reduce_mean, **{f"quantised {name}": partial(float_function, name) for name in FUNCTIONS},
    "Relu": relu, REQUANTISE: requantise, "QuantizeLinear": quantize_linear, "DequantizeLinear": dequantize_linear, **VIEWS,
}
