"""Fetch and decode in microcode, the latter made from `isa.INSTRUCTIONS`."""

from weft.gen import isa
from weft.gen.isa import Cause
from weft.hdl.interfaces import ID_FETCH
from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.operations import RESPONSE_BAD, Condition, Op
from weft.hdl.sequential.program_control import RUNS, fail_control


def fetch(p: Assembler) -> None:
    """The instruction at `pc`, window line `line`, into the four registers of `word`."""
    p.label("next")
    p.load("pc")
    p.subtract("PROGRAM_LENGTH")
    p.jump_if(Condition.CARRY, "program end")
    p.load("WINDOW0_PERMISSION")
    p.and_(1)
    p.jump_if(Condition.ZERO, "program window")
    p.load("line")
    p.add(4)
    p.store("line_after")
    p.load("program_lines")
    p.subtract("line_after")
    p.jump_if(Condition.LESS, "program window")
    p.load("line")
    p.shift_left(2)
    p.add("WINDOW0_BASE")
    p.store("bus")
    for n in range(4):
        p.op(Op.BUS_READ, "bus", ID_FETCH)
        p.label(f"fetch {n}")
        p.jump_unless(Condition.READ_VALID, f"fetch {n}")
        p.op(Op.BUS_TAKE)
        p.store(f"word+{n}")
        p.op(Op.LOAD_RESPONSE)
        p.and_(RESPONSE_BAD)
        p.jump_unless(Condition.ZERO, "program response")
        if n < 3:
            p.increase("bus", 4)


def decode(p: Assembler, known: list[isa.Instruction]) -> None:
    """Header, then to the code of the opcode, if it is one of `known`."""
    p.load("word")
    p.op(Op.STORE_Q)
    _field(p, 0, 8)
    p.store("opcode")
    for position, name in ((8, "wait"), (12, "signal")):
        _field(p, position, 4)
        p.store(name)
    p.load("opcode")
    before = 0
    for instruction in sorted(known, key=lambda instruction: instruction.opcode):
        p.subtract(instruction.opcode - before)
        p.jump_if(Condition.ZERO, instruction.name)
        before = instruction.opcode
    fail_control(p, Cause.ILLEGAL_OPCODE)


def _field(p: Assembler, position: int, bits: int, *, signed: bool = False) -> None:
    """A = the next field, which begins at bit `position` of the instruction."""
    p.op(Op.FIELD, f"word+{min(position // 32 + 1, 3)}", 32 - bits | signed << 5)


_SHAPES = ("LOAD_SHAPE", "STORE_SHAPE")  # each has its own registers, one program for both


def _place(instruction: isa.Instruction, field: isa.Field) -> str:
    """The register of a field: called as the field, unless several instructions have one of that name or the index selects it."""
    if instruction.name in _SHAPES and field.name != "pad_value":
        return f"{field.name}+{int(instruction.unit)}"
    if field.name.startswith("stride_"):
        return f"stride+{4 * int(field.name[-1])}|"
    return f"matmul_{field.name}" if instruction.name == "MATMUL" else field.name


def fields(p: Assembler, instruction: isa.Instruction) -> None:
    """All fields into their registers; anything illegal is an error before anything happens. Then waits."""
    p.label(instruction.name)
    for field in instruction.fields:
        position = instruction.offsets()[field.name]
        _field(p, position, field.bits, signed=field.signed)
        if field.name == "operand":
            p.op(Op.INDEX)
        else:
            p.store(_place(instruction, field))
        if field.minimum == 1:
            p.jump_if(Condition.ZERO, "illegal operand")
        if not field.signed and field.maximum < (1 << field.bits) - 1:
            p.subtract(field.maximum + 1)
            p.jump_if(Condition.CARRY, "illegal operand")
    if instruction.bits < isa.WORD_BITS:
        p.op(Op.LOAD_Q)
        for n in range(instruction.bits // 32 + 1, 4):
            p.op(Op.OR, f"word+{n}")
        p.jump_unless(Condition.ZERO, "illegal operand")
    if instruction.unit != isa.CONTROL:
        p.load("pc")
        p.op(Op.TRACE, argument=int(instruction.unit) | RUNS)
        p.immediate(int(instruction.unit))
        p.call("wait")
