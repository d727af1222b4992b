"""A deep queue in a static RAM."""

from amaranth import Module, Shape, Signal, Value
from amaranth.hdl import ShapeLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft.hdl.mem.sram import Sram


class SramFifo(wiring.Component):
    """First in, first out; the head stands in the memory's own output register.

    One entry in and one out each cycle. Latency 2 cycles from `i` to `o`. Holds `depth` entries in the memory and one at the output.
    `i.ready` and `o.valid` come from registers. A word is never read in the cycle in which it is written.

    Parameters
    ----------
    shape: of the payload.
    depth: words of the memory, a power of two, 2 or more.

    Members
    -------
    i, o: streams of `shape`.
    empty: nothing inside, neither in the memory nor at the output.
    """

    LATENCY = 2

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        if not isinstance(depth, int) or depth < 2 or depth & (depth - 1):
            raise ValueError(f"SramFifo depth={depth!r}: must be a power of two of 2 or more")
        self._shape, self._depth = shape, depth
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape)), "empty": Out(1, init=1)})

    @property
    def depth(self) -> int:
        """Words of the memory."""
        return self._depth

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.submodules.sram = sram = Sram(depth=self._depth, width=Shape.cast(self._shape).width)
        stored = Signal(range(self._depth + 1))
        head, tail = Signal(ceil_log2(self._depth)), Signal(ceil_log2(self._depth))
        push, fetch, valid = Signal(), Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(stored != self._depth), push.eq(self.i.valid & self.i.ready),
            fetch.eq((stored != 0) & (~valid | self.o.ready)),
            sram.write.enable.eq(push), sram.write.address.eq(tail), sram.write.data.eq(self.i.payload),
            sram.read.enable.eq(fetch), sram.read.address.eq(head), Value.cast(self.o.payload).eq(sram.read.data),
            self.o.valid.eq(valid), self.empty.eq((stored == 0) & ~valid)]
        m.d.sync += [stored.eq(stored + push - fetch), head.eq(head + fetch), tail.eq(tail + push),
                     valid.eq(fetch | (valid & ~self.o.ready))]
        return m
