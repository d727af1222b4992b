"""One of many registers, found in two cycles."""

from amaranth import Module, Signal, Value

_BITS = 3  # of the index that the first cycle looks at: a LUT-friendly share of the work


def choose(m: Module, index: Signal, values: dict[int, Value], *, bits: int, name: str) -> Signal:
    """`values[index]`, `bits` wide, as both were two cycles ago, and zero where there is none; a register.

    Forty words side by side are ten levels of logic on an FPGA, with wires from everywhere: the first cycle chooses within each eighth
    of the index, the second one among these.
    """
    result, high = Signal(bits, reset_less=True, name=name), Signal(len(index) - _BITS, reset_less=True, name=f"{name}_high")
    m.d.sync += [high.eq(index[_BITS:]), result.eq(0)]
    for block in sorted({number >> _BITS for number in values}):
        part = Signal(bits, reset_less=True, name=f"{name}_{block}")
        m.d.sync += part.eq(0)
        with m.Switch(index[:_BITS]):
            for number, value in values.items():
                if number >> _BITS == block:
                    with m.Case(number & ((1 << _BITS) - 1)):
                        m.d.sync += part.eq(value)
        with m.If(high == block):
            m.d.sync += result.eq(part)
    return result
