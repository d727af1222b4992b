"""A short queue of wide entries that do not move, behind them a register."""

from amaranth import Module, Mux, Signal
from amaranth.hdl import ShapeLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class RingFifo(wiring.Component):
    """First in, first out; an entry is written once, and a multiplexer picks the oldest for the head, a register.

    One entry in and one out each cycle. Latency 2 cycles. All outputs come from registers. Against `ShiftFifo` it saves the
    multiplexer in front of each entry: for wide entries. Holds `depth` entries and one in the head.

    Parameters
    ----------
    shape: of the payload.
    depth: entries without the head, 2 or more.

    Members
    -------
    i, o: streams of `shape`.
    level: entries held, without the head.
    """

    LATENCY = 2

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        if not isinstance(depth, int) or depth < 2:
            raise ValueError(f"RingFifo depth={depth!r}: must be an integer of 2 or more")
        self._shape, self._depth = shape, depth
        super().__init__({
            "i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape)), "level": Out(range(depth + 1))})

    @property
    def depth(self) -> int:
        """Entries without the head."""
        return self._depth

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        entries = [Signal(self._shape, name=f"entry_{n}", reset_less=True) for n in range(self._depth)]
        head, tail, push, pop = Signal(range(self._depth)), Signal(range(self._depth)), Signal(), Signal()
        oldest, first, valid, free = Signal(self._shape), Signal(self._shape, reset_less=True), Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(self.level != self._depth), push.eq(self.i.valid & self.i.ready), free.eq(~valid | self.o.ready),
            pop.eq((self.level != 0) & free), self.o.valid.eq(valid), self.o.payload.eq(first)]
        with m.If(free):
            m.d.sync += valid.eq(self.level != 0)
        with m.If(pop):
            m.d.sync += first.eq(oldest)
        m.d.sync += self.level.eq(self.level + push - pop)
        for pointer, moves in ((head, pop), (tail, push)):
            with m.If(moves):
                m.d.sync += pointer.eq(Mux(pointer == self._depth - 1, 0, pointer + 1))
        for n, entry in enumerate(entries):
            with m.If(push & (tail == n)):
                m.d.sync += entry.eq(self.i.payload)
        with m.Switch(head):
            for n, entry in enumerate(entries):
                with m.Case(n):
                    m.d.comb += oldest.eq(entry)
        return m
