"""Pooling as reductions of the vector unit. Padding is never read: border pixels are regions with smaller windows.

A mean over all rows of a tensor that does not fit takes them in parts, and keeps its sums in accumulators from one part to the next.
"""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial

from weft.gen.compiler.emitter import Operand, PostStage, ScaleStage
from weft.gen.compiler.layout import lines_for
from weft.gen.compiler.lower.context import Band, Context, balanced, byte_destination, byte_source
from weft.gen.compiler.lower.steps import Step
from weft.gen.graph import AveragePool, Interpolate, MaxPool, Node, Tensor
from weft.gen.isa import Alu, Rounding, Source

UP_BIAS = 128  # makes a mean of held values positive


@dataclasses.dataclass(frozen=True)
class Span:
    """Outputs first .. first + count - 1 along one axis whose windows hold the same `taps`; the first window starts at input
    `start` and neighbouring windows are the stride apart."""

    first: int
    count: int
    start: int
    taps: int


def spans(first: int, last: int, kernel: int, stride: int, padding: int, size: int) -> list[Span]:
    """Cut outputs first .. last of one axis into spans of equal windows after clipping to the image."""
    result: list[Span] = []
    for index in range(first, last + 1):
        begin = index * stride - padding
        start, taps = max(0, begin), min(size, begin + kernel) - max(0, begin)
        previous = result[-1] if result else None
        if previous and previous.taps == taps and previous.start + previous.count * stride == start:
            result[-1] = dataclasses.replace(previous, count=previous.count + 1)
        else:
            result.append(Span(index, 1, start, taps))
    return result


def _regions(node: MaxPool | AveragePool, band: Band, most: int) -> Iterator[tuple[Span, Span]]:
    """Rectangles of output pixels with equal windows, at most `most` pixels each."""
    height, width, _ = band.inputs[0].tensor.shape
    columns = band.output.tensor.shape[1]
    for y in spans(band.first, band.last, node.kernel[0], node.stride[0], node.padding[0], height):
        for x in spans(0, columns - 1, node.kernel[1], node.stride[1], node.padding[1], width):
            for x_part in _split(x, node.stride[1], most):
                for y_part in _split(y, node.stride[0], max(1, most // x_part.count)):
                    yield y_part, x_part


def _split(span: Span, stride: int, most: int) -> Iterator[Span]:
    size = balanced(span.count, most)
    for start in range(0, span.count, size):
        yield dataclasses.replace(span, first=span.first + start, count=min(size, span.count - start),
                                  start=span.start + start * stride)


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Windows of one size: `taps` of each, `counts` of results in two levels, and where they are read and written."""

    taps: tuple[int, int]
    counts: tuple[int, int]
    window: Operand
    result: Operand
    lanes: int

    @property
    def lines(self) -> int:
        """Results."""
        return self.counts[0] * self.counts[1]


def _lower(context: Context, node: MaxPool | AveragePool, band: Band, emit: Callable[[Sweep], None]) -> Iterator[Step]:
    """One step for each channel group, or for all whole ones together if each has a single result."""
    source, target, lanes = band.inputs[0], band.output, context.lanes
    channels, regions = target.tensor.shape[2], list(_regions(node, band, context.emitter.slots.lines))

    def step(channel: int, groups: int, _: list[int]) -> None:
        for y, x in regions:
            last = y.start + (y.count - 1) * node.stride[0] + y.taps - 1
            counts, inner, outer = (x.count, y.count), node.stride[1] * source.pitch, node.stride[0] * source.row_bytes
            steps = (target.pitch, target.row_bytes)
            if groups > 1:
                counts, inner, steps = (groups, 1), lanes, (lanes, 0)
            emit(Sweep((x.taps, y.taps), counts,
                       Operand(Source.INT8, source.address(y.start, x.start, channel), (source.pitch, source.row_bytes, inner, outer),
                               source.region(y.start, last)),
                       byte_destination(target, y.first, y.first + y.count - 1, target.address(y.first, x.first, channel), steps),
                       min(lanes, channels - channel)))

    single = all(y.count * x.count == 1 for y, x in regions)
    together = min(channels // lanes, context.emitter.slots.lines) if single else 1
    channel = 0
    while channel < channels:
        groups = max(1, min(together, (channels - channel) // lanes))
        yield Step(partial(step, channel, groups))
        channel += groups * lanes


def lower_max_pool(context: Context, node: MaxPool, band: Band) -> Iterator[Step]:
    """One pass: maximum over the two inner levels."""
    def emit(sweep: Sweep) -> None:
        destination = dataclasses.replace(sweep.result, steps=(0, 0, *sweep.result.steps))
        context.emitter.vector((*sweep.taps, *sweep.counts), sweep.window, destination, reduce=2, lanes=sweep.lanes,
                               post=PostStage(0, node.low, node.high, Alu.MAXIMUM))
    yield from _lower(context, node, band, emit)


def division(count: int) -> ScaleStage:
    """Exact x / count, halves away from zero, for |x| <= 128 * count.

    With m = ceil(2^s / count) the product exceeds the quotient by less than half of 1 / count, so no value crosses a
    rounding border, and a tie (count even) lands on the far side, as it must.
    """
    if count == 1:
        return ScaleStage()
    right, multiplier = _reciprocal(count)
    return ScaleStage(multiplier=multiplier, right=right, rounding=Rounding.HALF_AWAY)


def division_up(count: int) -> ScaleStage:
    """Exact x / count + UP_BIAS, halves towards plus infinity, for |x| <= 128 * count.

    The bias makes the dividend positive, so that a product slightly too large rounds down to the right quotient.
    """
    right, multiplier = _reciprocal(count)
    return ScaleStage(pre=UP_BIAS * count + count // 2, multiplier=multiplier, right=right)


def _reciprocal(count: int) -> tuple[int, int]:
    """(s, ceil(2^s / count)), exact enough for dividends up to 2 * UP_BIAS * count + count."""
    right = 30 + (count - 1).bit_length()
    multiplier = -(-(1 << right) // count)
    if multiplier >= 1 << 31 or (2 * UP_BIAS + 1) * count * (multiplier * count - (1 << right)) >= 1 << (right - 1):
        raise ValueError(f"no exact reciprocal of {count}")
    return right, multiplier


def lower_average_pool(context: Context, node: AveragePool, band: Band) -> Iterator[Step]:
    """Two passes: sum over the window into accumulator lines, then divide."""
    emitter = context.emitter

    def emit(sweep: Sweep) -> None:
        slot, across, taps = emitter.slots.next(), sweep.counts[0], sweep.taps[0] * sweep.taps[1]
        emitter.vector((*sweep.taps, *sweep.counts), sweep.window,
                       emitter.accumulators(slot, sweep.lines, (0, 0, 1, across), write=True), reduce=2, post=PostStage(alu=Alu.ADD))
        scale, post = _quotient(node, taps)
        emitter.vector(sweep.counts, emitter.accumulators(slot, sweep.lines, (1, across)), sweep.result, lanes=sweep.lanes, scale=scale,
                       post=post)
    yield from _lower(context, node, band, emit)


def _quotient(node: AveragePool, taps: int) -> tuple[ScaleStage, PostStage]:
    """From the sum over `taps` to the result."""
    zero_point = node.zero_point
    if node.scale:
        scale = ScaleStage.constant(node.scale)
    elif node.rounding is Rounding.HALF_UP:
        scale, zero_point = division_up(taps), -UP_BIAS
    else:
        scale = division(taps)
    return scale, PostStage(zero_point, node.low, node.high)


def sums_over_rows(node: Node, source: Tensor, target: Tensor, slot_lines: int, lanes: int) -> bool:
    """Whether a node is a mean over all rows whose sums fit one slot of accumulators, so that rows may come in parts."""
    return (isinstance(node, AveragePool) and not isinstance(node, Interpolate) and node.kernel[0] == source.shape[0] > 1
            and target.shape[0] == 1 and not any(node.padding) and target.shape[1] * lines_for(target.shape[2], lanes) <= slot_lines)


def lower_part_of_mean(context: Context, node: AveragePool, band: Band, number: int) -> Step:
    """Add the rows that the band's input holds to the sums; with the last part, which is the one that has an output row, divide."""
    emitter, source, target, lanes = context.emitter, band.inputs[0], band.output, context.lanes
    _, width, channels = target.tensor.shape
    groups = lines_for(channels, lanes)
    lines = groups * width

    def emit(_: list[int]) -> None:
        if not number:
            context.sums = emitter.slots.next(), emitter.slots.next()
        total, part = context.sums
        slot, first = part if number else total, source.first_row
        last = first + source.rows - 1
        emitter.vector((node.kernel[1], source.rows, groups, width),
                       byte_source(source, first, last, source.address(first),
                                   (source.pitch, source.row_bytes, lanes, node.stride[1] * source.pitch)),
                       emitter.accumulators(slot, lines, (0, 0, width, 1), write=True), reduce=2, post=PostStage(alu=Alu.ADD))
        if number:
            emitter.vector((lines,), emitter.accumulators(part, lines, (1,)), emitter.accumulators(total, lines, (1,), write=True),
                           b=emitter.accumulators(total, lines, (1,)), post=PostStage(alu=Alu.ADD))
        if band.last < band.first:
            return
        scale, post = _quotient(node, node.kernel[0] * node.kernel[1])
        for group in range(groups):
            emitter.vector((width,), emitter.accumulators(total + group * width, width, (1,)),
                           byte_destination(target, 0, 0, target.address(0, 0, group * lanes), (target.pitch,)),
                           lanes=min(lanes, channels - group * lanes), scale=scale, post=post)
    return Step(emit)
