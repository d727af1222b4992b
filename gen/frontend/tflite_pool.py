"""TensorFlow Lite's pooling and means as graph nodes."""

from typing import TYPE_CHECKING

from weft.gen.frontend import tflite_parts as parts
from weft.gen.frontend.multiplier import quantize_multiplier
from weft.gen.frontend.refusal import require
from weft.gen.frontend.tflite_file import FileOperator
from weft.gen.frontend.windows import Padding, Pair, check_output
from weft.gen.graph import AveragePool, MaxPool, Scale, Tensor
from weft.gen.isa import Rounding

if TYPE_CHECKING:
    from weft.gen.frontend.tflite import TfliteContext


def _window(context: "TfliteContext", operator: FileOperator) -> tuple[Tensor, Tensor, Pair, Pair, Padding]:
    """Input, output, kernel, stride and padding."""
    x, y = context.activation(context.input(operator, 0)), context.activation(context.output(operator))
    require((x.scale, x.zero_point) == (y.scale, y.zero_point), "input and output are quantised differently")
    stride, kernel = parts.pair(operator, (2, 1)), parts.pair(operator, (4, 3))
    padding = parts.padding(operator, x.shape, kernel, stride)
    check_output(y, x.shape, kernel, stride, padding, (1, 1), x.shape[2])
    return x, y, kernel, stride, padding


def max_pool_2d(context: "TfliteContext", operator: FileOperator) -> None:
    x, y, kernel, stride, padding = _window(context, operator)
    context.builder.node(MaxPool(operator.name, operator.operator, (x.name,), y.name, kernel, stride, padding,
                                 *parts.fused(operator, 5, y)))


def average_pool_2d(context: "TfliteContext", operator: FileOperator) -> None:
    x, y, kernel, stride, padding = _window(context, operator)
    # The kernel for uint8 divides numbers that are not negative.
    rounding = Rounding.HALF_UP if x.unsigned else Rounding.HALF_AWAY
    context.builder.node(AveragePool(operator.name, operator.operator, (x.name,), y.name, kernel, stride, padding,
                                     *parts.fused(operator, 5, y), rounding=rounding))


def mean(context: "TfliteContext", operator: FileOperator) -> None:
    """Over height, width or both: one sum, one rescaling that has the division inside."""
    source, target = context.input(operator, 0), context.output(operator)
    x, y = context.activation(source), context.activation(target)
    rank = len(source.shape)
    axes = {int(axis) % rank for axis in parts.constant(context.input(operator, 1), "axes", ("int32",)).reshape(-1)}
    # Held shapes are height, width, channels: the last axes of the file's.
    held = {axis - rank + 3 for axis in axes if source.shape[axis] != 1}
    require(held <= {0, 1}, f"means over axes {sorted(axes)} of {rank}: only height and width")
    kernel = (x.shape[0] if 0 in held else 1, x.shape[1] if 1 in held else 1)
    shape = (x.shape[0] // kernel[0], x.shape[1] // kernel[1], x.shape[2])
    count = kernel[0] * kernel[1]
    multiplier, shift = quantize_multiplier(x.scale / y.scale)
    # 1 / count goes into the multiplier, after as many bits as fit beside it.
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    shift -= extra
    scale = Scale(multiplier=(multiplier << extra) // count, left=max(shift, 0), right=31 + max(-shift, 0), pre=-x.zero_point * count,
                  rounding=Rounding.DOUBLE)
    full = context.before_view(y, shape)
    context.builder.node(AveragePool(operator.name, operator.operator, (x.name,), full.name, kernel, kernel, (0, 0, 0, 0), scale=scale,
                                     zero_point=y.zero_point))
    context.view(full, y)
