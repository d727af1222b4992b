"""The instruction decoder, generated from `isa.INSTRUCTIONS`."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause
from weft.hdl.words import word_layout


class Decoder(wiring.Component):
    """Checks an instruction completely and names its unit. Combinational.

    Members
    -------
    word: the instruction.
    cause: isa.Cause: NONE, ILLEGAL_OPCODE (this configuration has no such opcode) or ILLEGAL_OPERAND (a reserved bit is set, or a
        field lies outside its minimum .. maximum).
    unit: isa.Unit, or isa.CONTROL for HALT and for unknown opcodes.
    """

    def __init__(self, config: Config) -> None:
        self._instructions = [entry for entry in isa.INSTRUCTIONS if config.provides(entry.option)]
        super().__init__({"word": In(isa.WORD_BITS), "cause": Out(8), "unit": Out(3)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        known, illegal = [], []
        m.d.comb += self.unit.eq(isa.CONTROL)
        for instruction in self._instructions:
            match, bad = Signal(name=f"is_{instruction.name}"), Signal(name=f"bad_{instruction.name}")
            m.d.comb += [match.eq(self.word[:8] == instruction.opcode), bad.eq(Cat(self._violations(instruction)).any())]
            with m.If(match):
                m.d.comb += self.unit.eq(instruction.unit)
            known.append(match)
            illegal.append(match & bad)
        m.d.comb += self.cause.eq(Mux(Cat(illegal).any(), Cause.ILLEGAL_OPERAND,
                                      Mux(Cat(known).any(), Cause.NONE, Cause.ILLEGAL_OPCODE)))
        return m

    def _violations(self, instruction: isa.Instruction) -> list:
        """One bit for each rule that a word with this opcode can break."""
        word = word_layout(instruction.name)(self.word)
        broken = [word.reserved.any()] if instruction.bits < isa.WORD_BITS else []
        for field in instruction.fields:
            lowest = -(1 << (field.bits - 1)) if field.signed else 0
            highest = (1 << (field.bits - field.signed)) - 1
            value = getattr(word, field.name)
            if field.minimum > lowest:
                broken.append(value < field.minimum)
            if field.maximum < highest:
                broken.append(value > field.maximum)
        return broken
