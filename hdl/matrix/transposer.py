"""Turns lines of R bytes into columns: a shift register for each row of the array."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Transposer(wiring.Component):
    """Row r takes `line` in a cycle with take[r], and gives its bytes, lowest first, in the `rows` cycles after it; then zeros.

    A line may be taken in the cycle in which the last byte of the one before stands at the output. No register has a reset.

    Parameters
    ----------
    rows: R, rows and bytes of a line.

    Members
    -------
    line: R bytes.
    take: R bits.
    o: a byte for each row, row 0 lowest.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        super().__init__({"line": In(8 * rows), "take": In(rows), "o": Out(8 * rows)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, held = Module(), []
        for row in range(self._rows):
            rest = Signal(8 * self._rows, reset_less=True, name=f"rest_{row}")
            m.d.sync += rest.eq(Mux(self.take[row], self.line, rest[8:]))
            held.append(rest[:8])
        m.d.comb += self.o.eq(Cat(held))
        return m
