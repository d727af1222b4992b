"""Turns the accelerator's AXI4 bursts into Wishbone bursts."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from weft.gen.config import Config
from weft.hdl.bus.wishbone import BTE_LINEAR, CTI_END, CTI_INCREMENTING, manager_members
from weft.hdl.interfaces import OKAY, SLVERR, AxiRead, AxiWrite, read_layout, write_layout
from weft.hdl.shift_fifo import ShiftFifo


class WishboneMemory(wiring.Component):
    """One AXI burst becomes one Wishbone cycle: cyc stays up, stb for each beat, CTI incrementing and "end" on the last.

    A transfer is a cycle with stb and ack, so a subordinate that ignores CTI serves the same beats as classic cycles. Reads and writes
    take turns when both wait; a write waits for its first beat of data. stb falls inside a burst only when the accelerator does not
    take or give a beat. Between two bursts cyc is low for at least one cycle.

    err answers a beat with SLVERR and ends the Wishbone cycle: the other beats of that burst are not accessed; those of a read are
    answered with SLVERR, those of a write dropped, and its response is SLVERR. A subordinate that never answers holds the burst for
    ever, as a silent AXI subordinate would; Wishbone's RTY is not used.

    Every output comes from a register or is a few gates behind one, and no input reaches an output in the same cycle.

    Members
    -------
    read, write: from the accelerator; bursts as docs/internals.md has them (full width, INCR, within 4 KiB).
    wbm_*: Wishbone manager.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({"read": In(AxiRead(config)), "write": In(AxiWrite(config)), **manager_members(config)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config = Module(), self._config
        m.submodules.results = results = ShiftFifo(read_layout(config), 2)
        m.submodules.beats = beats = ShiftFifo(write_layout(config), 2)
        connect(m, results.o, flipped(self.read.r))
        connect(m, flipped(self.write.w), beats.i)
        ar, aw, b = self.read.ar, self.write.aw, self.write.b
        address, left, identifier = Signal(config.axi.address_bits), Signal(8), Signal.like(ar.payload.id)
        served_read, response, transfer, last = Signal(), Signal(2), Signal(), Signal()
        m.d.comb += [
            last.eq(left == 0), transfer.eq(self.wbm_stb_o & (self.wbm_ack_i | self.wbm_err_i)), self.wbm_adr_o.eq(address),
            self.wbm_dat_o.eq(beats.o.payload.data), self.wbm_sel_o.eq(~0), self.wbm_bte_o.eq(BTE_LINEAR),
            self.wbm_cti_o.eq(Mux(last, CTI_END, CTI_INCREMENTING)),
            results.i.payload.data.eq(self.wbm_dat_i), results.i.payload.last.eq(last), results.i.payload.id.eq(identifier),
            b.payload.response.eq(response)]

        def step() -> None:
            """On to the next beat of the burst."""
            m.d.sync += [address.eq(address + config.line_bytes), left.eq(left - 1)]

        with m.FSM():
            with m.State("IDLE"):
                write_waits, read_first = Signal(), Signal()
                m.d.comb += [write_waits.eq(aw.valid & beats.o.valid), read_first.eq(ar.valid & ~(write_waits & served_read))]
                m.d.sync += [response.eq(OKAY), served_read.eq(read_first)]
                with m.If(read_first):
                    m.d.comb += ar.ready.eq(1)
                    m.d.sync += [address.eq(ar.payload.address), left.eq(ar.payload.length), identifier.eq(ar.payload.id)]
                    m.next = "READ"
                with m.Elif(write_waits):
                    m.d.comb += aw.ready.eq(1)
                    m.d.sync += [address.eq(aw.payload.address), left.eq(aw.payload.length)]
                    m.next = "WRITE"
            with m.State("READ"):
                m.d.comb += [self.wbm_cyc_o.eq(1), self.wbm_stb_o.eq(results.i.ready), results.i.valid.eq(transfer),
                             results.i.payload.response.eq(Mux(self.wbm_err_i, SLVERR, OKAY))]
                with m.If(transfer):
                    step()
                    with m.If(last):
                        m.next = "IDLE"
                    with m.Elif(self.wbm_err_i):
                        m.next = "REFUSE"
            with m.State("REFUSE"):  # the rest of a read
                m.d.comb += [results.i.valid.eq(1), results.i.payload.response.eq(SLVERR)]
                with m.If(results.i.ready):
                    step()
                    with m.If(last):
                        m.next = "IDLE"
            with m.State("WRITE"):
                m.d.comb += [self.wbm_cyc_o.eq(1), self.wbm_we_o.eq(1), self.wbm_stb_o.eq(beats.o.valid), beats.o.ready.eq(transfer)]
                with m.If(transfer):
                    step()
                    with m.If(self.wbm_err_i):
                        m.d.sync += response.eq(SLVERR)
                    with m.If(last):
                        m.next = "RESPOND"
                    with m.Elif(self.wbm_err_i):
                        m.next = "DROP"
            with m.State("DROP"):  # the rest of a write
                m.d.comb += beats.o.ready.eq(1)
                with m.If(beats.o.valid):
                    step()
                    with m.If(last):
                        m.next = "RESPOND"
            with m.State("RESPOND"):
                m.d.comb += b.valid.eq(1)
                with m.If(b.ready):
                    m.next = "IDLE"
        return m
