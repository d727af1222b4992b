"""A reset of its own for each unit."""

from amaranth import ClockDomain, ClockSignal, DomainRenamer, Module, ResetInserter, ResetSignal, Signal
from amaranth.lib.wiring import Component

from weft.hdl.replica import replicas


def resettable(m: Module, platform: object, soft_reset: Signal, components: dict[str, Component]) -> None:
    """Add `components` as submodules that `soft_reset`, known one cycle early, resets as the reset of `sync` does.

    Where a wire across the chip is slow, each gets one register that is its whole reset: no gate stands between it and what it resets.
    A platform that `keeps_replicas` asks for that; such a unit leaves the reset of `sync` a cycle later than the rest.
    """
    if not getattr(platform, "keeps_replicas", False):
        resets = replicas(m, platform, soft_reset, len(components), name="soft_reset")
        for reset, (name, component) in zip(resets, components.items(), strict=True):
            m.submodules[name] = ResetInserter(reset)(component)
        return
    resets = replicas(m, platform, soft_reset | ResetSignal("sync"), len(components), name="unit_reset", reset_less=True)
    for reset, (name, component) in zip(resets, components.items(), strict=True):
        domain = ClockDomain(f"{name}_unit", local=True)
        m.domains += domain
        m.d.comb += [domain.clk.eq(ClockSignal("sync")), domain.rst.eq(reset)]
        m.submodules[name] = DomainRenamer(domain.name)(component)
