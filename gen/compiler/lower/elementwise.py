"""Element by element on the vector unit: addition, multiplication, rescaling, tables; through accumulator lines between passes."""

import dataclasses
from collections.abc import Iterator
from functools import partial

import numpy as np

from weft.gen.compiler.constants import TABLES, parameter_sets
from weft.gen.compiler.dependences import Region
from weft.gen.compiler.emitter import TABLE, Operand, PostStage, ScaleStage
from weft.gen.compiler.layout import Layout
from weft.gen.compiler.lower.context import (
    Band,
    Context,
    balanced,
    byte_destination,
    byte_source,
    is_scalar,
    parameters,
    stage,
)
from weft.gen.compiler.lower.steps import Step
from weft.gen.graph import Add, Combine, Extremum, Multiply, Prelu, Rescale, Scale, Table
from weft.gen.isa import Alu, Destination, Select, Source


@dataclasses.dataclass(frozen=True)
class Sweep:
    """`rows` rows from y; in each, `vectors` vectors of `lanes` bytes, `step` bytes apart, from byte `offset` of the row."""

    y: int
    rows: int
    offset: int
    vectors: int
    step: int
    lanes: int
    broadcast: bool = False  # one operand has a single vector for all pixels: the sweep is over pixels, and `offset` is its channel

    @property
    def lines(self) -> int:
        return self.rows * self.vectors

    @property
    def last(self) -> int:
        return self.y + self.rows - 1

    def steps(self, layout: Layout) -> tuple[int, int]:
        return self.step, layout.row_bytes

    def address(self, layout: Layout) -> int:
        return layout.address(self.y) + self.offset

    def source(self, layout: Layout) -> Operand:
        return byte_source(layout, self.y, self.last, self.address(layout), self.steps(layout))

    def destination(self, layout: Layout) -> Operand:
        return byte_destination(layout, self.y, self.last, self.address(layout), self.steps(layout))


def _cut(y: int, last: int, offset: int, vectors: int, step: int, lanes: int, most: int) -> Iterator[Sweep]:
    """Sweeps of at most `most` vectors over the same columns of rows y .. last."""
    across = balanced(vectors, most)
    rows = balanced(last - y + 1, max(1, most // across))
    for row in range(y, last + 1, rows):
        for start in range(0, vectors, across):
            yield Sweep(row, min(rows, last + 1 - row), offset + start * step, min(across, vectors - start), step, lanes)


def flat_sweeps(band: Band, lanes: int, most: int) -> Iterator[Sweep]:
    """Cover a band without regard to channels: whole vectors, then what is left of each row."""
    size = band.output.data_bytes
    if size >= lanes:
        yield from _cut(band.first, band.last, 0, size // lanes, lanes, lanes, most)
    if size % lanes:
        yield from _cut(band.first, band.last, size - size % lanes, 1, lanes, size % lanes, most)


def channel_sweeps(band: Band, group: int, lanes: int, most: int) -> Iterator[Sweep]:
    """Cover one group of channels of a band: one vector a pixel."""
    _, width, channels = band.output.tensor.shape
    first = group * lanes
    yield from _cut(band.first, band.last, first, width, channels, min(lanes, channels - first), most)


def operand(layout: Layout, sweep: Sweep) -> Operand:
    """The vectors of an operand that a sweep needs: its own, or the same one everywhere if it is one number or one for each channel."""
    if layout.tensor.shape == (1, 1, 1):
        return Operand(Source.SPLAT_INT8, layout.address(0), (), layout.region(0, 0))
    if sweep.broadcast and layout.tensor.shape[:2] == (1, 1):
        return byte_source(layout, 0, 0, layout.address(0, 0, sweep.offset), ())
    return sweep.source(layout)


def operand_sweeps(band: Band, lanes: int, most: int) -> Iterator[Sweep]:
    """Cover a band, group by group of channels if an operand has one vector for all pixels."""
    shape = band.output.tensor.shape
    if not any(layout.tensor.shape[:2] == (1, 1) and layout.tensor.shape != shape and layout.tensor.shape[2] > 1 for layout in band.inputs):
        yield from flat_sweeps(band, lanes, most)
        return
    for group in range(-(-shape[2] // lanes)):
        for sweep in channel_sweeps(band, group, lanes, most):
            yield dataclasses.replace(sweep, broadcast=True)


def add_sweep(context: Context, node: Add, band: Band, sweep: Sweep, slot: int | None = None) -> None:
    """acc = scale_a(a); acc += scale_b(b); y = clip(scale(acc) + zero_point): three passes over the vectors of `sweep`, through
    accumulator lines from `slot` (default: the next free ones). A difference begins with b; a square is one pass more."""
    emitter = context.emitter
    a, b = band.inputs
    if slot is None:
        slot = emitter.slots.next()
    counts, steps = (sweep.vectors, sweep.rows), (1, sweep.vectors)
    partial = emitter.accumulators(slot, sweep.lines, steps)
    store = emitter.accumulators(slot, sweep.lines, steps, write=True)
    terms, alu = [(a, node.scale_a), (b, node.scale_b)], Alu.ADD
    if node.combine is not Combine.SUM:
        terms, alu = terms[::-1], Alu.SUBTRACT
    (first, scale_first), (second, scale_second) = terms
    emitter.vector(counts, operand(first, sweep), store, scale=stage(scale_first))
    emitter.vector(counts, operand(second, sweep), store, b=partial, scale=stage(scale_second), post=PostStage(alu=alu))
    if node.combine is Combine.SQUARED_DIFFERENCE:
        emitter.vector(counts, partial, store, b=partial, scale=ScaleStage(multiplier_select=Select.OPERAND_B))
    emitter.vector(counts, partial, sweep.destination(band.output), scale=stage(node.scale), lanes=sweep.lanes,
                   post=PostStage(node.zero_point, node.low, node.high))


def lower_add(context: Context, node: Add, band: Band) -> Iterator[Step]:
    """An addition on its own; see `Schedule._epilogue` for one that follows the tiles of a convolution."""
    def emit(sweep: Sweep, _: list[int]) -> None:
        add_sweep(context, node, band, sweep)

    for sweep in operand_sweeps(band, context.lanes, context.emitter.slots.lines):
        yield Step(partial(emit, sweep))


def lower_multiply(context: Context, node: Multiply, band: Band) -> Iterator[Step]:
    """acc = b - zero point; acc = (a - zero point) * acc; y = clip(scale(acc) + zero_point)."""
    emitter, (a, b) = context.emitter, band.inputs

    def emit(sweep: Sweep, _: list[int]) -> None:
        slot = emitter.slots.next()
        counts, steps = (sweep.vectors, sweep.rows), (1, sweep.vectors)
        factor = emitter.accumulators(slot, sweep.lines, steps)
        store = emitter.accumulators(slot, sweep.lines, steps, write=True)
        emitter.vector(counts, operand(b, sweep), store, scale=ScaleStage(pre=-b.tensor.zero_point))
        emitter.vector(counts, operand(a, sweep), store, b=factor,
                       scale=ScaleStage(pre=-a.tensor.zero_point, multiplier_select=Select.OPERAND_B))
        emitter.vector(counts, factor, sweep.destination(band.output), scale=stage(node.scale), lanes=sweep.lanes,
                       post=PostStage(node.zero_point, node.low, node.high))

    for sweep in operand_sweeps(band, context.lanes, emitter.slots.lines):
        yield Step(partial(emit, sweep))


def lower_extremum(context: Context, node: Extremum, band: Band) -> Iterator[Step]:
    """One pass: both operands are on one grid."""
    a, b = band.inputs
    post = PostStage(alu=Alu.MINIMUM if node.smallest else Alu.MAXIMUM)

    def emit(sweep: Sweep, _: list[int]) -> None:
        context.emitter.vector((sweep.vectors, sweep.rows), operand(a, sweep), sweep.destination(band.output), b=operand(b, sweep),
                               post=post, lanes=sweep.lanes)

    for sweep in operand_sweeps(band, context.lanes, context.emitter.slots.lines):
        yield Step(partial(emit, sweep))


def lower_prelu(context: Context, node: Prelu, band: Band) -> Iterator[Step]:
    """low = min(d, 0); low *= slope; low = negative(low); high = max(d, 0); y = clip(positive(high) + low + zero_point): one of the two
    is 0."""
    emitter, lanes, source = context.emitter, context.lanes, band.inputs[0]
    channels = band.output.tensor.shape[2]
    slope, difference = Scale(multiplier=node.slope), ScaleStage(pre=-source.tensor.zero_point)
    sets = parameter_sets(slope, np.asarray(0), channels, lanes)
    most = emitter.slots.lines // 2

    def emit(group: int, placed: list[int]) -> None:
        first = emitter.load_parameters(placed[0], 1, sets)
        for sweep in channel_sweeps(band, group, lanes, most):
            slot, counts, steps = emitter.slots.next(), (sweep.vectors, sweep.rows), (1, sweep.vectors)
            (low, write_low), (high, write_high) = (
                [emitter.accumulators(line, sweep.lines, steps, write=write) for write in (False, True)] for line in (slot, slot + most))
            emitter.vector(counts, sweep.source(source), write_low, scale=difference, post=PostStage(high=0))
            emitter.vector(counts, low, write_low, scale=ScaleStage.per_channel(slope), parameter=first)
            emitter.vector(counts, low, write_low, scale=stage(node.negative))
            emitter.vector(counts, sweep.source(source), write_high, scale=difference, post=PostStage(low=0))
            emitter.vector(counts, high, sweep.destination(band.output), b=low, scale=stage(node.positive), lanes=sweep.lanes,
                           post=PostStage(node.zero_point, -128, 127, Alu.ADD))

    for group in range(-(-channels // lanes)):
        yield Step(partial(emit, group), [context.sets(sets, group, group + 1)])


def lower_table(context: Context, node: Table, band: Band) -> Iterator[Step]:
    """Load the table, then one pass."""
    emitter = context.emitter
    # The hardware's index is the operand's byte, so entry 0 comes first.
    block = context.block(np.roll(node.values, 128).tobytes(), TABLES)

    def load(placed: list[int]) -> None:
        source = Operand(Source.SPLAT_INT8, placed[0] * emitter.line_bytes, (1,), Region("scratchpad", placed[0], block.lines))
        emitter.vector((node.values.size,), source, Operand(Destination.TABLE, 0, (1,), TABLE))

    def emit(sweep: Sweep, _: list[int]) -> None:
        emitter.vector((sweep.vectors, sweep.rows), sweep.source(band.inputs[0]), sweep.destination(band.output), lanes=sweep.lanes,
                       post=PostStage(table=1))

    yield Step(load, [block], early=True)
    for sweep in flat_sweeps(band, context.lanes, emitter.slots.lines):
        yield Step(partial(emit, sweep))


def _identity(scale: Scale) -> bool:
    return is_scalar(scale) and ScaleStage.constant(scale) == ScaleStage()


def lower_rescale(context: Context, node: Rescale, band: Band) -> Iterator[Step]:
    """y = clip(second(first(x)) + zero_point): one pass if one of the two does nothing, else two."""
    emitter, lanes = context.emitter, context.lanes
    source, target = band.inputs[0], band.output
    post = PostStage(node.zero_point, node.low, node.high)
    scales = [scale for scale in (node.first, node.second) if not _identity(scale)] or [node.first]
    channels = target.tensor.shape[2]
    data = [parameters(scale, channels, lanes) for scale in scales]

    def emit(sweep: Sweep, sets: list[int], _: list[int] | None = None) -> None:
        """All passes over the vectors of a sweep; `sets[i]` is the parameter set of scale i."""
        counts = (sweep.vectors, sweep.rows)
        if len(scales) == 1:
            emitter.vector(counts, sweep.source(source), sweep.destination(target), scale=stage(scales[0]), post=post,
                           lanes=sweep.lanes, parameter=sets[0])
            return
        slot, steps = emitter.slots.next(), (1, sweep.vectors)
        emitter.vector(counts, sweep.source(source), emitter.accumulators(slot, sweep.lines, steps, write=True),
                       scale=stage(scales[0]), parameter=sets[0])
        emitter.vector(counts, emitter.accumulators(slot, sweep.lines, steps), sweep.destination(target), scale=stage(scales[1]),
                       post=post, lanes=sweep.lanes, parameter=sets[1])

    if not any(data):
        for sweep in flat_sweeps(band, lanes, emitter.slots.lines):
            yield Step(partial(emit, sweep, [0] * len(scales)))
        return

    def emit_group(group: int, placed: list[int]) -> None:
        lines = iter(placed)
        sets = [emitter.load_parameters(next(lines), 1, item) if item else 0 for item in data]
        for sweep in channel_sweeps(band, group, lanes, emitter.slots.lines):
            emit(sweep, sets)

    for group in range(-(-channels // lanes)):
        yield Step(partial(emit_group, group), [context.sets(item, group, group + 1) for item in data if item])
