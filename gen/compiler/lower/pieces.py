"""The folds of a layer in pieces: what one MATMUL performs each.

A row of the kernel window is contiguous in a channels-last tensor, so the fold loops run over kernel rows and over chunks of R bytes of
the window row; no im2col is ever stored.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from weft.gen import isa
from weft.gen.compiler.constants import weight_tiles
from weft.gen.compiler.lower.context import balanced
from weft.gen.compiler.lower.grouped import Strip, all_channels, grouped_strips, separate
from weft.gen.graph import Conv

MOST_FOLDS = 255  # what the fold counters of MATRIX_SHAPE hold
MATMUL_BYTES = 2 * isa.WORD_BYTES  # MATRIX_SHAPE and MATMUL


@dataclasses.dataclass(frozen=True)
class Piece:
    """A rectangle of folds that one MATMUL performs: kernel rows ky .., in each `folds` folds `stride` bytes apart from byte
    `offset` of the window row."""

    offset: int
    stride: int
    ky: int
    tiles: np.ndarray  # of an output group: [kernel row][fold][lanes][lanes] int8

    @property
    def rows(self) -> int:
        return int(self.tiles.shape[0])

    @property
    def across(self) -> int:
        return int(self.tiles.shape[1])

    @property
    def folds(self) -> int:
        return self.rows * self.across

    @property
    def data(self) -> bytes:
        return bytes(self.tiles.tobytes())


def _dense(weights: np.ndarray, gap: int, lanes: int) -> Iterator[Strip]:
    """Folds over the contiguous bytes of a window row. Dilated kernels have gaps in their rows, so each of their columns is a strip
    of its own."""
    width, channels = weights.shape[2:]
    if gap == 1 or width == 1:
        yield Strip(0, lanes, weight_tiles(weights, lanes))
        return
    for kx in range(width):
        yield Strip(kx * gap * channels, lanes, weight_tiles(weights[:, :, kx:kx + 1], lanes))


def strips(node: Conv, weights: np.ndarray, lanes: int) -> Iterator[Strip]:
    gap = node.dilation[1]
    if separate(node, lanes):
        yield from grouped_strips(weights, node.groups, gap, lanes)
    else:
        yield from _dense(all_channels(weights, node.groups), gap, lanes)


def _rectangles_of(strip: Strip, group: int, most: int) -> list[Piece]:
    """All of a strip's folds for an output group in pieces of at most `most` folds."""
    tiles = strip.tiles[group]
    height, folds = tiles.shape[:2]
    across = balanced(folds, most)
    rows = min(height, max(1, most // across)) if across == folds else 1
    return [Piece(strip.offset + fold * strip.stride, strip.stride, ky, tiles[ky:ky + rows, fold:fold + across])
            for ky in range(0, height, rows) for fold in range(0, folds, across)]


def _runs_of(strip: Strip, group: int, most: int) -> Iterator[Piece]:
    """The folds that are not zero for an output group, in runs of at most `most` along a kernel row. Few zero ones between two runs
    are fetched along with them where that is less than the instructions of another MATMUL."""
    tiles = strip.tiles[group]
    gap = MATMUL_BYTES // tiles[0, 0].size
    for ky, row in enumerate(tiles):
        wanted = np.flatnonzero(row.any(axis=(1, 2))).tolist()
        while wanted:
            end = 1
            while end < len(wanted) and wanted[end] - wanted[end - 1] <= gap + 1 and wanted[end] - wanted[0] < most:
                end += 1
            fold, last = wanted[0], wanted[end - 1]
            yield Piece(strip.offset + fold * strip.stride, strip.stride, ky, tiles[ky:ky + 1, fold:last + 1])
            wanted = wanted[end:]


def pieces_within(parts: Sequence[Iterable[Strip]], groups: int, most: int) -> list[list[Piece]]:
    """The folds of each output group in pieces of at most `most`. `parts`: strips of weights that add up. Those after the first hold what
    does not fit int8, which is little: their passes over the same activations leave out folds where they are zero."""
    (first, *rest), most = [list(part) for part in parts], min(max(1, most), MOST_FOLDS)
    return [[*(piece for strip in first for piece in _rectangles_of(strip, group, most)),
             *(piece for part in rest for strip in part for piece in _runs_of(strip, group, most))] for group in range(groups)]
