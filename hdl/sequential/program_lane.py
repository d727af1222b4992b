"""The arithmetic of a lane of VECTOR in microcode: factors, product, rounding, saturation, combination; then clamp and table."""

from weft.gen.config import Config
from weft.gen.isa import Alu, Rounding, Select
from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.datapath import BITS, MOST_SHIFTS
from weft.hdl.sequential.operations import Condition, Op
from weft.hdl.sequential.registers import LocalMap

FACTORS = ("lane_pre", "lane_multiplier", "lane_left", "lane_right")  # registers by lane
SIGNIFICAND_BITS = 24
_DROPPED = 7  # a normalised word is a sign, the 24 bits of a significand, and these
MOST, LEAST = (1 << 31) - 1, 1 << 31  # int32, as register contents


def scale_lane(p: Assembler, config: Config) -> None:
    """running[I] = alu(scale(`value_a`), `value_b` or running[I]). Overwrites the index only where it says so."""
    p.load("factor_b")
    p.jump_if(Condition.ZERO, "factors are there")
    for name, mask in (("multiplier", None), ("left", 31), ("right", None)):
        other = p.fresh()
        p.load(f"{name}_select")
        p.subtract(int(Select.OPERAND_B))
        p.jump_unless(Condition.ZERO, other)
        p.load("value_b")
        if mask is not None:
            p.and_(mask)
        p.store(f"lane_{name}|")
        p.label(other)
    p.label("factors are there")
    p.load("lane_right|")
    p.and_(63)
    p.store("distance")
    p.load("value_a")
    p.add("lane_pre|")
    p.op(Op.STORE_Q)
    p.op(Op.LEFT, "lane_left|")
    p.op(Op.LOAD_Q)
    p.store("value")
    p.load("lane_multiplier|")  # 1 and no shift: nothing to do, and often so
    p.subtract(1)
    p.op(Op.OR, "distance")
    p.jump_if(Condition.ZERO, "scaled")
    if config.vector.float32:
        p.load("rounding")
        p.subtract(int(Rounding.FLOAT32))
        p.jump_if(Condition.ZERO, "round float")
    p.load("value")
    p.op(Op.STORE_Q)
    p.op(Op.MULTIPLY, "lane_multiplier|")
    _round(p)
    if config.vector.float32:
        p.jump("scaled")
        _round_float(p)
    p.label("scaled")
    _combine(p)


def _round(p: Assembler) -> None:
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


def _round_float(p: Assembler) -> None:
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


def _combine(p: Assembler) -> None:
    """running[I] = alu(value, other); the first value of a reduction stands for itself."""
    p.move("value_b", "other")
    p.load("reduce")
    p.jump_if(Condition.ZERO, "combine")
    p.load("first")
    p.jump_unless(Condition.ZERO, "alu PASS")
    p.move("running|", "other")
    p.label("combine")
    p.load("alu")
    p.switch([f"alu {alu.name}" for alu in Alu])

    p.label("alu ADD")
    p.load("value")
    p.add("other")
    p.jump("combined")
    p.label("alu SUBTRACT")
    p.load("value")
    p.subtract("other")
    p.jump("combined")
    p.label("alu MAXIMUM")
    p.load("value")
    p.subtract("other")
    p.jump_if(Condition.LESS, "take other")
    p.jump("alu PASS")
    p.label("alu MINIMUM")
    p.load("other")
    p.subtract("value")
    p.jump_unless(Condition.LESS, "alu PASS")
    p.label("take other")
    p.load("other")
    p.jump("combined")
    p.label("alu CONCATENATE")
    p.load("value")
    p.and_(255)
    p.store("value")
    p.load("other")
    p.shift_left(8)
    p.op(Op.OR, "value")
    p.jump("combined")
    p.label("alu LEADING_ZEROS")
    p.move(32, "other")
    p.label("leading zero")
    p.load("value")
    p.jump_if(Condition.ZERO, "take other")
    p.decrease("other")
    p.load("value")
    p.op(Op.STORE_Q)
    p.immediate(0)
    p.op(Op.RIGHT, 1)
    p.op(Op.LOAD_Q)
    p.store("value")
    p.jump("leading zero")
    p.label("alu PASS")
    p.load("value")
    p.label("combined")
    p.store("running|")


def finish_lane(p: Assembler, config: Config) -> None:
    """`value` = running[I] with post-addend, clamp and table."""
    p.load("running|")
    p.add("post")
    p.store("value")
    p.subtract("low")
    p.jump_unless(Condition.LESS, "not too low")
    p.move("low", "value")
    p.label("not too low")
    p.load("high")
    p.subtract("value")
    p.jump_unless(Condition.LESS, "not too high")
    p.move("high", "value")
    p.label("not too high")
    p.load("table")
    p.jump_if(Condition.ZERO, "no table")
    p.load("value")
    p.and_(255)
    p.shift_left(2)
    p.add(LocalMap(config).table)
    p.store("local")
    p.op(Op.READ, "local")
    p.op(Op.LOAD_WORD)
    p.store("value")
    p.label("no table")

