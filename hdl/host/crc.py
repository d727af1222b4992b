"""CRC-32, one bit a cycle."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.link import CRC_POLYNOMIAL

BITS = 32


class Crc32(wiring.Component):
    """The register of `link.CRC_POLYNOMIAL`, inverted, least significant bit first.

    A byte takes `CYCLES` cycles more, far less than a character on the line.

    Members
    -------
    clear: to the beginning of a frame; stronger than `feed`.
    feed, data: start with a byte, in this and the next 8 cycles. To be given only when `CYCLES` have passed since the one before.
    drain: the byte only makes room: the register moves down by 8 bits.
    value: the inverted register: the CRC as it is sent.
    """

    CYCLES = 8

    def __init__(self) -> None:
        super().__init__({"clear": In(1), "feed": In(1), "drain": In(1), "data": In(8), "value": Out(BITS)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        # Bit 0 goes next; a one behind the last bit says where the byte ends.
        shift, busy, feedback = Signal(self.CYCLES + 1), Signal(), Signal()
        m.d.comb += [busy.eq(shift[1:] != 0), feedback.eq((~self.value[0] ^ shift[0]) & ~self.drain)]
        m.d.sync += shift.eq(Mux(self.feed, Cat(self.data, 1), shift >> 1))
        with m.If(busy):
            m.d.sync += self.value.eq(Cat(self.value[1:], 1) ^ Mux(feedback, CRC_POLYNOMIAL, 0))
        with m.If(self.clear):
            m.d.sync += self.value.eq(0)
        return m
