"""Typed ways to emit the machine's instructions, with the lines that each of them touches."""

import dataclasses

import numpy as np

from weft.gen.compiler.builder import ProgramBuilder
from weft.gen.compiler.constants import ParameterSets, varying_fields
from weft.gen.compiler.dependences import Region
from weft.gen.compiler.layout import Layout
from weft.gen.compiler.memory import AccumulatorSlots
from weft.gen.config import Config
from weft.gen.graph import Scale
from weft.gen.isa import Alu, Destination, Rounding, Select, Source

MOST_PADDING = 255  # lines that a LOAD writes before a row, or behind it
INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


@dataclasses.dataclass(frozen=True)
class ScaleStage:
    """Fields of VECTOR_SCALE. The default passes lanes through."""

    pre: int = 0
    multiplier: int = 1
    left: int = 0
    right: int = 0
    rounding: Rounding = Rounding.FLOOR
    pre_select: Select = Select.CONSTANT
    multiplier_select: Select = Select.CONSTANT
    left_select: Select = Select.CONSTANT
    right_select: Select = Select.CONSTANT

    @classmethod
    def constant(cls, scale: Scale, *, pre: int = 0) -> "ScaleStage":
        """The stage for a graph scale without per-channel members; `pre` is added to the scale's own."""
        return cls(int(scale.pre) + pre, int(scale.multiplier), int(scale.left), int(scale.right), scale.rounding)

    @classmethod
    def per_channel(cls, scale: Scale) -> "ScaleStage":
        """What differs from channel to channel from the parameter set."""
        fields, select = varying_fields(scale), Select.PARAMETER
        stage = cls(rounding=scale.rounding, pre_select=select)
        if Destination.PARAMETER_MULTIPLIER in fields:
            stage = dataclasses.replace(stage, multiplier_select=select)
        else:
            stage = dataclasses.replace(stage, multiplier=int(np.max(scale.multiplier)))
        if Destination.PARAMETER_SHIFT in fields:
            return dataclasses.replace(stage, left_select=select, right_select=select)
        return dataclasses.replace(stage, left=int(np.max(scale.left)), right=int(np.max(scale.right)))


@dataclasses.dataclass(frozen=True)
class PostStage:
    """Fields of VECTOR_POST. The default passes lanes through."""

    post: int = 0
    low: int = INT32_MIN
    high: int = INT32_MAX
    alu: Alu = Alu.PASS
    table: int = 0


THROUGH, UNCHANGED = ScaleStage(), PostStage()


@dataclasses.dataclass(frozen=True)
class Operand:
    """A vector operand or destination: kind, first address, steps of levels 0 .. 3, lines touched."""

    kind: Source | Destination
    address: int = 0
    steps: tuple[int, ...] = ()
    region: Region | None = None


NOTHING = Operand(Source.NONE)
TABLE = Region("table", 0, 1)


@dataclasses.dataclass(frozen=True)
class Stream:
    """What DEPTHWISE has beside the fields of MATMUL."""

    line: int
    skip: int
    fill: int
    continues: bool


class Emitter:
    """Emits onto a `ProgramBuilder`; owns the accumulator slots and the parameter sets."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.lanes = config.lanes
        self.line_bytes = config.line_bytes
        self.builder = ProgramBuilder()
        self.slots = AccumulatorSlots(config)
        self._next_set = 0

    # -- DMA --------------------------------------------------------------------------------------------
    def load(self, window: int, dram_line: int, line: int, length: int, *, rows: int = 1, dram_stride: int = 0, stride: int = 0,
             before: int = 0, after: int = 0, value: int = 0, dram: Region | None = None) -> None:
        """LOAD with its shape. `dram` defaults to nothing: constants and inputs are never written by the program."""
        many = rows > 1
        self.builder.configure("LOAD_SHAPE", rows=rows, dram_stride=dram_stride if many and length else None,
                               scratchpad_stride=stride if many else None, pad_before=before, pad_after=after,
                               pad_value=value if before or after else None)
        span = (rows - 1) * stride + before + length + after
        self.builder.run("LOAD", window=window, dram_line=dram_line, scratchpad_line=line, length=length,
                         reads=[dram] if dram else [], writes=[Region("scratchpad", line, span)])

    def store(self, window: int, dram_line: int, line: int, length: int, *, rows: int = 1, dram_stride: int = 0,
              stride: int = 0) -> None:
        """STORE with its shape."""
        self.builder.configure("STORE_SHAPE", rows=rows, dram_stride=dram_stride if rows > 1 else None,
                               scratchpad_stride=stride if rows > 1 else None)
        self.builder.run("STORE", window=window, dram_line=dram_line, scratchpad_line=line, length=length,
                         reads=[Region("scratchpad", line, (rows - 1) * stride + length)],
                         writes=[Region(f"window{window}", dram_line, (rows - 1) * dram_stride + length)])

    def fill(self, line: int, lines: int, value: int, *, rows: int = 1, stride: int = 0) -> None:
        """Write `value` to `rows` runs of `lines` lines, `stride` lines apart, without touching DRAM."""
        if rows == 1 and lines > MOST_PADDING:
            rows, lines, stride, rest = lines // MOST_PADDING, MOST_PADDING, MOST_PADDING, lines % MOST_PADDING
            if rest:
                self.fill(line + rows * MOST_PADDING, rest, value)
        elif lines > MOST_PADDING:
            self.fill(line + MOST_PADDING, lines - MOST_PADDING, value, rows=rows, stride=stride)
            lines = MOST_PADDING
        if lines and rows:
            self.load(0, 0, line, 0, rows=rows, stride=stride, before=lines, value=value)

    def fill_padding(self, layout: Layout) -> None:
        """Put the zero point where consumers of `layout` read padding, before the producer writes the pixels.

        If pixels end inside a line the producer cannot leave the rest of the line alone, so everything is filled.
        """
        if layout.dense:
            return
        value, base = layout.pad_value, layout.base_line
        if layout.data_bytes % self.line_bytes:
            self.fill(base, layout.body_lines, value)
            return
        if not layout.halo:
            return
        first, side = layout.row_line(layout.first_row), layout.right_lines + layout.left_lines
        end = layout.row_line(layout.first_row + layout.rows - 1) + layout.data_lines
        if side:
            self.fill(first + layout.data_lines, side, value, rows=layout.rows - 1, stride=layout.row_lines)
        above, below = first - base, base + layout.body_lines - end
        if above == below <= MOST_PADDING:
            self.fill(base, above, value, rows=2, stride=end - base)
            return
        self.fill(base, above, value)
        self.fill(end, below, value)

    def load_rows(self, layout: Layout, first: int, last: int, window: int, dram_line: int) -> None:
        """Fetch rows first .. last of a tensor whose rows lie line-aligned in DRAM, with their side padding."""
        length, left, right, rows = layout.data_lines, layout.left_lines, layout.right_lines, last - first + 1
        line, start = layout.row_line(first), dram_line + first * length
        if max(left, right) > MOST_PADDING:
            self.fill(line - left, left, layout.pad_value, rows=rows, stride=layout.row_lines)
            self.fill(line + length, right, layout.pad_value, rows=rows, stride=layout.row_lines)
            left = right = 0
        self.load(window, start, line - left, length, rows=rows, dram_stride=length, stride=layout.row_lines, before=left, after=right,
                  value=layout.pad_value, dram=Region(f"window{window}", start, rows * length))

    def store_rows(self, layout: Layout, first: int, last: int, window: int, dram_line: int) -> None:
        """Write rows first .. last back: dense tensors as one run, others with line-aligned rows."""
        if layout.dense:
            self.store(window, dram_line, layout.base_line, layout.body_lines)
            return
        length = layout.data_lines
        self.store(window, dram_line + first * length, layout.row_line(first), length, rows=last - first + 1,
                   dram_stride=length, stride=layout.row_lines)

    # -- matrix -------------------------------------------------------------------------------------------
    def matmul(self, *, activation: int, weight_line: int, accumulator: int, accumulate: bool, x: tuple[int, int],
               y: tuple[int, int], inner: tuple[int, int], outer: tuple[int, int], reads: list[Region],
               stationary: bool = False, stream: Stream | None = None) -> None:
        """MATMUL, MATMUL_OS if the sums are `stationary`, or DEPTHWISE for a `stream`, with its shape; every loop is (count, stride in
        bytes). The weights' lines are added to `reads`."""
        loops = {"x": x, "y": y, "inner": inner, "outer": outer}
        counts = {f"{name}_count": count for name, (count, _) in loops.items()}
        self.builder.configure("MATRIX_SHAPE", **counts, **{f"{name}_stride": stride if count > 1 else None
                                                            for name, (count, stride) in loops.items()})
        tiles = Region("scratchpad", weight_line, inner[0] * outer[0] * self.lanes)
        name, own = "MATMUL", {}
        if stream:
            name, own = "DEPTHWISE", {name: int(value) for name, value in vars(stream).items()}
        elif stationary:
            name, own = "MATMUL_OS", {"last": x[0] * y[0] - 1}
        self.builder.run(name, activation=activation, weight_line=weight_line, accumulator=accumulator,
                         accumulate=int(accumulate), **own, reads=[*reads, tiles],
                         writes=[Region("accumulator", accumulator, x[0] * y[0] - (stream.skip if stream else 0))])

    # -- vector -------------------------------------------------------------------------------------------
    def vector(self, counts: tuple[int, ...], a: Operand, destination: Operand, *, b: Operand = NOTHING, reduce: int = 0,
               scale: ScaleStage = THROUGH, post: PostStage = UNCHANGED, lanes: int | None = None, parameter: int = 0) -> None:
        """VECTOR with all its set-up. `counts` are the iterations of levels 0, 1, ...; missing levels run once."""
        full = counts + (1,) * (4 - len(counts))
        self.builder.configure("VECTOR_LOOP", count_0=full[0], count_1=full[1], count_2=full[2], count_3=full[3], reduce=reduce)
        for index, operand in enumerate((a, b, destination)):
            steps = [step if count > 1 and operand is not NOTHING else None
                     for step, count in zip(operand.steps + (0,) * 4, full, strict=False)]
            self.builder.configure("VECTOR_STRIDE", operand=index, stride_0=steps[0], stride_1=steps[1], stride_2=steps[2],
                                   stride_3=steps[3])
        constants = {field: None if getattr(scale, f"{field}_select") else int(getattr(scale, field))
                     for field in ("pre", "multiplier", "left", "right")}
        self.builder.configure("VECTOR_SCALE", **vars(scale) | constants)
        self.builder.configure("VECTOR_POST", **vars(post))
        self.builder.run(
            "VECTOR", a=a.address, a_source=a.kind, b=b.address, b_source=b.kind, destination=destination.address,
            destination_kind=destination.kind, lanes=lanes or self.lanes, parameter=parameter,
            reads=[operand.region for operand in (a, b) if operand.region] + self._inner_reads(scale, post, parameter),
            writes=[destination.region] if destination.region else [])

    @staticmethod
    def _inner_reads(scale: ScaleStage, post: PostStage, parameter: int) -> list[Region]:
        """Of the vector unit's own memories."""
        selects = (scale.pre_select, scale.multiplier_select, scale.left_select, scale.right_select)
        return [Region("parameters", parameter, 1)] * (Select.PARAMETER in selects) + [TABLE] * post.table

    def load_parameters(self, line: int, count: int, sets: ParameterSets) -> int:
        """Move `count` parameter sets, which begin at scratchpad line `line`, into the vector unit; return the first set."""
        if self._next_set + count > self.config.vector.parameter_sets:
            self._next_set = 0
        first, self._next_set = self._next_set, self._next_set + count
        size, region = self.line_bytes, Region("scratchpad", line, count * sets.lines)
        for field in sets.fields:
            source = Operand(field.source, line * size, (size, sets.lines * size), region)
            target = Operand(field.kind, first, (0, 1), Region("parameters", first, count))
            self.vector((field.planes, count), source, target, reduce=1, post=PostStage(alu=Alu.CONCATENATE))
            line += field.planes
        return first

    def restart_sets(self) -> None:
        """Let the next parameter sets be the first ones."""
        self._next_set = 0

    def accumulators(self, first: int, lines: int, steps: tuple[int, ...], *, write: bool = False) -> Operand:
        """Accumulator lines as an operand."""
        kind: Source | Destination = Destination.ACCUMULATOR if write else Source.ACCUMULATOR
        return Operand(kind, first, steps, Region("accumulator", first, lines))


