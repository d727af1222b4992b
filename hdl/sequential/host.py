"""The host's side of the sequential machine: registers on AXI4-Lite, most of them kept in the register file."""

from amaranth import C, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import csr
from weft.gen.config import Config
from weft.hdl.bus.axilite import AxiLite
from weft.hdl.control.csr_bank import LOCKED, writable
from weft.hdl.interfaces import OKAY, SLVERR
from weft.hdl.sequential.operations import Event
from weft.hdl.sequential.registers import HOST_WORDS

BITS = 32
FLAGS = ("STATUS", "INTR_STATE")  # the registers that are no word of the register file


class Host(wiring.Component):
    """Answers the host from words 0 .. HOST_WORDS - 1 of the register file, which has a slot for it in most of the other cycles.

    The same registers, access rules and responses as `CsrBank`; counters read zero. One access at a time, writes first. A read is
    answered 2 cycles after its slot, a write 1 cycle after it.

    Members
    -------
    axil: from the host.
    slot: the register file is free for the host in this cycle. read, write: it is used. address, data, strobe: how.
    value: what the register file read in the cycle before.
    events: `operations.Event` bits of this cycle.
    started: the host wrote START, until BEGIN. reset: pulse: it wrote RESET. irq: an enabled interrupt is pending.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "axil": In(AxiLite()), "slot": In(1), "read": Out(1), "write": Out(1), "address": Out(range(HOST_WORDS)), "data": Out(BITS),
            "strobe": Out(BITS // 8), "value": In(BITS), "events": In(Event), "started": Out(1), "reset": Out(1), "irq": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, axil = Module(), self.axil
        alive, busy, done, failed = Signal(), Signal(init=1), Signal(), Signal()
        pending, enabled = Signal(len(csr.INTERRUPTS)), Signal(len(csr.INTERRUPTS))
        writes, accept_write, accept_read, index = Signal(), Signal(), Signal(), Signal(csr.ADDRESS_BITS - 2)
        m.d.comb += [
            writes.eq(axil.aw.valid & axil.w.valid & ~axil.b.valid), accept_write.eq(self.slot & alive & writes),
            index.eq(Mux(writes, axil.aw.payload[2:], axil.ar.payload[2:])), self.address.eq(index),
            axil.aw.ready.eq(accept_write), axil.w.ready.eq(accept_write), axil.ar.ready.eq(accept_read)]

        # -- writes ----------------------------------------------------------------------------------------------------
        given, strobe = axil.w.payload.data, axil.w.payload.strobe
        mask, legal, kept, cleared, raised = Signal(BITS), Signal(), Signal(), Signal.like(pending), Signal.like(pending)
        commands = Signal(2)
        m.d.comb += [self.data.eq(given & mask), self.strobe.eq(strobe), self.write.eq(accept_write & legal & kept)]
        with m.Switch(index):
            for register in csr.REGISTERS:
                if register.access == "ro":
                    continue
                with m.Case(register.offset // 4):
                    m.d.comb += legal.eq(~busy if register.name.startswith(LOCKED) else 1)
                    if register.access == "rw":
                        m.d.comb += [kept.eq(1), mask.eq(C(writable(register, self._config), BITS))]
                    with m.If(accept_write & strobe[0]):
                        if register.name == "CONTROL":
                            m.d.comb += commands.eq(given)
                        elif register.name == "INTR_STATE":
                            m.d.comb += cleared.eq(given)
                        elif register.name == "INTR_TEST":
                            m.d.comb += raised.eq(given)
                        elif register.name == "INTR_ENABLE":
                            m.d.sync += enabled.eq(given)
        with m.If(axil.b.ready):
            m.d.sync += axil.b.valid.eq(0)
        with m.If(accept_write):
            m.d.sync += [axil.b.valid.eq(1), axil.b.payload.eq(Mux(legal, OKAY, SLVERR))]

        # -- reads -----------------------------------------------------------------------------------------------------
        fetched, known, in_file, flags = Signal(), Signal(), Signal(), Signal(3)
        m.d.comb += [accept_read.eq(self.slot & alive & axil.ar.valid & ~writes & ~axil.r.valid & ~fetched),
                     self.read.eq(accept_read)]
        m.d.sync += fetched.eq(accept_read)
        with m.If(accept_read):
            m.d.sync += [known.eq(0), in_file.eq(0), flags.eq(0)]
            with m.Switch(index):
                for register in csr.REGISTERS:
                    with m.Case(register.offset // 4):
                        m.d.sync += known.eq(1)
                        if register.name == "STATUS":
                            m.d.sync += flags.eq(Cat(busy, done, failed))
                        elif register.name == "INTR_STATE":
                            m.d.sync += flags.eq(pending)
                        elif register.access != "wo" and not register.name.startswith("COUNT_"):
                            m.d.sync += in_file.eq(1)
        with m.If(axil.r.ready):
            m.d.sync += axil.r.valid.eq(0)
        with m.If(fetched):
            m.d.sync += [axil.r.valid.eq(1), axil.r.payload.response.eq(Mux(known, OKAY, SLVERR)),
                         axil.r.payload.data.eq((self.value & in_file.replicate(BITS)) | flags)]

        # -- state -----------------------------------------------------------------------------------------------------
        begins = Signal()
        m.d.comb += [self.reset.eq(commands[1]), begins.eq(commands[0] & ~commands[1] & ~busy & ~failed),
                     self.irq.eq((pending & enabled).any())]
        m.d.sync += pending.eq((pending & ~cleared) | raised | Cat(self.events[0], self.events[1]))
        with m.If(self.events[0]):  # DONE
            m.d.sync += [busy.eq(0), done.eq(1)]
        with m.If(self.events[1]):  # FAIL
            m.d.sync += [busy.eq(0), failed.eq(1)]
        with m.If(self.events[2]):  # IDLE
            m.d.sync += [busy.eq(0), done.eq(0), failed.eq(0), alive.eq(1)]
        with m.If(self.events[3] | self.events[2]):  # BEGIN
            m.d.sync += self.started.eq(0)
        with m.If(begins):
            m.d.sync += [busy.eq(1), done.eq(0), self.started.eq(1)]
        with m.If(self.reset):
            m.d.sync += busy.eq(1)
        return m
