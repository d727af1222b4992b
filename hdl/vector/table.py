"""Look-up table of one lane."""

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.hdl.mem.sram import Sram


class Table(wiring.Component):
    """Replaces a value by the entry at its low 8 bits, or passes it on.

    An entry that is looked up in the very cycle in which it is written gives an undefined result (of that iteration only); no
    program depends on it (`gen/isa`, VECTOR).

    Members
    -------
    use: 1: look up; belongs to z.
    step: takes z at the end of this cycle.
    z: value. result: `LATENCY` steps after z.
    enable, address, data: write port; a look-up in any later cycle sees the entry.
    """

    LATENCY = Sram.LATENCY
    ENTRIES = 256

    use: In(1)
    step: In(1)
    z: In(signed(32))
    result: Out(signed(32))
    enable: In(1)
    address: In(range(ENTRIES))
    data: In(signed(32))

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.submodules.memory = memory = Sram(depth=self.ENTRIES, width=32, drops_collisions=True)
        passed, used = Signal(signed(32), reset_less=True), Signal(reset_less=True)
        m.d.comb += [
            memory.write.enable.eq(self.enable), memory.write.address.eq(self.address), memory.write.data.eq(self.data),
            memory.read.enable.eq(self.step & self.use), memory.read.address.eq(self.z[:8]),
            self.result.eq(Mux(used, memory.read.data, passed).as_signed())]
        with m.If(self.step):
            m.d.sync += used.eq(self.use)
        with m.If(self.step & ~self.use):
            m.d.sync += passed.eq(self.z)
        return m
