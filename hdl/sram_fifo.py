"""A deep queue in a static RAM."""

from amaranth import Module, Shape, Signal, Value
from amaranth.hdl import ShapeLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft.hdl.mem.sram import Sram


class SramFifo(wiring.Component):
    """First in, first out; the head stands in a register behind the memory, because a block RAM gives its data late in the cycle.

    One entry in and one out each cycle. Latency 3 cycles from `i` to `o`. Holds `depth` entries in the memory, one in its output
    register and one in the head. All outputs come from registers. A word is never read in the cycle in which it is written.

    Parameters
    ----------
    shape: of the payload.
    depth: words of the memory, a power of two, 2 or more.

    Members
    -------
    i, o: streams of `shape`.
    level: entries in the memory.
    empty: nothing inside, neither in the memory nor behind it.
    """

    LATENCY = 3

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        if not isinstance(depth, int) or depth < 2 or depth & (depth - 1):
            raise ValueError(f"SramFifo depth={depth!r}: must be a power of two of 2 or more")
        self._shape, self._depth = shape, depth
        super().__init__({
            "i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape)), "level": Out(range(depth + 1)),
            "empty": Out(1, init=1)})

    @property
    def depth(self) -> int:
        """Words of the memory."""
        return self._depth

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.submodules.sram = sram = Sram(depth=self._depth, width=Shape.cast(self._shape).width)
        head, tail = Signal(ceil_log2(self._depth)), Signal(ceil_log2(self._depth))
        push, fetch, fetched, valid, advance = Signal(), Signal(), Signal(), Signal(), Signal()
        full, rises, falls = Signal(), Signal(), Signal()  # the memory is full; its level changes
        first = Signal(self._shape, reset_less=True)
        m.d.comb += [
            self.i.ready.eq(~full), rises.eq(push & ~fetch), falls.eq(fetch & ~push), push.eq(self.i.valid & self.i.ready),
            advance.eq(~valid | self.o.ready), fetch.eq((self.level != 0) & (~fetched | advance)),
            sram.write.enable.eq(push), sram.write.address.eq(tail), sram.write.data.eq(self.i.payload),
            sram.read.enable.eq(fetch), sram.read.address.eq(head), self.o.payload.eq(first), self.o.valid.eq(valid),
            self.empty.eq((self.level == 0) & ~fetched & ~valid)]
        m.d.sync += [self.level.eq(self.level + push - fetch), head.eq(head + fetch), tail.eq(tail + push),
                     fetched.eq(fetch | (fetched & ~advance))]
        with m.If(rises):
            m.d.sync += full.eq(self.level == self._depth - 1)
        with m.Elif(falls):
            m.d.sync += full.eq(0)
        with m.If(advance):
            m.d.sync += valid.eq(fetched)
        with m.If(advance & fetched):
            m.d.sync += Value.cast(first).eq(sram.read.data)
        return m
