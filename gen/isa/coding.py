"""Instructions as numbers, and numbers as instructions."""

import dataclasses

from weft.gen.isa.instructions import BY_NAME, BY_OPCODE
from weft.gen.isa.kinds import Cause
from weft.gen.isa.layout import Instruction


class EncodingError(ValueError):
    """A word or a field value that the instruction set does not allow. `cause` is what the hardware reports."""

    def __init__(self, cause: Cause, text: str) -> None:
        self.cause = cause
        super().__init__(text)


def encode(name: str, *, wait: int = 0, signal: int = 0, **values: int) -> int:
    """One instruction as an integer below 2**128. `wait` and `signal` are masks over `Unit`.

    Raises `EncodingError` for a value outside a field's legal range, `TypeError` for a missing or unknown field.
    """
    instruction = BY_NAME[name]
    expected = {field.name for field in instruction.fields}
    if set(values) != expected:
        raise TypeError(f"{name}: missing {sorted(expected - set(values))}, unknown {sorted(set(values) - expected)}")
    if not (0 <= wait < 16 and 0 <= signal < 16):
        raise EncodingError(Cause.ILLEGAL_OPERAND, f"{name}: masks have 4 bits (wait={wait}, signal={signal})")
    word, offsets = instruction.opcode | wait << 8 | signal << 12, instruction.offsets()
    for field in instruction.fields:
        value = int(values[field.name])
        if not field.minimum <= value <= field.maximum:
            raise EncodingError(Cause.ILLEGAL_OPERAND, f"{name}.{field.name} = {value}: must be "
                                f"{field.minimum} .. {field.maximum}")
        word |= (value & ((1 << field.bits) - 1)) << offsets[field.name]
    return word


@dataclasses.dataclass(frozen=True)
class Decoded:
    instruction: Instruction
    wait: int
    signal: int
    values: dict[str, int]


def decode(word: int) -> Decoded:
    """The opposite of `encode`; raises `EncodingError` with the cause that the hardware would report."""
    instruction = BY_OPCODE.get(word & 0xFF)
    if instruction is None:
        raise EncodingError(Cause.ILLEGAL_OPCODE, f"unknown opcode {word & 0xFF:#04x}")
    if word >> instruction.bits:
        raise EncodingError(Cause.ILLEGAL_OPERAND, f"{instruction.name}: reserved bits are not zero")
    values, offsets = {}, instruction.offsets()
    for field in instruction.fields:
        value = word >> offsets[field.name] & ((1 << field.bits) - 1)
        if field.signed and value >> (field.bits - 1):
            value -= 1 << field.bits
        if not field.minimum <= value <= field.maximum:
            raise EncodingError(Cause.ILLEGAL_OPERAND, f"{instruction.name}.{field.name} = {value}")
        values[field.name] = value
    return Decoded(instruction, word >> 8 & 15, word >> 12 & 15, values)
