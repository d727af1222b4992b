"""TensorFlow Lite operators that only move elements."""

from typing import TYPE_CHECKING

import numpy as np

from weft.gen.frontend import tflite_parts as parts
from weft.gen.frontend.refusal import require
from weft.gen.frontend.tflite_file import FileOperator
from weft.gen.graph import Reshape

if TYPE_CHECKING:
    from weft.gen.frontend.tflite import TfliteContext


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


def pad(context: "TfliteContext", operator: FileOperator) -> None:
    """Becomes padding of the convolutions that read it."""
    source, target = context.input(operator, 0), context.output(operator)
    x = context.activation(source)
    amounts = parts.constant(context.input(operator, 1), "paddings", ("int32", "int64"))
    require(amounts.shape == (4, 2) and not amounts[[0, 3]].any() and (amounts >= 0).all(), "pads other axes than height and width")
    require((target.scales.tolist(), target.zero_points.tolist()) == ([np.float32(x.scale)], [x.zero_point]),
            "input and output are quantised differently")
    if operator.operator == "PADV2":
        value = parts.constant(context.input(operator, 2), "value", ("int8",))
        require(value.size == 1 and int(value.reshape(-1)[0]) == x.zero_point, "pads with another value than the zero point")
    require(operator.outputs[0] not in context.model.outputs, "the padded tensor is an output of the network")
    top, bottom, left, right = (int(amount) for amount in amounts[1:3].reshape(-1))
    context.padded[target.name] = (source, (top, left, bottom, right))
