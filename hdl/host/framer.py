"""From bytes to a frame on the line."""

from amaranth import C, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft.gen import link

PAYLOAD = data.StructLayout({"data": 8, "last": 1})


class Framer(wiring.Component):
    """Sends a FLAG, the bytes up to the last one, their CRC and a FLAG, all but the FLAGs escaped.

    Members
    -------
    i: bytes; `ready` stays high until one is taken.
    o: characters, to the transmitter.
    idle: nothing is being sent: the last FLAG has left.
    crc_clear, crc_feed, crc_drain, crc_data, crc_value: the `Crc32`.
    """

    def __init__(self) -> None:
        super().__init__({
            "i": In(stream.Signature(PAYLOAD)), "o": Out(stream.Signature(8)), "idle": Out(1),
            "crc_clear": Out(1), "crc_feed": Out(1), "crc_drain": Out(1), "crc_data": Out(8), "crc_value": In(32)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        held, escaped, special = Signal(8, reset_less=True), Signal(), Signal()
        final, left = Signal(), Signal(range(link.CRC_BYTES + 1))  # the last byte was taken; CRC bytes still to come
        byte = Signal(8)
        m.d.comb += [
            byte.eq(held ^ Mux(escaped, C(link.FLIP, 8), 0)),
            special.eq(((held == link.FLAG) | (held == link.ESCAPE)) & ~escaped), self.crc_data.eq(held),
            self.crc_drain.eq(left != link.CRC_BYTES)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [self.idle.eq(self.o.ready & ~self.i.valid), self.crc_clear.eq(1)]
                m.d.sync += [final.eq(0), left.eq(link.CRC_BYTES)]
                with m.If(self.i.valid):
                    m.next = "OPEN"
            with m.State("OPEN"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(link.FLAG)]
                with m.If(self.o.ready):
                    m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += escaped.eq(0)
                with m.If(self.i.valid):
                    m.d.sync += [held.eq(self.i.payload.data), final.eq(self.i.payload.last)]
                    m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(Mux(special, C(link.ESCAPE, 8), byte))]
                with m.If(self.o.ready):
                    with m.If(special):
                        m.d.sync += escaped.eq(1)
                    with m.Else():
                        m.d.comb += self.crc_feed.eq(1)
                        m.next = "TAKE"
                        with m.If(final):
                            m.next = "CRC"
            with m.State("CRC"), m.If(self.o.ready):  # the byte before has left: the register has long taken it in
                m.d.sync += [held.eq(self.crc_value[:8]), escaped.eq(0), left.eq(left - 1)]
                m.next = "SEND"
                with m.If(left == 0):
                    m.next = "CLOSE"
            with m.State("CLOSE"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(link.FLAG)]
                with m.If(self.o.ready):
                    m.next = "IDLE"
        return m
