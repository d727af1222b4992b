"""TensorFlow Lite operators that view elements in another shape, surround them or put them side by side."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from weft.gen.frontend import tflite_parts as parts
from weft.gen.frontend.ends import UNSIGNED_OFFSET
from weft.gen.frontend.function_tables import concatenation_table
from weft.gen.frontend.refusal import require
from weft.gen.frontend.tflite_file import ACTIVATIONS, FileOperator
from weft.gen.graph import Arrange, Piece, Reshape, Table, Tensor

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


def held_axis(axis: int, rank: int) -> int:
    """Height, width or channels (0 .. 2) for an axis of the file; negative for the batch."""
    require(-rank <= axis < rank, f"axis {axis} of {rank}")
    return axis % rank - rank + 3


def everything(tensor: Tensor) -> list[range]:
    """All positions along the three axes."""
    return [range(size) for size in tensor.shape]


def arrange(context: "TfliteContext", operator: FileOperator, inputs: tuple[Tensor, ...], y: Tensor, pieces: list[Piece],
            fill: int | None = None) -> None:
    """A node that moves elements unchanged, all on the output's grid."""
    for x in inputs:
        require((x.scale, x.zero_point, x.unsigned) == (y.scale, y.zero_point, y.unsigned), "input and output are quantised differently")
    context.builder.node(Arrange(y.name, operator.operator, tuple(x.name for x in inputs), y.name, tuple(pieces),
                                 y.zero_point if fill is None else fill))


def piece(index: int, target: Sequence[Iterable[int]], source: Sequence[Iterable[int]], axes: tuple[int, ...] = (0, 1, 2)) -> Piece:
    """A `Piece` from ranges."""
    (ty, tx, tc), (sy, sx, sc) = (tuple(map(tuple, side)) for side in (target, source))
    return Piece(index, (ty, tx, tc), (sy, sx, sc), (axes[0], axes[1], axes[2]))


def pad(context: "TfliteContext", operator: FileOperator) -> None:
    """Becomes padding of the convolutions that read it, if nothing else does; otherwise a node of its own."""
    source, target = context.input(operator, 0), context.output(operator)
    x = context.activation(source)
    amounts = parts.constant(context.input(operator, 1), "paddings", ("int32", "int64"))
    rank = len(source.shape)
    require(amounts.shape == (rank, 2) and (amounts >= 0).all(), f"paddings of shape {list(amounts.shape)} for {rank} dimensions")
    fill = x.zero_point
    if operator.operator == "PADV2":
        value = parts.constant(context.input(operator, 2), "value", ("int8", "uint8"))
        require(value.size == 1, "more than one value")
        fill = int(value.reshape(-1)[0]) - UNSIGNED_OFFSET * x.unsigned
    around = np.zeros((3, 2), dtype=np.int64)
    for axis, amount in enumerate(amounts):
        held = held_axis(axis, rank)
        require(held >= 0 or not amount.any(), "pads the batch")
        if held >= 0:
            around[held] = amount
    readers = [other for other in context.model.operators if operator.outputs[0] in other.inputs]
    same = (target.scales.tolist(), target.zero_points.tolist()) == (source.scales.tolist(), source.zero_points.tolist())
    if (readers and all(reader.operator in ("CONV_2D", "DEPTHWISE_CONV_2D") for reader in readers) and fill == x.zero_point and same
            and not around[2].any() and operator.outputs[0] not in context.model.outputs):
        (top, bottom), (left, right) = around[:2].tolist()
        context.padded[target.name] = (source, (top, left, bottom, right))
        return
    y = context.activation(target)
    moved = [range(before, before + size) for (before, _), size in zip(around.tolist(), x.shape, strict=True)]
    arrange(context, operator, (x,), y, [piece(0, moved, everything(x))], fill)


def concatenation(context: "TfliteContext", operator: FileOperator) -> None:
    files, y = [context.input(operator, position) for position in range(len(operator.inputs))], context.activation(context.output(operator))
    axis = held_axis(int(operator.option(0, "int32", 0)), len(files[0].shape))
    require(axis >= 0, "joins batches")
    require(operator.choice(1, ACTIVATIONS) == "NONE", "a fused activation")
    inputs, pieces, start = tuple(_on_grid(context, operator, context.activation(file), y) for file in files), [], 0
    for index, x in enumerate(inputs):
        target = everything(x)
        target[axis] = range(start, start + x.shape[axis])
        start += x.shape[axis]
        pieces.append(piece(index, target, everything(x)))
    arrange(context, operator, inputs, y, pieces)


def _on_grid(context: "TfliteContext", operator: FileOperator, x: Tensor, y: Tensor) -> Tensor:
    """The operand of a concatenation on the output's grid: LiteRT's kernel for uint8 rescales in float32, those for int8 do not."""
    if (x.scale, x.zero_point) == (y.scale, y.zero_point):
        return x
    require(x.unsigned and y.unsigned, "operands and output are quantised differently")
    result = dataclasses.replace(y, name=f"{x.name}#{operator.name}", shape=x.shape)
    if result.name not in context.builder.tensors:
        context.builder.node(Table(result.name, operator.operator, (x.name,), result.name, concatenation_table(x, y)))
    return context.builder.tensor(result)
