"""Shifts by a variable amount, one stage for each bit of the amount."""

from amaranth import Module, Mux, Signal, Value


def shift_left(m: Module, value: Value, amount: Value, bits: int, name: str) -> Signal:
    """(value << amount) in `bits` bits, what lies above them dropped; `value` is extended by its sign. Combinational."""
    step = Signal(bits, name=f"{name}_0")
    m.d.comb += step.eq(value)
    for stage in range(len(amount)):
        step, before = Signal(bits, name=f"{name}_{stage + 1}"), step
        m.d.comb += step.eq(Mux(amount[stage], (before << (1 << stage))[:bits] if 1 << stage < bits else 0, before))
    return step
