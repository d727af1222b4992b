"""The sequencer: reads the microprogram, and knows where it goes on."""

from collections.abc import Sequence

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.hdl.mem.sram import Rom
from weft.hdl.sequential.operations import ADDRESS_BITS, WORD, WORD_BITS, Op

COLD, WARM = 0, 1  # where the microprogram begins after `rst`, and after a soft reset


class Sequencer(wiring.Component):
    """Two cycles a word: in the first the register file reads (`fetching`), from the second on the operation acts (`execute`).

    Parameters
    ----------
    program: words of the microprogram.

    Members
    -------
    word: the present word. fetching, execute: see above; neither while a word is being read after a reset.
    last: the operation is in its last cycle. a: low bits of A, for SWITCH. holds: the condition that the word names holds.
    restart: level: begin anew at WARM as soon as the present operation has ended. restarted: pulse: so it is.
    """

    def __init__(self, program: Sequence[int]) -> None:
        self._program = tuple(program)
        super().__init__({"word": Out(WORD), "fetching": Out(1), "execute": Out(1), "last": In(1), "a": In(4), "holds": In(1),
                          "restart": In(1), "restarted": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, word = Module(), self.word
        m.submodules.rom = rom = Rom(self._program, width=WORD_BITS)
        begun = Signal()  # there is a word
        here, following = Signal(ADDRESS_BITS, reset_less=True), Signal(ADDRESS_BITS)
        behind = [Signal(ADDRESS_BITS, name=f"return_{n}", reset_less=True) for n in range(2)]
        after, branch = Signal(ADDRESS_BITS), word.body.branch
        m.d.comb += [word.as_value().eq(rom.data), after.eq(here + 1), following.eq(after), rom.address.eq(following)]

        m.d.comb += self.fetching.eq(begun & ~self.execute & ~self.restart)
        with m.If(~begun | (~self.execute & self.restart)):
            m.d.comb += [following.eq(Mux(begun, WARM, COLD)), rom.enable.eq(1), self.restarted.eq(begun)]
            m.d.sync += [begun.eq(1), here.eq(following)]
        with m.Elif(~self.execute):
            m.d.sync += self.execute.eq(1)
        with m.Elif(self.last):
            m.d.comb += rom.enable.eq(1)
            m.d.sync += [self.execute.eq(0), here.eq(following)]
            with m.Switch(word.op):
                with m.Case(Op.JUMP), m.If(self.holds):
                    m.d.comb += following.eq(branch.target)
                with m.Case(Op.SWITCH):
                    m.d.comb += following.eq(Cat(self.a, branch.target[4:]))
                with m.Case(Op.CALL):
                    m.d.comb += following.eq(branch.target)
                    m.d.sync += [behind[0].eq(after), behind[1].eq(behind[0])]
                with m.Case(Op.RETURN):
                    m.d.comb += following.eq(behind[0])
                    m.d.sync += behind[0].eq(behind[1])
        return m
