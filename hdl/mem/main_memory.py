"""Main memory of a stand-alone image, in on-chip RAM."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.utils import exact_log2

from weft.gen.config import Config
from weft.hdl.interfaces import DECERR, OKAY, AxiRead, AxiWrite
from weft.hdl.mem.byte_port import BytePort
from weft.hdl.mem.sram import SinglePortSram

PAGE = 4096  # bytes: a burst lies in one page


class MainMemory(wiring.Component):
    """One single-port RAM behind an AXI4 subordinate and a byte port; it begins at bus address 0.

    The RAM does one access a cycle: the byte port first, reads and writes of the bus in turns. A beat each cycle is possible; reads follow
    each other without a gap between bursts, writes with one cycle. One burst each way is under way; all are answered in order. For INCR
    bursts of full beats within a page of 4 KiB. Bursts outside the memory read anything, write nothing and are answered with DECERR.

    A beat that waits for `read.r.ready` holds back everything else, because it stands in the RAM's own output register: the manager
    may not make it depend on anything but time.

    Parameters
    ----------
    config: of the bus.
    kib: size, a multiple of 4.

    Members
    -------
    read, write: from an AXI4 manager. port: from the host link.

    Raises
    ------
    ValueError: for a size that is no positive multiple of 4.
    """

    def __init__(self, config: Config, kib: int) -> None:
        if not isinstance(kib, int) or kib < 4 or kib % 4:
            raise ValueError(f"MainMemory kib={kib!r}: must be a positive multiple of 4")
        self._config, self._kib = config, kib
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
        ar, r, aw, w, b = self.read.ar, self.read.r, self.write.aw, self.write.w, self.write.b

        # A beat that stands in the RAM's output must leave before the next access.
        free, reads, writes, turn = Signal(), Signal(), Signal(), Signal()
        reading, read_line, read_left = Signal(), Signal.like(ram.address), Signal(8)
        read_outside, read_id = Signal(), Signal()
        writing, write_line, write_outside = Signal(), Signal.like(ram.address), Signal()
        m.d.comb += [
            free.eq(~r.valid | r.ready), self.port.ready.eq(free),
            reads.eq(free & reading & ~self.port.valid & ~(writing & w.valid & turn)),
            writes.eq(free & writing & ~self.port.valid & w.valid & ~reads), w.ready.eq(writes)]
        with m.If(reads | writes):
            m.d.sync += turn.eq(reads)

        # -- reads of the bus --------------------------------------------------------------------------------------------------------
        last = Signal()
        m.d.comb += [last.eq(read_left == 0), ar.ready.eq(~reading | (reads & last))]
        with m.If(ar.ready):
            m.d.sync += [
                reading.eq(ar.valid), read_line.eq(ar.payload.address >> skip), read_left.eq(ar.payload.length),
                read_outside.eq(ar.payload.address >= self.bytes), read_id.eq(ar.payload.id)]
        with m.Elif(reads):
            m.d.sync += [read_line.eq(read_line + 1), read_left.eq(read_left - 1)]
        m.d.comb += r.payload.data.eq(ram.read_data)
        with m.If(free):
            m.d.sync += [
                r.valid.eq(reads), r.payload.last.eq(last), r.payload.id.eq(read_id),
                r.payload.response.eq(Mux(read_outside, DECERR, OKAY))]

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

        # -- the RAM -----------------------------------------------------------------------------------------------------------------
        byte = self.port.address[:skip]
        with m.If(self.port.valid):
            m.d.comb += [
                ram.enable.eq(free), ram.address.eq(self.port.address[skip:]), ram.write.eq(Mux(self.port.write, 1 << byte, 0)),
                ram.write_data.eq(self.port.write_data.replicate(line))]
        with m.Else():
            m.d.comb += [
                ram.enable.eq(reads | (writes & ~write_outside)), ram.address.eq(Mux(reads, read_line, write_line)),
                ram.write.eq(writes.replicate(line)), ram.write_data.eq(w.payload.data)]
        chosen = Signal.like(byte, reset_less=True)
        m.d.sync += chosen.eq(byte)
        m.d.comb += self.port.read_data.eq(ram.read_data.word_select(chosen, 8))
        return m
