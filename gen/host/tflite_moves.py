"""TensorFlow Lite operators that move elements unchanged, of any type and number of dimensions."""

from collections.abc import Callable

import numpy as np

from weft.gen.frontend.refusal import require
from weft.gen.host.tflite_parts import Call, Compute


def _view(call: Call) -> Compute:
    call.one_type()
    return call.first(lambda x: x)


def _transpose(call: Call) -> Compute:
    call.one_type()
    order = call.integers(1)
    return call.first(lambda x: x.transpose(order))


def _slice(call: Call) -> Compute:
    call.one_type()
    bounds = tuple(slice(begin, begin + size if size >= 0 else None)
                   for begin, size in zip(call.integers(1), call.integers(2), strict=True))
    return call.first(lambda x: x[bounds])


def _strided_slice(call: Call) -> Compute:
    call.one_type()
    begin_mask, end_mask, ellipsis, new_axis, shrink = (call.option(slot) for slot in range(5))
    require(not ellipsis and not new_axis, "an ellipsis or a new axis")
    require(not call.operator.option(5, "bool", 0), "ends that are offsets")
    chosen = []
    for axis, (begin, end, step) in enumerate(zip(call.integers(1), call.integers(2), call.integers(3), strict=True)):
        if shrink >> axis & 1:
            chosen.append(slice(begin, begin + 1 if begin != -1 else None))
        else:
            chosen.append(slice(None if begin_mask >> axis & 1 else begin, None if end_mask >> axis & 1 else end, step))
    return call.first(lambda x: x[tuple(chosen)])


def _parts(call: Call, source: int, axis: int, sizes: list[int]) -> Compute:
    """Cuts input number `source` along an axis."""
    require(call.input(source).data is None, "cuts a constant")
    for target in call.outputs:
        call.same_grid(call.input(source), target)
    ends, shapes = np.cumsum(sizes)[:-1], [tensor.shape for tensor in call.outputs]
    return lambda given: [part.reshape(shape) for part, shape in zip(np.split(given[0], ends, axis), shapes, strict=True)]


def _split(call: Call) -> Compute:
    axis = call.axis(call.integers(0)[0], len(call.input(1).shape))
    return _parts(call, 1, axis, [tensor.shape[axis] for tensor in call.outputs])


def _split_v(call: Call) -> Compute:
    axis = call.axis(call.integers(2)[0])
    return _parts(call, 0, axis, [tensor.shape[axis] for tensor in call.outputs])


def _unpack(call: Call) -> Compute:
    return _parts(call, 0, call.axis(call.option(1)), [1] * len(call.outputs))


def _joined(call: Call, join: Callable[[tuple[np.ndarray, ...]], np.ndarray]) -> Compute:
    for tensor in call.inputs:
        call.same_grid(tensor, call.output)
    return call.operands(lambda *parts: join(parts))


def _pack(call: Call) -> Compute:
    axis = call.axis(call.option(1), len(call.output.shape))
    return _joined(call, lambda parts: np.stack(parts, axis))


def _concatenation(call: Call) -> Compute:
    call.no_activation(1)
    axis = call.axis(call.option(0))
    return _joined(call, lambda parts: np.concatenate(parts, axis))


def _tile(call: Call) -> Compute:
    call.one_type()
    counts = call.integers(1)
    return call.first(lambda x: np.tile(x, counts))


def _reverse(call: Call) -> Compute:
    call.one_type()
    axes = tuple(call.axis(value) for value in call.integers(1))
    return call.first(lambda x: np.flip(x, axes))


def _amounts(call: Call, position: int) -> np.ndarray:
    return np.array(call.integers(position)).reshape(-1, 2)


def _pad(call: Call) -> Compute:
    call.one_type()
    source, amounts = call.input(0), _amounts(call, 1)
    fill = call.constant(2)[0] if call.operator.operator == "PADV2" else source.zero_points[0] if source.zero_points.size else 0
    return call.first(lambda x: np.pad(x, amounts, constant_values=fill))


def _mirror_pad(call: Call) -> Compute:
    call.one_type()
    amounts, mode = _amounts(call, 1), call.operator.choice(0, ("reflect", "symmetric"))
    return call.first(lambda x: np.pad(x, amounts, mode=mode))  # type: ignore[call-overload]


def _batch_to_space(call: Call) -> Compute:
    call.one_type()
    sizes, crops = call.integers(1), _amounts(call, 2)
    require(len(sizes) == 2 and len(call.input(0).shape) == 4, "not of four dimensions")

    def run(x: np.ndarray) -> np.ndarray:
        batch, height, width, depth = x.shape
        down, right = sizes
        blocks = x.reshape(down, right, batch // (down * right), height, width, depth).transpose(2, 3, 0, 4, 1, 5)
        whole = blocks.reshape(-1, height * down, width * right, depth)
        (top, bottom), (left, end) = crops
        return whole[:, top:whole.shape[1] - bottom, left:whole.shape[2] - end]

    return call.first(run)


def _space_to_batch(call: Call) -> Compute:
    call.one_type()
    sizes, around, points = call.integers(1), _amounts(call, 2), call.input(0).zero_points
    require(len(sizes) == 2 and len(call.input(0).shape) == 4, "not of four dimensions")
    require(call.rounding == "litert" or not around.any(), "padding, which tflite-micro fills with what its memory held before "
            "(with --rounding litert it is the zero point)")
    fill = points[0] if points.size else 0

    def run(x: np.ndarray) -> np.ndarray:
        whole = np.pad(x, [(0, 0), *map(tuple, around), (0, 0)], constant_values=fill)
        batch, height, width, depth = whole.shape
        down, right = sizes
        blocks = whole.reshape(batch, height // down, down, width // right, right, depth).transpose(2, 4, 0, 1, 3, 5)
        return blocks.reshape(-1, height // down, width // right, depth)

    return call.first(run)


def _gather(call: Call) -> Compute:
    call.same_grid(call.input(0), call.output)
    require(call.option(1) == 0, "batch dimensions")
    require(call.input(1).type in INDEX_TYPES, f"indices of type {call.input(1).type}")
    axis = call.axis(call.option(0))
    return call.operands(lambda x, places: np.take(x, places, axis))


INDEX_TYPES = ("int32", "int64")
MOVES = {
    "RESHAPE": _view, "SQUEEZE": _view, "EXPAND_DIMS": _view, "TRANSPOSE": _transpose, "SLICE": _slice, "STRIDED_SLICE": _strided_slice,
    "SPLIT": _split, "SPLIT_V": _split_v, "UNPACK": _unpack, "PACK": _pack, "CONCATENATION": _concatenation, "TILE": _tile,
    "REVERSE_V2": _reverse, "PAD": _pad, "PADV2": _pad, "MIRROR_PAD": _mirror_pad, "BATCH_TO_SPACE_ND": _batch_to_space,
    "SPACE_TO_BATCH_ND": _space_to_batch, "GATHER": _gather,
}
