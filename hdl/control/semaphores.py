"""The counting semaphores that order instructions of different units."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.isa import SEMAPHORE_BITS, Unit
from weft.hdl.interfaces import RetireSignature


class Semaphores(wiring.Component):
    """One counter for each ordered pair (from, to) of units, 16 in all; zero after reset.

    A retiring instruction adds one, a gate takes one; both in one cycle leave the count. A change is visible in the next cycle, in
    registers.

    Parameters
    ----------
    bits: width of a counter.

    Members
    -------
    clear: all counters become zero.
    retire_0 .. retire_3: of the units; bit `to` of `signal` adds to (unit, to).
    take_0 .. take_3: of the units' gates; bit `from` takes from (from, unit). Only while it is above zero.
    available_0 .. available_3: for the units' gates; bit `from`: (from, unit) is above zero.
    overflow: bit u: unit u retires an instruction that would take a semaphore past its maximum; the count stays.
    """

    def __init__(self, bits: int = SEMAPHORE_BITS) -> None:
        self._bits = bits
        units = range(len(Unit))
        super().__init__({
            "clear": In(1), **{f"retire_{unit}": In(RetireSignature()) for unit in units},
            **{f"take_{unit}": In(len(Unit)) for unit in units}, **{f"available_{unit}": Out(len(Unit)) for unit in units},
            "overflow": Out(len(Unit))})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        for source in Unit:
            retire, overflows = getattr(self, f"retire_{source.value}"), []
            for target in Unit:
                count = Signal(self._bits, name=f"{source.name.lower()}_to_{target.name.lower()}")
                some = Signal(name=f"{source.name.lower()}_to_{target.name.lower()}_some")  # count != 0
                up, down, overflow = Signal(), Signal(), Signal()
                m.d.comb += [
                    up.eq(retire.valid & retire.signal[target]), down.eq(getattr(self, f"take_{target.value}")[source]),
                    overflow.eq(up & ~down & count.all()), getattr(self, f"available_{target.value}")[source].eq(some)]
                with m.If(self.clear):
                    m.d.sync += [count.eq(0), some.eq(0)]
                with m.Elif((up ^ down) & ~overflow):
                    m.d.sync += [count.eq(count + Cat(1, down.replicate(self._bits - 1))),  # one adder for +1 and -1
                                 some.eq(up | (count != 1))]
                overflows.append(overflow)
            m.d.comb += self.overflow[source].eq(Cat(overflows).any())
        return m
