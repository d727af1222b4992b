"""Main memory of a stand-alone image, in on-chip RAM."""

from amaranth import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In
from amaranth.utils import ceil_log2, exact_log2

from weft.gen.config import Config
from weft.hdl.delay import delayed
from weft.hdl.interfaces import DECERR, OKAY, AxiRead, AxiWrite, read_layout
from weft.hdl.mem.byte_port import BytePort
from weft.hdl.mem.sram import SinglePortSram
from weft.hdl.shift_fifo import ShiftFifo
from weft.hdl.sram_fifo import SramFifo

PAGE = 4096  # bytes: a burst lies in one page


class MainMemory(wiring.Component):
    """One single-port RAM behind an AXI4 subordinate and a byte port; it begins at bus address 0.

    The RAM does one access a cycle: the byte port first, reads and writes of the bus in turns. A beat each cycle is possible; reads follow
    each other without a gap between bursts, writes with one cycle. One burst each way is under way; all are answered in order. For INCR
    bursts of full beats within a page of 4 KiB. Bursts outside the memory read anything, write nothing and are answered with DECERR.

    A read begins when the queue of beats has room for it, so that the RAM never waits for the bus, and registers may stand between them.

    Parameters
    ----------
    config: of the bus.
    kib: size, a multiple of 4.
    distance: registers on the way to the RAM, and as many on the way back: block RAMs of a large memory lie all over a large chip.

    Members
    -------
    read, write: from an AXI4 manager; `ready` of all channels, and everything that is given, come from registers or a few levels of logic
        behind them. port: from the host link.

    Raises
    ------
    ValueError: for a size that is no positive multiple of 4.
    """

    def __init__(self, config: Config, kib: int, distance: int = 0) -> None:
        if not isinstance(kib, int) or kib < 4 or kib % 4:
            raise ValueError(f"MainMemory kib={kib!r}: must be a positive multiple of 4")
        self._config, self._kib, self._distance = config, kib, distance
        super().__init__({"read": In(AxiRead(config)), "write": In(AxiWrite(config)), "port": In(BytePort(1024 * kib))})

    @property
    def bytes(self) -> int:
        """Size."""
        return 1024 * self._kib

    def elaborate(self, platform: object) -> Module:
        del platform
        m, line = Module(), self._config.line_bytes
        skip = exact_log2(line)  # address bits within a line
        m.submodules.ram = ram = SinglePortSram(depth=self.bytes // line, width=8 * line)
        m.submodules.beats = beats = self._queue()
        ar, r, aw, w, b = self.read.ar, self.read.r, self.write.aw, self.write.w, self.write.b

        asking = Signal(data.StructLayout({"valid": 1, "write": 1, "address": self.port.address.shape(), "data": 8}))
        m.d.comb += [asking.valid.eq(self.port.valid), asking.write.eq(self.port.write), asking.address.eq(self.port.address),
                     asking.data.eq(self.port.write_data), self.port.ready.eq(1)]
        port = delayed(m, asking, 1, name="port")  # a client's own logic ends here

        reads, writes, room = Signal(), Signal(), Signal()
        prefers_writes = Signal()  # decided a cycle early, so that `ready` waits for little
        reading, read_line, read_left = Signal(), Signal.like(ram.address), Signal(8)
        read_outside, read_id = Signal(), Signal()
        writing, write_line, write_outside = Signal(), Signal.like(ram.address), Signal()
        m.d.comb += [
            w.ready.eq(writing & prefers_writes & ~port.valid), writes.eq(w.valid & w.ready),
            reads.eq(reading & room & ~port.valid & ~(w.valid & writing & prefers_writes))]
        m.d.sync += prefers_writes.eq(~(writes & reading))

        # -- reads of the bus --------------------------------------------------------------------------------------------------------
        last = Signal()
        m.d.comb += [last.eq(read_left == 0), ar.ready.eq(~reading | (reads & last))]
        with m.If(ar.ready):
            m.d.sync += [
                reading.eq(ar.valid), read_line.eq(ar.payload.address >> skip), read_left.eq(ar.payload.length),
                read_outside.eq(ar.payload.address >= self.bytes), read_id.eq(ar.payload.id)]
        with m.Elif(reads):
            m.d.sync += [read_line.eq(read_line + 1), read_left.eq(read_left - 1)]
        under_way = Signal(range(beats.depth + 1))  # beats that were begun and have not left
        m.d.comb += room.eq(under_way != beats.depth)
        m.d.sync += under_way.eq(under_way + reads - (r.valid & r.ready))
        wiring.connect(m, beats.o, wiring.flipped(r))

        # -- writes of the bus -------------------------------------------------------------------------------------------------------
        m.d.comb += aw.ready.eq(~writing & (~b.valid | b.ready))
        with m.If(b.ready):
            m.d.sync += b.valid.eq(0)
        with m.If(aw.valid & aw.ready):
            m.d.sync += [writing.eq(1), write_line.eq(aw.payload.address >> skip), write_outside.eq(aw.payload.address >= self.bytes)]
        with m.If(writes):
            m.d.sync += write_line.eq(write_line + 1)
            with m.If(w.payload.last):
                m.d.sync += [writing.eq(0), b.valid.eq(1), b.payload.response.eq(Mux(write_outside, DECERR, OKAY))]

        # -- the RAM, and what its data are for --------------------------------------------------------------------------------------
        access = Signal(data.StructLayout({"enable": 1, "address": ram.address.shape(), "write": line, "data": 8 * line}))
        reply = Signal(data.StructLayout({"bus": 1, "port": 1, "byte": skip, "id": 1, "last": 1, "outside": 1}))
        byte = port.address[:skip]
        m.d.comb += [
            reply.bus.eq(reads), reply.port.eq(port.valid & ~port.write), reply.byte.eq(byte), reply.id.eq(read_id),
            reply.last.eq(last), reply.outside.eq(read_outside)]
        with m.If(port.valid):
            m.d.comb += [
                access.enable.eq(1), access.address.eq(port.address[skip:]), access.write.eq(Mux(port.write, 1 << byte, 0)),
                access.data.eq(port.data.replicate(line))]
        with m.Else():
            m.d.comb += [
                access.enable.eq(reads | (writes & ~write_outside)), access.address.eq(Mux(reads, read_line, write_line)),
                access.write.eq(writes.replicate(line)), access.data.eq(w.payload.data)]
        asked = delayed(m, access, self._distance, name="access", reset_less=True)
        m.d.comb += [ram.enable.eq(asked.enable), ram.address.eq(asked.address), ram.write.eq(asked.write), ram.write_data.eq(asked.data)]
        given = delayed(m, ram.read_data, self._distance, name="given", reset_less=True)
        meant = delayed(m, reply, self._latency, name="reply")
        m.d.comb += [
            beats.i.valid.eq(meant.bus), beats.i.payload.data.eq(given), beats.i.payload.id.eq(meant.id),
            beats.i.payload.last.eq(meant.last), beats.i.payload.response.eq(Mux(meant.outside, DECERR, OKAY)),
            self.port.read_valid.eq(meant.port), self.port.read_data.eq(given.word_select(meant.byte, 8))]
        return m

    @property
    def _latency(self) -> int:
        """Cycles from an access to its data."""
        return 1 + 2 * self._distance

    def _queue(self) -> ShiftFifo | SramFifo:
        """Room for as many beats as are on their way when one comes each cycle, and for the one that is leaving."""
        shape, most = read_layout(self._config), self._latency + 1
        if self._distance:
            return SramFifo(shape, 1 << ceil_log2(most + SramFifo.LATENCY))
        return ShiftFifo(shape, most + ShiftFifo.LATENCY)
