"""ONNX operators that only rename or rearrange elements: they become views, and cost something only where a node reads them."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from weft.gen.frontend.onnx_file import OnnxNode
from weft.gen.frontend.refusal import require

if TYPE_CHECKING:
    from weft.gen.frontend.onnx import OnnxContext


def _set(context: "OnnxContext", node: OnnxNode, shape: tuple[int, ...], order: np.ndarray | None = None) -> None:
    value = context.value(node.inputs[0])
    order = value.order if order is None else order
    require(int(np.prod(shape)) == value.order.size, f"shape {list(shape)} does not hold the {value.order.size} elements of the operand")
    context.values[node.outputs[0]] = dataclasses.replace(value, shape=shape, order=order)


def reshape(context: "OnnxContext", node: OnnxNode) -> None:
    source = context.value(node.inputs[0]).shape
    wanted = [int(size) for size in context.constant(node.inputs[1], "shape").reshape(-1)]
    require(wanted.count(-1) <= 1 and min(wanted, default=0) >= -1, f"shape {wanted}")
    if not node.attributes.get("allowzero", 0):
        require(all(size or index < len(source) for index, size in enumerate(wanted)), f"shape {wanted} copies a missing dimension")
        wanted = [size or source[index] for index, size in enumerate(wanted)]
    if -1 in wanted:
        known = -int(np.prod(wanted))
        require(known and int(np.prod(source)) % known == 0, f"shape {wanted} does not hold the elements of {list(source)}")
        wanted[wanted.index(-1)] = int(np.prod(source)) // known
    _set(context, node, tuple(wanted))


def flatten(context: "OnnxContext", node: OnnxNode) -> None:
    source, axis = context.value(node.inputs[0]).shape, int(node.attributes.get("axis", 1))
    require(-len(source) <= axis <= len(source), f"axis {axis} of {len(source)}")
    axis += len(source) * (axis < 0)
    _set(context, node, (int(np.prod(source[:axis])), int(np.prod(source[axis:]))))


def transpose(context: "OnnxContext", node: OnnxNode) -> None:
    value = context.value(node.inputs[0])
    axes = [int(axis) for axis in node.attributes.get("perm", range(len(value.shape))[::-1])]
    require(sorted(axes) == list(range(len(value.shape))), f"axes {axes} of {len(value.shape)} dimensions")
    order = value.order.reshape(value.shape).transpose(axes)
    _set(context, node, order.shape, order.reshape(-1))


def _axes(context: "OnnxContext", node: OnnxNode) -> list[int] | None:
    axes = node.attributes.get("axes") if not node.inputs[1] else context.constant(node.inputs[1], "axes").reshape(-1).tolist()
    return None if axes is None else [int(axis) for axis in axes]


def squeeze(context: "OnnxContext", node: OnnxNode) -> None:
    source, axes = context.value(node.inputs[0]).shape, _axes(context, node)
    axes = [index for index, size in enumerate(source) if size == 1] if axes is None else [axis % len(source) for axis in axes]
    require(all(source[axis] == 1 for axis in axes), f"axes {axes} of {list(source)} are not all 1")
    _set(context, node, tuple(size for index, size in enumerate(source) if index not in axes))


def unsqueeze(context: "OnnxContext", node: OnnxNode) -> None:
    shape, axes = list(context.value(node.inputs[0]).shape), _axes(context, node)
    require(axes is not None, "no axes")
    rank = len(shape) + len(axes or ())
    for axis in sorted(axis % rank for axis in axes or ()):
        shape.insert(axis, 1)
    _set(context, node, tuple(shape))


def identity(context: "OnnxContext", node: OnnxNode) -> None:
    context.values[node.outputs[0]] = context.value(node.inputs[0])


VIEWS = {"Reshape": reshape, "Flatten": flatten, "Transpose": transpose, "Squeeze": squeeze, "Unsqueeze": unsqueeze, "Identity": identity}
