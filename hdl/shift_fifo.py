"""A short queue in registers whose head is itself a register."""

from amaranth import Module, Mux, Signal
from amaranth.hdl import ShapeLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class ShiftFifo(wiring.Component):
    """First in, first out; entries move towards the output, so that nothing but a register drives `o`.

    One entry in and one out each cycle. Latency 1 cycle. `i.ready` and `level` come from registers: neither depends on
    `o.ready` or `i.valid` in the same cycle, which cuts every combinational path between the two sides. For a few entries;
    each costs a register and a two-way multiplexer.

    Parameters
    ----------
    shape: of the payload.
    depth: entries, 2 or more (with 1, only every other cycle could take an entry).

    Members
    -------
    i, o: streams of `shape`.
    level: entries held.
    """

    LATENCY = 1

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        if not isinstance(depth, int) or depth < 2:
            raise ValueError(f"ShiftFifo depth={depth!r}: must be an integer of 2 or more")
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
        push = Signal()
        pop = Signal()
        m.d.comb += [
            self.i.ready.eq(self.level != self._depth), self.o.valid.eq(self.level != 0), self.o.payload.eq(entries[0]),
            push.eq(self.i.valid & self.i.ready), pop.eq(self.o.valid & self.o.ready)]
        m.d.sync += self.level.eq(self.level - pop + push)
        # Whether something comes or leaves is known late, so it decides little: a place without an entry takes whatever is offered.
        for n, (entry, behind) in enumerate(zip(entries, [*entries[1:], self.i.payload], strict=True)):
            with m.If(pop | (self.level <= n)):
                m.d.sync += entry.eq(Mux(self.level > n + 1, behind, self.i.payload))
        return m
