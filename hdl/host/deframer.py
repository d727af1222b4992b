"""From characters to whole, undamaged frames in a buffer."""

from amaranth import C, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import link
from weft.hdl.host.uart import RECEIVED

POSITION_BITS = 9
FIRST = (1 << POSITION_BITS) - link.HEADER_BYTES  # buffer address of the sequence number: data begin at address 0
CRC_RIGHT = ~link.CRC_RESIDUE & 0xFFFF_FFFF  # of `Crc32` after a frame with its CRC
END = link.DATA_LIMIT + link.CRC_BYTES  # position after the longest frame


class Deframer(wiring.Component):
    """Writes the bytes of a frame to the buffer as they arrive and says when a whole one is there with the right CRC.

    Anything else is dropped: the deframer then waits for the next FLAG. It also does so while `busy` is high: what arrives while a
    request is performed belongs to a host that did not wait.

    Members
    -------
    valid, i: characters.
    busy: the buffer is in use.
    write_enable, write_address, write_data: to the buffer; the header stands below address 0 (modulo its size), data and CRC from there.
    crc_clear, crc_feed, crc_data, crc_value: the `Crc32`.
    frame: pulse: a frame with the right CRC stands in the buffer; `end` is the address after its CRC and holds while `busy`.
    dropped: pulse: bytes were dropped.
    """

    def __init__(self) -> None:
        super().__init__({
            "valid": In(1), "i": In(RECEIVED), "busy": In(1),
            "write_enable": Out(1), "write_address": Out(POSITION_BITS), "write_data": Out(8),
            "crc_clear": Out(1), "crc_feed": Out(1), "crc_data": Out(8), "crc_value": In(32),
            "frame": Out(1), "end": Out(POSITION_BITS), "dropped": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        hunting, escaped, position = Signal(init=1), Signal(), Signal(POSITION_BITS, reset_less=True)
        byte, flag, whole = Signal(8), Signal(), Signal()
        m.d.comb += [
            byte.eq(self.i.data ^ Mux(escaped, C(link.FLIP, 8), 0)), flag.eq(self.i.data == link.FLAG),
            whole.eq(~hunting & ~escaped & (self.crc_value == CRC_RIGHT)), self.end.eq(position),
            self.write_address.eq(position), self.write_data.eq(byte), self.crc_data.eq(byte)]
        with m.If(self.valid):
            with m.If(self.busy | self.i.damaged):
                m.d.sync += hunting.eq(1)
                m.d.comb += self.dropped.eq(self.i.damaged | ~flag)
            with m.Elif(flag):
                m.d.comb += [self.frame.eq(whole), self.dropped.eq(~whole & ~hunting & (position != FIRST)), self.crc_clear.eq(1)]
                m.d.sync += [hunting.eq(whole), escaped.eq(0)]
                with m.If(~whole):
                    m.d.sync += position.eq(FIRST)
            with m.Elif(~hunting):
                m.d.sync += escaped.eq(self.i.data == link.ESCAPE)
                with m.If((self.i.data == link.ESCAPE) & ~escaped):
                    pass
                with m.Elif((position == END) | (self.i.data == link.ESCAPE)):
                    m.d.sync += hunting.eq(1)
                    m.d.comb += self.dropped.eq(1)
                with m.Else():
                    m.d.comb += [self.write_enable.eq(1), self.crc_feed.eq(1)]
                    m.d.sync += position.eq(position + 1)
        return m
