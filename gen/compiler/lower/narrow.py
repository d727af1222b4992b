"""Fully connected layers with few outputs: partial sums side by side in the columns of the array.

If N is C / 2 or less, N outputs leave most columns of a weight tile empty, and what fills a tile is fetched like weights. So the
inputs are cut into C // N runs, and column p * N + n holds the weights of output n for run p. The runs stream through the array one
after the other, as pixels do: lanes p * N .. p * N + N - 1 of accumulator line p are then the sums over run p, and the other lanes have
no meaning.

Lanes of different lines are added by way of the scratchpad, whose bytes can be read from any address: the vector unit writes the lines as
planes of bytes, reads of each line the lanes that count, joins the planes to words again, and adds them.
"""

import dataclasses
import math

import numpy as np

from weft.gen.compiler.constants import Block, split_weights, weight_tiles
from weft.gen.compiler.dependences import Region
from weft.gen.compiler.emitter import Operand, PostStage, ScaleStage
from weft.gen.compiler.layout import Layout, lines_for
from weft.gen.compiler.lower.context import Band, Context
from weft.gen.compiler.lower.convolution import ConvLowering
from weft.gen.compiler.lower.grouped import Strip
from weft.gen.compiler.lower.pieces import Piece, pieces_within
from weft.gen.compiler.lower.tiles import Tile
from weft.gen.graph import Conv
from weft.gen.isa import Alu, Destination, Source

PLANES = 4  # bytes of an accumulator
# Lines of weights to save at least (measured): for the additional VECTORs, and for each run and column that share a lane.
WORTH, WORTH_RUN = 128, 6


@dataclasses.dataclass(frozen=True)
class Runs:
    """The inputs of a layer in `count` runs of `rows` rows, each of `width` bytes; the next run begins `stride` bytes later. The last one
    may reach beyond the inputs: weights are 0 there."""

    count: int
    rows: int
    width: int
    stride: int

    @classmethod
    def of(cls, context: Context, node: Conv, band: Band) -> "Runs | None":
        """Runs of a layer with a single output pixel, if they save time."""
        config, source, lanes = context.emitter.config, band.inputs[0], context.lanes
        outputs, height, columns, channels = node.weights.shape
        pixel = (height, columns, channels) == source.tensor.shape and not any(node.padding)
        most, width = min(lanes // outputs, context.emitter.slots.lines // 2, context.block_limit // (2 * PLANES) - 1), columns * channels
        if not pixel or node.groups > 1 or node.dilation != (1, 1) or most < 2:
            return None
        lines = height * lines_for(width, lanes) * lanes
        if height == 1 or source.row_bytes == width:  # one run of bytes
            width = lines_for(lines_for(height * width, lanes), most) * lanes
            runs = cls(lines_for(math.prod(source.tensor.shape), width), 1, width, width)
        else:
            rows = lines_for(height, most)
            runs = cls(lines_for(height, rows), rows, width, rows * source.row_bytes)
        worth = WORTH + WORTH_RUN * runs.count * config.vector.columns_per_lane
        return runs if lines - runs.weight_lines(lanes) >= worth and runs.end(source, lanes) <= config.scratchpad_bytes else None

    def end(self, source: Layout, lanes: int) -> int:
        """Byte behind the last that the array reads."""
        return source.address(0) + self.count * self.stride + lanes

    @property
    def plane_lines(self) -> int:
        """Lines of all planes, and what vectors that begin in them read behind them."""
        return PLANES * self.count + 2

    def weight_lines(self, lanes: int) -> int:
        return self.rows * lines_for(self.width, lanes) * lanes

    def tiles(self, weights: np.ndarray, lanes: int) -> np.ndarray:
        """Tiles as `weight_tiles` makes them, of weights (N, kernel rows, kernel columns, channels)."""
        outputs = len(weights)
        runs = np.zeros((outputs, self.count * self.rows * self.width), weights.dtype)
        runs[:, :weights[0].size] = weights.reshape(outputs, -1)
        return weight_tiles(runs.reshape(outputs, self.count, -1).swapaxes(0, 1).reshape(-1, self.rows, 1, self.width), lanes)


class NarrowLowering(ConvLowering):
    """One layer of one output pixel."""

    def __init__(self, context: Context, node: Conv, band: Band, runs: Runs) -> None:
        super().__init__(context, node, band, None, merge=False)
        self.runs = runs
        self.pieces = pieces_within([[Strip(0, self.lanes, runs.tiles(part, self.lanes))] for part in split_weights(node.weights)], 1,
                                    self.limit // self.lanes)
        self.planes = 0  # first line

    @property
    def in_blocks(self) -> bool:
        return True

    def _room(self) -> list[Block]:
        return [Block(None, self.runs.plane_lines)]

    def _block(self, group: int, tile: Tile, slot: list[int], some: list[Piece], last: bool, placed: list[int]) -> None:
        self.planes = placed[-1]
        super()._block(group, tile, slot, some, last, placed)

    def _slot(self, tile: Tile, group: int) -> int:
        return self.emitter.slots.next()

    def _matmul(self, piece: Piece, group: int, tile: Tile, slot: int, accumulate: bool, line: int) -> None:
        source, runs = self.band.inputs[0], self.runs
        end = lines_for(runs.end(source, self.lanes), source.line_bytes)
        self.emitter.matmul(
            activation=source.address(piece.ky) + piece.offset, weight_line=line, accumulator=slot, accumulate=accumulate,
            stationary=self.stationary, x=(1, 0), y=(runs.count, runs.stride),
            inner=(piece.across, piece.stride if piece.across > 1 else 0), outer=(piece.rows, source.row_bytes if piece.rows > 1 else 0),
            reads=[Region("scratchpad", source.base_line, max(source.lines, end - source.base_line))])

    def _requantise(self, group: int, tile: Tile, slot: int) -> None:
        emitter, count, size = self.emitter, self.runs.count, self.emitter.line_bytes
        first, words = self.planes * size, slot + count
        planes = Region("scratchpad", self.planes, self.runs.plane_lines)
        for number in range(PLANES):  # most significant first
            emitter.vector((count,), emitter.accumulators(slot, count, (1,)),
                           Operand(Destination.BYTES, first + number * count * size, (size,), planes),
                           scale=ScaleStage(right=8 * (PLANES - 1 - number)))
        emitter.vector((PLANES, count), Operand(Source.UINT8, first, (count * size, size + self.channels), planes),
                       emitter.accumulators(words, count, (0, 1), write=True), reduce=1, post=PostStage(alu=Alu.CONCATENATE))
        emitter.vector((count,), emitter.accumulators(words, count, (1,)), emitter.accumulators(slot, 1, (), write=True), reduce=1,
                       post=PostStage(alu=Alu.ADD))
        super()._requantise(group, tile, slot)
