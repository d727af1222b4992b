"""Depthwise and grouped convolutions as folds of the matrix unit.

C output channels read a window of input channels of their own. Each tap of the kernel is a fold (or several, for groups wider than
the array) whose weight tile is zero outside the groups: for a depthwise layer a diagonal.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from weft.gen.compiler.layout import lines_for
from weft.gen.graph import Conv

MOST_STRIDE = (1 << 11) - 1  # bytes that the inner fold loop of MATRIX_SHAPE steps


@dataclasses.dataclass(frozen=True)
class Strip:
    """Folds of every kernel row: fold f reads the activations from byte offset + f * stride of the window row.

    `tiles`: int8 [output group][kernel row][fold][lanes][lanes].
    """

    offset: int
    stride: int
    tiles: np.ndarray


@dataclasses.dataclass(frozen=True)
class Windows:
    """The input channels that each output group of `lanes` channels reads: `chunks` times `lanes` from channel `first[group]`.

    `start[output]`: where in its group's window an output's own channels start.
    """

    first: np.ndarray
    start: np.ndarray
    chunks: int

    @classmethod
    def of(cls, outputs: int, depth: int, groups: int, lanes: int) -> "Windows":
        own, channels = np.arange(outputs) // (outputs // groups) * depth, groups * depth
        group = np.arange(outputs) // lanes
        first = own[::lanes]
        chunks = lines_for(int((own - first[group]).max()) + depth, lanes)
        # The last groups may need less than that: their windows start earlier, so as not to run far beyond the pixel.
        first = np.minimum(first, max(0, channels - chunks * lanes))
        return cls(first, own - first[group], chunks)


def separate(node: Conv, lanes: int) -> bool:
    """Whether each output group reads a window of its own, because that takes fewer folds than all channels with zeros between do
    (which it does not for few channels, whose kernel rows are contiguous)."""
    outputs, _, width, depth = node.weights.shape
    alone = width * Windows.of(outputs, depth, node.groups, lanes).chunks
    run = width if node.dilation[1] == 1 else 1
    together = width // run * lines_for(run * node.groups * depth, lanes)
    return node.groups > 1 and alone < together


def first_channels(node: Conv, lanes: int) -> list[int]:
    """First input channel that each output group reads."""
    if not separate(node, lanes):
        return [0] * lines_for(len(node.weights), lanes)
    return Windows.of(len(node.weights), node.weights.shape[3], node.groups, lanes).first.tolist()  # type: ignore[no-any-return]


def all_channels(weights: np.ndarray, groups: int) -> np.ndarray:
    """Weights (O, KH, KW, I) of a grouped convolution as those of one over all channels, with zeros outside each group."""
    outputs, height, width, depth = weights.shape
    dense = np.zeros((groups, outputs // groups, height, width, groups, depth), dtype=weights.dtype)
    for group, own in enumerate(weights.reshape(groups, outputs // groups, height, width, depth)):
        dense[group, ..., group, :] = own
    return dense.reshape(outputs, height, width, groups * depth)


def grouped_strips(weights: np.ndarray, groups: int, gap: int, lanes: int) -> Iterator[Strip]:
    """Strips of int8 weights (O, KH, KW, I) with `groups` groups; columns of the kernel are `gap` pixels apart."""
    outputs, height, width, depth = weights.shape
    output, windows = np.arange(outputs), Windows.of(outputs, depth, groups, lanes)
    rows = windows.start[:, None] + np.arange(depth)
    tiles = np.zeros((lines_for(outputs, lanes), height, width, windows.chunks, lanes, lanes), dtype=np.int8)
    tiles[(output // lanes)[:, None], :, :, rows // lanes, rows % lanes, (output % lanes)[:, None]] = weights.transpose(0, 3, 1, 2)
    pixel = gap * groups * depth
    if windows.chunks == 1 and pixel <= MOST_STRIDE:
        yield Strip(0, pixel, tiles[:, :, :, 0])
        return
    for kx in range(width):
        yield Strip(kx * pixel, lanes, tiles[:, :, kx])
