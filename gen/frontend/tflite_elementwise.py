"""TensorFlow Lite operators that work element by element, and softmax, as graph nodes. Formulas: the reference kernels."""

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from weft.gen.frontend import function_tables as tables
from weft.gen.frontend import tflite_parts as parts
from weft.gen.frontend.gemmlowp import multiply_by_quantized_multiplier
from weft.gen.frontend.multiplier import double_scale
from weft.gen.frontend.refusal import require
from weft.gen.frontend.softmax_table import exponential_table
from weft.gen.frontend.tflite_file import FileOperator
from weft.gen.graph import Add, Combine, Extremum, Multiply, Prelu, Rescale, Reshape, Scale, Softmax, Table, Tensor

if TYPE_CHECKING:
    from weft.gen.frontend.tflite import TfliteContext

ADD_LEFT_SHIFT = 20  # bits that the reference ADD gains before it rounds
SQUARE_LEFT_SHIFT = 7  # and SQUARED_DIFFERENCE


def _operands(context: "TfliteContext", operator: FileOperator) -> tuple[Tensor, Tensor, np.ndarray | None, Tensor, bool]:
    """Operands a and b with the larger one first, b's held values if it is a constant, the output, and whether the operator has them in the
    other order."""
    files = [context.input(operator, position) for position in (0, 1)]
    y = context.activation(context.output(operator))
    swapped = files[0].data is not None or math.prod(files[0].shape) < math.prod(files[1].shape)
    if swapped:
        files.reverse()
    a, (b, values) = context.activation(files[0]), context.constant_activation(files[1])
    require(a.shape == y.shape, f"shapes {list(files[0].shape)} and {list(files[1].shape)} give {list(context.output(operator).shape)}")
    channels = y.shape[2]
    if values is not None:
        require(b.shape in ((1, 1, 1), (1, 1, channels)),
                f"constant of shape {list(files[1].shape)} is neither one number nor one for each channel of {list(files[0].shape)}")
    require(b.shape in (y.shape, (1, 1, 1), (1, 1, channels)),
            f"shape {list(files[1].shape)} is neither {list(files[0].shape)} nor one number, nor one for each channel")
    return a, b, values, y, swapped


def add(context: "TfliteContext", operator: FileOperator) -> None:
    """ADD and SUB: both operands on a common scale with 20 bits more."""
    a, b, values, y, swapped = _operands(context, operator)
    combine = {"ADD": Combine.SUM, "SUB": Combine.DIFFERENCE}[operator.operator]
    twice = 2 * max(a.scale, b.scale)
    low, high = parts.fused(operator, 0, y)
    scale_a, scale_b = (double_scale(t.scale / twice, -t.zero_point, ADD_LEFT_SHIFT) for t in (a, b))
    scale = double_scale(twice / ((1 << ADD_LEFT_SHIFT) * y.scale))
    if combine is Combine.DIFFERENCE and swapped:  # b - a: a product changes its sign with the factor, before it is rounded
        scale = dataclasses.replace(scale, multiplier=-scale.multiplier)
    if values is None:
        context.builder.node(Add(operator.name, operator.operator, (a.name, b.name), y.name, scale_a, scale_b, scale, y.zero_point, low,
                                 high, combine))
        return
    shift, sign = int(scale_b.right) - 31, -1 if combine is Combine.DIFFERENCE else 1
    terms = [sign * multiply_by_quantized_multiplier((int(value) - b.zero_point) << ADD_LEFT_SHIFT, int(scale_b.multiplier), -shift)
             for value in values]
    second = dataclasses.replace(scale, pre=terms[0] if len(terms) == 1 else np.array(terms, dtype=np.int32))
    context.builder.node(Rescale(operator.name, operator.operator, (a.name,), y.name, scale_a, second, y.zero_point, low, high))


def squared_difference(context: "TfliteContext", operator: FileOperator) -> None:
    """The difference on a common scale with 7 bits more, squared in 32 bits."""
    a, b, values, y, _ = _operands(context, operator)
    require(values is None, "a constant operand")
    twice = 2 * max(a.scale, b.scale)
    scale_a, scale_b = (double_scale(t.scale / twice, -t.zero_point, SQUARE_LEFT_SHIFT) for t in (a, b))
    scale = double_scale(twice * twice / float(np.float32(1 << 2 * SQUARE_LEFT_SHIFT) * np.float32(y.scale)))
    context.builder.node(Add(operator.name, operator.operator, (a.name, b.name), y.name, scale_a, scale_b, scale, y.zero_point, -128, 127,
                             Combine.SQUARED_DIFFERENCE))


def extremum(context: "TfliteContext", operator: FileOperator) -> None:
    """MAXIMUM and MINIMUM compare stored values."""
    a, b, values, y, _ = _operands(context, operator)
    require({(t.scale, t.zero_point) for t in (a, b, y)} == {(y.scale, y.zero_point)}, "operands and output are quantised differently")
    smallest = operator.operator == "MINIMUM"
    if values is None:
        context.builder.node(Extremum(operator.name, operator.operator, (a.name, b.name), y.name, smallest))
        return
    require(values.size == 1, "a constant for each channel")
    low, high = (-128, int(values[0])) if smallest else (int(values[0]), 127)
    context.builder.node(Rescale(operator.name, operator.operator, (a.name,), y.name, Scale(), Scale(), 0, low, high))


def prelu(context: "TfliteContext", operator: FileOperator) -> None:
    """A slope for each channel, or one for all, which is a table."""
    x, y = context.activation(context.input(operator, 0)), context.activation(context.output(operator))
    alpha, values = context.constant_activation(context.input(operator, 1))
    require(x.shape == y.shape, f"shapes {list(x.shape)} and {list(y.shape)} differ")
    require(values is not None and values.size in (1, x.shape[2]) and alpha.shape[:2] == (1, 1),
            "its slopes are not constants, one for each channel or one for all")
    slope = values.astype(np.int32) - alpha.zero_point  # type: ignore[union-attr]
    single = np.float32 if context.rounding == "litert" else np.float64
    factors = [float(single(x.scale) / single(y.scale)), float(single(x.scale) * single(alpha.scale) / single(y.scale))]
    if slope.size == 1:
        values = tables.prelu_table(x, y, factors, int(slope[0]))
        context.builder.node(Table(operator.name, operator.operator, (x.name,), y.name, values))
        return
    positive, negative = map(double_scale, factors)
    context.builder.node(Prelu(operator.name, operator.operator, (x.name,), y.name, slope, positive, negative, y.zero_point))


def rsqrt(context: "TfliteContext", operator: FileOperator) -> None:
    _table(context, operator, tables.rsqrt_table)


def mul(context: "TfliteContext", operator: FileOperator) -> None:
    """The factor of a product: tflite-micro computes it in double precision, LiteRT in single."""
    a, b, values, y, _ = _operands(context, operator)
    low, high = parts.fused(operator, 0, y)
    precision = np.float32 if context.rounding == "litert" else np.float64
    scale = double_scale(float(precision(a.scale) * precision(b.scale) / precision(y.scale)))
    if values is None:
        context.builder.node(Multiply(operator.name, operator.operator, (a.name, b.name), y.name, scale, y.zero_point, low, high))
        return
    factors = values.astype(np.int32) - b.zero_point
    first = Scale(multiplier=int(factors[0]) if factors.size == 1 else factors, pre=-a.zero_point)
    context.builder.node(Rescale(operator.name, operator.operator, (a.name,), y.name, first, scale, y.zero_point, low, high))


def _table(context: "TfliteContext", operator: FileOperator, function: Callable[[Tensor, Tensor], np.ndarray]) -> None:
    x, y = parts.unary(context, operator)
    context.builder.node(Table(operator.name, operator.operator, (x.name,), y.name, function(x, y)))


def logistic(context: "TfliteContext", operator: FileOperator) -> None:
    _table(context, operator, lambda x, y: tables.logistic_table(x, y, context.rounding))


def tanh(context: "TfliteContext", operator: FileOperator) -> None:
    _table(context, operator, lambda x, y: tables.tanh_table(x, y, context.rounding))


def elu(context: "TfliteContext", operator: FileOperator) -> None:
    _table(context, operator, tables.elu_table)


def absolute(context: "TfliteContext", operator: FileOperator) -> None:
    _table(context, operator, lambda x, y: tables.absolute_table(x, y, context.rounding))


def hard_swish(context: "TfliteContext", operator: FileOperator) -> None:
    _table(context, operator, tables.hard_swish_table)


def leaky_relu(context: "TfliteContext", operator: FileOperator) -> None:
    _table(context, operator, lambda x, y: tables.leaky_relu_table(x, y, float(operator.option(0, "float32", 0.0)), context.rounding))


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
        ends = {context.model.tensors[index].name for index in context.model.inputs}
        require(source.name in ends, "quantises a float32 tensor inside the network")
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
