"""Which lines of which memories an access touches."""

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import Out, PureInterface, Signature
from amaranth.utils import exact_log2

from weft.gen.config import Config
from weft.hdl.interfaces import touch_layout

EVEN, ODD = range(2)


class LinesSignature(Signature):
    """An access to up to a line's bytes from any byte address: at most one even and one odd line.

    Members
    -------
    mask: (even, odd), one bit a bank: the memories that the access needs.
    index: (even, odd) number of the line among all even or all odd lines: bank above row.
    offset: first byte inside the first line.
    parity: 1 if the first line is odd.
    """

    def __init__(self, config: Config) -> None:
        self._row_bits = exact_log2(config.bank_lines) - 1
        super().__init__({
            "mask": Out(config.scratchpad.banks).array(2),
            "index": Out(exact_log2(config.scratchpad_lines) - 1).array(2),
            "offset": Out(exact_log2(config.line_bytes)), "parity": Out(1)})

    def row(self, index: Value) -> Value:
        """Address inside the memory."""
        return index[:self._row_bits]

    def bank(self, index: Value) -> Value:
        return index[self._row_bits:]


def touched(m: Module, config: Config, *, address: Value, beyond: Value | None, name: str) -> data.View:
    """What an access touches (`interfaces.touch_layout`). Combinational: one increment, then one decoder.

    Parameters
    ----------
    m: module that gets the logic.
    address: first byte; bits beyond the scratchpad are ignored.
    beyond: bytes of the access behind the first one (at most line_bytes - 1); None for whole, aligned lines.
    name: prefix of the signals' names.
    """
    signature = LinesSignature(config)
    lines, result = signature.create(path=(name,)), Signal(touch_layout(config), name=f"{name}_touches")
    m.d.comb += Cat(lines.offset, lines.parity, lines.index[ODD]).eq(address)
    # The odd line of a pair follows its even line; an access that begins in the odd one goes on in the next pair.
    m.d.comb += lines.index[EVEN].eq(lines.index[ODD] + (0 if beyond is None else lines.parity))
    crosses = 0 if beyond is None else lines.offset + beyond >= config.line_bytes
    for half in (EVEN, ODD):
        with m.If((lines.parity == half) | crosses):
            m.d.comb += lines.mask[half].bit_select(signature.bank(lines.index[half]), 1).eq(1)
    m.d.comb += [result.memories.eq(memories(lines)), result.even.eq(lines.index[EVEN])]
    return result


def requested(m: Module, config: Config, port: PureInterface, name: str) -> PureInterface:
    """The lines that a port asks for, whether `valid` or not: wires only."""
    lines = LinesSignature(config).create(path=(name,))
    m.d.comb += [
        Cat(lines.offset, lines.parity, lines.index[ODD]).eq(port.address), lines.index[EVEN].eq(port.touches.even),
        Cat(lines.mask[EVEN], lines.mask[ODD]).eq(port.touches.memories)]
    return lines


def memories(lines: PureInterface) -> Value:
    """Even memories of all banks, above them the odd ones."""
    return Cat(lines.mask[EVEN], lines.mask[ODD])
