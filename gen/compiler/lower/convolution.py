"""Convolution and fully connected layers on the matrix unit, requantised by the vector unit.

The accumulators hold a tile of output pixels (`tiles`) for C output channels; a MATMUL performs a piece of the folds (`pieces`).
"""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate, product

import numpy as np

from weft.gen.compiler.constants import WEIGHTS, Block, ParameterSets, parameter_sets, split_weights
from weft.gen.compiler.emitter import Operand, PostStage, ScaleStage
from weft.gen.compiler.layout import lines_for
from weft.gen.compiler.lower.columns import merged, pixels_together
from weft.gen.compiler.lower.context import Band, Context, byte_destination
from weft.gen.compiler.lower.grouped import first_channels
from weft.gen.compiler.lower.pieces import Piece, pieces_within, strips
from weft.gen.compiler.lower.resident import Place
from weft.gen.compiler.lower.steps import Step
from weft.gen.compiler.lower.tiles import Tile, parts_of, tiles_of
from weft.gen.graph import Conv, Tensor

EPILOGUE_TILES = 4  # that an addition follows together
TRANSFER = 256  # lines of weights that make a DMA transfer worth its latency
FIRST_FOLDS = 10  # that the first MATMUL of a network waits for, if weights arrive no faster than the array takes them

# Called with one finished tile or some that lie below each other as one, the output group, and the accumulator lines of the last, which are
# free by then.
Epilogue = Callable[[Tile, int, int], None]


class ConvLowering:
    """One layer, one band."""

    def __init__(self, context: Context, node: Conv, band: Band, epilogue: Epilogue | None, *, merge: bool = True) -> None:
        self.context, self.band, self.epilogue = context, band, epilogue
        self.emitter, self.lanes = context.emitter, context.lanes
        self.together = 1 if epilogue or not merge else pixels_together(node, band.output.tensor, self.lanes)
        self.node = node = merged(node, self.together)
        self.channels = len(node.weights)
        self.groups = -(-self.channels // self.lanes)
        self.pixels = (band.last - band.first + 1) * band.output.tensor.shape[1] // self.together
        self.limit = context.block_limit
        if context.cold and self.pixels <= self.lanes:
            self.limit = min(self.limit, FIRST_FOLDS * self.lanes)
        self.pieces = pieces_within([strips(node, part, self.lanes) for part in split_weights(node.weights)], self.groups,
                                    self.limit // self.lanes)
        self.start = first_channels(node, self.lanes)
        self.stationary, self.bank = context.stationary, context.bank
        self.tiles = tiles_of(band.first, band.last, band.output.tensor.shape[1] // self.together, context.emitter.config,
                              1 if self.in_blocks else max(parts_of(band.alone), lines_for(context.turns, self.groups)),
                              blocks=self.stationary and band.packed is None, room=self.emitter.slots.lines // 2 if context.turns else 0)
        self.place = Place()  # of the first group's parameter set

    def weight_lines(self, group: int) -> int:
        """Of a group of outputs."""
        return sum(piece.folds for piece in self.pieces[group]) * self.lanes

    @property
    def _transfer(self) -> int:
        """Lines of weights that are fetched together."""
        return TRANSFER

    @property
    def in_blocks(self) -> bool:
        """Whether these come in several blocks, which every tile fetches again: tiles are as large as they can be then."""
        return max(map(self.weight_lines, range(self.groups))) > self.limit

    def steps(self) -> Iterator[Step]:
        source: Tensor = self.band.inputs[0].tensor
        # sum w * (x - z) = sum w * x - z * sum w; padding holds z, so the same constant serves every pixel.
        correction = -source.zero_point * self.node.weights.astype(np.int64).sum(axis=(1, 2, 3))
        pre = np.broadcast_to(np.asarray(self.node.scale.pre, dtype=np.int64), self.channels) + correction
        sets = parameter_sets(self.node.scale, pre, self.channels, self.lanes)
        yield from self._prepare()
        if self.context.resident:
            self.place, step = self.context.resident.add(self.node.output, sets)
            if step:
                yield step
            yield from self._weights(range(self.groups))
            return
        most = min(self.context.emitter.config.vector.parameter_sets, max(1, self.context.block_limit // sets.lines))
        for first in range(0, self.groups, most):
            groups = range(first, min(first + most, self.groups))
            yield Step(partial(self._parameters, groups, sets), [self.context.sets(sets, groups.start, groups.stop)], work=False)
            yield from self._weights(groups)

    def _parameters(self, groups: range, sets: ParameterSets, placed: list[int]) -> None:
        self.place.first = self.emitter.load_parameters(placed[0], len(groups), sets) - groups.start

    def _weights(self, groups: range) -> Iterator[Step]:
        if not self.in_blocks:
            for some in self._batches(groups):
                data = b"".join(piece.data for group in some for piece in self.pieces[group])
                block, shared = [self.context.block(data, WEIGHTS)], object()
                first = dict(zip(some, accumulate(map(self.weight_lines, some), initial=0), strict=False))
                for group, number in self._order(some):
                    yield Step(partial(self._group, group, number, first[group]), block, shared=shared)
            return
        for group in groups:
            blocks = [(own, self.context.block(b"".join(piece.data for piece in own), WEIGHTS)) for own in self._blocks(group)]
            for tile in self.tiles:
                slot: list[int] = []
                for index, (own, weights) in enumerate(blocks):
                    last = index + 1 == len(blocks)
                    wanted = [weights, *(self._room() if last else [])]
                    yield Step(partial(self._block, group, tile, slot, own, last), wanted, joined=index > 0)

    def _blocks(self, group: int) -> Iterator[list[Piece]]:
        """Pieces of an output group that come in one block, one after the other."""
        some: list[Piece] = []
        for piece in self.pieces[group]:
            if some and sum(each.folds for each in [*some, piece]) * self.lanes > self.limit:
                yield some
                some = []
            some.append(piece)
        yield some

    def _room(self) -> list[Block]:
        """Room that the step needs which finishes a tile."""
        return []

    def _batches(self, groups: range) -> Iterator[range]:
        """Output groups that share a block, so that a DMA transfer is worth its latency where a group has few folds."""
        start, lines = groups.start, 0
        for group in groups:
            lines += self.weight_lines(group)
            if group > start and lines > self._transfer:
                yield range(start, group)
                start, lines = group, self.weight_lines(group)
        yield range(start, groups.stop)

    def _group(self, group: int, number: int, first: int, placed: list[int]) -> None:
        """Tile `number` of an output group whose weights lie from line `first` of their block on."""
        self._block(group, self.tiles[number], [], self.pieces[group], True, [placed[0] + first])

    def _order(self, groups: range) -> Iterator[tuple[int, int]]:
        """Output groups and numbers of tiles in the order in which they are computed."""
        return product(groups, range(len(self.tiles)))

    def _block(self, group: int, tile: Tile, slot: list[int], some: list[Piece], last: bool, placed: list[int]) -> None:
        """A block of the weights that a tile needs one after the other, the `last` of them or not; the first one fills `slot`."""
        accumulate, line = bool(slot), placed[0]
        if not accumulate:
            self._ready(self.tiles.index(tile))
            slot.append(self._slot(tile, group))
        for piece in some:
            self._matmul(piece, group, tile, slot[0], accumulate, line)
            accumulate, line = True, line + piece.folds * self.lanes
        if last:
            self._finish(group, self.tiles.index(tile), slot[0])

    def _prepare(self) -> Iterator[Step]:
        """What may come before anything else of the layer."""
        yield from ()

    def _ready(self, number: int) -> None:
        """Before the first MATMUL of tile `number`."""

    def _slot(self, tile: Tile, group: int) -> int:
        """First accumulator line for a tile of an output group."""
        if self.bank is not None:
            return self.emitter.slots.within(self.bank, tile.rows * tile.columns)
        short = None if self.epilogue else self.emitter.slots.short(tile.rows * tile.columns)
        return self.emitter.slots.next() if short is None else short

    def _matmul(self, piece: Piece, group: int, tile: Tile, slot: int, accumulate: bool, line: int) -> None:
        node, source = self.node, self.band.inputs[0]
        y = tile.y * node.stride[0] - node.padding[0] + piece.ky * node.dilation[0]
        x = tile.x * node.stride[1] - node.padding[1]
        last = y + (tile.rows - 1) * node.stride[0] + (piece.rows - 1) * node.dilation[0]
        self.emitter.matmul(
            activation=source.address(y, x) + piece.offset + self.start[group], weight_line=line, accumulator=slot,
            accumulate=accumulate, stationary=self.stationary,
            x=(tile.columns, node.stride[1] * source.pitch if tile.columns > 1 else 0),
            y=(tile.rows, node.stride[0] * source.row_bytes if tile.rows > 1 else 0),
            inner=(piece.across, piece.stride if piece.across > 1 else 0),
            outer=(piece.rows, node.dilation[0] * source.row_bytes if piece.rows > 1 else 0),
            reads=[source.region(y, last)])

    def _sums(self, tile: Tile, slot: int) -> Operand:
        """The accumulators of a tile, columns and rows."""
        return self.emitter.accumulators(slot, tile.rows * tile.columns, (1, tile.columns))

    def _finish(self, group: int, number: int, slot: int) -> None:
        """After the last MATMUL of tile `number`. What follows a tile takes several VECTORs, each with a set-up of its own, so it follows
        several tiles at a time where an accumulator slot holds them."""
        tile = self.tiles[number]
        self._requantise(group, tile, slot)
        if not self.epilogue:
            return
        whole_rows = tile.columns == self.band.output.tensor.shape[1]
        together = max(1, min(EPILOGUE_TILES, self.emitter.slots.lines // (self.tiles[0].rows * tile.columns))) if whole_rows else 1
        if (number + 1) % together == 0 or number + 1 == len(self.tiles):
            some = self.tiles[number - number % together:number + 1]
            self.epilogue(dataclasses.replace(some[0], rows=sum(each.rows for each in some)), group, slot)

    def _requantise(self, group: int, tile: Tile, slot: int) -> None:
        node, target = self.node, self.band.output
        self.emitter.vector(
            (tile.columns, tile.rows), self._sums(tile, slot),
            byte_destination(target, tile.y, tile.y + tile.rows - 1, target.address(tile.y, tile.x * self.together, group * self.lanes),
                             (target.pitch * self.together, target.row_bytes)),
            scale=ScaleStage.per_channel(node.scale), post=PostStage(node.zero_point, node.low, node.high),
            lanes=min(self.lanes, self.channels - group * self.lanes),
            parameter=self.place.first + group)
