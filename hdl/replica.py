"""Registers that are meant to be equal: copies of a signal, each near what it drives."""

from amaranth import Module, Signal
from amaranth.hdl import ValueLike

ATTRIBUTE = "replica"  # on the copies, in the Verilog too: synthesis must not merge them (`weft.fpga.flow.synthesis`)


def replicas(m: Module, value: ValueLike, count: int, *, name: str, reset_less: bool = False) -> list[Signal]:
    """`count` one-bit registers that all take `value`, known one cycle early, at the end of each cycle.

    A clock enable that leads to a thousand registers all over a chip takes longer than anything it enables. A copy for each lane
    or unit is placed beside it; the wire to the copies has a whole cycle. Synthesis for FPGAs keeps them apart, everything else
    may merge them: they are one signal.
    """
    early, copies = Signal(name=f"{name}_early"), []
    m.d.comb += early.eq(value)
    for number in range(count):
        copy = Signal(name=f"{name}_{number}", reset_less=reset_less, attrs={ATTRIBUTE: 1})
        m.d.sync += copy.eq(early)
        copies.append(copy)
    return copies
