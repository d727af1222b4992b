"""Both DMA units behind one flat AXI4 manager port: what `bench_dma` simulates."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from weft.gen.config import Config
from weft.hdl.bus.flat import connect_read, connect_write, manager_members
from weft.hdl.dma.load import LoadUnit
from weft.hdl.dma.store import StoreUnit


class DmaTop(wiring.Component):
    """Members: `m_axi_*`, and `load`, `store` with every member of the unit but `axi`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._units = {"load": LoadUnit(config), "store": StoreUnit(config)}
        super().__init__({**manager_members(config), **{
            name: Out(wiring.Signature({key: member for key, member in unit.signature.members.items() if key != "axi"}))
            for name, unit in self._units.items()}})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        for name, unit in self._units.items():
            m.submodules[name] = unit
            for key in unit.signature.members:
                if key != "axi":
                    member, outer = getattr(unit, key), getattr(getattr(self, name), key)
                    if unit.signature.members[key].is_signature:
                        wiring.connect(m, member, wiring.flipped(outer))
                    elif unit.signature.members[key].flow is Out:
                        m.d.comb += outer.eq(member)
                    else:
                        m.d.comb += member.eq(outer)
        connect_read(m, self, self._config, self._units["load"].axi)
        connect_write(m, self, self._config, self._units["store"].axi)
        return m
