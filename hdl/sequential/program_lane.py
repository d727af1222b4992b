"""A lane of VECTOR in microcode: factors, product, combination; then clamp and table. Rounding is in `program_round`."""

from weft.gen.config import Config
from weft.gen.isa import Alu, Rounding, Select
from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.operations import Condition, Op
from weft.hdl.sequential.program_round import round_, round_float
from weft.hdl.sequential.registers import LocalMap

FACTORS = ("lane_pre", "lane_multiplier", "lane_left", "lane_right")  # registers by lane


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
    round_(p)
    if config.vector.float32:
        p.jump("scaled")
        round_float(p)
    p.label("scaled")
    _combine(p)


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

