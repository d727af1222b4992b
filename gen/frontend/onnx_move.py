"""ONNX operators that move quantised elements: Pad, Resize, Slice, Split, DepthToSpace, SpaceToDepth, QLinearConcat."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from weft.gen.frontend.ends import UNSIGNED_OFFSET
from weft.gen.frontend.mlas import requantise_table
from weft.gen.frontend.onnx_file import OnnxNode
from weft.gen.frontend.refusal import require
from weft.gen.graph import Arrange, Piece, Table, Tensor

if TYPE_CHECKING:
    from weft.gen.frontend.onnx import OnnxContext

Axes = list[range]
NEARLY = 1e-5
Origin = Callable[[np.ndarray, int, int, np.float32], np.ndarray]  # place in the input for: result, input size, output size, scale


def held_axis(axis: int, rank: int) -> int:
    """Height, width or channels (0 .. 2) for an axis of a channels-first file; -1 for the batch. A matrix is positions by channels."""
    require(-rank <= axis < rank <= 4, f"axis {axis} of {rank}")
    places = {1: (2,), 2: (1, 2), 3: (-1, 2, 1), 4: (-1, 2, 0, 1)}[rank]
    return places[axis % rank]


def _everything(tensor: Tensor) -> Axes:
    return [range(size) for size in tensor.shape]


def _piece(index: int, target: Sequence[Iterable[int]], source: Sequence[Iterable[int]]) -> Piece:
    (ty, tx, tc), (sy, sx, sc) = (tuple(map(tuple, side)) for side in (target, source))
    return Piece(index, (ty, tx, tc), (sy, sx, sc))


def pad(context: "OnnxContext", node: OnnxNode) -> None:
    """With a constant, which is 0 of the file's type where it is left out."""
    mode = node.attributes.get("mode", b"constant")
    require(mode in (b"constant", "constant"), f"mode {mode!r}")
    x, shape = context.read(node.inputs[0]), context.value(node.inputs[0]).shape
    rank = len(shape)
    amounts = [int(amount) for amount in (context.constant(node.inputs[1], "pads").reshape(-1) if node.inputs[1]
                                          else node.attributes.get("pads", ()))]
    axes = [int(axis) % rank for axis in context.constant(node.inputs[3], "axes").reshape(-1)] if node.inputs[3] else list(range(rank))
    require(len(amounts) == 2 * len(axes) and min(amounts, default=0) >= 0, f"pads {amounts}")
    fill = int(context.scalar(node.inputs[2], "value")) if node.inputs[2] else 0
    result, moved = list(shape), _everything(x)
    for place, axis in enumerate(axes):
        before, after = amounts[place], amounts[place + len(axes)]
        held = held_axis(axis, rank)
        require(held >= 0 or not before + after, "pads the batch")
        if held >= 0:
            result[axis] += before + after
            moved[held] = range(before, before + x.shape[held])
    y = context.write(node, tuple(result), (x.scale, x.zero_point, x.unsigned))
    context.builder.node(Arrange(node.name, node.operator, (x.name,), y.name, (_piece(0, moved, _everything(x)),),
                                 fill - UNSIGNED_OFFSET * x.unsigned))


def _cut(context: "OnnxContext", node: OnnxNode, kept: dict[int, range]) -> None:
    """The positions `kept` along axes of the file, everything along the others."""
    x, shape = context.read(node.inputs[0]), context.value(node.inputs[0]).shape
    result, sources = list(shape), _everything(x)
    for axis, positions in kept.items():
        held = held_axis(axis, len(shape))
        require(len(positions) > 0, f"nothing is left along axis {axis}")
        require(held >= 0 or positions == range(1), "cuts the batch")
        result[axis] = len(positions)
        if held >= 0:
            sources[held] = positions
    y = context.write(node, tuple(result), (x.scale, x.zero_point, x.unsigned))
    context.builder.node(Arrange(node.name, node.operator, (x.name,), y.name, (_piece(0, _everything(y), sources),)))


def slice_(context: "OnnxContext", node: OnnxNode) -> None:
    """Python's slices, clipped to the tensor."""
    shape = context.value(node.inputs[0]).shape

    def numbers(position: int, what: str, default: list[int]) -> list[int]:
        name = node.inputs[position]
        return context.constant(name, what).reshape(-1).tolist() if name or not default else default

    starts, ends = numbers(1, "starts", []), numbers(2, "ends", [])
    axes, steps = numbers(3, "axes", list(range(len(starts)))), numbers(4, "steps", [1] * len(starts))
    require(len(starts) == len(ends) == len(axes) == len(steps) and all(steps), f"starts {starts}, ends {ends}, axes {axes}, steps {steps}")
    kept = {}
    for start, end, given, step in zip(starts, ends, axes, steps, strict=True):
        axis = given % len(shape)
        # An end before the first element is written as a large negative number.
        stop = None if step < 0 and end < -shape[axis] else end
        kept[axis] = range(shape[axis])[start:stop:step]
    _cut(context, node, kept)


def split_part(context: "OnnxContext", node: OnnxNode) -> None:
    """One output of a Split."""
    shape, axis, (place, count) = context.value(node.inputs[0]).shape, int(node.attributes.get("axis", 0)), node.attributes["place"]
    require(-len(shape) <= axis < len(shape), f"axis {axis} of {len(shape)}")
    axis %= len(shape)
    sizes = (context.constant(node.inputs[1], "split").reshape(-1).tolist() if node.inputs[1] else list(node.attributes.get("split", ())))
    if not sizes:
        most = -(-shape[axis] // count)
        sizes = [min(most, shape[axis] - most * index) for index in range(count)]
    require(len(sizes) == count and min(sizes) > 0 and sum(sizes) == shape[axis], f"parts {sizes} of {shape[axis]}")
    start = sum(sizes[:place])
    _cut(context, node, {axis: range(start, start + sizes[place])})


def _blocks(context: "OnnxContext", node: OnnxNode, mode: str, into_depth: bool) -> None:
    """Squares of pixels become channels or channels become squares. Mode DCR: the square's place is the slower part of the channel."""
    x, shape = context.read(node.inputs[0]), context.value(node.inputs[0]).shape
    require(len(shape) == 4, f"operand has {len(shape)} dimensions, not 4")
    size, (_, channels, height, width) = int(node.attributes.get("blocksize", 0)), shape
    require(mode in ("DCR", "CRD") and size > 0, f"mode {mode}, blocks of {size}")
    require(not (height % size or width % size if into_depth else channels % size ** 2), f"blocks of {size} in {list(shape)}")
    deep, flat = ((channels * size ** 2, (height // size, width // size)) if into_depth else (channels, (height, width)))
    thin = deep // size ** 2
    result = (1, deep, *flat) if into_depth else (1, thin, flat[0] * size, flat[1] * size)
    y, pieces = context.write(node, result, (x.scale, x.zero_point, x.unsigned)), []
    for row in range(size):
        for column in range(size):
            place = row * size + column
            depth = range(place * thin, (place + 1) * thin) if mode == "DCR" else range(place, deep, size ** 2)
            spread = [range(row, flat[0] * size, size), range(column, flat[1] * size, size), range(thin)]
            packed = [range(flat[0]), range(flat[1]), depth]
            pieces.append(_piece(0, *((packed, spread) if into_depth else (spread, packed))))
    context.builder.node(Arrange(node.name, node.operator, (x.name,), y.name, tuple(pieces)))


def depth_to_space(context: "OnnxContext", node: OnnxNode) -> None:
    _blocks(context, node, _text(node, "mode", "DCR"), False)


def space_to_depth(context: "OnnxContext", node: OnnxNode) -> None:
    _blocks(context, node, "DCR", True)


ORIGINS: dict[str, Origin] = {
    "asymmetric": lambda place, size, results, scale: place / scale,
    "half_pixel": lambda place, size, results, scale: (place + np.float32(0.5)) / scale - np.float32(0.5),
    "pytorch_half_pixel": lambda place, size, results, scale: ((place + np.float32(0.5)) / scale - np.float32(0.5)) * (results > 1),
    "align_corners": lambda place, size, results, scale: place * np.float32(size - 1) / np.float32(max(results - 1, 1)),
}
NEAREST: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "floor": np.floor, "ceil": np.ceil, "round_prefer_ceil": lambda place: np.floor(place + np.float32(0.5)),
    "round_prefer_floor": lambda place: np.ceil(place - np.float32(0.5)),
}


def _text(node: OnnxNode, name: str, default: str) -> str:
    value = node.attributes.get(name, default)
    return value.decode() if isinstance(value, bytes) else str(value)


def resize(context: "OnnxContext", node: OnnxNode) -> None:
    """Nearest neighbours along height and width, found in float32."""
    mode, origin, nearest = (_text(node, *pair) for pair in (("mode", "nearest"), ("coordinate_transformation_mode", "half_pixel"),
                                                            ("nearest_mode", "round_prefer_floor")))
    require(mode == "nearest", f"mode {mode}: only nearest moves integers unchanged")
    require(origin in ORIGINS and nearest in NEAREST, f"{origin} with {nearest}")
    require(not node.attributes.get("axes") and not node.attributes.get("antialias", 0), "axes or antialias")
    require(_text(node, "keep_aspect_ratio_policy", "stretch") == "stretch", "a policy for the aspect ratio")
    x, shape = context.read(node.inputs[0]), context.value(node.inputs[0]).shape
    require(len(shape) == 4, f"operand has {len(shape)} dimensions, not 4")
    if node.inputs[3]:
        result = [int(size) for size in context.constant(node.inputs[3], "sizes").reshape(-1)]
        scales = [np.float32(new) / np.float32(old) for new, old in zip(result, shape, strict=True)]
    else:
        scales = [np.float32(scale) for scale in context.constant(node.inputs[2], "scales").reshape(-1)]
        result = [int(np.float32(old) * scale) for old, scale in zip(shape, scales, strict=True)]
    require(tuple(result[:2]) == shape[:2] and min(result) > 0, f"{list(shape)} becomes {result}: only height and width may change")
    y = context.write(node, tuple(result), (x.scale, x.zero_point, x.unsigned))
    sources = []
    for size, results, scale in zip(shape[2:], result[2:], scales[2:], strict=True):
        places = np.arange(results, dtype=np.float32)
        if scale != 1:
            places = ORIGINS[origin](places, size, results, scale).astype(np.float32)
            # Just below a half onnxruntime sometimes rounds up.
            below = np.ceil(places) - places - 0.5
            require(nearest != "round_prefer_ceil" or not ((below > 0) & (below < NEARLY)).any(), "a place a rounding error below a half")
            places = NEAREST[nearest](places)
        sources.append(np.clip(places, 0, size - 1).astype(int).tolist())
    sources.append(list(range(x.shape[2])))
    context.builder.node(Arrange(node.name, node.operator, (x.name,), y.name, (_piece(0, _everything(y), sources),)))


def qlinear_concat(context: "OnnxContext", node: OnnxNode) -> None:
    """Each operand on the output's grid, by a table of 256 entries where its own is another; side by side."""
    y_grid = context.grid(*node.inputs[:2])
    given = [node.inputs[start:start + 3] for start in range(2, len(node.inputs) - 2, 3) if node.inputs[start]]
    require(given, "no operands")
    shapes, operands = [context.value(name).shape for name, _, _ in given], []
    for name, scale, zero_point in given:
        operands.append(_on_grid(context, node, context.read(name, context.grid(scale, zero_point)), y_grid))
    rank, axis = len(shapes[0]), int(node.attributes.get("axis", 0))
    held = held_axis(axis, rank)
    require(held >= 0, "joins batches")
    result, pieces, start = list(shapes[0]), [], 0
    for index, x in enumerate(operands):
        target = _everything(x)
        target[held] = range(start, start + x.shape[held])
        start += x.shape[held]
        pieces.append(_piece(index, target, _everything(x)))
    result[axis % rank] = start
    y = context.write(node, tuple(result), y_grid)
    require(all(x.shape[place] == y.shape[place] for x in operands for place in range(3) if place != held),
            f"shapes {[list(shape) for shape in shapes]} do not fit")
    context.builder.node(Arrange(node.name, node.operator, tuple(x.name for x in operands), y.name, tuple(pieces)))


def _on_grid(context: "OnnxContext", node: OnnxNode, x: Tensor, grid: tuple[float, int, bool]) -> Tensor:
    if (x.scale, x.zero_point, x.unsigned) == grid:
        return x
    result = dataclasses.replace(x, name=f"{x.name}#{node.name}", scale=grid[0], zero_point=grid[1], unsigned=grid[2])
    if result.name not in context.builder.tensors:
        context.builder.node(Table(result.name, node.operator, (x.name,), result.name, requantise_table(x, result).astype(np.int8)))
    return context.builder.tensor(result)
