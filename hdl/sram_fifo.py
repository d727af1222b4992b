"""A long queue in a memory with a synchronous read port."""

from amaranth import Module, Signal
from amaranth.hdl import Shape, ShapeLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from weft.hdl.mem.sram import Sram


class SramFifo(wiring.Component):
    """First in, first out; the head waits in the memory's output register.

    One entry in and one out each cycle. `i.ready` and `o.valid` come from registers. An entry and the one at the head are never at one
    address, so the memory is never asked for the word that is being written.

    Parameters
    ----------
    shape: of the payload.
    depth: entries that the memory holds, a power of two of 2 or more; one more waits at the output.

    Members
    -------
    i, o: streams of `shape`.

    Raises
    ------
    ValueError: if `depth` breaks its rule.
    """

    LATENCY = 2  # cycles from the transfer at i to o.valid

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        if not isinstance(depth, int) or depth < 2 or depth & (depth - 1):
            raise ValueError(f"SramFifo depth={depth!r}: must be a power of two of 2 or more")
        self._shape, self._depth = shape, depth
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    @property
    def depth(self) -> int:
        """Entries in the memory."""
        return self._depth

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.submodules.memory = memory = Sram(depth=self._depth, width=Shape.cast(self._shape).width)
        level, put, get = Signal(range(self._depth + 1)), Signal(range(self._depth)), Signal(range(self._depth))
        push, fetch = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(level != self._depth), push.eq(self.i.valid & self.i.ready),
            fetch.eq((level != 0) & (~self.o.valid | self.o.ready)),
            memory.write.enable.eq(push), memory.write.address.eq(put), memory.write.data.eq(self.i.payload),
            memory.read.enable.eq(fetch), memory.read.address.eq(get), self.o.p.eq(memory.read.data)]
        m.d.sync += level.eq(level + push - fetch)
        with m.If(push):
            m.d.sync += put.eq(put + 1)
        with m.If(fetch):
            m.d.sync += [get.eq(get + 1), self.o.valid.eq(1)]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m
