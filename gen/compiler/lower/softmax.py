"""TFLite's int8 softmax as a program of the vector unit.

Sums across channels need no cross-lane network: SPLAT sources sweep the channels one by one, so every lane holds the
maximum, the sum and its reciprocal. The arithmetic is gemmlowp's fixed point (fixedpoint.h: exp_on_negative_values as a table,
one_over_one_plus_x_for_x_in_0_1 with three Newton steps) as TFLite's reference softmax uses it.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from weft.gen.compiler.constants import TABLES, Block
from weft.gen.compiler.dependences import Region
from weft.gen.compiler.emitter import NOTHING, TABLE, THROUGH, UNCHANGED, Operand, PostStage, ScaleStage
from weft.gen.compiler.lower.context import Band, Context, byte_destination, byte_source
from weft.gen.compiler.lower.steps import Step
from weft.gen.graph import Softmax
from weft.gen.isa import Alu, Destination, Rounding, Select, Source

ENTRIES = 256  # of the table of exponentials
SUM_INTEGER_BITS = 12  # TFLite accumulates exponentials in Q12.19
NEWTON_48_17, NEWTON_32_17 = 1515870810, 1010580540  # Q2.29
Q2_ONE = 1 << 29
# gemmlowp's SaturatingRoundingDoublingHighMul: ties towards plus infinity, also of negative products.
MULTIPLY_HIGH = ScaleStage(right=31, rounding=Rounding.HALF_UP, multiplier_select=Select.OPERAND_B)
# Its opposite, where one operand stands negated and their product is positive: ties then go away from zero.
NEGATIVE_HIGH = ScaleStage(right=31, rounding=Rounding.HALF_AWAY, multiplier_select=Select.OPERAND_B)


class SoftmaxLowering:
    """Emits one row of N channels at a time. Scratch lines live in one accumulator slot."""

    def __init__(self, context: Context, node: Softmax, band: Band) -> None:
        self.emitter, self.band, self.lanes = context.emitter, band, context.lanes
        self.channels = band.output.tensor.shape[2]
        names = ("maximum", "sum", "zeros", "half", "x", "y", "shift", "vector")
        self.names = {name: index for index, name in enumerate(names)}
        # Entries 1 .. 255 belong to differences -255 .. -1 and do not fall: the zeros among them come first, and need no constants.
        self.first = 1 + int((node.exponentials[1:] == 0).sum())
        table = np.roll(node.exponentials, -self.first)[:ENTRIES + 1 - self.first]
        self.table: Block = context.block(np.ascontiguousarray(table.astype("<i4")).tobytes(), TABLES)
        self.slot = 0

    def _line(self, name: str) -> int:
        return self.slot + self.names[name]

    def _read(self, name: str) -> Operand:
        return self.emitter.accumulators(self._line(name), 1, ())

    def _op(self, target: str, a: str, b: str | None = None, *, scale: ScaleStage = THROUGH, post: PostStage = UNCHANGED) -> None:
        """target = operation(a, b) on single accumulator lines."""
        self.emitter.vector((1,), self._read(a), self.emitter.accumulators(self._line(target), 1, (), write=True),
                            b=self._read(b) if b else NOTHING, scale=scale, post=post)

    def load_table(self, placed: list[int]) -> None:
        line, size = placed[0], self.emitter.line_bytes
        source = Operand(Source.SPLAT_INT32, line * size, (4,), Region("scratchpad", line, self.table.lines))
        self.emitter.vector((ENTRIES + 1 - self.first,), source, Operand(Destination.TABLE, self.first, (1,), TABLE))
        if self.first > 1:
            self.emitter.vector((self.first - 1,), NOTHING, Operand(Destination.TABLE, 1, (1,), TABLE))

    def row(self, y: int, x: int, _: list[int]) -> None:
        """All channels of one pixel."""
        self.slot = self.emitter.slots.next()
        source = self.band.inputs[0]
        address = source.address(y, x)
        region = source.region(y, y)
        splat = Operand(Source.SPLAT_INT8, address, (1,), region)
        self.emitter.vector((self.channels,), splat, self.emitter.accumulators(self._line("maximum"), 1, (), write=True), reduce=1,
                            post=PostStage(alu=Alu.MAXIMUM))
        self._sum(address, region)
        self._reciprocal()
        whole, rest = divmod(self.channels, self.lanes)
        for start, count, lanes in ((0, whole, self.lanes), (whole, 1, rest)):
            if count and lanes:
                self._vectors(y, x, start, count, lanes)

    def _sum(self, address: int, region: Region) -> None:
        """sum += exp(x[i] - maximum) in Q12.19, every lane alike."""
        scratch = self._line("vector")
        most = self.emitter.slots.lines - len(self.names) + 1
        for start in range(0, self.channels, most):
            count = min(most, self.channels - start)
            splat = Operand(Source.SPLAT_INT8, address + start, (1,), region)
            self.emitter.vector((count,), splat, self.emitter.accumulators(scratch, count, (1,), write=True), b=self._read("maximum"),
                                post=PostStage(alu=Alu.SUBTRACT, table=1))
            target = "y" if start else "sum"
            self.emitter.vector((count,), self.emitter.accumulators(scratch, count, (1,)),
                                self.emitter.accumulators(self._line(target), 1, (), write=True), reduce=1,
                                scale=ScaleStage(right=SUM_INTEGER_BITS, rounding=Rounding.HALF_AWAY), post=PostStage(alu=Alu.ADD))
            if start:
                self._op("sum", "sum", "y", post=PostStage(alu=Alu.ADD))

    def _reciprocal(self) -> None:
        """x = 1 / normalised sum in Q0.31; shift = what the product with an exponential must be divided by."""
        self._op("zeros", "sum", post=PostStage(alu=Alu.LEADING_ZEROS))
        # 1 + f with f in [0, 1): drop the leading one, keep f as Q0.31; half = -(f + 1) / 2: halving -f upwards is halving f downwards.
        self._op("y", "sum", "zeros", scale=ScaleStage(left_select=Select.OPERAND_B), post=PostStage(post=-(1 << 31)))
        self._op("half", "y", scale=ScaleStage(multiplier=-1, right=1, rounding=Rounding.HALF_UP), post=PostStage(post=-(1 << 30)))
        constant = ScaleStage(multiplier=NEWTON_32_17, right=31, rounding=Rounding.HALF_UP)
        self._op("x", "half", scale=constant, post=PostStage(post=NEWTON_48_17))
        for _ in range(3):
            self._op("y", "half", "x", scale=NEGATIVE_HIGH, post=PostStage(post=Q2_ONE))  # 1 - the product of two positive numbers
            self._op("y", "x", "y", scale=MULTIPLY_HIGH)
            self._op("x", "y", "x", scale=ScaleStage(left=2), post=PostStage(alu=Alu.ADD))
        self._op("x", "x", scale=ScaleStage(multiplier=2))  # Q1.30 to Q0.31; saturates, a left shift would wrap
        self._op("shift", "zeros", scale=ScaleStage(multiplier=-1), post=PostStage(post=SUM_INTEGER_BITS + 31 - 8))

    def _vectors(self, y: int, x: int, start: int, count: int, lanes: int) -> None:
        """exp(x - maximum) * reciprocal for `count` vectors from vector `start`."""
        source, target, step = self.band.inputs[0], self.band.output, (self.lanes,)
        offset, scratch = start * self.lanes, self._line("vector")
        most = self.emitter.slots.lines - len(self.names) + 1
        for first in range(0, count, most):
            some, at = min(most, count - first), offset + first * self.lanes
            read, write = (self.emitter.accumulators(scratch, some, (1,), write=flag) for flag in (False, True))
            self.emitter.vector((some,), byte_source(source, y, y, source.address(y, x) + at, step), write, b=self._read("maximum"),
                                post=PostStage(alu=Alu.SUBTRACT, table=1))
            self.emitter.vector((some,), read, write, b=self._read("x"), scale=MULTIPLY_HIGH)
            self.emitter.vector((some,), read, byte_destination(target, y, y, target.address(y, x) + at, step), b=self._read("shift"),
                                scale=ScaleStage(rounding=Rounding.HALF_AWAY, right_select=Select.OPERAND_B),
                                post=PostStage(-128, -128, 127), lanes=lanes)


def lower_softmax(context: Context, node: Softmax, band: Band) -> Iterator[Step]:
    """Steps: the exponential table, then a row of channels at a time."""
    lowering = SoftmaxLowering(context, node, band)
    yield Step(lowering.load_table, [lowering.table], early=True)
    for y in range(band.first, band.last + 1):
        for x in range(band.output.tensor.shape[1]):
            yield Step(partial(lowering.row, y, x))
