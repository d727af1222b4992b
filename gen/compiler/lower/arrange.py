"""Moving elements: copies by the vector unit, as few and as wide as the positions allow."""

import dataclasses
import math
from collections.abc import Iterator
from functools import partial
from itertools import product

from weft.gen.compiler.emitter import NOTHING, PostStage
from weft.gen.compiler.layout import Layout
from weft.gen.compiler.lower.context import Band, Context, byte_destination, byte_source
from weft.gen.compiler.lower.steps import Step
from weft.gen.graph import Arrange, Piece

MOST_COUNT = (1 << 12) - 1  # iterations of a loop level
MOST_STEP = 8  # largest step between neighbouring positions that is looked for


@dataclasses.dataclass(frozen=True)
class Progression:
    """`count` positions target, target + target_step, .. that take those from source, source + source_step, .."""

    target: int
    source: int
    count: int = 1
    target_step: int = 1
    source_step: int = 0


def progressions(target: tuple[int, ...], source: tuple[int, ...]) -> list[Progression]:
    """Cover pairs of positions: from the first that is left, the step that takes in most."""
    left, result = dict(zip(target, source, strict=True)), []
    while left:
        first = min(left)
        best = Progression(first, left[first])
        for step in range(1, MOST_STEP + 1):
            if first + step not in left:
                continue
            change, count = left[first + step] - left[first], 2
            while count < MOST_COUNT and left.get(first + count * step) == left[first] + count * change:
                count += 1
            if count > best.count:
                best = Progression(first, left[first], count, step, change)
        for index in range(best.count):
            del left[best.target + index * best.target_step]
        result.append(best)
    return result


def rows_needed(node: Arrange, positions: set[int], first: int, last: int) -> tuple[int, int]:
    """First and last row of the inputs at `positions` that output rows first .. last take elements from; (0, 0) if none."""
    rows: set[int] = set()
    for piece in node.pieces:
        kept = [source for target, source in zip(piece.target[0], piece.source[0], strict=True) if first <= target <= last]
        if piece.input in positions and kept:
            rows.update(kept if piece.axes[0] == 0 else piece.source[piece.axes.index(0)])
    return (min(rows), max(rows)) if rows else (0, 0)


@dataclasses.dataclass(frozen=True)
class Loop:
    """Iterations of one loop level, and the bytes that each moves on in source and target."""

    count: int
    source: int
    target: int


class ArrangeLowering:
    """One band."""

    def __init__(self, context: Context, node: Arrange, band: Band) -> None:
        self.emitter, self.lanes, self.node, self.band = context.emitter, context.lanes, node, band

    def steps(self) -> Iterator[Step]:
        """The fill, if not everything is covered, and a step for each rectangle of each piece."""
        size = math.prod(self.band.output.tensor.shape)
        covered = sum(len(piece.target[0]) * len(piece.target[1]) * len(piece.target[2]) for piece in self.node.pieces)
        if covered < size:
            yield Step(self._fill)
        for piece in self.node.pieces:
            pairs = [pair for pair in zip(piece.target[0], piece.source[0], strict=True) if self.band.first <= pair[0] <= self.band.last]
            if not pairs:
                continue
            rows = progressions(*(tuple(side) for side in zip(*pairs, strict=True)))
            columns, channels = (progressions(piece.target[axis], piece.source[axis]) for axis in (1, 2))
            for rectangle in product(rows, columns, channels):
                yield Step(partial(self._copy, piece, rectangle))

    def _fill(self, _: list[int]) -> None:
        target, size = self.band.output, self.band.output.data_bytes
        rows = self.band.last - self.band.first + 1
        whole, rest = divmod(size, self.lanes)
        for start, count, lanes in ((0, whole, self.lanes), (whole * self.lanes, 1, rest)):
            if count and lanes:
                self.emitter.vector((count, rows), NOTHING, byte_destination(
                    target, self.band.first, self.band.last, target.address(self.band.first) + start, (self.lanes, target.row_bytes)),
                    post=PostStage(post=self.node.fill), lanes=lanes)

    def _copy(self, piece: Piece, rectangle: tuple[Progression, Progression, Progression], _: list[int]) -> None:
        source, target = self.band.inputs[piece.input], self.band.output
        source_units = (source.row_bytes, source.pitch, 1)
        target_units = (target.row_bytes, target.pitch, 1)
        loops = [Loop(axis.count, axis.source_step * source_units[piece.axes[index]], axis.target_step * target_units[index])
                 for index, axis in enumerate(rectangle)]
        start = [0, 0, 0]
        for index, axis in enumerate(rectangle):
            start[piece.axes[index]] = axis.source
        rows, columns, inner = loops
        if inner.count == 1 or (inner.source, inner.target) == (1, 1):
            size = inner.count
            if columns.source == columns.target == size:  # pixels follow each other on both sides
                size, columns = size * columns.count, Loop(1, 0, 0)
            whole, rest = divmod(size, self.lanes)
            parts = [(first * self.lanes, Loop(min(MOST_COUNT, whole - first), self.lanes, self.lanes), self.lanes)
                     for first in range(0, whole, MOST_COUNT)]
            if rest:
                parts.append((whole * self.lanes, Loop(1, 0, 0), rest))
        else:
            parts = [(0, inner, 1)]
        for offset, loop, lanes in parts:
            order = (loop, columns, rows)
            at_source = source.address(start[0], start[1], start[2] + offset)
            at_target = target.address(rectangle[0].target, rectangle[1].target, rectangle[2].target + offset)
            self.emitter.vector(
                tuple(item.count for item in order),
                byte_source(source, *self._rows(piece, rectangle, source), at_source, tuple(item.source for item in order)),
                byte_destination(target, rectangle[0].target, rectangle[0].target + (rows.count - 1) * rectangle[0].target_step, at_target,
                                 tuple(item.target for item in order)),
                lanes=lanes)

    @staticmethod
    def _rows(piece: Piece, rectangle: tuple[Progression, Progression, Progression], source: Layout) -> tuple[int, int]:
        """First and last row of the source that a rectangle reads."""
        along = rectangle[piece.axes.index(0)]
        ends = along.source, along.source + (along.count - 1) * along.source_step
        return min(ends), max(ends)


def lower_arrange(context: Context, node: Arrange, band: Band) -> Iterator[Step]:
    yield from ArrangeLowering(context, node, band).steps()
