"""TensorFlow Lite operators as graph nodes. Formulas: the reference kernels of tflite-micro and LiteRT.

Each converter takes the context and one operator and raises `Unsupported` where it cannot state exact arithmetic.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from weft.gen.frontend.multiplier import double_scale, half_away_scale
from weft.gen.frontend.refusal import require
from weft.gen.frontend.softmax_table import exponential_table
from weft.gen.frontend.tflite_file import ACTIVATIONS, PADDINGS, FileOperator, FileTensor
from weft.gen.frontend.windows import check_output, same_padding
from weft.gen.graph import Add, AveragePool, Conv, MaxPool, Rescale, Reshape, Scale, Softmax, Tensor

if TYPE_CHECKING:
    from weft.gen.frontend.tflite import TfliteContext

ADD_LEFT_SHIFT = 20  # bits that the reference ADD gains before it rounds


def activation_range(name: str, tensor: Tensor) -> tuple[int, int]:
    """Clamp limits of a fused activation: its real limits quantised in float32, halves away from zero."""
    limits = {"NONE": (None, None), "RELU": (0.0, None), "RELU_N1_TO_1": (-1.0, 1.0), "RELU6": (0.0, 6.0)}.get(name)
    require(limits is not None, f"fused activation {name}")

    def quantised(limit: float | None, default: int) -> int:
        if limit is None:
            return default
        quotient = float(np.float32(limit) / np.float32(tensor.scale))
        return tensor.zero_point + int(np.copysign(np.floor(abs(quotient) + 0.5), quotient))

    low, high = (quantised(limit, default) for limit, default in zip(limits, (-128, 127), strict=True))  # type: ignore[arg-type]
    return max(-128, low), min(127, high)


def _fused(operator: FileOperator, slot: int, tensor: Tensor) -> tuple[int, int]:
    return activation_range(operator.choice(slot, ACTIVATIONS), tensor)


def _constant(tensor: FileTensor, what: str, kinds: tuple[str, ...]) -> np.ndarray:
    require(tensor.type in kinds, f"{what} {tensor.name!r} is {tensor.type}, not {' or '.join(kinds)}")
    require(tensor.data is not None, f"{what} {tensor.name!r} must be a constant")
    return tensor.data  # type: ignore[return-value]


def _weights(tensor: FileTensor, rank: int) -> np.ndarray:
    """int16 weights less their zero points; quantised as a whole or by output channel (axis 0)."""
    data = _constant(tensor, "weights", ("int8",))
    require(data.ndim == rank, f"weights have {data.ndim} dimensions, not {rank}")
    require(tensor.scales.size in (1, len(data)), f"weights have {tensor.scales.size} scales for {len(data)} output channels")
    require(tensor.scales.size == 1 or tensor.axis == 0, f"weights are quantised along axis {tensor.axis}, not 0")
    points = tensor.zero_points.reshape(-1, *(1,) * (rank - 1))
    weights: np.ndarray = data.astype(np.int64) - points
    require(np.abs(weights).max(initial=0) <= 255, "weights have zero points outside int8")
    return weights.astype(np.int16)


def _bias(tensor: FileTensor | None, channels: int) -> Any:
    if tensor is None:
        return 0
    data = _constant(tensor, "bias", ("int32",))
    require(data.shape == (channels,), f"bias has shape {list(data.shape)} for {channels} output channels")
    return data.astype(np.int32)


def _stride(operator: FileOperator, slots: tuple[int, int], default: int = 0) -> tuple[int, int]:
    height, width = (int(operator.option(slot, "int32", default)) for slot in slots)
    require(height > 0 and width > 0, f"stride, window or dilation {height} x {width}")
    return height, width


def _padding(operator: FileOperator, shape: tuple[int, int, int], kernel: tuple[int, int], stride: tuple[int, int],
             dilation: tuple[int, int] = (1, 1)) -> tuple[int, int, int, int]:
    kind = operator.choice(0, PADDINGS)
    require(kind in PADDINGS, f"padding {kind}")
    return same_padding(shape[:2], kernel, stride, dilation) if kind == "SAME" else (0, 0, 0, 0)


def conv_2d(context: "TfliteContext", operator: FileOperator) -> None:
    file_input, filters = context.input(operator, 0), context.input(operator, 1)
    file_input, extra = context.padded.get(file_input.name, (file_input, (0, 0, 0, 0)))
    x, y = context.activation(file_input), context.activation(context.output(operator))
    weights = _weights(filters, 4)
    require(weights.shape[3] == x.shape[2], f"{x.shape[2] // max(1, weights.shape[3])} groups: weights for {weights.shape[3]} of "
            f"{x.shape[2]} input channels")
    stride, dilation = _stride(operator, (2, 1)), _stride(operator, (5, 4), 1)
    kernel = weights.shape[1:3]
    grown = (x.shape[0] + extra[0] + extra[2], x.shape[1] + extra[1] + extra[3], x.shape[2])
    top, left, bottom, right = (a + b for a, b in zip(extra, _padding(operator, grown, kernel, stride, dilation), strict=True))
    padding = (top, left, bottom, right)
    low, high = _fused(operator, 3, y)
    reals = np.float64(x.scale) * filters.scales.astype(np.float64) / np.float64(y.scale)
    conv = Conv(operator.name, operator.operator, (x.name,), y.name, weights,
                double_scale(reals, _bias(context.optional(operator, 2), len(weights))), y.zero_point, low, high, stride, dilation, padding)
    check_output(y, x.shape, kernel, stride, padding, dilation, len(weights))
    context.builder.node(conv)


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
    low, high = _fused(operator, 0, y)
    bias = _bias(context.optional(operator, 2), outputs)
    if filters.scales.size == 1 and context.rounding == "tflm":  # tflite-micro multiplies these two scales in float32
        reals = (np.float32(x.scale) * filters.scales).astype(np.float64) / np.float64(y.scale)
    else:
        reals = np.float64(x.scale) * filters.scales.astype(np.float64) / np.float64(y.scale)
    if context.rounding == "litert":
        scale = half_away_scale(reals, low - y.zero_point, high - y.zero_point, bias)
    else:
        scale = double_scale(reals, bias)
    context.builder.node(Conv(operator.name, operator.operator, (x.name,), y.name, weights.reshape(outputs, 1, 1, inputs), scale,
                              y.zero_point, low, high))


def add(context: "TfliteContext", operator: FileOperator) -> None:
    a, b = (context.activation(context.input(operator, position)) for position in (0, 1))
    y = context.activation(context.output(operator))
    require(a.shape == b.shape == y.shape, f"shapes {list(a.shape)} and {list(b.shape)} differ")
    twice = 2 * max(a.scale, b.scale)
    low, high = _fused(operator, 0, y)
    scale_a, scale_b = (double_scale(t.scale / twice, -t.zero_point, ADD_LEFT_SHIFT) for t in (a, b))
    context.builder.node(Add(operator.name, operator.operator, (a.name, b.name), y.name, scale_a, scale_b,
                             double_scale(twice / ((1 << ADD_LEFT_SHIFT) * y.scale)), y.zero_point, low, high))


def _pool(kind: type[MaxPool] | type[AveragePool], context: "TfliteContext", operator: FileOperator) -> None:
    x, y = context.activation(context.input(operator, 0)), context.activation(context.output(operator))
    require((x.scale, x.zero_point) == (y.scale, y.zero_point), "input and output are quantised differently")
    stride, kernel = _stride(operator, (2, 1)), _stride(operator, (4, 3))
    padding = _padding(operator, x.shape, kernel, stride)
    check_output(y, x.shape, kernel, stride, padding, (1, 1), x.shape[2])
    context.builder.node(kind(operator.name, operator.operator, (x.name,), y.name, kernel, stride, padding, *_fused(operator, 5, y)))


def max_pool_2d(context: "TfliteContext", operator: FileOperator) -> None:
    _pool(MaxPool, context, operator)


def average_pool_2d(context: "TfliteContext", operator: FileOperator) -> None:
    _pool(AveragePool, context, operator)


def _rescale(context: "TfliteContext", operator: FileOperator, x: Tensor, y: Tensor, low: int, high: int) -> None:
    require(x.shape == y.shape, f"shapes {list(x.shape)} and {list(y.shape)} differ")
    # LiteRT's RELU divides the scales in float32; its QUANTIZE, and all of tflite-micro, in double.
    single = operator.operator == "RELU" and context.rounding == "litert"
    real = float(np.float32(x.scale) / np.float32(y.scale)) if single else x.scale / y.scale
    context.builder.node(Rescale(operator.name, operator.operator, (x.name,), y.name, double_scale(real, -x.zero_point), Scale(),
                                 y.zero_point, low, high))


def relu(context: "TfliteContext", operator: FileOperator) -> None:
    x, y = context.activation(context.input(operator, 0)), context.activation(context.output(operator))
    low, high = activation_range(operator.operator, y)
    # For RELU6 and RELU_N1_TO_1 tflite-micro clamps without rescaling, LiteRT rescales: equal only where nothing changes.
    require(operator.operator == "RELU" or (x.scale, x.zero_point) == (y.scale, y.zero_point), "input and output are quantised differently")
    _rescale(context, operator, x, y, low, high)


def reshape(context: "TfliteContext", operator: FileOperator) -> None:
    source, target = context.input(operator, 0), context.output(operator)
    if source.type == target.type == "float32":
        require(source.name in context.alias, "a float32 tensor that does not come from DEQUANTIZE")
        context.alias[target.name] = context.alias[source.name]
        return
    x, y = context.activation(source, ("int8", "uint8")), context.activation(target, ("int8", "uint8"))
    require(np.prod(x.shape) == np.prod(y.shape), f"shapes {list(x.shape)} and {list(y.shape)} hold different counts")
    require((x.scale, x.zero_point, x.unsigned) == (y.scale, y.zero_point, y.unsigned), "input and output are quantised differently")
    context.builder.node(Reshape(operator.name, operator.operator, (x.name,), y.name))


def softmax(context: "TfliteContext", operator: FileOperator) -> None:
    x, y = context.activation(context.input(operator, 0)), context.activation(context.output(operator))
    require((y.scale, y.zero_point) == (1 / 256, -128), f"output scale {y.scale:g} and zero point {y.zero_point}, not 1/256 and -128")
    require(x.shape == y.shape, f"shapes {list(x.shape)} and {list(y.shape)} differ")
    table = exponential_table(x.scale, float(operator.option(0, "float32", 0.0)))
    context.builder.node(Softmax(operator.name, operator.operator, (x.name,), y.name, table))


def quantize(context: "TfliteContext", operator: FileOperator) -> None:
    """Float32 at the network's input; otherwise int8 or uint8 to the other or to another scale."""
    source, target = context.input(operator, 0), context.output(operator)
    if source.type == "float32":
        require(context.model.tensors[context.model.inputs[0]].name == source.name, "quantises a float32 tensor inside the network")
        y = context.activation(target, ("int8", "uint8"))
        require(context.alias.setdefault(source.name, y.name) == y.name, "the network's input is quantised twice")
        return
    x, y = (context.activation(tensor, ("int8", "uint8")) for tensor in (source, target))
    if (x.scale, x.zero_point) == (y.scale, y.zero_point):
        context.builder.node(Reshape(operator.name, operator.operator, (x.name,), y.name))
    else:
        _rescale(context, operator, x, y, -128, 127)


def dequantize(context: "TfliteContext", operator: FileOperator) -> None:
    """Only at the network's outputs: the host converts."""
    source, target = context.input(operator, 0), context.output(operator)
    ends = {context.model.tensors[index].name for index in context.model.outputs}
    users = [op.operator for op in context.model.operators for index in op.inputs if index == operator.outputs[0]]
    require(target.name in ends and not users, "a float32 tensor inside the network: only outputs may be float32")
    context.alias[target.name] = context.activation(source, ("int8", "uint8")).name


def pad(context: "TfliteContext", operator: FileOperator) -> None:
    """Becomes padding of the convolutions that read it."""
    source, target = context.input(operator, 0), context.output(operator)
    x = context.activation(source)
    amounts = _constant(context.input(operator, 1), "paddings", ("int32", "int64"))
    require(amounts.shape == (4, 2) and not amounts[[0, 3]].any() and (amounts >= 0).all(), "pads other axes than height and width")
    require((target.scales.tolist(), target.zero_points.tolist()) == ([np.float32(x.scale)], [x.zero_point]),
            "input and output are quantised differently")
    if operator.operator == "PADV2":
        value = _constant(context.input(operator, 2), "value", ("int8",))
        require(value.size == 1 and int(value.reshape(-1)[0]) == x.zero_point, "pads with another value than the zero point")
    require(operator.outputs[0] not in context.model.outputs, "the padded tensor is an output of the network")
    top, bottom, left, right = (int(amount) for amount in amounts[1:3].reshape(-1))
    context.padded[target.name] = (source, (top, left, bottom, right))


CONVERTERS = {
    "ADD": add, "AVERAGE_POOL_2D": average_pool_2d, "CONV_2D": conv_2d, "DEQUANTIZE": dequantize, "FULLY_CONNECTED": fully_connected,
    "MAX_POOL_2D": max_pool_2d, "PAD": pad, "PADV2": pad, "QUANTIZE": quantize, "RELU": relu, "RELU6": relu, "RELU_N1_TO_1": relu,
    "RESHAPE": reshape, "SOFTMAX": softmax,
}
