"""Byte rotation in two or three shallow levels."""

from amaranth import Cat, Module, Signal, Value


def rotate_right(m: Module, vector: Signal, amount: Signal, *, enable: Value, unit: int = 8) -> Signal:
    """Rotate a vector of equal units towards its low end: unit i of the result is unit (i + amount) modulo n of the input.

    Combinational, ceil(log2(n) / 2) levels of four-way multiplexers. The result is zero while `enable` is low, so that
    nothing behind it switches (and a simulator has nothing to do) in idle cycles; on LUTs the gate is free.

    Parameters
    ----------
    m: module that gets the logic.
    vector: n * unit bits, n a power of two.
    amount: log2(n) bits.
    enable: 1 bit.
    unit: bits that move together.
    """
    count = len(vector) // unit
    if count * unit != len(vector) or count != 1 << len(amount):
        raise ValueError(f"rotate_right: {len(vector)} bits are not 2**{len(amount)} units of {unit}")
    stage = vector
    for low in reversed(range(0, len(amount), 2)):  # the coarse turns first
        digit, source, stage = amount[low:low + 2], stage, Signal(len(vector))
        with m.If(enable), m.Switch(digit):
            for turn in range(1 << len(digit)):
                shift = (turn << low) * unit
                with m.Case(turn):
                    m.d.comb += stage.eq(Cat(source[shift:], source[:shift]))
    return stage


def rotate_left(m: Module, vector: Signal, amount: Signal, *, enable: Value, unit: int = 8) -> Signal:
    """The opposite: unit (i + amount) modulo n of the result is unit i of the input."""
    back = Signal(len(amount))
    m.d.comb += back.eq(-amount)
    return rotate_right(m, vector, back, enable=enable, unit=unit)
