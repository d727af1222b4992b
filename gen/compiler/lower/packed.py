"""Convolutions over few input channels: kernel windows made contiguous by the vector unit, so that they fill the array's rows.

A row of the kernel window is contiguous in memory, and one with less than R bytes wastes rows of the array in each fold. So the vector
unit copies the window rows of a tile: those of one column of output pixels, from top to bottom, follow each other. There the window of
every output pixel is one run of bytes, and folds need not end with its rows.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from weft.gen.compiler.constants import split_weights, weight_tiles
from weft.gen.compiler.dependences import Region
from weft.gen.compiler.emitter import Operand
from weft.gen.compiler.layout import lines_for
from weft.gen.compiler.lower.columns import folds_together, pixels_together
from weft.gen.compiler.lower.context import Band, Context, byte_source
from weft.gen.compiler.lower.convolution import ConvLowering, Epilogue
from weft.gen.compiler.lower.grouped import Strip
from weft.gen.compiler.lower.pieces import Piece, pieces_within
from weft.gen.compiler.lower.steps import Step
from weft.gen.compiler.lower.tiles import Tile, parts_of, tiles_of
from weft.gen.config import Config
from weft.gen.graph import Conv, Tensor
from weft.gen.isa import Destination

MOST_RUN = 2  # vectors in which a window row is copied, at most
AHEAD, AHEAD_IN_BANDS = 2, 1  # tiles that are copied before the vector unit waits for sums; the one before is copied among other work
WORTH, WORTH_IN_BANDS = 0.95, 0.75  # of the cycles otherwise, at most; every band begins with copies that nothing hides


@dataclasses.dataclass(frozen=True)
class Packing:
    """How a layer's windows are packed: `run` bytes a window row, `height` of them a window, `stride` rows from one to the next."""

    run: int
    height: int
    stride: int

    @classmethod
    def of(cls, node: Conv) -> "Packing":
        _, height, width, channels = node.weights.shape
        return cls(int(width * channels), int(height), node.stride[0])

    def saves(self, node: Conv, target: Tensor, rows: int, config: Config) -> bool:
        """Whether bands of `rows` output rows take less time.

        Cycles an output pixel: of the matrix unit a fold of each output group, of the vector unit one for each group and the copies.
        """
        lanes = config.lanes
        if node.groups > 1 or node.dilation != (1, 1) or self.height == 1 or self.run > MOST_RUN * lanes:
            return False
        groups, tile = lines_for(len(node.weights), lanes), _tiles(0, rows, target, config)[0]
        folds = lines_for(self.height * self.run, lanes) * groups
        copies = lines_for(self.run, lanes) * self.rows(tile) / tile.rows
        together = pixels_together(node, target, lanes)
        worth = WORTH if rows == target.shape[0] else WORTH_IN_BANDS
        # Cycles of the vector unit for a line. In bands the array has other work meanwhile (measured).
        shared = config.vector.columns_per_lane if rows == target.shape[0] else 1
        return max(folds, (groups + copies) * shared) <= worth * max(folds_together(node, together, lanes) / together, 1) * groups

    def rows(self, tile: Tile) -> int:
        """Input rows of a tile."""
        return (tile.rows - 1) * self.stride + self.height

    def tile_lines(self, tile: Tile, line_bytes: int) -> int:
        """Lines of the copies for a tile, and one for vectors that run over the end."""
        return lines_for(tile.columns * self.rows(tile) * self.run, line_bytes) + 1

    def lines(self, rows: int, target: Tensor, config: Config) -> int:
        """Lines for a band of `rows` rows."""
        return sum(self.tile_lines(tile, config.line_bytes) for tile in _tiles(0, rows, target, config))


def _tiles(first: int, rows: int, target: Tensor, config: Config) -> list[Tile]:
    """The tiles of a band of `rows` rows from row `first` on."""
    return tiles_of(first, first + rows - 1, target.shape[1], config, parts_of(rows == target.shape[0]))


class PackedLowering(ConvLowering):
    """One layer, one band, with copies of all its tiles in the lines that the plan has set aside."""

    def __init__(self, context: Context, node: Conv, band: Band, epilogue: Epilogue | None, first_line: int) -> None:
        super().__init__(context, node, band, epilogue, merge=False)
        self.tiles = _tiles(band.first, band.last - band.first + 1, band.output.tensor, context.emitter.config)
        self.packing = packing = Packing.of(node)
        self.pieces = pieces_within([[Strip(0, self.lanes, self._contiguous(part))] for part in split_weights(node.weights)],
                                    self.groups, self.limit // self.lanes)
        self.lines, line = [], first_line
        for tile in self.tiles:
            self.lines.append(line)
            line += packing.tile_lines(tile, self.emitter.line_bytes)
        self.copied = 0

    def _contiguous(self, weights: np.ndarray) -> np.ndarray:
        """Weight tiles of windows whose rows follow each other."""
        outputs, height, width, channels = weights.shape
        return weight_tiles(weights.reshape(outputs, 1, height * width, channels), self.lanes)

    def _region(self, number: int) -> Region:
        return Region("scratchpad", self.lines[number], self.packing.tile_lines(self.tiles[number], self.emitter.line_bytes))

    def _prepare(self) -> Iterator[Step]:
        if not self.band.alone:
            yield Step(lambda _: self._copied(1), ahead=True, work=False)

    def _ready(self, number: int) -> None:
        """Copy the windows of tile `number`, and of those soon to come."""
        self._copied(number + 1 + (AHEAD if self.band.alone else AHEAD_IN_BANDS))

    def _copied(self, count: int) -> None:
        """Copy the windows of the first `count` tiles that are not copied yet."""
        for index in range(self.copied, min(count, len(self.tiles))):
            self._copy(index)
            self.copied = index + 1

    @property
    def _transfer(self) -> int:
        return self.limit

    def _order(self, groups: range) -> Iterator[tuple[int, int]]:
        """Tile by tile, so that copies are spread evenly among sums; an addition follows several tiles of a group. Where columns share
        lanes the vector unit has more to do than the array anyway, and copies had better come early: group by group (measured)."""
        if self.epilogue or self.context.emitter.config.vector.columns_per_lane > 1:
            return super()._order(groups)
        return ((group, number) for number in range(len(self.tiles)) for group in groups)

    def _copy(self, number: int) -> None:
        node, source, tile, size = self.node, self.band.inputs[0], self.tiles[number], self.emitter.line_bytes
        run, rows = self.packing.run, self.packing.rows(tile)
        y, x = tile.y * node.stride[0] - node.padding[0], tile.x * node.stride[1] - node.padding[1]
        for offset in range(0, run, self.lanes):
            self.emitter.vector(
                (rows, tile.columns),
                byte_source(source, y, y + rows - 1, source.address(y, x) + offset, (source.row_bytes, node.stride[1] * source.pitch)),
                Operand(Destination.BYTES, self.lines[number] * size + offset, (run, rows * run), self._region(number)),
                lanes=min(self.lanes, run - offset))

    def _matmul(self, piece: Piece, group: int, tile: Tile, slot: int, accumulate: bool, line: int) -> None:
        number, run = self.tiles.index(tile), self.packing.run
        self.emitter.matmul(
            activation=self.lines[number] * self.emitter.line_bytes + piece.offset, weight_line=line, accumulator=slot,
            accumulate=accumulate, stationary=self.stationary,
            x=(tile.columns, self.packing.rows(tile) * run if tile.columns > 1 else 0),
            y=(tile.rows, self.packing.stride * run if tile.rows > 1 else 0),
            inner=(piece.across, piece.stride if piece.across > 1 else 0), outer=(1, 0), reads=[self._region(number)])
