"""TensorFlow Lite's pooling and means as graph nodes."""

from typing import TYPE_CHECKING

from weft.gen.frontend import tflite_parts as parts
from weft.gen.frontend.refusal import require
from weft.gen.frontend.tflite_file import FileOperator
from weft.gen.frontend.windows import check_output
from weft.gen.graph import AveragePool, MaxPool

if TYPE_CHECKING:
    from weft.gen.frontend.tflite import TfliteContext


def _pool(kind: type[MaxPool] | type[AveragePool], context: "TfliteContext", operator: FileOperator) -> None:
    x, y = context.activation(context.input(operator, 0)), context.activation(context.output(operator))
    require((x.scale, x.zero_point) == (y.scale, y.zero_point), "input and output are quantised differently")
    stride, kernel = parts.pair(operator, (2, 1)), parts.pair(operator, (4, 3))
    padding = parts.padding(operator, x.shape, kernel, stride)
    check_output(y, x.shape, kernel, stride, padding, (1, 1), x.shape[2])
    context.builder.node(kind(operator.name, operator.operator, (x.name,), y.name, kernel, stride, padding, *parts.fused(operator, 5, y)))


def max_pool_2d(context: "TfliteContext", operator: FileOperator) -> None:
    _pool(MaxPool, context, operator)


def average_pool_2d(context: "TfliteContext", operator: FileOperator) -> None:
    _pool(AveragePool, context, operator)
