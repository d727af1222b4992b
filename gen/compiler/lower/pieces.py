"""The folds of a layer in pieces: what one MATMUL performs each.

A row of the kernel window is contiguous in a channels-last tensor, so the fold loops run over kernel rows and over chunks of R bytes of
the window row; no im2col is ever stored.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from weft.gen.compiler.constants import split_weights, weight_tiles
from weft.gen.compiler.lower.context import balanced
from weft.gen.compiler.lower.grouped import Strip, all_channels, grouped_strips, separate
from weft.gen.graph import Conv

MOST_FOLDS = 255  # what the fold counters of MATRIX_SHAPE hold


@dataclasses.dataclass(frozen=True)
class Piece:
    """A rectangle of folds that one MATMUL performs: kernel rows ky .., in each `folds` folds `stride` bytes apart from byte
    `offset` of the window row."""

    offset: int
    stride: int
    ky: int
    tiles: np.ndarray  # [output group][kernel row][fold][lanes][lanes] int8

    @property
    def rows(self) -> int:
        return int(self.tiles.shape[1])

    @property
    def across(self) -> int:
        return int(self.tiles.shape[2])

    @property
    def folds(self) -> int:
        return self.rows * self.across

    def data(self, group: int) -> bytes:
        return bytes(self.tiles[group].tobytes())


def _dense(weights: np.ndarray, gap: int, lanes: int) -> Iterator[Strip]:
    """Folds over the contiguous bytes of a window row. Dilated kernels have gaps in their rows, so each of their columns is a strip
    of its own."""
    width, channels = weights.shape[2:]
    if gap == 1 or width == 1:
        yield Strip(0, lanes, weight_tiles(weights, lanes))
        return
    for kx in range(width):
        yield Strip(kx * gap * channels, lanes, weight_tiles(weights[:, :, kx:kx + 1], lanes))


def _strips(node: Conv, weights: np.ndarray, lanes: int) -> Iterator[Strip]:
    gap = node.dilation[1]
    if separate(node, lanes):
        yield from grouped_strips(weights, node.groups, gap, lanes)
    else:
        yield from _dense(all_channels(weights, node.groups), gap, lanes)


def pieces_of(strip: Strip, most: int) -> list[Piece]:
    """A strip in pieces of at most `most` folds."""
    most = min(max(1, most), MOST_FOLDS)
    height, folds = strip.tiles.shape[1:3]
    across = balanced(folds, most)
    rows = min(height, max(1, most // across)) if across == folds else 1
    return [Piece(strip.offset + fold * strip.stride, strip.stride, ky, strip.tiles[:, ky:ky + rows, fold:fold + across])
            for ky in range(0, height, rows) for fold in range(0, folds, across)]


def pieces_within(node: Conv, lanes: int, limit: int) -> list[Piece]:
    """All the folds of a layer in pieces of at most `limit` lines of weights. Weights beyond int8 take a second pass over the same
    activations."""
    return [piece for part in split_weights(node.weights) for strip in _strips(node, part, lanes)
            for piece in pieces_of(strip, limit // lanes)]
