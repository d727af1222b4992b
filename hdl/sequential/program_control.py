"""The microprogram's frame: reset, waiting for START, fetch, decode, semaphores, errors. Names of registers are its variables."""

from weft.gen import csr, isa
from weft.gen.config import Config
from weft.gen.isa import Cause, Unit
from weft.hdl.interfaces import ID_FETCH
from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.operations import RESPONSE_BAD, Condition, Event, Op
from weft.hdl.sequential.registers import HOST_WORDS

RUNS = 4  # bit of TRACE's argument
RESPONSE_TO_READ_CAUSE = Cause.READ_SLVERR - 2  # response SLVERR is 2, DECERR 3
RESPONSE_TO_WRITE_CAUSE = Cause.WRITE_SLVERR - 2


def names(p: Assembler) -> None:
    """Registers that are addressed with the index."""
    p.array("semaphore", 16)  # from unit f to unit t: 4 * f + t
    p.array("word", 4)  # the present instruction
    for name in ("rows", "dram_stride", "scratchpad_stride", "pad_before", "pad_after"):
        p.array(name, 4)  # by unit: LOAD and STORE
    p.array("stride", 16)  # of VECTOR: operand + 4 * level


def entry(p: Assembler) -> None:
    """The two words at which the sequencer begins."""
    p.jump("cold")
    p.jump("warm")


def cold(p: Assembler) -> None:
    """After `rst`: every register that the host sees, every constant. The last part to be assembled."""
    p.label("cold")
    p.immediate(0)
    for word in range(HOST_WORDS):
        p.store(f"ID+{word}")  # ID is word 0
    p.set_constants()
    p.jump("constant host registers")


def start(p: Assembler, config: Config) -> None:
    """Idle, and what a run begins with."""
    p.label("constant host registers")
    for name, value in (("ID", csr.IDENTITY), ("VERSION", csr.BY_NAME["VERSION"].reset), ("CONFIG_HASH", config.hash),
                        ("SHAPE", config.array.rows | config.array.columns << 8 | config.scratchpad.kib << 16)):
        p.move(value, name)
    p.immediate(0)
    p.store(f"pad_before+{Unit.STORE.value}")
    p.store(f"pad_after+{Unit.STORE.value}")
    p.label("warm")
    p.immediate(0)
    for name in ("ERROR", "ERROR_PC", "ERROR_ADDRESS"):
        p.store(name)
    p.op(Op.TRACE)
    p.event(Event.IDLE)
    p.label("idle")
    p.jump_unless(Condition.STARTED, "idle")
    p.event(Event.BEGIN)
    p.immediate(0)
    p.store("pc")
    for n in range(len(Unit) ** 2):
        p.store(f"semaphore+{n}")
    for register, lines in (("PROGRAM_OFFSET", "line"), ("WINDOW0_SIZE", "program_lines")):
        p.load(register)
        p.shift_right(2)
        p.store(lines)



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


def decode(p: Assembler) -> None:
    """Header, then to the code of the opcode."""
    p.load("word")
    p.op(Op.STORE_Q)
    _field(p, 0, 8)
    p.store("opcode")
    for position, name in ((8, "wait"), (12, "signal")):
        _field(p, position, 4)
        p.store(name)
    p.load("opcode")
    before = 0
    for instruction in sorted(isa.INSTRUCTIONS, key=lambda instruction: instruction.opcode):
        p.subtract(instruction.opcode - before)
        p.jump_if(Condition.ZERO, instruction.name)
        before = instruction.opcode
    fail_control(p, Cause.ILLEGAL_OPCODE)


def _field(p: Assembler, position: int, bits: int, *, signed: bool = False) -> None:
    """A = the next field, which begins at bit `position` of the instruction."""
    p.op(Op.FIELD, f"word+{min(position // 32 + 1, 3)}", 32 - bits | signed << 5)


# Where fields are kept whose register is not called as the field.
_SHAPED = ("LOAD_SHAPE", "STORE_SHAPE")


def _place(instruction: isa.Instruction, field: isa.Field) -> str:
    if instruction.name in _SHAPED and field.name != "pad_value":
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


def halt(p: Assembler) -> None:
    p.event(Event.DONE)
    p.jump("idle")


def semaphores(p: Assembler) -> None:
    """`wait`: take what the instruction of the unit in A waits for; I = the unit. `retire`: signal, and on to the next instruction."""
    p.label("wait")
    p.store("unit")
    p.op(Op.INDEX)
    for unit in Unit:
        skip = p.fresh()
        p.load("wait")
        p.and_(1 << unit)
        p.jump_if(Condition.ZERO, skip)
        p.load(f"semaphore+{4 * unit}|")
        p.jump_if(Condition.ZERO, "deadlock")
        p.subtract(1)
        p.store(f"semaphore+{4 * unit}|")
        p.label(skip)
    p.return_()

    p.label("retire")
    p.load("unit")
    p.shift_left(2)
    p.op(Op.INDEX)
    for unit in Unit:
        skip = p.fresh()
        p.load("signal")
        p.and_(1 << unit)
        p.jump_if(Condition.ZERO, skip)
        p.increase(f"semaphore+{unit.value}|", 1)
        p.subtract(1 << isa.SEMAPHORE_BITS)
        p.jump_if(Condition.ZERO, "semaphore overflow")
        p.label(skip)
    p.op(Op.TRACE)
    p.increase("pc", 1)
    p.increase("line", 4)
    p.jump("next")


def fail_control(p: Assembler, cause: Cause) -> None:
    p.immediate(cause | isa.CONTROL << 8)
    p.jump("fail")


def fail_unit(p: Assembler, label: str, cause: Cause | None, address: str | None, *, scale: int = 0) -> None:
    """The error `cause` (None: what A holds) of the running unit, at `address` << scale."""
    p.label(label)
    if cause is None:
        p.store("cause")
    if address is not None:
        p.load(address)
        p.shift_left(scale)
        p.store("ERROR_ADDRESS")
    if cause is not None:
        p.move(int(cause), "cause")
    p.jump("fail unit")


def errors(p: Assembler) -> None:
    """Errors of fetch, decode and semaphores, and what all errors end with: registers, then the interrupt."""
    p.label("program end")
    fail_control(p, Cause.PROGRAM_END)
    p.label("program response")
    p.op(Op.LOAD_RESPONSE)
    p.add(RESPONSE_TO_READ_CAUSE | isa.CONTROL << 8)
    p.store("cause")
    p.jump("program address")
    p.label("program window")
    p.move(Cause.WINDOW | isa.CONTROL << 8, "cause")
    p.label("program address")
    p.load("line")
    p.shift_left(2)
    p.store("ERROR_ADDRESS")
    p.load("cause")
    p.jump("fail")
    p.label("illegal operand")
    fail_control(p, Cause.ILLEGAL_OPERAND)
    fail_unit(p, "deadlock", Cause.DEADLOCK, None)
    fail_unit(p, "semaphore overflow", Cause.SEMAPHORE_OVERFLOW, None)
    p.label("fail unit")
    p.load("unit")
    p.shift_left(8)
    p.op(Op.OR, "cause")
    p.label("fail")
    p.store("ERROR")
    p.move("pc", "ERROR_PC")
    p.op(Op.TRACE)
    p.event(Event.FAIL)
    p.label("stopped")
    p.jump("stopped")
