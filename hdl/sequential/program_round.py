"""The roundings of VECTOR's scaling stage in microcode."""

from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.datapath import BITS, MOST_SHIFTS
from weft.hdl.sequential.operations import Condition, Op

SIGNIFICAND_BITS = 24
_DROPPED = 7  # a normalised word is a sign, the 24 bits of a significand, and these
MOST, LEAST = (1 << 31) - 1, 1 << 31  # int32, as register contents


def round_(p: Assembler) -> None:
    """`value` = A:Q shifted right by `distance` as `rounding` says, saturated. After RIGHT, CARRY is the half; adding it rounds up."""
    p.store("upper")
    p.load("rounding")
    p.switch(["round floor", "round up", "round away", "round double"])

    p.label("round double")  # first at bit 31, halves up; then as if the result stood 31 bits higher
    p.load("upper")
    p.op(Op.RIGHT, 31)
    p.call("add half")
    p.store("upper")
    p.load("distance")
    p.subtract(31)
    p.store("distance")
    p.jump_unless(Condition.NEGATIVE, "round away")
    p.load(0)
    p.subtract("distance")
    p.store("distance")
    p.load("upper")
    p.op(Op.LEFT, "distance")
    p.jump("saturate")

    p.label("round away")  # one less moves the ties of a negative number below the half
    p.load("distance")
    p.jump_if(Condition.ZERO, "round floor")
    p.load("upper")
    p.jump_unless(Condition.NEGATIVE, "round up")
    p.op(Op.LOAD_Q)
    p.add(-1)
    p.op(Op.STORE_Q)
    p.load("upper")
    p.op(Op.ADD_CARRY, -1)
    p.store("upper")

    p.label("round up")
    p.load("upper")
    p.op(Op.RIGHT, "distance")
    p.call("add half")
    p.jump("saturate")

    p.label("add half")  # A:Q += CARRY
    p.store("upper")
    p.op(Op.LOAD_Q)
    p.op(Op.ADD_CARRY, 0)
    p.op(Op.STORE_Q)
    p.load("upper")
    p.op(Op.ADD_CARRY, 0)
    p.return_()

    p.label("round floor")
    p.load("upper")
    p.op(Op.RIGHT, "distance")

    p.label("saturate")
    p.store("upper")
    p.op(Op.LOAD_Q)
    p.store("value")
    p.load("upper")
    p.jump_if(Condition.NEGATIVE, "saturate below")
    p.jump_unless(Condition.ZERO, "too much")
    p.load("value")
    p.jump_unless(Condition.NEGATIVE, "scaled")
    p.label("too much")
    p.move(MOST, "value")
    p.jump("scaled")
    p.label("saturate below")
    p.add(1)
    p.jump_unless(Condition.ZERO, "too little")
    p.load("value")
    p.jump_if(Condition.NEGATIVE, "scaled")
    p.label("too little")
    p.move(LEAST, "value")


def round_float(p: Assembler) -> None:
    """`value` = `value` * multiplier shifted right by `distance`, in FLOAT32.

    Both factors of a product stay significands, integers of at most 25 bits; `distance` collects their exponents. It is what is left to
    shift right in the end.
    """
    p.label("round float")
    p.increase("distance", MOST_SHIFTS - _DROPPED - BITS)
    p.load("value")
    p.add(1 << SIGNIFICAND_BITS)
    p.subtract(1 << SIGNIFICAND_BITS + 1)
    p.load("value")
    p.jump_unless(Condition.CARRY, "float product")  # it is a significand already
    p.increase("distance", MOST_SHIFTS - _DROPPED)
    p.immediate(0)
    p.op(Op.STORE_Q)
    p.load("value")
    p.call("significand")
    p.label("float product")
    p.op(Op.STORE_Q)
    p.op(Op.MULTIPLY, "lane_multiplier|")
    p.call("significand")
    p.store("upper")
    p.immediate(0)
    p.op(Op.STORE_Q)
    p.load("distance")
    p.jump_if(Condition.NEGATIVE, "float up")
    p.subtract(BITS)
    p.jump_if(Condition.LESS, "float down")
    p.move(0, "value")  # below a half
    p.jump("scaled")
    p.label("float down")
    p.load("upper")
    p.op(Op.RIGHT, "distance")  # Q is the fraction
    p.store("upper")
    p.and_(1)
    p.subtract(1)  # CARRY if odd: then a half rounds up
    p.op(Op.LOAD_Q)
    p.op(Op.ADD_CARRY, MOST)
    p.load("upper")
    p.op(Op.ADD_CARRY, 0)
    p.store("value")
    p.jump("scaled")
    p.label("float up")
    p.load(0)
    p.subtract("distance")
    p.store("distance")
    p.load("upper")
    p.op(Op.RIGHT, BITS)
    p.op(Op.LEFT, "distance")
    p.jump("saturate")

    p.label("significand")  # A = A:Q rounded to 24 bits, halves to even; `distance` loses how far the highest bit was up
    p.op(Op.NORMALISE)
    p.store("upper")
    p.op(Op.LOAD_STEPS)
    p.store("steps")
    p.load("distance")
    p.subtract("steps")
    p.store("distance")
    p.load("upper")
    p.op(Op.RIGHT, 1)  # room for a carry; what leaves is 0
    p.store("upper")
    p.and_(1 << _DROPPED - 1)
    p.subtract(1)  # CARRY if the lowest bit that stays is 1
    p.op(Op.LOAD_Q)
    p.op(Op.ADD_CARRY, -1)  # CARRY if that, or anything in Q
    p.load("upper")
    p.op(Op.ADD_CARRY, (1 << _DROPPED - 2) - 1)
    p.op(Op.RIGHT, _DROPPED - 1)
    p.return_()
