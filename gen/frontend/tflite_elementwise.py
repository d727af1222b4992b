"""TensorFlow Lite operators that work element by element, and softmax, as graph nodes. Formulas: the reference kernels."""

from typing import TYPE_CHECKING

import numpy as np

from weft.gen.frontend import tflite_parts as parts
from weft.gen.frontend.multiplier import double_scale
from weft.gen.frontend.refusal import require
from weft.gen.frontend.softmax_table import exponential_table
from weft.gen.frontend.tflite_file import FileOperator
from weft.gen.graph import Add, Rescale, Reshape, Scale, Softmax, Tensor

if TYPE_CHECKING:
    from weft.gen.frontend.tflite import TfliteContext

ADD_LEFT_SHIFT = 20  # bits that the reference ADD gains before it rounds


def add(context: "TfliteContext", operator: FileOperator) -> None:
    a, b = (context.activation(context.input(operator, position)) for position in (0, 1))
    y = context.activation(context.output(operator))
    require(a.shape == b.shape == y.shape, f"shapes {list(a.shape)} and {list(b.shape)} differ")
    twice = 2 * max(a.scale, b.scale)
    low, high = parts.fused(operator, 0, y)
    scale_a, scale_b = (double_scale(t.scale / twice, -t.zero_point, ADD_LEFT_SHIFT) for t in (a, b))
    context.builder.node(Add(operator.name, operator.operator, (a.name, b.name), y.name, scale_a, scale_b,
                             double_scale(twice / ((1 << ADD_LEFT_SHIFT) * y.scale)), y.zero_point, low, high))


def _rescale(context: "TfliteContext", operator: FileOperator, x: Tensor, y: Tensor, low: int, high: int) -> None:
    require(x.shape == y.shape, f"shapes {list(x.shape)} and {list(y.shape)} differ")
    # LiteRT's RELU divides the scales in float32; its QUANTIZE, and all of tflite-micro, in double.
    single = operator.operator == "RELU" and context.rounding == "litert"
    real = float(np.float32(x.scale) / np.float32(y.scale)) if single else x.scale / y.scale
    context.builder.node(Rescale(operator.name, operator.operator, (x.name,), y.name, double_scale(real, -x.zero_point), Scale(),
                                 y.zero_point, low, high))


def relu(context: "TfliteContext", operator: FileOperator) -> None:
    x, y = context.activation(context.input(operator, 0)), context.activation(context.output(operator))
    low, high = parts.activation_range(operator.operator, y)
    # For RELU6 and RELU_N1_TO_1 tflite-micro clamps without rescaling, LiteRT rescales: equal only where nothing changes.
    require(operator.operator == "RELU" or (x.scale, x.zero_point) == (y.scale, y.zero_point), "input and output are quantised differently")
    _rescale(context, operator, x, y, low, high)


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
