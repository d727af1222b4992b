"""Byte rotation: a multiplexer of two a level."""

from amaranth import Cat, Module, Signal


def rotate_right(m: Module, vector: Signal, amount: Signal, *, enable: Signal, unit: int = 8) -> Signal:
    """Rotate a vector of equal units towards its low end: unit i of the result is unit (i + amount) modulo n of the input.

    Combinational, one level for each bit of `amount`. Zero while `enable` is low, so that nothing behind it switches, and a
    simulator has nothing to do, in idle cycles; the gate fits into the multiplexer's four-input LUT.

    Parameters
    ----------
    m: module that gets the logic.
    vector: n * unit bits, n a power of two.
    amount: log2(n) bits.
    enable: 1 bit.
    unit: bits that move together.
    """
    if len(vector) != unit << len(amount):
        raise ValueError(f"rotate_right: {len(vector)} bits are not 2**{len(amount)} units of {unit}")
    stage = vector
    for level in reversed(range(len(amount))):
        source, stage = stage, Signal(len(vector), name=f"rotated_{level}")
        shift = unit << level
        with m.If(enable):
            with m.If(amount[level]):
                m.d.comb += stage.eq(Cat(source[shift:], source[:shift]))
            with m.Else():
                m.d.comb += stage.eq(source)
    return stage


def rotate_left(m: Module, vector: Signal, amount: Signal, *, enable: Signal, unit: int = 8) -> Signal:
    """The opposite: unit (i + amount) modulo n of the result is unit i of the input."""
    back = Signal(len(amount))
    m.d.comb += back.eq(-amount)
    return rotate_right(m, vector, back, enable=enable, unit=unit)
