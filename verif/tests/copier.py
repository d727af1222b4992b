"""A stand-in for the accelerator with the same ports, small enough to test the simulator itself.

START copies WINDOW0_SIZE bytes (a multiple of 64 lines) from WINDOW0_BASE to WINDOW1_BASE in bursts of `BURST` beats, then
raises `irq`. Any write to INTR_STATE lowers it. The load unit's trace shows RUN at instruction 0 while a burst is read and the
store unit's trace RUN at instruction 1 while one is written.
"""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import csr, isa
from weft.gen.config import Config
from weft.hdl.mem.sram import Sram

BURST = 4
UNITS = ("load", "matrix", "vector", "store")


class Copier(wiring.Component):
    """See the module.

    `cross` reads one line below the base: a base on a 4 KiB border then gives bursts across it, which the bus forbids.
    """

    def __init__(self, config: Config, *, cross: bool = False) -> None:
        self._line, self._cross = config.line_bytes, cross
        bits, width = config.axi.address_bits, config.axi.data_bits
        members = {
            "s_axil_awaddr": In(12), "s_axil_awvalid": In(1), "s_axil_awready": Out(1), "s_axil_wdata": In(32), "s_axil_wstrb": In(4),
            "s_axil_wvalid": In(1), "s_axil_wready": Out(1), "s_axil_bresp": Out(2), "s_axil_bvalid": Out(1), "s_axil_bready": In(1),
            "s_axil_araddr": In(12), "s_axil_arvalid": In(1), "s_axil_arready": Out(1), "s_axil_rdata": Out(32), "s_axil_rresp": Out(2),
            "s_axil_rvalid": Out(1), "s_axil_rready": In(1), "irq": Out(1),
            "m_axi_rdata": In(width), "m_axi_rresp": In(2), "m_axi_rlast": In(1), "m_axi_rid": In(1), "m_axi_rvalid": In(1),
            "m_axi_rready": Out(1), "m_axi_wdata": Out(width), "m_axi_wstrb": Out(self._line), "m_axi_wlast": Out(1),
            "m_axi_wvalid": Out(1), "m_axi_wready": In(1), "m_axi_bresp": In(2), "m_axi_bid": In(1), "m_axi_bvalid": In(1),
            "m_axi_bready": Out(1)}
        for channel in ("ar", "aw"):
            members |= {f"m_axi_{channel}{name}": Out(size) for name, size in (
                ("addr", bits), ("len", 8), ("size", 3), ("burst", 2), ("id", 1), ("valid", 1))}
            members[f"m_axi_{channel}ready"] = In(1)
        for unit in UNITS:
            members |= {f"trace_{unit}_state": Out(4), f"trace_{unit}_pc": Out(isa.PC_BITS)}
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        registers = {name: Signal(32, name=name) for name in ("WINDOW0_BASE", "WINDOW0_SIZE", "WINDOW1_BASE")}
        start = self._registers(m, registers)
        m.submodules.buffer = buffer = Sram(depth=32, width=8 * self._line)
        offset, beat = Signal(32), Signal(3)
        size = (self._line - 1).bit_length()
        m.d.comb += [
            self.m_axi_arlen.eq(BURST - 1), self.m_axi_awlen.eq(BURST - 1), self.m_axi_arsize.eq(size), self.m_axi_awsize.eq(size),
            self.m_axi_arburst.eq(1), self.m_axi_awburst.eq(1), self.m_axi_wstrb.eq(~0),
            self.m_axi_araddr.eq(registers["WINDOW0_BASE"] + offset - (self._line if self._cross else 0)),
            self.m_axi_awaddr.eq(registers["WINDOW1_BASE"] + offset),
            buffer.write.address.eq(beat), buffer.write.data.eq(self.m_axi_rdata), self.m_axi_wdata.eq(buffer.read.data)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += offset.eq(0)
                with m.If(start):
                    m.next = "READ"
            with m.State("READ"):
                m.d.comb += [self.m_axi_arvalid.eq(1), self.trace_load_state.eq(isa.State.STALL_BUS)]
                m.d.sync += beat.eq(0)
                with m.If(self.m_axi_arready):
                    m.next = "DATA"
            with m.State("DATA"):
                m.d.comb += [self.m_axi_rready.eq(1), self.trace_load_state.eq(isa.State.RUN), buffer.write.enable.eq(self.m_axi_rvalid)]
                with m.If(self.m_axi_rvalid):
                    m.d.sync += beat.eq(beat + 1)
                    with m.If(self.m_axi_rlast):
                        m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += [self.m_axi_awvalid.eq(1), buffer.read.enable.eq(1), buffer.read.address.eq(0)]
                m.d.sync += beat.eq(0)
                with m.If(self.m_axi_awready):
                    m.next = "BEATS"
            with m.State("BEATS"):
                m.d.comb += [self.m_axi_wvalid.eq(1), self.trace_store_state.eq(isa.State.RUN), self.trace_store_pc.eq(1),
                             self.m_axi_wlast.eq(beat == BURST - 1), buffer.read.address.eq(beat + 1),
                             buffer.read.enable.eq(self.m_axi_wready)]
                with m.If(self.m_axi_wready):
                    m.d.sync += beat.eq(beat + 1)
                    with m.If(self.m_axi_wlast):
                        m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += self.m_axi_bready.eq(1)
                with m.If(self.m_axi_bvalid):
                    following = Signal(32)
                    m.d.comb += following.eq(offset + BURST * self._line)
                    m.d.sync += offset.eq(following)
                    m.next = "READ"
                    with m.If(following == registers["WINDOW0_SIZE"]):
                        m.d.sync += self.irq.eq(1)
                        m.next = "IDLE"
        return m

    def _registers(self, m: Module, registers: dict[str, Signal]) -> Signal:
        """AXI4-Lite: three registers, START, and INTR_STATE; anything else answers SLVERR. Returns the start pulse."""
        write, start = Signal(), Signal()
        m.d.comb += [write.eq(self.s_axil_awvalid & self.s_axil_wvalid & ~self.s_axil_bvalid),
                     self.s_axil_awready.eq(write), self.s_axil_wready.eq(write)]
        with m.If(self.s_axil_bvalid & self.s_axil_bready):
            m.d.sync += self.s_axil_bvalid.eq(0)
        with m.If(write):
            m.d.sync += [self.s_axil_bvalid.eq(1), self.s_axil_bresp.eq(2)]
            with m.Switch(self.s_axil_awaddr):
                for name, register in registers.items():
                    with m.Case(csr.BY_NAME[name].offset):
                        m.d.sync += [register.eq(self.s_axil_wdata), self.s_axil_bresp.eq(0)]
                with m.Case(csr.BY_NAME["CONTROL"].offset):
                    m.d.comb += start.eq(1)
                    m.d.sync += self.s_axil_bresp.eq(0)
                with m.Case(csr.BY_NAME["INTR_STATE"].offset):
                    m.d.sync += [self.irq.eq(0), self.s_axil_bresp.eq(0)]
        read = Signal()
        m.d.comb += [read.eq(self.s_axil_arvalid & ~self.s_axil_rvalid), self.s_axil_arready.eq(read)]
        with m.If(self.s_axil_rvalid & self.s_axil_rready):
            m.d.sync += self.s_axil_rvalid.eq(0)
        with m.If(read):
            m.d.sync += [self.s_axil_rvalid.eq(1), self.s_axil_rdata.eq(csr.IDENTITY)]
        return start
