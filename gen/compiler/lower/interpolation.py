"""Interpolation between neighbours on the vector unit: along the rows of pixels, then across them, exact until the one division at the end.

The lanes are channels. Pixels with equal weights that lie equally far apart are one VECTOR.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from weft.gen.compiler.emitter import NOTHING, PostStage, ScaleStage
from weft.gen.compiler.lower.context import Band, Context, balanced, byte_destination, byte_source
from weft.gen.compiler.lower.steps import Step
from weft.gen.graph import Interpolate
from weft.gen.isa import Alu, Rounding

Run = tuple[int, int, int]  # first, distance, count
SHIFT = 20  # of both weights together


def runs(weights: Sequence[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], Run]]:
    """Places with equal weights, in arithmetic progressions: the longest that begins with the first place that is left."""
    places: dict[tuple[int, int], list[int]] = {}
    for place, pair in enumerate(weights):
        places.setdefault(pair, []).append(place)
    for pair, found in places.items():
        start = 0
        while start < len(found):
            left = found[start:]
            step = left[1] - left[0] if len(left) > 1 else 1
            count = next((n for n, place in enumerate(left) if place != left[0] + n * step), len(left))
            yield pair, (left[0], step, count)
            start += count


def lower_interpolate(context: Context, node: Interpolate, band: Band) -> Iterator[Step]:
    """Accumulators hold two lines for a window, what its two rows give, and one for the result."""
    lanes, lines, (_, width, channels) = context.lanes, context.emitter.slots.lines, band.output.tensor.shape
    across = balanced(width, lines // 3)
    down = max(1, lines // (3 * across))
    for y in range(band.first, band.last + 1, down):
        for x in range(0, width, across):
            for channel in range(0, channels, lanes):
                yield Step(partial(_part, context, node, band, (y, min(down, band.last + 1 - y)), (x, min(across, width - x)), channel))


def _part(context: Context, node: Interpolate, band: Band, rows: tuple[int, int], columns: tuple[int, int], channel: int,
          _: list[int]) -> None:
    """`rows` and `columns`: first and count of the results."""
    emitter, source, target = context.emitter, band.inputs[0], band.output
    (y, height), (x, width) = rows, columns
    slot = emitter.slots.next()
    result, last = slot + 2 * height * width, 2 * (y + height) - 1
    for weights, (first, step, count) in runs(node.columns[x:x + width]):
        for side, weight in enumerate(weights):
            reads = byte_source(source, 2 * y, last, source.address(2 * y, 2 * (x + first) + side, channel),
                                (2 * step * source.pitch, source.row_bytes))
            sums, written = (emitter.accumulators(slot + first, 2 * height * width - first, (step, width), write=write)
                             for write in (False, True))
            emitter.vector((count, 2 * height), reads, written, b=sums if side else NOTHING, scale=ScaleStage(multiplier=weight),
                           post=PostStage(alu=Alu.ADD))
    for weights, (first, step, count) in runs(node.rows[y:y + height]):
        at = result + first * width
        for side, weight in enumerate(weights):
            reads = emitter.accumulators(slot + (2 * first + side) * width, 2 * height * width - (2 * first + side) * width,
                                         (1, 2 * step * width))
            sums, written = (emitter.accumulators(at, (height - first) * width, (1, step * width), write=write) for write in (False, True))
            emitter.vector((width, count), reads, written, b=sums if side else NOTHING, scale=ScaleStage(multiplier=weight),
                           post=PostStage(alu=Alu.ADD))
    emitter.vector((width, height), emitter.accumulators(result, height * width, (1, width)),
                   byte_destination(target, y, y + height - 1, target.address(y, x, channel), (target.pitch, target.row_bytes)),
                   scale=ScaleStage(right=SHIFT, rounding=Rounding.HALF_AWAY), post=PostStage(low=node.low, high=node.high),
                   lanes=min(context.lanes, target.tensor.shape[2] - channel))
