"""The AXI4 manager of the sequential machine: one beat at a time."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.hdl.interfaces import AxiRead, AxiWrite


class Bus(wiring.Component):
    """Bursts of one beat, one in flight.

    Members
    -------
    begin_read, begin_write: pulses: a transfer at `address` begins; nothing else is in flight. identifier: of a read.
    data: what is written; must stay until `write_done`.
    take: pulse: the beat that came was used. answer: pulse: the answer to the write was used.
    read_valid, write_done: there is something to take, or to answer.
    beat: read data while read_valid. response: AXI response of what was taken or answered last.
    quiet: nothing is in flight.
    read, write: to the bus.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        bits = config.axi.data_bits
        super().__init__({
            "begin_read": In(1), "begin_write": In(1), "identifier": In(1), "address": In(config.axi.address_bits), "data": In(bits),
            "take": In(1), "answer": In(1), "read_valid": Out(1), "write_done": Out(1), "beat": Out(bits), "response": Out(2),
            "quiet": Out(1), "read": Out(AxiRead(config)), "write": Out(AxiWrite(config))})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, ar, r, aw, w, b = Module(), self.read.ar, self.read.r, self.write.aw, self.write.w, self.write.b
        address, identifier = Signal(self._config.axi.address_bits, reset_less=True), Signal(reset_less=True)
        busy = Signal()
        m.d.comb += [
            ar.payload.address.eq(address), ar.payload.id.eq(identifier), aw.payload.address.eq(address),
            w.payload.data.eq(self.data), w.payload.last.eq(1), r.ready.eq(self.take), b.ready.eq(self.answer),
            self.read_valid.eq(r.valid), self.write_done.eq(b.valid), self.beat.eq(r.payload.data), self.quiet.eq(~busy)]
        for channel in (ar, aw, w):
            with m.If(channel.ready):
                m.d.sync += channel.valid.eq(0)
        with m.If(self.take | self.answer):
            m.d.sync += [busy.eq(0), self.response.eq(Mux(self.take, r.payload.response, b.payload.response))]
        with m.If(self.begin_read | self.begin_write):
            m.d.sync += [address.eq(self.address), identifier.eq(self.identifier), busy.eq(1), ar.valid.eq(self.begin_read),
                         aw.valid.eq(self.begin_write), w.valid.eq(self.begin_write)]
        return m
