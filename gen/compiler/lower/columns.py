"""Convolutions with few output channels: neighbouring output pixels share a column of weights.

Pixels of a channels-last tensor follow each other, so P neighbours of O channels are one pixel of P * O channels. The same results come
from a convolution whose kernel covers the windows of all P, shifted for each of them, and whose stride is P times as long.
"""

import dataclasses

import numpy as np

from weft.gen.compiler.layout import lines_for
from weft.gen.graph import Conv, Scale, Tensor


def folds_together(node: Conv, together: int, lanes: int) -> int:
    """Weight tiles of a kernel that covers the windows of `together` output pixels."""
    _, height, width, channels = node.weights.shape
    return int(height * lines_for((width + (together - 1) * node.stride[1]) * channels, lanes))


def pixels_together(node: Conv, target: Tensor, lanes: int) -> int:
    """How many neighbouring output pixels of a row are best computed at once; 1 if that saves nothing."""
    outputs = len(node.weights)
    if node.groups > 1 or node.dilation[1] > 1:
        return 1
    fitting = [count for count in range(1, lanes // outputs + 1) if target.shape[1] % count == 0] or [1]
    return min(fitting, key=lambda count: (folds_together(node, count, lanes) / count, count))


def merged(node: Conv, together: int) -> Conv:
    """The convolution that computes `together` neighbouring output pixels as one with so many times the channels."""
    if together == 1:
        return node
    outputs, height, width, channels = node.weights.shape
    wide = np.zeros((together, outputs, height, width + (together - 1) * node.stride[1], channels), dtype=node.weights.dtype)
    for index in range(together):
        start = index * node.stride[1]
        wide[index, :, :, start:start + width] = node.weights

    def repeated(member: object) -> object:
        return np.tile(np.asarray(member), together) if np.ndim(member) else member  # type: ignore[arg-type]

    scale = Scale(repeated(node.scale.multiplier), repeated(node.scale.right), repeated(node.scale.left), repeated(node.scale.pre),
                  node.scale.rounding)
    return dataclasses.replace(node, weights=wide.reshape(together * outputs, height, -1, channels), scale=scale,
                               stride=(node.stride[0], node.stride[1] * together))
