"""Triangles of registers that slant a vector in time, and straighten it again."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Skew(wiring.Component):
    """Delays lane k by k cycles, or, with `reverse`, by lanes - 1 - k. Registers without reset or enable: lanes * (lanes - 1) / 2
    of `width` bits.

    Parameters
    ----------
    lanes, width: lanes of the vector, bits of a lane.
    reverse: straighten what an equal triangle without it has slanted.

    Members
    -------
    i, o: vectors, lane 0 lowest.
    """

    def __init__(self, lanes: int, width: int, *, reverse: bool = False) -> None:
        if lanes < 1 or width < 1:
            raise ValueError(f"Skew lanes={lanes!r}, width={width!r}: both must be 1 or more")
        self._lanes, self._width, self._reverse = lanes, width, reverse
        super().__init__({"i": In(lanes * width), "o": Out(lanes * width)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        slanted = []
        for lane in range(self._lanes):
            value = self.i[lane * self._width:(lane + 1) * self._width]
            for stage in range(self._lanes - 1 - lane if self._reverse else lane):
                register = Signal(self._width, reset_less=True, name=f"lane_{lane}_stage_{stage}")
                m.d.sync += register.eq(value)
                value = register
            slanted.append(value)
        m.d.comb += self.o.eq(Cat(slanted))
        return m
