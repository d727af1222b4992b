"""The accelerator behind Wishbone ports."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from weft.gen.config import Config
from weft.hdl.bus import axilite, flat, wishbone
from weft.hdl.bus.wishbone_memory import WishboneMemory
from weft.hdl.bus.wishbone_registers import WishboneRegisters
from weft.hdl.npu import Npu


class NpuWishbone(wiring.Component):
    """`Npu` with a bridge at each of its two buses; clock, reset and interrupt are the same.

    Members
    -------
    wbs_*: Wishbone subordinate, the registers.
    wbm_*: Wishbone manager to the DRAM windows.
    irq: level: an enabled interrupt is pending.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({**wishbone.subordinate_members(), **wishbone.manager_members(config), "irq": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.submodules.npu = npu = Npu(self._config)
        m.submodules.registers = registers = WishboneRegisters()
        m.submodules.memory = memory = WishboneMemory(self._config)
        axilite.connect_manager(m, registers.axil, npu)
        flat.connect_manager(m, npu, memory.read, memory.write)
        m.d.comb += self.irq.eq(npu.irq)
        for bridge, members in ((registers, wishbone.subordinate_members()), (memory, wishbone.manager_members(self._config))):
            for name, member in members.items():
                outer, inner = getattr(self, name), getattr(bridge, name)
                m.d.comb += outer.eq(inner) if member.flow == Out else inner.eq(outer)
        return m
