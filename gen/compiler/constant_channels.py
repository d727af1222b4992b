"""Leaves out channels whose value does not depend on the input: outputs of a convolution whose weights are all zero, and what follows
from them. Pruned and over-regularised networks have many.

A channel is left out of a tensor when every reader can do without it: for an ordinary convolution its contribution is one more addend
of the bias; a depthwise convolution or a pooling gives a channel that is constant again. Exact, because a channel counts as constant only
where padding cannot be told from it.
"""

import dataclasses
from typing import Any

import numpy as np

from weft.gen.compiler.layout import lines_for
from weft.gen.graph import AveragePool, Conv, Graph, MaxPool, Node, Reshape, Scale
from weft.gen.isa import Rounding

UNKNOWN = 1 << 15  # in place of a held value

Values = np.ndarray  # int64 (C,): the value of each channel at every position, or UNKNOWN


@dataclasses.dataclass(frozen=True)
class Kept:
    """What is left of a tensor: `channels` (indices into the whole), and the whole's constant `values` elsewhere."""

    channels: np.ndarray
    values: Values

    def whole(self, part: np.ndarray) -> np.ndarray:
        """The tensor (H, W, C) from its channels that were kept."""
        result = np.empty((*part.shape[:2], self.values.size), dtype=np.int8)
        result[...] = np.where(self.values == UNKNOWN, 0, self.values)
        result[..., self.channels] = part
        return result


def without_constant_channels(graph: Graph, lanes: int) -> tuple[Graph, dict[str, Kept]]:
    """The graph without as many channels as save a group of `lanes`, and what is left of each tensor that lost some. Input and outputs
    stay whole."""
    known = _known(graph)
    left = _removable(graph, known, lanes)
    if not left:
        return graph, {}
    kept = {name: Kept(np.flatnonzero(~gone), known[name]) for name, gone in left.items()}
    tensors = {name: dataclasses.replace(tensor, shape=(*tensor.shape[:2], kept[name].channels.size)) if name in kept else tensor
               for name, tensor in graph.tensors.items()}
    nodes = tuple(_reduce(node, graph, known, left) for node in graph.nodes)
    return dataclasses.replace(graph, tensors=tensors, nodes=nodes), kept


def scaled(x: Values, scale: Scale) -> Values:
    """The scaling stage (see `isa`, VECTOR_SCALE) on int64 values that hold int32."""
    def wrap(value: Values) -> Values:
        return ((value + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
    x = wrap(wrap(x + np.asarray(scale.pre, dtype=np.int64)) << np.asarray(scale.left, dtype=np.int64))
    numbers = np.broadcast_arrays(x, scale.multiplier, scale.right)
    rounded = [_round(int(value), int(multiplier), int(shift), scale.rounding) for value, multiplier, shift in zip(*numbers, strict=True)]
    return np.clip(np.array(rounded, dtype=np.int64), -(1 << 31), (1 << 31) - 1)


def _half_away(value: int, shift: int) -> int:
    magnitude = (abs(value) + (1 << shift >> 1)) >> shift
    return magnitude if value >= 0 else -magnitude


def _round(x: int, multiplier: int, shift: int, rounding: Rounding) -> int:
    product = x * multiplier
    match rounding:
        case Rounding.FLOOR:
            return product >> shift
        case Rounding.HALF_UP:
            return (product + (1 << shift >> 1)) >> shift
        case Rounding.HALF_AWAY:
            return _half_away(product, shift)
        case Rounding.DOUBLE:
            high = (product + (1 << 30)) >> 31
            return _half_away(high, shift - 31) if shift >= 31 else high << (31 - shift)
        case Rounding.FLOAT32:
            return int(np.rint(np.float64(np.float32(x) * np.float32(multiplier)) / 2.0**shift))


def _usable(node: Node, graph: Graph, values: Values) -> np.ndarray:
    """Which input channels are constant for this reader: what pads a convolution must have the same value."""
    usable = np.asarray(values != UNKNOWN)
    if isinstance(node, Conv) and any(node.padding):
        usable = usable & (values == graph.tensors[node.inputs[0]].zero_point)
    return usable


def _depthwise(node: Conv) -> bool:
    return node.groups == len(node.weights) > 1 and node.weights.shape[3] == 1


def _same_channels(node: Node, graph: Graph) -> bool:
    """Whether output channel c depends on input channel c alone, in a way that `_value` knows."""
    if isinstance(node, Reshape):
        return node.order is None and graph.tensors[node.inputs[0]].shape == graph.tensors[node.output].shape
    return isinstance(node, MaxPool | AveragePool) or (isinstance(node, Conv) and _depthwise(node))


def _value(node: Node, graph: Graph, values: Values) -> Values:
    """The output's channels, given the input's."""
    usable = _usable(node, graph, values)
    held = np.where(usable, values, 0)
    if isinstance(node, Conv) and (node.groups == 1 or _depthwise(node)):
        offset = np.where(usable, held - graph.tensors[node.inputs[0]].zero_point, 0)
        weights = node.weights.astype(np.int64).sum(axis=(1, 2))
        each = usable[:, None] if node.groups > 1 else np.broadcast_to(usable, weights.shape)
        constant = (each | ~node.weights.any(axis=(1, 2))).all(axis=1)
        sums = (weights * (offset[:, None] if node.groups > 1 else offset)).sum(axis=1)
        result = np.clip(scaled(sums, node.scale) + node.zero_point, node.low, node.high)
    elif isinstance(node, MaxPool):
        constant, result = usable, np.clip(held, node.low, node.high)
    elif isinstance(node, AveragePool):
        constant = usable
        if node.scale is not None:
            held = scaled(held * node.kernel[0] * node.kernel[1], node.scale) + node.zero_point
        result = np.clip(held, node.low, node.high)
    elif _same_channels(node, graph):
        constant, result = usable, held
    else:
        return np.full(graph.tensors[node.output].shape[2], UNKNOWN, dtype=np.int64)
    return np.where(constant, result, UNKNOWN)


def _known(graph: Graph) -> dict[str, Values]:
    known = {graph.input: np.full(graph.tensors[graph.input].shape[2], UNKNOWN, dtype=np.int64)}
    for node in graph.nodes:
        known[node.output] = _value(node, graph, known[node.inputs[0]])
    return known


def _removable(graph: Graph, known: dict[str, Values], lanes: int) -> dict[str, np.ndarray]:
    """Channels to leave out of each tensor (bool), the largest choice that every node agrees to; tensors that keep all are missing."""
    left = {name: values != UNKNOWN for name, values in known.items()}
    for name in (graph.input, *graph.outputs):
        left[name] = np.zeros_like(left[name])
    before = None
    while before != (before := sum(int(gone.sum()) for gone in left.values())):
        for gone in left.values():
            # One channel always stays, and those that fill up the last group cost nothing.
            stay = min(lines_for(max(1, int((~gone).sum())), lanes) * lanes, gone.size)
            gone[np.flatnonzero(gone)[:stay - int((~gone).sum())]] = False
        for node in graph.nodes:
            _agree(node, graph, known, left)
    return {name: gone for name, gone in left.items() if gone.any()}


def _agree(node: Node, graph: Graph, known: dict[str, Values], left: dict[str, np.ndarray]) -> None:
    """Take back what a node cannot do without."""
    names = [*node.inputs, node.output]
    if isinstance(node, Conv) and node.groups == 1:
        left[node.inputs[0]] &= _usable(node, graph, known[node.inputs[0]])
    elif _same_channels(node, graph):
        both = left[node.inputs[0]] & left[node.output] & _usable(node, graph, known[node.inputs[0]])
        for name in names:
            left[name] &= both
    else:
        for name in names:
            left[name][:] = False


def _reduce(node: Node, graph: Graph, known: dict[str, Values], left: dict[str, np.ndarray]) -> Node:
    if not isinstance(node, Conv):
        return node
    scale, weights = node.scale, node.weights
    gone = left.get(node.inputs[0])
    if gone is not None and node.groups == 1:
        offset = (known[node.inputs[0]] - graph.tensors[node.inputs[0]].zero_point)[gone]
        addend = (weights[..., gone].astype(np.int64).sum(axis=(1, 2)) * offset).sum(axis=1)
        scale, weights = dataclasses.replace(scale, pre=np.asarray(scale.pre, dtype=np.int64) + addend), weights[..., ~gone]
    outputs = left.get(node.output)
    groups = node.groups
    if outputs is not None:
        def some(member: Any) -> Any:
            return member if np.ndim(member) == 0 else np.asarray(member)[~outputs]
        scale = Scale(some(scale.multiplier), some(scale.right), some(scale.left), some(scale.pre), scale.rounding)
        weights = weights[~outputs]
        groups = len(weights) if groups > 1 else 1
    return dataclasses.replace(node, scale=scale, weights=weights, groups=groups)
