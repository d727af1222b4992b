"""Lets a Wishbone bus reach the registers behind an AXI4-Lite port."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from weft.hdl.bus.axilite import AxiLite
from weft.hdl.bus.wishbone import subordinate_members
from weft.hdl.interfaces import OKAY


class WishboneRegisters(wiring.Component):
    """One access at a time; `err_o` answers what AXI4-Lite answers with an error.

    A request is taken in a cycle with cyc, stb and not stall; the answer comes in a later cycle, one cycle long, with stall high.
    A classic manager, which holds stb until the answer and ignores stall, sees a classic cycle; a pipelined one may drop stb or
    go on to the next request, which waits. If cyc falls before the answer, the access still happens and its answer is dropped.

    Members
    -------
    wbs_*: Wishbone subordinate, 32 bits; sel_i selects the bytes of a write, a read gives the whole word.
    axil: to the registers.
    """

    def __init__(self) -> None:
        super().__init__({**subordinate_members(), "axil": Out(AxiLite())})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, axil = Module(), self.axil
        busy, answering, good, abandoned = Signal(), Signal(), Signal(), Signal()
        accept, deliver = Signal(), Signal()
        address = Signal.like(self.wbs_adr_i)
        m.d.comb += [
            accept.eq(self.wbs_cyc_i & self.wbs_stb_i & ~busy), self.wbs_stall_o.eq(busy),
            address.eq(self.wbs_adr_i & ~0b11), axil.b.ready.eq(~answering), axil.r.ready.eq(~answering),
            deliver.eq(answering & self.wbs_cyc_i & ~abandoned), self.wbs_ack_o.eq(deliver & good), self.wbs_err_o.eq(deliver & ~good)]
        for channel in (axil.aw, axil.w, axil.ar):
            with m.If(channel.ready):
                m.d.sync += channel.valid.eq(0)
        with m.If(accept):
            m.d.sync += [
                busy.eq(1), axil.aw.valid.eq(self.wbs_we_i), axil.w.valid.eq(self.wbs_we_i), axil.ar.valid.eq(~self.wbs_we_i),
                axil.aw.payload.eq(address), axil.ar.payload.eq(address),
                axil.w.payload.data.eq(self.wbs_dat_i), axil.w.payload.strobe.eq(self.wbs_sel_i)]
        with m.If(~answering & (axil.b.valid | axil.r.valid)):
            m.d.sync += [answering.eq(1), self.wbs_dat_o.eq(axil.r.payload.data),
                         good.eq(~axil.b.valid | (axil.b.payload == OKAY))]
            with m.If(axil.r.valid):
                m.d.sync += good.eq(axil.r.payload.response == OKAY)
        with m.If(answering):
            m.d.sync += [answering.eq(0), busy.eq(0)]
        m.d.sync += abandoned.eq(busy & ~answering & (abandoned | ~self.wbs_cyc_i))
        return m
