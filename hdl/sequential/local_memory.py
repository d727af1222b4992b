"""The local memory of the sequential machine: scratchpad, accumulators, parameter sets and table in one single-port SRAM."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.hdl.mem.sram import SinglePortSram
from weft.hdl.sequential.registers import LocalMap


class LocalMemory(wiring.Component):
    """Words and bytes of the `LocalMap`.

    Members
    -------
    address: byte address; a word takes it without its two low bits.
    read, write_word, write_byte: pulses, at most one of them. data: what is written, a byte in its low bits.
    word, byte: what was read last, from the cycle after `read` on.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._words = LocalMap(config).words
        super().__init__({"address": In(32), "read": In(1), "write_word": In(1), "write_byte": In(1), "data": In(32), "word": Out(32),
                          "byte": Out(8)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.submodules.sram = sram = SinglePortSram(depth=self._words, width=32)
        place = Signal(2, reset_less=True)  # byte inside the word that was read
        with m.If(self.read):
            m.d.sync += place.eq(self.address[:2])
        low = self.data[:8]
        m.d.comb += [
            sram.enable.eq(self.read | self.write_word | self.write_byte), sram.address.eq(self.address[2:]),
            sram.write.eq(self.write_word.replicate(4) | Mux(self.write_byte, 1 << self.address[:2], 0)),
            sram.write_data.eq(Mux(self.write_byte, Cat(low, low, low, low), self.data)), self.word.eq(sram.read_data),
            self.byte.eq(sram.read_data.word_select(place, 8))]
        return m
