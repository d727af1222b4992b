"""Performs the requests of the host."""

import enum

from amaranth import Array, C, Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from weft.gen import csr, link
from weft.gen.link import Command, Status
from weft.hdl.bus.axilite import AxiLite
from weft.hdl.host.deframer import FIRST, POSITION_BITS
from weft.hdl.host.framer import PAYLOAD
from weft.hdl.mem.byte_port import BytePort


class Target(enum.IntEnum):
    """Bits 2:1 of a command: what it is about."""

    LINK = Command.IDENTIFY >> 1
    MEMORY = Command.READ_MEMORY >> 1
    REGISTER = Command.READ_REGISTER >> 1
    INTERRUPT = Command.WAIT >> 1


class Executor(wiring.Component):
    """Takes a request from the buffer, performs it and gives the bytes of its answer (see `weft.gen.link`).

    The header shifts through one long register; so do the data of a register access. Memory bytes go straight from buffer to memory and
    from memory to the framer, at address + position.

    Parameters
    ----------
    memory_bytes: size of main memory.
    clock_hz: frequency of the clock, for the identity and the times of `link`.
    divisor: clock cycles of a bit after reset.

    Members
    -------
    frame, end: from the deframer. busy: a request is being performed or answered.
    read_enable, read_address, read_data: of the buffer; data one cycle later.
    answer, idle: the framer.
    registers: AXI4-Lite manager. memory: main memory. irq: the interrupt.
    divisor: clock cycles of a bit now.
    alive: a good request came within the fall-back time.
    dropped: pulse: a frame with the right CRC and the wrong length.
    """

    def __init__(self, memory_bytes: int, clock_hz: int, divisor: int) -> None:
        self._memory_bytes, self._clock_hz, self._divisor = memory_bytes, clock_hz, divisor
        super().__init__({
            "frame": In(1), "end": In(POSITION_BITS), "busy": Out(1),
            "read_enable": Out(1), "read_address": Out(POSITION_BITS), "read_data": In(8),
            "answer": Out(stream.Signature(PAYLOAD)), "idle": In(1),
            "registers": Out(AxiLite()), "memory": Out(BytePort(memory_bytes)), "irq": In(1),
            "divisor": Out(link.DIVISOR_BITS, init=divisor), "alive": Out(1), "dropped": Out(1)})

    def _identity(self) -> Array:
        values = {"version": link.VERSION, "data_limit": link.DATA_LIMIT, "memory_bytes": self._memory_bytes, "clock_hz": self._clock_hz,
                  "divisor": self._divisor, "divisor_minimum": link.DIVISOR_MINIMUM}
        text = b"".join(values[field.name].to_bytes(field.bytes, "little") for field in link.IDENTITY)
        return Array(C(byte, 8) for byte in text)

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        size = ceil_log2(self._memory_bytes)
        sequence, command, count, word = (Signal(8 * field.bytes, name=field.name, reset_less=True) for field in link.REQUEST)
        position, previous, repeated, refused = Signal(POSITION_BITS, reset_less=True), Signal(8), Signal(), Signal()
        status, register = Signal(Status), Signal(csr.ADDRESS_BITS, reset_less=True)
        carries, target, known, in_header, at_end = Signal(), Signal(2), Signal(), Signal(), Signal()
        shift, advance, length = Signal(), Signal(), Signal(POSITION_BITS)
        address, in_range, inside = Signal(size, reset_less=True), Signal(), Signal(reset_less=True)
        divisor, fits = Signal(16), Signal()
        m.d.comb += [
            divisor.eq(word[16:]),
            fits.eq(divisor[exact_log2(link.DIVISOR_MINIMUM):].any() & ~divisor[link.DIVISOR_BITS:].any()),
            carries.eq(command[0]), target.eq(command[1:3]), known.eq(command <= Command.WAIT),
            in_header.eq(position[3:].all()), at_end.eq(position[:8] == count),
            length.eq(Mux(carries, count + (1 + link.CRC_BYTES), link.CRC_BYTES)),
            self.read_address.eq(position), self.memory.address.eq(address), self.memory.write_data.eq(self.read_data),
            self.registers.aw.payload.eq(register), self.registers.ar.payload.eq(register),
            self.registers.w.payload.data.eq(word), self.registers.w.payload.strobe.eq(~0)]
        # Of the position in the cycle before; every state that uses them leaves a cycle between two positions.
        m.d.sync += [position.eq(position + advance), address.eq(word[:size] + position[:8]), inside.eq(in_range)]
        m.d.comb += in_range.eq((word[:size] + position[:8] < self._memory_bytes) & ~word[size:].any())
        with m.If(shift):
            with m.If(in_header):
                m.d.sync += Cat(sequence, command, count).eq(Cat(command, count, word[:8]))
            m.d.sync += word.eq(Cat(word[8:], self.read_data))

        # -- time: falls back to the first divisor when nobody talks ------------------------------------------------------------------
        fallback, wait = link.fallback_bits(self._clock_hz), link.wait_bits(self._clock_hz)
        timer, waited = Signal(fallback + 1, init=1 << fallback), Signal()
        m.d.comb += [self.alive.eq(~timer[fallback]), waited.eq(timer[wait])]
        m.d.sync += timer.eq(timer + self.alive)
        with m.If(~self.alive):
            m.d.sync += self.divisor.eq(self._divisor)

        registers, value, byte, ended = self.registers, Signal(8), Signal(8, reset_less=True), Signal(reset_less=True)
        with m.Switch(target):
            with m.Case(Target.LINK):
                m.d.comb += value.eq(self._identity()[position[:4]])
            with m.Case(Target.REGISTER):
                m.d.comb += value.eq(registers.r.payload.data.word_select(position[:2], 8))
            with m.Default():
                m.d.comb += value.eq(self.irq)
        with m.If(registers.ar.ready):
            m.d.sync += registers.ar.valid.eq(0)
        with m.If(registers.aw.ready):
            m.d.sync += registers.aw.valid.eq(0)
        with m.If(registers.w.ready):
            m.d.sync += registers.w.valid.eq(0)
        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(0)
                m.d.sync += [position.eq(FIRST), status.eq(Status.DONE)]
                with m.If(self.frame):
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.d.comb += self.read_enable.eq(1)
                m.next = "TAKE"
            with m.State("TAKE"):
                with m.If(~in_header & (target == Target.MEMORY)):
                    m.d.comb += [self.memory.write.eq(1), self.memory.valid.eq(inside), advance.eq(self.memory.ready | ~inside)]
                    with m.If(~inside):
                        m.d.sync += status.eq(Status.OUTSIDE)
                with m.Else():
                    m.d.comb += [shift.eq(1), advance.eq(1)]
                with m.If(advance):
                    m.next = "FETCH"
                    with m.If(in_header & position[:3].all()):
                        m.next = "CHECK"
                    with m.Elif(~in_header & at_end):
                        m.next = "WRITE"
            with m.State("CHECK"):  # position is 0
                m.d.sync += register.eq(word)
                with m.If(self.end != length):
                    m.d.comb += self.dropped.eq(1)
                    m.next = "IDLE"
                with m.Else():
                    m.d.sync += [repeated.eq(sequence == previous), previous.eq(sequence), timer.eq(0)]
                    m.next = "PERFORM"
            with m.State("PERFORM"):
                m.next = "SEQUENCE"
                with m.If(~known):
                    m.d.sync += status.eq(Status.UNKNOWN)
                with m.Elif(carries):
                    m.next = "FETCH"
                with m.Elif(target == Target.REGISTER):
                    m.d.sync += registers.ar.valid.eq(1)
                    m.next = "READ"
                with m.Elif(target == Target.INTERRUPT), m.If(~self.irq & ~waited):
                    m.next = "PERFORM"
            with m.State("READ"):  # the answer stays on the bus until its bytes have been sent
                m.d.sync += status.eq(registers.r.payload.response[1].replicate(2))
                with m.If(registers.r.valid):
                    m.next = "SEQUENCE"
            with m.State("WRITE"):  # all data bytes were taken
                m.next = "SEQUENCE"
                with m.If((target == Target.LINK) & ~fits):
                    m.d.sync += status.eq(Status.OUTSIDE)
                with m.If(target == Target.REGISTER):
                    with m.If(repeated):
                        m.d.sync += status.eq(refused.replicate(2))
                    with m.Else():
                        m.d.sync += [registers.aw.valid.eq(1), registers.w.valid.eq(1)]
                        m.next = "WRITE_ANSWER"
            with m.State("WRITE_ANSWER"):
                m.d.comb += registers.b.ready.eq(1)
                with m.If(registers.b.valid):
                    m.d.sync += [refused.eq(registers.b.payload[1]), status.eq(registers.b.payload[1].replicate(2))]
                    m.next = "SEQUENCE"
            with m.State("SEQUENCE"):
                m.d.comb += [self.answer.valid.eq(1), self.answer.payload.data.eq(sequence)]
                with m.If(self.answer.ready):
                    m.next = "STATUS"
                    with m.If(known & ~carries):
                        m.next = "DATA"
            with m.State("DATA"):  # a byte of memory is read when the framer can take it at once
                with m.If(target == Target.MEMORY):
                    m.d.comb += self.memory.valid.eq(self.answer.ready & inside)
                    with m.If(self.answer.ready & (self.memory.ready | ~inside)):
                        m.next = "MEMORY_DATA"
                    with m.If(~inside):
                        m.d.sync += status.eq(Status.OUTSIDE)
                with m.Else():
                    m.d.comb += [self.answer.valid.eq(1), self.answer.payload.data.eq(value)]
                    with m.If(self.answer.ready):
                        m.d.comb += advance.eq(1)
                        with m.If(at_end):
                            m.next = "STATUS"
            with m.State("MEMORY_DATA"):
                m.d.comb += advance.eq(self.memory.read_valid | ~inside)
                m.d.sync += [byte.eq(self.memory.read_data), ended.eq(at_end)]
                with m.If(advance):
                    m.next = "MEMORY_NEXT"
            with m.State("MEMORY_NEXT"):  # memory is far away: its byte is answered from a register
                m.d.comb += [self.answer.valid.eq(1), self.answer.payload.data.eq(byte)]
                m.next = "DATA"
                with m.If(ended):
                    m.next = "STATUS"
            with m.State("STATUS"):
                m.d.comb += registers.r.ready.eq(1)
                m.d.comb += [self.answer.valid.eq(1), self.answer.payload.data.eq(status), self.answer.payload.last.eq(1)]
                with m.If(self.answer.ready):
                    m.next = "SENT"
            with m.State("SENT"), m.If(self.idle):
                m.next = "IDLE"
                with m.If(carries & known & (target == Target.LINK) & (status == Status.DONE)):
                    m.d.sync += self.divisor.eq(divisor)
        return m
