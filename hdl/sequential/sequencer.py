"""The sequencer: reads the microprogram, and knows where it goes on."""

from collections.abc import Sequence

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.hdl.mem.sram import Rom
from weft.hdl.sequential.operations import ADDRESS_BITS, WORD, WORD_BITS, Op

COLD, WARM = 0, 1  # where the microprogram begins after `rst`, and after a soft reset


class Sequencer(wiring.Component):
    """One word acts while the register file reads for the next and the microprogram's memory reads the one after that.

    A branch that is taken costs one cycle more: the word behind it was for nothing.

    Parameters
    ----------
    program: words of the microprogram.

    Members
    -------
    coming: the word that acts next. enters: it does so in the next cycle, so the register file must read now. hold: it must not yet.
    word: the word that acts, with `execute`. last: it is in its last cycle.
    a: low bits of A, for SWITCH. holds: the condition that the acting word names holds.
    restart: level: begin anew at WARM as soon as no word acts. restarted: pulse: so it is.
    """

    def __init__(self, program: Sequence[int]) -> None:
        self._program = tuple(program)
        super().__init__({"coming": Out(WORD), "enters": Out(1), "hold": In(1), "word": Out(WORD), "execute": Out(1), "last": In(1),
                          "a": In(4), "holds": In(1), "restart": In(1), "restarted": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, word, branch = Module(), self.word, self.word.body.branch
        m.submodules.rom = rom = Rom(self._program, width=WORD_BITS)
        begun = Signal()  # there is a word in `coming`
        here, following = Signal(ADDRESS_BITS, reset_less=True), Signal(ADDRESS_BITS)  # of `coming`, and of the one after it
        behind = [Signal(ADDRESS_BITS, name=f"return_{n}", reset_less=True) for n in range(2)]
        ends, taken = Signal(), Signal()
        m.d.comb += [
            self.coming.as_value().eq(rom.data), ends.eq(self.execute & self.last),
            self.restarted.eq(begun & ~self.execute & self.restart),
            self.enters.eq(begun & (~self.execute | self.last) & ~taken & ~self.hold & ~self.restarted),
            rom.address.eq(following), rom.enable.eq(self.enters | taken | self.restarted | ~begun)]

        with m.Switch(word.op):
            with m.Case(Op.JUMP):
                m.d.comb += [taken.eq(ends & self.holds), following.eq(branch.target)]
            with m.Case(Op.SWITCH):
                m.d.comb += [taken.eq(ends), following.eq(Cat(self.a, branch.target[4:]))]
            with m.Case(Op.CALL):
                m.d.comb += [taken.eq(ends), following.eq(branch.target)]
            with m.Case(Op.RETURN):
                m.d.comb += [taken.eq(ends), following.eq(behind[0])]
        with m.If(~taken):
            m.d.comb += following.eq(here + 1)
        with m.If(self.restarted | ~begun):
            m.d.comb += following.eq(Mux(begun, WARM, COLD))
            m.d.sync += begun.eq(1)

        with m.If(rom.enable):
            m.d.sync += here.eq(following)
        with m.If(self.enters):
            m.d.sync += [word.eq(self.coming), self.execute.eq(1)]
        with m.Elif(ends):
            m.d.sync += self.execute.eq(0)
        with m.If(ends & (word.op == Op.CALL)):
            m.d.sync += [behind[0].eq(here), behind[1].eq(behind[0])]
        with m.If(ends & (word.op == Op.RETURN)):
            m.d.sync += behind[0].eq(behind[1])
        return m
