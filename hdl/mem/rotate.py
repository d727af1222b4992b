"""Byte rotation in two or three shallow levels."""

from amaranth import Cat, Module, Signal, Value


def rotate_right(m: Module, bytes_in: Value, amount: Signal, *, enable: Value, unit: int = 8) -> Signal:
    """Rotate a vector of equal units towards its low end: unit i of the result is unit (i + amount) modulo n of the input.

    Combinational, ceil(log2(n) / 2) levels of four-way multiplexers. The result is zero while `enable` is low, so that
    nothing behind it switches (and a simulator has nothing to do) in idle cycles; on LUTs the gate is free.

    Parameters
    ----------
    m: module that gets the logic.
    bytes_in: n * unit bits, n a power of two.
    amount: log2(n) bits.
    enable: 1 bit.
    unit: bits that move together.
    """
    count = len(bytes_in) // unit
    if count * unit != len(bytes_in) or count != 1 << len(amount):
        raise ValueError(f"rotate_right: {len(bytes_in)} bits are not 2**{len(amount)} units of {unit}")
    stage = Signal(len(bytes_in))
    m.d.comb += stage.eq(bytes_in)
    for low in reversed(range(0, len(amount), 2)):  # the coarse turns first
        digit, source, stage = amount[low:low + 2], stage, Signal(len(bytes_in))
        with m.If(enable), m.Switch(digit):
            for turn in range(1 << len(digit)):
                shift = (turn << low) * unit
                with m.Case(turn):
                    m.d.comb += stage.eq(Cat(source[shift:], source[:shift]))
    return stage


def rotate_left(m: Module, bytes_in: Value, amount: Signal, *, enable: Value, unit: int = 8) -> Signal:
    """The opposite: unit (i + amount) modulo n of the result is unit i of the input."""
    back = Signal(len(amount))
    m.d.comb += back.eq(-amount)
    return rotate_right(m, bytes_in, back, enable=enable, unit=unit)
