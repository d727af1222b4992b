"""Feeder: brings the blocks of activation lines and the weight tiles that belong to them to the array, R lines at a time."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from weft.gen.config import Config
from weft.hdl.interfaces import ScratchpadRead
from weft.hdl.matrix.jobs import IssueSignature, fold_layout, place_layout
from weft.hdl.mem.sram import Sram
from weft.hdl.shift_fifo import ShiftFifo

FOLDS = 2  # that the memory holds: one goes to the array while the next arrives


class BlockFeeder(wiring.Component):
    """Collects the vectors of a fold, up to R lines, and when all are there sends them and their weight tile to the array in R cycles
    in which nothing waits. Full speed is one vector a cycle.

    A fold's weights must lie in the weight loader's memory before the first of its vectors is issued, in the order of the folds. A
    block that adds to the accumulators with its only fold waits until the sums before it are at least three cycles old.

    Members
    -------
    valid, place: the read of a vector of a MATMUL_OS is taken in this cycle, `place_layout`; data: what it brings,
        `ScratchpadRead.LATENCY` cycles later.
    room: a fold may be begun in this cycle.
    go: the loader's next tile leaves its memory, line k in cycle k from this one on.
    lines, take, gives: to the array, line k in cycle k + 2 after `go`.
    issue: `IssueSignature` for the result tracker: as if the sums were those of a vector whose read is taken in this cycle.
    busy: lines are on their way to the array.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "valid": In(1), "place": In(place_layout(config)), "data": In(8 * config.line_bytes), "room": Out(1), "go": Out(1),
            "lines": Out(8 * config.line_bytes), "take": Out(config.array.rows), "gives": Out(1), "issue": Out(IssueSignature(config)),
            "busy": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        rows, size = self._config.array.rows, exact_log2(self._config.array.rows)
        m.submodules.buffer = buffer = Sram(depth=max(32, FOLDS * rows), width=8 * self._config.line_bytes)
        m.submodules.folds = folds = ShiftFifo(fold_layout(self._config), FOLDS)

        # On the way in. What was taken arrives after a fixed time.
        ends, coming, last = Signal(), Signal(ScratchpadRead.LATENCY), Signal(ScratchpadRead.LATENCY, reset_less=True)
        places = Signal(size * ScratchpadRead.LATENCY, reset_less=True)
        half, begun, stored, arrived = Signal(), Signal(range(FOLDS + 1)), Signal(range(FOLDS + 1)), Signal()
        m.d.comb += [
            ends.eq(self.valid & (self.place.position == self.place.fold.top)), folds.i.valid.eq(ends),
            folds.i.payload.eq(self.place.fold), arrived.eq(coming[-1] & last[-1]), self.room.eq(begun != FOLDS),
            buffer.write.enable.eq(coming[-1]), buffer.write.address.eq(Cat(places[-size:], half)), buffer.write.data.eq(self.data)]
        m.d.sync += [
            coming.eq(Cat(self.valid, coming)[:len(coming)]), last.eq(Cat(ends, last)[:len(last)]),
            places.eq(Cat(self.place.position, places)[:len(places)]), half.eq(half ^ arrived),
            begun.eq(begun + (self.valid & (self.place.position == 0)) - self.go), stored.eq(stored + arrived - self.go)]

        # On the way out. A one runs along the lines: read in cycle go + k, out of the memory, into `lines`, and from there to row k.
        row, slot, reading = Signal(rows + 1), Signal(range(FOLDS * rows)), Signal()
        recent, waits = Signal(2), Signal()
        head, held, fold = folds.o.payload, Signal.like(folds.o.payload, reset_less=True), Signal.like(folds.o.payload)
        clears, gives = Signal(), Signal()
        m.d.comb += [
            waits.eq(head.first & head.clears & head.gives & head.add & recent.any()),
            self.go.eq((stored != 0) & ~row[:rows - 1].any() & ~waits), folds.o.ready.eq(self.go),
            reading.eq(self.go | row[:rows - 1].any()), buffer.read.enable.eq(reading), buffer.read.address.eq(slot),
            self.take.eq(row[1:]), self.gives.eq(clears | gives), self.busy.eq(row.any())]
        m.d.sync += [row.eq(Cat(self.go, row)[:len(row)]), recent.eq(Cat(reading, recent)[:2]), clears.eq(self.go & head.clears),
                     gives.eq(row[rows - 1] & held.gives)]
        with m.If(reading):
            m.d.sync += slot.eq(slot + 1)
        with m.If(row[:rows].any()):
            m.d.sync += self.lines.eq(buffer.read.data)
        with m.If(self.go):
            m.d.sync += held.eq(head)

        # Position k of a block that gives its sums in this fold leaves the array as the vector would that is read in cycle go + k.
        k, issue = slot[:size], self.issue
        m.d.comb += [
            fold.eq(Mux(self.go, head, held)), issue.valid.eq(reading & fold.gives & (k <= fold.top)), issue.starts.eq(k == 0),
            issue.first.eq((k == 0) & fold.first), issue.again.eq((k == 0) & ~fold.head), issue.last.eq(fold.last & (k == fold.top)),
            issue.add.eq(fold.add)]
        return m
