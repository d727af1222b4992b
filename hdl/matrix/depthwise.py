"""The vertical path of the array: what turns each column into a filter of its own channel."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.hdl.mem.sram import Sram
from weft.hdl.words import word_layout

DEPTHWISE = word_layout("DEPTHWISE")

# What travels with an activation vector. Only `depthwise` means anything with one of a MATMUL; `begins`: the first of its stream.
STREAM = data.StructLayout({"depthwise": 1, "begins": 1, "line": DEPTHWISE["line"].shape, "fill": DEPTHWISE["fill"].shape})

MEMORY = 256  # vectors that a line delay holds


class VerticalStep(wiring.Component):
    """Chooses what a processing element's activation register takes: half the speed of partial sums down a column.

    Without `step`, `activation` is `left`. With it, it is what `above` was at the last `step` before, or `fill` where a stream `begins`.
    As `above` is the register of the element above, a vector needs two steps a row, and meets in row j of a segment the
    partial sums of the vector that came j steps after it. Nothing but the `step`s counts: what the elements hold in between may
    be anything.

    Parameters
    ----------
    first: of the first row of a segment: with `step`, `activation` is `above` itself.

    Members
    -------
    busy: 1 if any element of the array steps; says nothing new, but lets a simulator pass over the whole path when it rests.
    step, begins: one bit each; begins only with step.
    left, above, fill: bytes.
    activation: to the element.
    """

    def __init__(self, *, first: bool) -> None:
        self._first = first
        super().__init__({
            "busy": In(1), "step": In(1), "begins": In(1), "left": In(8), "above": In(8), "fill": In(8), "activation": Out(8)})

    @property
    def first(self) -> bool:
        """Of the first row of a segment."""
        return self._first

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        entering = Signal(8)
        m.d.comb += self.activation.eq(Mux(self.busy, Mux(self.step, entering, self.left), self.left))
        if self._first:
            m.d.comb += entering.eq(self.above)
            return m
        older = Signal(8, reset_less=True)
        m.d.comb += entering.eq(Mux(self.begins, self.fill, older))
        with m.If(self.busy), m.If(self.step):
            m.d.sync += older.eq(self.above)
        return m


class VerticalFeed(wiring.Component):
    """Follows the vectors over the diagonals, and gives the first row of each segment the vectors that are meant for it.

    Everything that it says of diagonal d (PEs (r, c) with r + c = d) concerns the vector that entered d cycles ago. Segment g
    begins in row g * S; its first row takes the vector that came g * line vectors earlier in the stream, or `fill` bytes before
    the beginning, column c at diagonal g * S + c. (Segment 0 takes the array's slanted vectors themselves.) Before each other
    segment stands a memory, written on the diagonal of the segment before and read one diagonal ahead of its own. Between the two
    at most S - 1 vectors enter, so the word that is read is never the one that is written, as `line` + S - 1 < MEMORY.

    All registers stand still while no depthwise vector passes.

    Members
    -------
    valid: a vector enters the array; vector: its R bytes; stream: `STREAM`, what it is.
    busy: `VerticalStep`'s; step, begins, fill: the same, bit or byte d for diagonal d.
    above_1 ..: byte c for the first row of segment g, column c.
    """

    def __init__(self, config: Config) -> None:
        self._columns, self._segments, self._taps = config.array.columns, config.depthwise_segments, config.depthwise_taps
        self._diagonals = config.array.rows + config.array.columns - 1
        super().__init__({
            "valid": In(1), "vector": In(8 * config.array.rows), "stream": In(STREAM), "busy": Out(1), "step": Out(self._diagonals),
            "begins": Out(self._diagonals), "fill": Out(8 * self._diagonals),
            **{f"above_{segment}": Out(8 * self._columns) for segment in range(1, self._segments)}})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        last = self._diagonals - 1
        step_front, begins_front = Signal(last), Signal(last)
        m.d.comb += [
            self.step.eq(Cat(self.valid & self.stream.depthwise, step_front)), self.busy.eq(self.step.any()),
            self.begins.eq(Cat(self.valid & self.stream.depthwise & self.stream.begins, begins_front))]
        m.d.sync += [step_front.eq(self.step[:last]), begins_front.eq(self.begins[:last])]
        fill = [self.stream.fill, *(Signal(8, reset_less=True, name=f"fill_{d}") for d in range(1, self._diagonals))]
        with m.If(self.busy):
            for d in range(last):
                with m.If(self.begins[d]):
                    m.d.sync += fill[d + 1].eq(fill[d])
        m.d.comb += self.fill.eq(Cat(fill))

        slot, oldest, missing = self._places(m)
        vector = self.vector
        for segment in range(1, self._segments):
            row = segment * self._taps
            m.submodules[f"memory_{segment}"] = memory = Sram(depth=MEMORY, width=8 * self._columns)
            m.d.comb += [
                memory.write.enable.eq(self.step[row - self._taps]), memory.write.address.eq(slot[row - self._taps]),
                memory.write.data.eq(vector), memory.read.enable.eq(self.step[row - 1]), memory.read.address.eq(oldest[row - 1])]
            vector = Signal(8 * self._columns, name=f"vector_{segment}")
            m.d.comb += vector.eq(Mux(missing[row], fill[row].replicate(self._columns), memory.read.data))
            m.d.comb += getattr(self, f"above_{segment}").eq(self._slant(m, vector, row))
        return m

    def _places(self, m: Module) -> tuple[list[Signal], list[Signal], list[Signal]]:
        """Of the latest vector of each diagonal up to the last segment's first: its place in the memories, the place of the vector one
        line older, and whether that one came before the stream's beginning."""
        length = (self._segments - 1) * self._taps + 1
        slot, oldest = ([Signal(range(MEMORY), reset_less=True, name=f"{name}_{d}") for d in range(length)] for name in ("slot", "oldest"))
        missing = [Signal(reset_less=True, name=f"missing_{d}") for d in range(length)]
        following, counted = Signal(range(MEMORY)), Signal(range(MEMORY), reset_less=True)  # counted: of the stream, stops at the top
        older = Signal(range(MEMORY))
        m.d.comb += [older.eq(Mux(self.begins[0], 0, counted)), slot[0].eq(following), oldest[0].eq(following - self.stream.line),
                     missing[0].eq(older < self.stream.line)]
        with m.If(self.step[0]):
            m.d.sync += following.eq(following + 1)
            with m.If(older != MEMORY - 1):
                m.d.sync += counted.eq(older + 1)
        with m.If(self.busy):
            for d in range(length - 1):
                with m.If(self.step[d]):
                    m.d.sync += [slot[d + 1].eq(slot[d]), oldest[d + 1].eq(oldest[d]), missing[d + 1].eq(missing[d])]
        return slot, oldest, missing

    def _slant(self, m: Module, vector: Signal, diagonal: int) -> Signal:
        """Byte c of `vector`, which is there on `diagonal`, c diagonals later."""
        slanted, rest = [vector[:8]], vector[8:]
        for column in range(1, self._columns):
            held = Signal(8 * (self._columns - column), reset_less=True, name=f"slant_{diagonal}_{column}")
            with m.If(self.busy), m.If(self.step[diagonal + column - 1]):
                m.d.sync += held.eq(rest)
            slanted.append(held[:8])
            rest = held[8:]
        return Cat(slanted)
