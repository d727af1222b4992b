"""A short queue of wide entries in registers that do not move."""

from amaranth import Module, Mux, Signal
from amaranth.hdl import ShapeLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class RingFifo(wiring.Component):
    """First in, first out; an entry is written once, and a multiplexer picks the oldest.

    One entry in and one out each cycle. Latency 1 cycle. `i.ready`, `o.valid` and `level` come from registers, `o.payload` from a
    multiplexer behind registers. Against `ShiftFifo` it saves the multiplexer in front of each entry: for wide entries.

    Parameters
    ----------
    shape: of the payload.
    depth: entries, 2 or more.

    Members
    -------
    i, o: streams of `shape`.
    level: entries held.
    """

    LATENCY = 1

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        if not isinstance(depth, int) or depth < 2:
            raise ValueError(f"RingFifo depth={depth!r}: must be an integer of 2 or more")
        self._shape, self._depth = shape, depth
        super().__init__({
            "i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape)), "level": Out(range(depth + 1))})

    @property
    def depth(self) -> int:
        """Entries."""
        return self._depth

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        entries = [Signal(self._shape, name=f"entry_{n}", reset_less=True) for n in range(self._depth)]
        head, tail, push, pop = Signal(range(self._depth)), Signal(range(self._depth)), Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(self.level != self._depth), self.o.valid.eq(self.level != 0),
            push.eq(self.i.valid & self.i.ready), pop.eq(self.o.valid & self.o.ready)]
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
                    m.d.comb += self.o.payload.eq(entry)
        return m
