"""ONNX operators on quantised tensors as graph nodes. Formulas: onnxruntime's CPU kernels.

Each converter takes the context and one node and raises `Unsupported` where it cannot state exact arithmetic.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.gen.frontend.builder import file_order
from weft.gen.frontend.ends import quantise
from weft.gen.frontend.fit import HELD, fit_binary, fit_factor, fit_product, fit_unary
from weft.gen.frontend.mlas import add_table, function_table, logistic, multiply_table, requantise_table
from weft.gen.frontend.multiplier import float32_scale
from weft.gen.frontend.onnx_file import OnnxNode
from weft.gen.frontend.onnx_move import pad, qlinear_concat, resize
from weft.gen.frontend.onnx_pool import average_pool, global_average_pool, max_pool, window
from weft.gen.frontend.onnx_qdq import LIMITED, REQUANTISE
from weft.gen.frontend.onnx_view import VIEWS
from weft.gen.frontend.refusal import require
from weft.gen.graph import Add, Conv, Multiply, Rescale, Scale, Table, Tensor

if TYPE_CHECKING:
    from weft.gen.frontend.onnx import OnnxContext


def limits(node: OnnxNode, tensor: Tensor) -> tuple[int, int]:
    """Clamp limits of a fused Relu or Clip, quantised as the result is."""
    low, high = node.attributes.get(LIMITED, (-np.inf, np.inf))
    bounds = quantise(np.array([low, high]), tensor.scale, tensor.zero_point, "half_even")
    require(low <= high, f"limits {low:g} .. {high:g} are empty")
    return int(bounds[0]), int(bounds[1])


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


def qlinear_add(context: "OnnxContext", node: OnnxNode) -> None:
    a, b = node.inputs[0], node.inputs[3]
    grids = context.grid(*node.inputs[1:3]), context.grid(*node.inputs[4:6])
    y_grid = context.grid(*node.inputs[6:8])
    require(not (a in context.constants and b in context.constants), "both operands are constants")
    if a in context.constants or b in context.constants:
        _add_constant(context, node, int(a in context.constants), grids, y_grid)
        return
    shapes = [context.value(name).shape for name in (a, b)]
    require(shapes[0] == shapes[1], f"shapes {list(shapes[0])} and {list(shapes[1])} differ")
    left, right = context.read(a, grids[0]), context.read(b, grids[1])
    y = context.write(node, shapes[0], y_grid)
    wanted = add_table(left, HELD[:, None], right, HELD, y)
    scale_a, scale_b, scale, wrong = fit_binary(wanted, left.scale / y.scale, right.scale / y.scale)
    context.builder.notes.append(f"{node.name}: equal to onnxruntime's float32 sum for all 65,536 pairs" if not wrong else
                                 f"{node.name}: {wrong} of 65,536 pairs of operands differ by 1 from onnxruntime's float32 sum")
    context.builder.node(Add(node.name, node.operator, (left.name, right.name), y.name, scale_a, scale_b, scale, 0, *limits(node, y)))


def qlinear_mul(context: "OnnxContext", node: OnnxNode) -> None:
    """The product less zero points is exact in int32; then a rescaling by (a scale * b scale) / y scale in float32."""
    names = [node.inputs[0], node.inputs[3]]
    grids = [context.grid(*node.inputs[1:3]), context.grid(*node.inputs[4:6])]
    y_grid = context.grid(*node.inputs[6:8])
    constants = [name in context.constants for name in names]
    require(not all(constants), "both operands are constants")
    real = np.float32(grids[0][0]) * np.float32(grids[1][0]) / np.float32(y_grid[0])
    if any(constants):
        position = constants.index(False)
        x, shape = context.read(names[position], grids[position]), context.value(names[position]).shape
        factors = _channel_constant(context, names[1 - position], shape) - grids[1 - position][1]
        products = (HELD - x.zero_point) * factors[:, None]
        y = context.write(node, shape, y_grid)
        if factors.size == 1:
            table = np.clip(multiply_table(products[0], real, y), *limits(node, y)).astype(np.int8)
            context.builder.node(Table(node.name, node.operator, (x.name,), y.name, table))
            return
        scale, zero_point, wrong = fit_product(multiply_table(products, real, y), products, real, y.zero_point)
        _note_product(context, node, wrong, products.size, "inputs of all channels")
        first = Scale(multiplier=factors.astype(np.int32), pre=-x.zero_point)
        context.builder.node(Rescale(node.name, node.operator, (x.name,), y.name, first, scale, zero_point, *limits(node, y)))
        return
    shapes = [context.value(name).shape for name in names]
    a, b = (context.read(name, grid) for name, grid in zip(names, grids, strict=True))
    if np.prod(a.shape) < np.prod(b.shape):
        (a, b), shapes = (b, a), shapes[::-1]
    require(b.shape in (a.shape, (1, 1, 1), (1, 1, a.shape[2])) and len(shapes[1]) <= len(shapes[0]),
            f"shape {list(shapes[1])} is neither {list(shapes[0])} nor one number, nor one for each channel")
    y = context.write(node, shapes[0], y_grid)
    products = (HELD - a.zero_point)[:, None] * (HELD - b.zero_point)
    scale, zero_point, wrong = fit_product(multiply_table(products, real, y), products, real, y.zero_point)
    _note_product(context, node, wrong, 1 << 16, "pairs of operands")
    context.builder.node(Multiply(node.name, node.operator, (a.name, b.name), y.name, scale, zero_point, *limits(node, y)))


def _note_product(context: "OnnxContext", node: OnnxNode, wrong: int, count: int, what: str) -> None:
    context.builder.notes.append(f"{node.name}: {wrong} of {count:,} {what} differ by 1 from onnxruntime's float32 product" if wrong else
                                 f"{node.name}: equal to onnxruntime's float32 product for all {count:,} {what}")


def _table(context: "OnnxContext", node: OnnxNode, function: Callable[[np.ndarray], np.ndarray]) -> None:
    """A function of one operand: dequantised, computed in float32, quantised."""
    grid, y_grid = context.grid(*node.inputs[1:3]), context.grid(*node.inputs[3:5])
    x, shape = context.read(node.inputs[0], grid), context.value(node.inputs[0]).shape
    y = context.write(node, shape, y_grid)
    context.builder.node(Table(node.name, node.operator, (x.name,), y.name, function_table(x, y, function)))


def qlinear_sigmoid(context: "OnnxContext", node: OnnxNode) -> None:
    _table(context, node, logistic)


def qlinear_leaky_relu(context: "OnnxContext", node: OnnxNode) -> None:
    alpha = np.float32(node.attributes.get("alpha", 0.01))
    _table(context, node, lambda real: np.where(real >= 0, real, alpha * real))


def _channel_constant(context: "OnnxContext", name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Held values of a constant that is one number, or one for each channel of `shape`."""
    data = context.constants[name]
    require(data.dtype in (np.int8, np.uint8), f"constant {name!r} is {data.dtype}, not int8 or uint8")
    axis = 1 if len(shape) >= 3 else len(shape) - 1
    wide = (1,) * (len(shape) - data.ndim) + data.shape
    require(len(wide) == len(shape) and wide[axis] in (1, shape[axis]) and data.size == wide[axis],
            f"constant of shape {list(data.shape)} is neither one number nor one for each channel of {list(shape)}")
    values: np.ndarray = data.reshape(-1).astype(np.int64) - 128 * (data.dtype == np.uint8)
    return values


def _add_constant(context: "OnnxContext", node: OnnxNode, position: int, grids: tuple[Any, Any], y_grid: tuple[float, int, bool]) -> None:
    """A constant for each channel becomes an offset of a rescaling. `position`: which operand is the activation."""
    name, other = node.inputs[3 * position], node.inputs[3 - 3 * position]
    x = context.read(name, grids[position])
    shape = context.value(name).shape
    axis = 1 if len(shape) >= 3 else len(shape) - 1
    values = _channel_constant(context, other, shape)[:, None]
    constant = Tensor(other, (1, 1, values.size), *grids[1 - position])
    y = context.write(node, shape, y_grid)
    # Only operand A that is not broadcast stays the outer one: see `add_table`.
    broadcast = values.size == 1 or int(np.prod(shape[axis + 1:])) > 1
    outer_first = position == 0 or broadcast
    wanted = add_table(x, HELD, constant, values, y) if outer_first else add_table(constant, values, x, HELD, y)
    fit = fit_unary(wanted, x.scale / y.scale)
    context.builder.notes.append(f"{node.name}: equal to onnxruntime's float32 sum for all 256 inputs of every channel")
    context.builder.node(Rescale(node.name, node.operator, (x.name,), y.name, fit.first, fit.second, 0, *limits(node, y)))


def requantise(context: "OnnxContext", node: OnnxNode) -> None:
    """DequantizeLinear -> (Relu or Clip) -> QuantizeLinear."""
    grid, y_grid = context.grid(*node.inputs[1:3]), context.grid(*node.inputs[3:5])
    x, shape = context.read(node.inputs[0], grid), context.value(node.inputs[0]).shape
    _requantise(context, node, x, shape, y_grid)


def _requantise(context: "OnnxContext", node: OnnxNode, x: Tensor, shape: tuple[int, ...], y_grid: tuple[float, int, bool]) -> None:
    y = context.write(node, shape, y_grid)
    first, second, zero_point = Scale(), Scale(), 0
    if (x.scale, x.zero_point) != (y.scale, y.zero_point):
        table, ratio = requantise_table(x, y), float(np.float32(x.scale) / np.float32(y.scale))
        factor = fit_factor(table, ratio, x.zero_point, y.zero_point)
        if factor is not None:
            second, zero_point = factor, y.zero_point
        else:
            fit = fit_unary(table, ratio)
            first, second = fit.first, fit.second
    context.builder.node(Rescale(node.name, node.operator, (x.name,), y.name, first, second, zero_point, *limits(node, y)))


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


CONVERTERS = {
    "QLinearConv": qlinear_conv, "QLinearMatMul": qlinear_matmul, "com.microsoft.QGemm": qgemm, "com.microsoft.QLinearAdd": qlinear_add,
    "com.microsoft.QLinearMul": qlinear_mul, "com.microsoft.QLinearSigmoid": qlinear_sigmoid,
    "com.microsoft.QLinearLeakyRelu": qlinear_leaky_relu, "com.microsoft.QLinearConcat": qlinear_concat, "Pad": pad, "Resize": resize,
    "MaxPool": max_pool, "com.microsoft.QLinearAveragePool": average_pool, "com.microsoft.QLinearGlobalAveragePool": global_average_pool,
    "Relu": relu, REQUANTISE: requantise, "QuantizeLinear": quantize_linear, "DequantizeLinear": dequantize_linear, **VIEWS,
}
