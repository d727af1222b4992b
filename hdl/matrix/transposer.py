"""Turns lines of R words into columns: a shift register for each row of the array."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Transposer(wiring.Component):
    """Row r takes `line` in a cycle with take[r], and gives its words, lowest first, in the `rows` cycles after it; then zeros.

    A line may be taken in the cycle in which the last word of the one before stands at the output. No register has a reset.

    Parameters
    ----------
    rows: R, rows and words of a line. bits: of a word.

    Members
    -------
    line: R words.
    take: R bits.
    o: a word for each row, row 0 lowest.
    """

    def __init__(self, rows: int, bits: int = 8) -> None:
        self._rows, self._bits = rows, bits
        super().__init__({"line": In(bits * rows), "take": In(rows), "o": Out(bits * rows)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, held = Module(), []
        for row in range(self._rows):
            rest = Signal(self._bits * self._rows, reset_less=True, name=f"rest_{row}")
            m.d.sync += rest.eq(Mux(self.take[row], self.line, rest[self._bits:]))
            held.append(rest[:self._bits])
        m.d.comb += self.o.eq(Cat(held))
        return m
