"""TensorFlow Lite operators that pick elements or put them in another order."""

from typing import TYPE_CHECKING

import numpy as np

from weft.gen.frontend import tflite_parts as parts
from weft.gen.frontend.refusal import require
from weft.gen.frontend.tflite_file import FileOperator
from weft.gen.frontend.tflite_shape import arrange, everything, held_axis, piece
from weft.gen.graph import Tensor

if TYPE_CHECKING:
    from weft.gen.frontend.tflite import TfliteContext

INTEGERS = ("int32", "int64")


def transpose(context: "TfliteContext", operator: FileOperator) -> None:
    source = context.input(operator, 0)
    x, y = context.activation(source), context.activation(context.output(operator))
    order = [int(axis) for axis in parts.constant(context.input(operator, 1), "order", INTEGERS).reshape(-1)]
    rank = len(source.shape)
    require(sorted(order) == list(range(rank)), f"axes {order} of {rank}")
    require(rank < 4 or order[0] == 0, f"axes {order}: the batch moves")
    axes = [0, 1, 2]
    for axis, origin in enumerate(order):
        if rank < 4 or axis:
            axes[held_axis(axis, rank)] = held_axis(origin, rank)
    arrange(context, operator, (x,), y, [piece(0, everything(y), everything(y), tuple(axes))])


def _nearest(size: int, results: int, corners: bool, centers: bool) -> list[int]:
    """Position in the input for each of the output: float32, as the reference kernel."""
    scale = np.float32(size - 1) / np.float32(results - 1) if corners and results > 1 else np.float32(size) / np.float32(results)
    places = (np.arange(results, dtype=np.float32) + np.float32(0.5 if centers else 0)) * scale
    rounded = np.floor(places + np.float32(0.5)) if corners else np.floor(places)
    return np.clip(rounded, 0, size - 1).astype(int).tolist()  # type: ignore[no-any-return]


def resize_nearest_neighbor(context: "TfliteContext", operator: FileOperator) -> None:
    x, y = context.activation(context.input(operator, 0)), context.activation(context.output(operator))
    corners, centers = (bool(operator.option(slot, "bool", 0)) for slot in (0, 1))
    source = [_nearest(x.shape[axis], y.shape[axis], corners, centers) for axis in (0, 1)]
    arrange(context, operator, (x,), y, [piece(0, everything(y), [*source, range(x.shape[2])])])


def _cut(context: "TfliteContext", operator: FileOperator, x: Tensor, y: Tensor, chosen: list[range]) -> None:
    """Positions `chosen` along the axes of x become the output, perhaps with fewer axes."""
    full = context.before_view(y, (len(chosen[0]), len(chosen[1]), len(chosen[2])))
    arrange(context, operator, (x,), full, [piece(0, everything(full), chosen)])
    context.view(full, y)


def slice_(context: "TfliteContext", operator: FileOperator) -> None:
    source = context.input(operator, 0)
    x, y = context.activation(source), context.activation(context.output(operator))
    begins, sizes = (parts.constant(context.input(operator, position), "bounds", INTEGERS).reshape(-1).tolist() for position in (1, 2))
    chosen = everything(x)
    for axis, (begin, size) in enumerate(zip(begins, sizes, strict=True)):
        whole = range(source.shape[axis])
        part = whole[begin:begin + size] if size >= 0 else whole[begin:]
        _choose(chosen, axis, source.shape, part)
    _cut(context, operator, x, y, chosen)


def strided_slice(context: "TfliteContext", operator: FileOperator) -> None:
    source = context.input(operator, 0)
    x, y = context.activation(source), context.activation(context.output(operator))
    bounds = [parts.constant(context.input(operator, position), "bounds", INTEGERS).reshape(-1).tolist() for position in (1, 2, 3)]
    begin_mask, end_mask, ellipsis, new_axis, shrink = (int(operator.option(slot, "int32", 0)) for slot in range(5))
    require(not ellipsis and not new_axis, "an ellipsis or a new axis")
    chosen = everything(x)
    for axis, (begin, end, step) in enumerate(zip(*bounds, strict=True)):
        whole = range(source.shape[axis])
        if shrink >> axis & 1:
            part = whole[begin:begin + 1] if begin != -1 else whole[-1:]
        else:
            part = whole[None if begin_mask >> axis & 1 else begin:None if end_mask >> axis & 1 else end:step]
        _choose(chosen, axis, source.shape, part)
    _cut(context, operator, x, y, chosen)


def _choose(chosen: list[range], axis: int, shape: tuple[int, ...], part: range) -> None:
    held = held_axis(axis, len(shape))
    require(len(part) > 0, f"nothing is left of axis {axis}")
    require(held >= 0 or len(part) == shape[axis], "cuts the batch")
    if held >= 0:
        chosen[held] = part


def split(context: "TfliteContext", operator: FileOperator) -> None:
    """Equal parts along one axis."""
    source = context.input(operator, 1)
    axis = held_axis(int(parts.constant(context.input(operator, 0), "axis", INTEGERS).reshape(-1)[0]), len(source.shape))
    x, start = context.activation(source), 0
    require(axis >= 0, "splits the batch")
    for file in context.outputs(operator):
        y, chosen = context.activation(file), everything(x)
        chosen[axis] = range(start, start + y.shape[axis])
        start += y.shape[axis]
        _cut(context, operator, x, y, chosen)


def _blocks(context: "TfliteContext", operator: FileOperator, deep: int) -> None:
    """DEPTH_TO_SPACE and SPACE_TO_DEPTH; `deep` is the position (input 0, output 1) of the tensor with more channels. Its channels
    hold a block of pixels of the other one, row by row."""
    tensors = [context.activation(context.input(operator, 0)), context.activation(context.output(operator))]
    size, inner = int(operator.option(0, "int32", 0)), tensors[1 - deep].shape[2]
    require(size > 0 and tensors[deep].shape[2] == inner * size * size, f"block size {size}")
    height, width, _ = tensors[deep].shape
    pieces = []
    for row in range(size):
        for column in range(size):
            first = (row * size + column) * inner
            sides = [[range(row, height * size, size), range(column, width * size, size), range(inner)],
                     [range(height), range(width), range(first, first + inner)]]
            pieces.append(piece(0, sides[deep], sides[1 - deep]))
    arrange(context, operator, (tensors[0],), tensors[1], pieces)


def depth_to_space(context: "TfliteContext", operator: FileOperator) -> None:
    _blocks(context, operator, 0)


def space_to_depth(context: "TfliteContext", operator: FileOperator) -> None:
    _blocks(context, operator, 1)
