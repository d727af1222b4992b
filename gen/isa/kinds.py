"""What fields of instructions, error reports and counters name: units, operands, operations, states and causes.

A member's meaning is the comment beside it, from where documents and tools take it (`comments`).
"""

import enum
import inspect
import re


class Unit(enum.IntEnum):
    """The four units; also the index in wait and signal masks."""

    LOAD = 0
    MATRIX = 1
    VECTOR = 2
    STORE = 3


CONTROL = 4  # queue number of the fetch and dispatch unit, used in error reports


class Source(enum.IntEnum):
    """Where a vector operand (A or B) comes from. Lanes are 32 bits inside the unit."""

    NONE = 0  # zero in every lane
    ACCUMULATOR = 1  # accumulator line; the address counts lines
    INT8 = 2  # C bytes at any byte address, sign-extended
    UINT8 = 3  # the same, zero-extended
    SPLAT_INT8 = 4  # one byte, sign-extended, copied to all lanes
    SPLAT_UINT8 = 5  # the same, zero-extended
    SPLAT_INT32 = 6  # four bytes, little-endian, at any byte address, copied to all lanes


class Destination(enum.IntEnum):
    """Where a vector result goes."""

    NONE = 0  # nowhere
    ACCUMULATOR = 1  # accumulator line, all lanes; the address counts lines
    BYTES = 2  # low byte of lanes 0 .. lanes-1 at any byte address
    PARAMETER_PRE = 3  # pre-addend (bias) of a parameter set; the address counts sets
    PARAMETER_MULTIPLIER = 4  # multiplier of a set
    PARAMETER_SHIFT = 5  # shifts of a set: right in bits 0..5, left in bits 8..12
    TABLE = 6  # lane 0 into every lane's table at the address modulo 256


class Select(enum.IntEnum):
    """What feeds an input of the scaling stage."""

    CONSTANT = 0  # the instruction's field
    PARAMETER = 1  # the lane's entry of the parameter set
    OPERAND_B = 2  # the lane of operand B


class Rounding(enum.IntEnum):
    """How the product is shifted right. p = x * multiplier, 64 bits signed; s = right shift, 0 .. 63."""

    FLOOR = 0  # p >> s
    HALF_UP = 1  # SINGLE of TFLite: (p + 2^(s-1)) >> s
    HALF_AWAY = 2  # one rounding, halves away from zero
    DOUBLE = 3  # gemmlowp: h = (p + 2^30) >> 31 (halves up), then h * 2^31 halves away at bit s (a left shift for s < 31)
    FLOAT32 = 4  # onnxruntime: float32(x) * float32 scale, then to nearest even


class Alu(enum.IntEnum):
    """Combines the scaled lane v with operand B's lane y, or, in a reduction, with the running value r."""

    PASS = 0  # v
    ADD = 1  # v + y, wraps
    SUBTRACT = 2  # v - y, wraps
    MAXIMUM = 3
    MINIMUM = 4
    CONCATENATE = 5  # (y << 8) | (v & 255): assembles words from byte planes, most significant first
    LEADING_ZEROS = 6  # count of leading zero bits of v as an unsigned number, 32 for 0


REDUCTIONS = (Alu.ADD, Alu.MAXIMUM, Alu.MINIMUM, Alu.CONCATENATE)


class State(enum.IntEnum):
    """What a unit does in a cycle; drives counters, traces and reports."""

    IDLE = 0  # nothing in the queue
    WAIT_LOAD = 1  # the next instruction waits for a signal of the load unit
    WAIT_MATRIX = 2
    WAIT_VECTOR = 3
    WAIT_STORE = 4
    RUN = 5  # useful work
    STALL_MEMORY = 6  # scratchpad or accumulator bank conflict
    STALL_BUS = 7  # the bus gives or takes nothing
    STALL_WEIGHTS = 8  # the array's shadow weights are not complete
    SETUP = 9  # pipeline fill, drain, configuration


class Cause(enum.IntEnum):
    """Sticky error causes."""

    NONE = 0
    ILLEGAL_OPCODE = 1  # unknown opcode
    ILLEGAL_OPERAND = 2  # reserved bits set, or a field outside its legal values
    PROGRAM_END = 3  # execution ran past PROGRAM_LENGTH
    WINDOW = 4  # a DRAM access outside its window, or without permission
    SCRATCHPAD = 5  # scratchpad address out of range
    ACCUMULATOR = 6  # accumulator address out of range
    PARAMETER = 7  # parameter set out of range
    SEMAPHORE_OVERFLOW = 8  # a counting semaphore passed its maximum
    DEADLOCK = 9  # every unit waits and nothing can signal
    READ_SLVERR = 10  # the bus answered a read with SLVERR
    READ_DECERR = 11  # the bus answered a read with DECERR: nothing is at that address
    WRITE_SLVERR = 12  # the bus answered a write with SLVERR
    WRITE_DECERR = 13  # the bus answered a write with DECERR: nothing is at that address


def comments(kind: type[enum.IntEnum]) -> dict[str, str]:
    """Member -> the comment beside it above, the one place where it is described ("" for those that say it by their name)."""
    return dict(re.findall(r"^    (\w+) = \d+(?:  # (.*))?$", inspect.getsource(kind), re.MULTILINE))
