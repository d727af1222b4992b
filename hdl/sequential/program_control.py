"""The microprogram's frame: reset, waiting for START, semaphores, errors. Names of registers are its variables."""

from weft.gen import csr, isa
from weft.gen.config import Config
from weft.gen.isa import Cause, Unit
from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.operations import Condition, Event, Op
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
