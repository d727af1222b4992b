"""Which lines of which memories an access touches."""

from amaranth import Cat, Module, Value
from amaranth.lib.wiring import Out, PureInterface, Signature
from amaranth.utils import exact_log2

from weft.gen.config import Config

EVEN, ODD = range(2)


class LinesSignature(Signature):
    """An access to up to a line's bytes from any byte address: at most one even and one odd line.

    Members
    -------
    mask: (even, odd), one bit a bank: the memories that the access needs; zero without a request.
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


def touched_lines(m: Module, config: Config, *, valid: Value, address: Value, beyond: Value | None, name: str) -> PureInterface:
    """Decode a byte address. Combinational: one increment, then one decoder.

    Parameters
    ----------
    m: module that gets the logic.
    valid, address: the request; address bits beyond the scratchpad are ignored.
    beyond: bytes of the access behind the first one (at most line_bytes - 1); None for line-aligned clients.
    name: prefix of the signals' names.
    """
    signature = LinesSignature(config)
    lines = signature.create(path=(name,))
    m.d.comb += Cat(lines.offset, lines.parity, lines.index[ODD]).eq(address)
    # The odd line of a pair follows its even line; an access that begins in the odd one goes on in the next pair.
    m.d.comb += lines.index[EVEN].eq(lines.index[ODD] + (0 if beyond is None else lines.parity))
    crosses = 0 if beyond is None else lines.offset + beyond >= config.line_bytes
    for half in (EVEN, ODD):
        with m.If(valid & ((lines.parity == half) | crosses)):
            m.d.comb += lines.mask[half].bit_select(signature.bank(lines.index[half]), 1).eq(1)
    return lines


def memories(lines: PureInterface) -> Value:
    """Even memories of all banks, above them the odd ones."""
    return Cat(lines.mask[EVEN], lines.mask[ODD])
