"""Instruction words as Amaranth layouts, made from `weft.gen.isa`."""

from amaranth import signed, unsigned
from amaranth.hdl import Value
from amaranth.lib import data

from weft.gen import isa


def word_layout(name: str) -> data.StructLayout:
    """Layout of the 128-bit word of instruction `name`: opcode, wait, signal, its fields (with their signs), reserved.

    Raises KeyError for a name that is not in `isa.BY_NAME`.
    """
    instruction = isa.BY_NAME[name]
    members = {"opcode": unsigned(8), "wait": unsigned(4), "signal": unsigned(4)}
    for field in instruction.fields:
        members[field.name] = signed(field.bits) if field.signed else unsigned(field.bits)
    if instruction.bits < isa.WORD_BITS:
        members["reserved"] = unsigned(isa.WORD_BITS - instruction.bits)
    return data.StructLayout(members)


def is_instruction(word: Value, name: str) -> Value:
    """1 if a unit's `word` is instruction `name`, one of the unit's own. A unit sees legal words of its own alone, so the low bits of the
    opcode tell: one LUT, which matters because units decide by it whether they accept the word."""
    return word[:isa.NUMBER_BITS] == isa.BY_NAME[name].opcode % (1 << isa.NUMBER_BITS)
