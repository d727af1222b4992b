"""Depthwise convolutions with DEPTHWISE: every column of the array filters a stream of its own channel.

The rows of the input pass one after the other, each with the padding behind it that a kernel reads on its right; what it reads on its
left is the end of the row before. A result comes with the lowest, rightmost tap. The results of a row lie together
with some that are none, which the vector unit steps over, and so it does with a stride.
"""

import dataclasses
import math

import numpy as np

from weft.gen.compiler.constants import split_weights
from weft.gen.compiler.emitter import Operand, Stream
from weft.gen.compiler.layout import lines_for
from weft.gen.compiler.lower.context import Band, Context, balanced
from weft.gen.compiler.lower.convolution import ConvLowering, Epilogue
from weft.gen.compiler.lower.pieces import Piece
from weft.gen.compiler.lower.tiles import Tile
from weft.gen.config import Config
from weft.gen.graph import Conv, Tensor
from weft.gen.isa import LONGEST_LINE

RESTART = 4  # cycles that a further tile costs the vector unit, as measured on whole networks


@dataclasses.dataclass(frozen=True)
class Filter:
    """How a layer becomes streams. Units are pixels.

    left: column of the input at which the streams' rows begin. length: of a row. first: place in a row of the first
    output's newest tap. folds: each takes the kernel rows `step` above the fold before.
    """

    left: int
    length: int
    first: int
    folds: int
    step: int

    @classmethod
    def of(cls, node: Conv, source: Tensor, target: Tensor, config: Config) -> "Filter | None":
        """None where the instruction does not fit the layer or costs more than MATMULs with diagonal tiles."""
        outputs, height, width, depth = node.weights.shape
        if not config.array.depthwise or depth != 1 or node.groups != outputs or node.groups == 1:
            return None
        reach = (width - 1) * node.dilation[1] + 1
        newest = [x * node.stride[1] - node.padding[1] + reach - 1 for x in (0, target.shape[1] - 1)]
        right = max(0, newest[1] + 1 - source.shape[1])
        # Padding at the end of a row does for the beginning of the next, if there is as much of it.
        left = 0 if right >= node.padding[1] else -node.padding[1]
        length = newest[1] + 1 - left
        folds, step = _folds(height, config.depthwise_segments)
        work = target.shape[0] * node.stride[0] * length * folds
        if reach > config.depthwise_taps or length * node.dilation[0] > LONGEST_LINE or length > _room(config) \
                or work > target.shape[0] * target.shape[1] * height * width:
            return None
        return cls(left, length, newest[0] - left, folds, step)

    def tile_rows(self, node: Conv, rows: int, config: Config) -> int:
        """Output rows of a tile in a band of `rows`.

        The vector unit begins when the first tile is complete and is then busy to the end: with k tiles for each of n output groups of P
        positions it has done its work P / k + k * n * RESTART cycles later than it would take at best. So k is sqrt(P / (n * RESTART)).
        """
        pitch = node.stride[0] * self.length
        most = 1 + (_room(config) - self.length) // pitch
        groups = lines_for(len(node.weights), config.lanes)
        count = max(1, round(math.sqrt(rows * pitch / (groups * RESTART))))
        return balanced(rows, max(1, min(most, lines_for(rows, count))))


def _room(config: Config) -> int:
    return config.accumulator_lines // 2


def _folds(height: int, segments: int) -> tuple[int, int]:
    """How many folds a kernel of `height` rows takes, and how many rows apart they are: the last one ends with the kernel."""
    if height <= segments:
        return 1, 0
    return next((count, (height - segments) // (count - 1)) for count in range(2, height + 1)
                if (height - segments) % (count - 1) == 0 and (height - segments) // (count - 1) <= segments)


def _tiles(node: Conv, weights: np.ndarray, plan: Filter, config: Config) -> np.ndarray:
    """int8 weights (C, KH, KW) as tiles [output group][fold][1][row][column]: the newest tap in the first row of a segment, the lowest
    kernel row in the first segment."""
    channels, height, width = weights.shape
    lanes, taps, segments = config.lanes, config.depthwise_taps, config.depthwise_segments
    padded = np.zeros((lines_for(channels, lanes) * lanes, height, width), dtype=np.int8)
    padded[:channels] = weights
    groups = padded.reshape(-1, lanes, height, width)
    tiles = np.zeros((len(groups), plan.folds, 1, lanes, lanes), dtype=np.int8)
    for ky in range(height):
        above = height - 1 - ky  # kernel rows below this one
        fold = 0 if above < segments else (above - segments) // plan.step + 1
        row = (above - fold * plan.step) * taps
        for kx in range(width):
            tiles[:, fold, 0, row + (width - 1 - kx) * node.dilation[1]] = groups[:, :, ky, kx]
    return tiles


class DepthwiseLowering(ConvLowering):
    """One layer, one band. A tile's stream goes on where the tile above it ended, if there is one fold."""

    def __init__(self, context: Context, node: Conv, band: Band, epilogue: Epilogue | None, plan: Filter) -> None:
        super().__init__(context, node, band, epilogue)
        config = context.emitter.config
        self.plan = plan
        first, *rest = [_tiles(node, part[..., 0], plan, config) for part in split_weights(node.weights)]
        self.pieces = [[Piece(0, 0, 0, first[group]), *(Piece(0, 0, 0, part[group]) for part in rest if part[group].any())]
                       for group in range(self.groups)]
        self.start = [group * self.lanes for group in range(self.groups)]
        self.tiles = filter_tiles(plan, node, band, config)

    def _alone(self, group: int) -> bool:
        """Whether one DEPTHWISE computes a tile of an output group."""
        return self.plan.folds == len(self.pieces[group]) == 1

    def _newest(self, y: int) -> int:
        """Input row of the lowest tap for output row y."""
        return int(y * self.node.stride[0] - self.node.padding[0] + (self.node.weights.shape[1] - 1) * self.node.dilation[0])

    def _matmul(self, piece: Piece, group: int, tile: Tile, slot: int, accumulate: bool, line: int) -> None:
        node, source, plan = self.node, self.band.inputs[0], self.plan
        alone = self._alone(group)
        newest, last = self._newest(tile.y), self._newest(tile.y + tile.rows - 1)
        highest = newest - (node.weights.shape[1] - 1) * node.dilation[0]
        continues = alone and tile.y > self.band.first
        if continues:
            first = self._newest(tile.y - 1) + 1
        elif alone:
            first = max(0, highest)  # `fill` is the padding above
        else:
            first = highest + plan.step * (plan.folds - 1) * node.dilation[0]
        back = plan.step * node.dilation[0] * source.row_bytes
        self.emitter.matmul(
            activation=source.address(first, plan.left) + self.start[group], weight_line=line, accumulator=slot, accumulate=accumulate,
            x=(plan.length, source.pitch if plan.length > 1 else 0), y=(last - first + 1, source.row_bytes if last > first else 0),
            inner=(1, 0), outer=(plan.folds, -back if plan.folds > 1 else 0),
            reads=[source.region(min(first, highest), last) if not continues else source.region(first, last)],
            stream=Stream(plan.length * node.dilation[0], (newest - first) * plan.length + plan.first, source.pad_value, continues))

    def _results(self, tile: Tile) -> int:
        """Accumulator lines from the first result of a tile to the last that its stream gives."""
        return (tile.rows - 1) * self.node.stride[0] * self.plan.length + self.plan.length - self.plan.first

    def _slot(self, tile: Tile, group: int) -> int:
        if self.bank is not None:
            return self.emitter.slots.within(self.bank, self._results(tile))
        return self.emitter.slots.anywhere(self._results(tile)) if self._alone(group) else super()._slot(tile, group)

    def _sums(self, tile: Tile, slot: int) -> Operand:
        return self.emitter.accumulators(slot, self._results(tile), (self.node.stride[1], self.node.stride[0] * self.plan.length))


def filter_tiles(plan: Filter, node: Conv, band: Band, config: Config) -> list[Tile]:
    """Tiles of whole output rows from top to bottom."""
    rows = plan.tile_rows(node, band.last - band.first + 1, config)
    return [Tile(y, 0, min(rows, band.last + 1 - y), band.output.tensor.shape[1]) for y in range(band.first, band.last + 1, rows)]
