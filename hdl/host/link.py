"""The host link, put together."""

from amaranth import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from weft.hdl.bus.axilite import AxiLite
from weft.hdl.host.crc import Crc32
from weft.hdl.host.deframer import POSITION_BITS, Deframer
from weft.hdl.host.executor import Executor
from weft.hdl.host.framer import PAYLOAD, Framer
from weft.hdl.host.uart import UartReceiver, UartTransmitter
from weft.hdl.mem.byte_port import BytePort
from weft.hdl.mem.sram import Sram
from weft.hdl.shift_fifo import ShiftFifo


class HostLink(wiring.Component):
    """A serial line that reads and writes registers and main memory and waits for the interrupt (see `weft.gen.link`).

    Parameters
    ----------
    memory_bytes, clock_hz, divisor: see `Executor`.

    Members
    -------
    rx, tx: the line; rx is asynchronous.
    registers: AXI4-Lite manager. memory: to main memory. irq: the interrupt.
    alive: a good request came within the fall-back time.
    damaged: bytes were dropped after the last good frame.
    """

    def __init__(self, memory_bytes: int, clock_hz: int, divisor: int) -> None:
        self._parameters = memory_bytes, clock_hz, divisor
        super().__init__({
            "rx": In(1, init=1), "tx": Out(1, init=1), "registers": Out(AxiLite()), "memory": Out(BytePort(memory_bytes)), "irq": In(1),
            "alive": Out(1), "damaged": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.submodules.receiver = receiver = UartReceiver()
        m.submodules.transmitter = transmitter = UartTransmitter()
        m.submodules.crc = crc = Crc32()
        m.submodules.deframer = deframer = Deframer()
        m.submodules.framer = framer = Framer()
        m.submodules.executor = executor = Executor(*self._parameters)
        m.submodules.buffer = buffer = Sram(depth=1 << POSITION_BITS, width=8)
        m.submodules.answers = answers = ShiftFifo(PAYLOAD, 2)  # no path from the executor's state to the line
        connect(m, executor.answer, answers.i)
        connect(m, answers.o, framer.i)
        connect(m, framer.o, transmitter.i)
        connect(m, executor.registers, flipped(self.registers))
        connect(m, executor.memory, flipped(self.memory))
        m.d.comb += [
            receiver.pin.eq(self.rx), self.tx.eq(transmitter.pin), executor.irq.eq(self.irq), self.alive.eq(executor.alive),
            receiver.divisor.eq(executor.divisor), transmitter.divisor.eq(executor.divisor),
            deframer.valid.eq(receiver.valid), deframer.i.eq(receiver.o), deframer.busy.eq(executor.busy),
            buffer.write.enable.eq(deframer.write_enable), buffer.write.address.eq(deframer.write_address),
            buffer.write.data.eq(deframer.write_data),
            buffer.read.enable.eq(executor.read_enable), buffer.read.address.eq(executor.read_address),
            executor.read_data.eq(buffer.read.data), executor.frame.eq(deframer.frame), executor.end.eq(deframer.end),
            executor.idle.eq(framer.idle & ~answers.o.valid)]
        # One register serves both directions: a request is checked before its answer is made.
        m.d.comb += [
            deframer.crc_value.eq(crc.value), framer.crc_value.eq(crc.value),
            crc.drain.eq(executor.busy & framer.crc_drain), crc.feed.eq(deframer.crc_feed | framer.crc_feed),
            crc.clear.eq(Mux(executor.busy, framer.crc_clear, deframer.crc_clear)),
            crc.data.eq(Mux(executor.busy, framer.crc_data, deframer.crc_data))]
        with m.If(deframer.dropped | executor.dropped):
            m.d.sync += self.damaged.eq(1)
        with m.Elif(deframer.frame):
            m.d.sync += self.damaged.eq(0)
        return m
