"""A tiny core for the whole real flow: seconds, not minutes."""

from fractions import Fraction
from typing import Any

from amaranth import ClockDomain, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from weft.fpga.flow.top import Core
from weft.hdl.mem.sram import Sram
from weft.hdl.multiplier import MultiplierPair

MULTIPLIER = 8  # bits of each factor


class Counter(wiring.Component):
    """A counter, in a unit of its own."""

    def __init__(self, width: int) -> None:
        super().__init__({"count": Out(width)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.d.sync += self.count.eq(self.count + 1)
        return m


def tiny_core(**options: Any) -> Core:
    """The core below for the flow. `salt` only makes its key different."""
    arguments = {name: value for name, value in options.items() if name != "salt"}
    return Core(f"tiny {sorted(options.items())}", lambda hertz: Tiny(hertz, **arguments))


class Tiny(wiring.Component):
    """Has the members of an image. `tx` sends the lowest bit of what the memory holds at the counter.

    memory: "sram" as weft writes it, "colliding" with Amaranth's promise for reads of a word that is written.
    chain: additions one behind the other in one cycle. products: multiplications in a unit ``matrix.array``; with `pairs`, every two
    of them as a `MultiplierPair`.
    """

    def __init__(self, hertz: Fraction, kind: str = "sram", chain: int = 1, products: int = 0, pairs: bool = False) -> None:
        self._kind, self._chain, self._products = kind, chain, Products(products, pairs=pairs)
        super().__init__({"clk": In(1), "rst": In(1), "rx": In(1), "tx": Out(1), "busy": Out(1), "error": Out(1), "alive": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.domains.sync = sync = ClockDomain(local=True)
        m.d.comb += [sync.clk.eq(self.clk), sync.rst.eq(self.rst)]
        m.submodules.counter = counter = Counter(24)
        count = counter.count
        read = Signal(36)
        if self._kind == "sram":
            m.submodules.store = store = Sram(depth=256, width=36, drops_collisions=True)
            m.d.comb += [store.write.enable.eq(self.rx), store.write.address.eq(count[8:16]), store.write.data.eq(count),
                         store.read.enable.eq(1), store.read.address.eq(count[:8]), read.eq(store.read.data)]
        else:
            m.submodules.store = array = memory.Memory(shape=36, depth=256, init=[])
            write, port = array.write_port(), array.read_port()
            m.d.comb += [write.en.eq(self.rx), write.addr.eq(count[8:16]), write.data.eq(count),
                         port.addr.eq(count[:8]), read.eq(port.data)]
        total = Signal(36)
        for _ in range(self._chain):
            total, last = Signal(36), total
            m.d.comb += total.eq((last ^ read) + count)
        m.submodules.matrix = matrix = self._products
        m.d.comb += matrix.factor.eq(count[:MULTIPLIER])
        held = Signal(36)
        m.d.sync += held.eq(total)
        m.d.comb += [self.tx.eq(held[35]), self.busy.eq(count[-1]), self.alive.eq(count[-2]), self.error.eq(matrix.sum[0])]
        return m


class Products(wiring.Component):
    """Squares of the factor and its neighbours, added up; none if there are to be none."""

    def __init__(self, count: int, *, pairs: bool) -> None:
        self._count, self._pairs = count, pairs
        super().__init__({"factor": In(MULTIPLIER), "sum": Out(2 * MULTIPLIER)})

    def elaborate(self, platform: object) -> Any:
        del platform
        m = Module()
        m.submodules.array = array = Module()
        total: Any = 0
        for number in range(0, self._count, 2) if self._pairs else ():
            array.submodules[f"pair_{number}"] = pair = MultiplierPair(together=True)
            for half in range(2):
                m.d.comb += [pair.a[half].eq(self.factor), pair.b[half].eq(self.factor + number + half)]
                total = total ^ pair.p[half]
        for number in range(0 if self._pairs else self._count):
            left, product = Signal(MULTIPLIER), Signal(2 * MULTIPLIER)
            array.d.sync += [left.eq(self.factor + number), product.eq(left * self.factor)]
            total = total ^ product
        m.d.sync += self.sum.eq(total)
        return m
