"""Registers that are meant to be equal: copies of a signal, each near what it drives."""

from amaranth import Module, Signal, Value

ATTRIBUTE = "replica"  # on the copies, in the Verilog too: synthesis must not merge them (`weft.fpga.flow.synthesis`)


def replicas(m: Module, platform: object, value: Value, count: int, *, name: str, enable: Value | None = None,
             reset_less: bool = False) -> list[Signal]:
    """`count` registers of `value`'s shape that all take `value`, known one cycle early, at the end of each cycle (with `enable`).

    A clock enable that leads to a thousand registers all over a chip takes longer than anything it enables. A copy for each lane
    or unit is placed beside it; the wire to the copies has a whole cycle. A platform that `keeps_replicas` gets them, and synthesis
    keeps them apart; for every other one, a simulator above all, they are one register.
    """
    early = Signal.like(value, name=f"{name}_early", attrs={})
    m.d.comb += early.eq(value)
    kept = getattr(platform, "keeps_replicas", False)
    copies = [Signal.like(early, name=f"{name}_{number}", reset_less=reset_less, attrs={ATTRIBUTE: 1} if kept else {})
              for number in range(count if kept else 1)]
    with m.If(1 if enable is None else enable):
        m.d.sync += [copy.eq(early) for copy in copies]
    return copies if kept else copies * count
