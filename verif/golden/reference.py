"""Golden model, level 2: a whole graph, tensor by tensor, exactly as `weft.gen.graph` words it.

Convolutions go through float64 matrix products: every sum stays below 2**53, so they are exact and fast.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from weft.gen.graph import (
    Add,
    Arrange,
    AveragePool,
    Combine,
    Conv,
    Extremum,
    Graph,
    Interpolate,
    MaxPool,
    Multiply,
    Node,
    Prelu,
    Rescale,
    Reshape,
    Softmax,
    Table,
)
from weft.gen.isa import Rounding
from weft.verif.golden import numerics
from weft.verif.golden.numerics import Int64

Tensors = dict[str, NDArray[np.int8]]
Pair = tuple[int, int]


def run(graph: Graph, x: NDArray[np.int8]) -> Tensors:
    """Every tensor of the graph for one held sample (H, W, C), or for a stack of them (N, H, W, C)."""
    shape = graph.tensors[graph.input].shape
    if x.shape[-3:] != shape or x.dtype != np.int8 or x.ndim not in (3, 4):
        raise ValueError(f"input {x.dtype} {x.shape}: the graph takes int8 (.., {', '.join(map(str, shape))})")
    tensors: Tensors = {graph.input: x.reshape(-1, *shape)}
    for node in graph.nodes:
        result = compute(node, graph, *(tensors[name] for name in node.inputs))
        expected = graph.tensors[node.output].shape
        if result.shape[1:] != expected:
            raise ValueError(f"{node.name}: result {result.shape[1:]}, the graph states {expected}")
        tensors[node.output] = result
    return {name: value.reshape(*x.shape[:-3], *value.shape[1:]) for name, value in tensors.items()}


@singledispatch
def compute(node: Node, graph: Graph, *inputs: NDArray[np.int8]) -> NDArray[np.int8]:
    """One node on stacks (N, H, W, C)."""
    raise TypeError(f"{node.name}: no reference for {type(node).__name__}")


def _clip(values: Int64, node: Conv | Add | Multiply | Rescale | MaxPool | AveragePool, zero_point: int = 0) -> NDArray[np.int8]:
    return np.clip(values + zero_point, node.low, node.high).astype(np.int8)


def windows(x: NDArray[Any], kernel: Pair, stride: Pair, padding: tuple[int, int, int, int], fill: float,
            dilation: Pair = (1, 1)) -> NDArray[Any]:
    """Views (N, OH, OW, C, KH, KW) of stacks x (N, H, W, C) padded (top, left, bottom, right) with `fill`."""
    top, left, bottom, right = padding
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    span = tuple((taps - 1) * gap + 1 for taps, gap in zip(kernel, dilation, strict=True))
    views = sliding_window_view(padded, span, axis=(1, 2))
    return views[:, ::stride[0], ::stride[1], :, ::dilation[0], ::dilation[1]]


def convolve(node: Conv, zero_point: int, x: NDArray[np.int8]) -> Int64:
    """The accumulators of a convolution over stacks (N, H, W, C), before bias and rescaling. `zero_point` is the input's."""
    count, height, width, depth = node.weights.shape
    views = windows(x.astype(np.float64) - zero_point, (height, width), node.stride, node.padding, 0.0, node.dilation)
    # (G, N * OH * OW, I * KH * KW) @ (G, I * KH * KW, O / G)
    grouped = views.reshape(-1, node.groups, depth * height * width).transpose(1, 0, 2)
    matrices = node.weights.astype(np.float64).transpose(0, 3, 1, 2).reshape(node.groups, count // node.groups, -1)
    sums = (grouped @ matrices.transpose(0, 2, 1)).transpose(1, 0, 2).reshape(*views.shape[:3], count)
    return numerics.wrap32(sums.astype(np.int64))


@compute.register
def _(node: Conv, graph: Graph, x: NDArray[np.int8]) -> NDArray[np.int8]:
    sums = convolve(node, graph.tensors[node.inputs[0]].zero_point, x)
    return _clip(numerics.scale(sums, node.scale), node, node.zero_point)


@compute.register
def _(node: Add, graph: Graph, a: NDArray[np.int8], b: NDArray[np.int8]) -> NDArray[np.int8]:
    first, second = numerics.scale(a, node.scale_a), numerics.scale(b, node.scale_b)
    result = numerics.wrap32(first + second if node.combine is Combine.SUM else first - second)
    if node.combine is Combine.SQUARED_DIFFERENCE:
        result = np.minimum(result * result, numerics.INT32_MAX)
    return _clip(numerics.scale(result, node.scale), node, node.zero_point)


@compute.register
def _(node: Extremum, graph: Graph, a: NDArray[np.int8], b: NDArray[np.int8]) -> NDArray[np.int8]:
    return np.minimum(a, b) if node.smallest else np.maximum(a, b)


@compute.register
def _(node: Prelu, graph: Graph, x: NDArray[np.int8]) -> NDArray[np.int8]:
    difference = x.astype(np.int64) - graph.tensors[node.inputs[0]].zero_point
    values = np.where(difference < 0, numerics.scale(difference * node.slope, node.negative), numerics.scale(difference, node.positive))
    held: NDArray[np.int8] = np.clip(values + node.zero_point, -128, 127).astype(np.int8)
    return held


@compute.register
def _(node: Rescale, graph: Graph, x: NDArray[np.int8]) -> NDArray[np.int8]:
    return _clip(numerics.scale(numerics.scale(x, node.first), node.second), node, node.zero_point)


@compute.register
def _(node: Multiply, graph: Graph, a: NDArray[np.int8], b: NDArray[np.int8]) -> NDArray[np.int8]:
    left, right = (x.astype(np.int64) - graph.tensors[name].zero_point for x, name in zip((a, b), node.inputs, strict=True))
    return _clip(numerics.scale(left * right, node.scale), node, node.zero_point)


@compute.register
def _(node: Table, graph: Graph, x: NDArray[np.int8]) -> NDArray[np.int8]:
    return node.values[x.astype(np.int64) + 128]


@compute.register
def _(node: Arrange, graph: Graph, *inputs: NDArray[np.int8]) -> NDArray[np.int8]:
    result = np.full((len(inputs[0]), *graph.tensors[node.output].shape), node.fill, dtype=np.int8)
    for piece in node.pieces:
        turned = inputs[piece.input].transpose(0, *(axis + 1 for axis in piece.axes))
        sources, targets = (np.ix_(np.arange(len(result)), *map(np.array, side)) for side in (piece.source, piece.target))
        result[targets] = turned[sources]
    return result


@compute.register
def _(node: MaxPool, graph: Graph, x: NDArray[np.int8]) -> NDArray[np.int8]:
    return _clip(windows(x, node.kernel, node.stride, node.padding, -128).max(axis=(4, 5)), node)


@compute.register
def _(node: AveragePool, graph: Graph, x: NDArray[np.int8]) -> NDArray[np.int8]:
    total = windows(x.astype(np.int64), node.kernel, node.stride, node.padding, 0).sum(axis=(4, 5))
    if node.scale is not None:
        return _clip(numerics.scale(total, node.scale), node, node.zero_point)
    inside = windows(np.ones((1, *x.shape[1:3], 1), dtype=np.int64), node.kernel, node.stride, node.padding, 0).sum(axis=(4, 5))
    divide = numerics.divide_half_up if node.rounding is Rounding.HALF_UP else numerics.divide_half_away
    return _clip(divide(total, inside), node)


@compute.register
def _(node: Interpolate, graph: Graph, x: NDArray[np.int8]) -> NDArray[np.int8]:
    quarters = x.reshape(len(x), len(node.rows), 2, len(node.columns), 2, x.shape[3]).astype(np.int64)
    sums = np.einsum("nyaxbc,ya,xb->nyxc", quarters, np.array(node.rows), np.array(node.columns))
    return _clip(numerics.divide_half_away(sums, np.array(1 << 20)), node)


@compute.register
def _(node: Reshape, graph: Graph, x: NDArray[np.int8]) -> NDArray[np.int8]:
    flat = x.reshape(len(x), -1)
    return (flat if node.order is None else flat[:, node.order]).reshape(len(x), *graph.tensors[node.output].shape)


@compute.register
def _(node: Softmax, graph: Graph, x: NDArray[np.int8]) -> NDArray[np.int8]:
    return numerics.softmax(x, node.exponentials)


def first_difference(graph: Graph, ours: Tensors, theirs: Callable[[str], NDArray[Any] | None]) -> str | None:
    """Name of the first tensor in execution order that differs from `theirs(name)`; a None there is skipped."""
    for node in graph.nodes:
        other = theirs(node.output)
        if other is not None and not np.array_equal(ours[node.output], other):
            return node.output
    return None
