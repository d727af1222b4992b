"""The control and status registers, generated from `csr.REGISTERS`."""

from amaranth import C, Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import csr, isa
from weft.gen.config import Config
from weft.hdl.bus.axilite import AxiLite
from weft.hdl.control.choice import choose
from weft.hdl.control.errors import REPORT
from weft.hdl.interfaces import OKAY, SLVERR, WindowSignature

BITS = 32
LOCKED = ("PROGRAM_", "WINDOW")  # what a running program depends on; not to be written while busy


def writable(register: csr.Register, config: Config) -> int:
    """Mask of the bits that a read-write register holds; the others read zero.

    Registers with fields hold their fields. Byte addresses and sizes hold whole lines, PROGRAM_OFFSET also whole instructions;
    the high halves of bases hold what the bus has address lines for.
    """
    if register.bits:
        return sum(((1 << field.width) - 1) << field.low for field in register.bits)
    if register.name.endswith("_BASE_HIGH"):
        return (1 << (config.axi.address_bits - BITS)) - 1
    align = {"PROGRAM_OFFSET": max(config.line_bytes, isa.WORD_BYTES), "PROGRAM_LENGTH": 1}.get(register.name, config.line_bytes)
    return (1 << BITS) - align


class CsrBank(wiring.Component):
    """Registers on AXI4-Lite.

    One write and one read at a time, a write answered 2 and a read 5 cycles after its last part was accepted. SLVERR for addresses without
    a register, for writes to read-only ones, and for writes to program and window registers while a program runs; such a write
    changes nothing. The two low address bits are ignored; write strobes are obeyed.

    Members
    -------
    axil: from the host.
    start, reset: pulses: what was written to CONTROL.
    busy, done, failed: STATUS.
    error: ERROR registers.
    done_event, error_event: pulses that make the interrupts pending; stronger than a write that clears.
    irq: an enabled interrupt is pending.
    program_offset, program_length, window_0 .. window_3: as programmed.
    counter_select, counter_value: index in csr.COUNTERS of the counter being read, and its value three cycles later.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "axil": In(AxiLite()), "start": Out(1), "reset": Out(1), "busy": In(1), "done": In(1), "failed": In(1), "error": In(REPORT),
            "done_event": In(1), "error_event": In(1), "irq": Out(1), "program_offset": Out(BITS), "program_length": Out(BITS),
            **{f"window_{index}": In(WindowSignature(config)) for index in range(isa.WINDOWS)},
            "counter_select": Out(range(len(csr.COUNTERS))), "counter_value": In(BITS)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config = Module(), self._config
        storage = {register.name: Signal(BITS, name=register.name.lower(), init=register.reset)
                   for register in csr.REGISTERS if register.access == "rw"}
        pending = Signal(len(csr.INTERRUPTS))
        self._write(m, storage, pending)
        self._read(m, storage, pending)
        m.d.comb += [self.irq.eq((pending & storage["INTR_ENABLE"]).any()), self.program_offset.eq(storage["PROGRAM_OFFSET"]),
                     self.program_length.eq(storage["PROGRAM_LENGTH"])]
        for index in range(isa.WINDOWS):
            window, name = getattr(self, f"window_{index}"), f"WINDOW{index}"
            m.d.comb += [
                window.base.eq(Cat(storage[f"{name}_BASE"], storage[f"{name}_BASE_HIGH"])[:config.axi.address_bits]),
                window.size.eq(storage[f"{name}_SIZE"]),
                Cat(window.read, window.write).eq(storage[f"{name}_PERMISSION"][:2])]
        return m

    def _write(self, m: Module, storage: dict[str, Signal], pending: Signal) -> None:
        """Accept address and data together, act on them in the next cycle."""
        aw, w, b = self.axil.aw, self.axil.w, self.axil.b
        accept, act = Signal(), Signal()
        index, data, mask = Signal(csr.ADDRESS_BITS - 2), Signal(BITS), Signal(BITS)
        m.d.comb += [accept.eq(aw.valid & w.valid & ~act & ~b.valid), aw.ready.eq(accept), w.ready.eq(accept)]
        m.d.sync += act.eq(accept)
        with m.If(accept):
            m.d.sync += [index.eq(aw.payload[2:]), data.eq(w.payload.data),
                         mask.eq(Cat(bit.replicate(8) for bit in w.payload.strobe))]
        given, cleared, set_ = Signal(BITS), Signal.like(pending), Signal.like(pending)
        m.d.comb += [given.eq(data & mask), set_.eq(Cat(self.done_event, self.error_event))]
        with m.If(b.ready):
            m.d.sync += b.valid.eq(0)
        m.d.sync += Cat(self.start, self.reset).eq(0)
        with m.If(act):
            m.d.sync += [b.valid.eq(1), b.payload.eq(SLVERR)]
            with m.Switch(index):
                for register in csr.REGISTERS:
                    if register.access == "ro":
                        continue
                    with m.Case(register.offset // 4):
                        m.d.sync += b.payload.eq(OKAY)
                        if register.name == "CONTROL":
                            m.d.sync += Cat(self.start, self.reset).eq(given)
                        elif register.name == "INTR_STATE":
                            m.d.comb += cleared.eq(given)
                        elif register.name == "INTR_TEST":
                            m.d.comb += set_.eq(Cat(self.done_event, self.error_event) | given)
                        else:
                            held = storage[register.name]
                            update = held.eq((held & ~mask | given) & C(writable(register, self._config), BITS))
                            if register.name.startswith(LOCKED):
                                m.d.sync += b.payload.eq(Mux(self.busy, SLVERR, OKAY))
                                with m.If(~self.busy):
                                    m.d.sync += update
                            else:
                                m.d.sync += update
        m.d.sync += pending.eq(pending & ~cleared | set_)

    def _read(self, m: Module, storage: dict[str, Signal], pending: Signal) -> None:
        """Accept an address, choose the register or counter in the next three cycles, answer in the one after."""
        ar, r = self.axil.ar, self.axil.r
        accept, under_way, index = Signal(), Signal(4), Signal(csr.ADDRESS_BITS - 2)
        counts, act = Signal(reset_less=True), under_way[-1]
        first = csr.COUNTER_BASE // 4
        m.d.comb += [accept.eq(ar.valid & ~under_way.any() & ~r.valid), ar.ready.eq(accept), self.counter_select.eq(index - first)]
        m.d.sync += [under_way.eq(Cat(accept, under_way)), counts.eq((index >= first) & (index < first + len(csr.COUNTERS)))]
        with m.If(accept):
            m.d.sync += index.eq(ar.payload[2:])
        known = {register.offset // 4: Cat(self._padded(m, register, storage, pending), C(1, 1))
                 for register in csr.REGISTERS if not register.name.startswith("COUNT_")}
        chosen = choose(m, index, known, bits=BITS + 1, name="chosen")
        with m.If(r.ready):
            m.d.sync += r.valid.eq(0)
        with m.If(act):
            m.d.sync += [r.valid.eq(1), r.payload.data.eq(Mux(counts, self.counter_value, chosen[:BITS])),
                         r.payload.response.eq(Mux(counts | chosen[BITS], OKAY, SLVERR))]

    def _padded(self, m: Module, register: csr.Register, storage: dict[str, Signal], pending: Signal) -> Signal:
        """What a read of `register` gives, all `BITS` of it."""
        padded = Signal(BITS, name=f"read_{register.name.lower()}")
        m.d.comb += padded.eq(self._value(register, storage, pending))
        return padded

    def _value(self, register: csr.Register, storage: dict[str, Signal], pending: Signal) -> Value:
        """What a read of `register` gives."""
        config = self._config
        if register.access == "wo":
            return C(0, BITS)
        if register.access == "rw":
            return storage[register.name]
        return {
            "ID": C(register.reset, BITS), "VERSION": C(register.reset, BITS), "CONFIG_HASH": C(config.hash, BITS),
            "SHAPE": C(config.array.rows | config.array.columns << 8 | config.scratchpad.kib << 16, BITS),
            "STATUS": Cat(self.busy, self.done, self.failed), "INTR_STATE": pending,
            "ERROR": Cat(self.error.cause, self.error.queue), "ERROR_PC": self.error.pc, "ERROR_ADDRESS": self.error.address,
        }[register.name]
