"""VECTOR in microcode: what it says once, its loop nest, its results. `program_operand` has its operands, `program_lane` the arithmetic."""

from weft.gen.config import Config
from weft.gen.isa import REDUCTIONS, Alu, Cause, Rounding, Select
from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.operations import Condition, Op
from weft.hdl.sequential.program_control import fail_unit
from weft.hdl.sequential.program_lane import finish_lane, scale_lane
from weft.hdl.sequential.program_operand import LEVELS, RESULT, WORD, A, B, kind_entries, kinds, locate, operand
from weft.hdl.sequential.registers import LocalMap


def vector(p: Assembler, config: Config) -> None:
    """Everything behind the fields of VECTOR."""
    p.label("run VECTOR")
    _legal(p, config)
    kinds(p)
    for level in range(LEVELS):
        p.move(f"count_{level}", f"left_{level}")
    _factors(p, config)
    p.immediate(0)  # of an operand that is NONE
    p.store("value_a")
    p.store("value_b")
    p.load("reduce")
    p.store("first")  # not 0: the next iteration begins a reduction
    p.label("iteration")
    for number in (A, B):
        p.immediate(number)
        p.call("locate")
    p.immediate(0)
    p.label("lane")
    p.store("lane")
    for number, register in ((A, "value_a"), (B, "value_b")):
        none = p.fresh()
        p.load(f"how+{number}")
        p.jump_if(Condition.ZERO, none)
        p.immediate(number)
        p.op(Op.INDEX)
        p.call("operand")
        p.store(register)
        p.label(none)
    p.load("lane")
    p.op(Op.INDEX)
    scale_lane(p, config)
    p.increase("lane", 1)
    p.subtract(config.lanes)
    p.jump_if(Condition.ZERO, "lanes done")
    p.load("lane")
    p.jump("lane")
    p.label("lanes done")
    p.move(f"at+{RESULT}", "result_address")
    _step(p)
    p.label("stepped")  # `level`: the one that advanced
    p.load("level")
    p.subtract("reduce")
    p.immediate(0)
    p.jump_if(Condition.LESS, "no result")
    _result(p, config)
    p.immediate(1)
    p.label("no result")
    p.store("first")
    p.load("level")
    p.subtract(LEVELS)
    p.jump_if(Condition.LESS, "iteration")
    p.jump("retire")

    locate(p)
    operand(p)
    kind_entries(p, config)
    fail_unit(p, "vector operand", Cause.ILLEGAL_OPERAND, None)
    fail_unit(p, "vector parameter", Cause.PARAMETER, "parameter")
    fail_unit(p, "vector address", None, "address")


def _legal(p: Assembler, config: Config) -> None:
    """Combinations that the fields alone do not forbid."""
    p.load("lanes")
    p.subtract(config.lanes + 1)
    p.jump_if(Condition.CARRY, "vector operand")
    p.load("reduce")
    p.jump_if(Condition.ZERO, "no reduction")
    p.load("alu")
    for alu in Alu:
        if alu not in REDUCTIONS:
            p.op(Op.XOR, int(alu))
            p.jump_if(Condition.ZERO, "vector operand")
            p.op(Op.XOR, int(alu))
    p.label("no reduction")
    if not config.vector.float32:
        p.load("rounding")
        p.subtract(int(Rounding.FLOAT32))
        p.jump_if(Condition.ZERO, "vector operand")
    p.load("parameter")
    p.subtract(config.vector.parameter_sets)
    p.jump_if(Condition.CARRY, "vector parameter")


def _factors(p: Assembler, config: Config) -> None:
    """Each lane's pre-addend, multiplier and shifts: constants, or an entry of the parameter set."""
    local = LocalMap(config)
    p.move("multiplier_select", "scratch")
    for name in ("left_select", "right_select"):
        p.op(Op.OR, name)
    p.and_(int(Select.OPERAND_B))
    p.store("factor_b")  # not 0: operand B gives a factor
    p.load("parameter")
    p.shift_left(4)
    p.store("set")
    p.immediate(0)
    p.label("factors of a lane")
    p.store("lane")
    p.op(Op.INDEX)
    for name, origin in (("pre", local.pre), ("multiplier", local.multiplier), ("left", local.shift), ("right", local.shift)):
        constant, done = p.fresh(), p.fresh()
        p.load(f"{name}_select")
        p.subtract(int(Select.PARAMETER))
        p.jump_unless(Condition.ZERO, constant)
        p.load("set")
        p.add(origin)
        p.store("local")
        p.op(Op.READ, "local")
        p.op(Op.LOAD_WORD)
        if name == "left":
            p.shift_right(8)
            p.and_(31)
        p.jump(done)
        p.label(constant)
        p.load(name)
        p.label(done)
        p.store(f"lane_{name}|")
    p.increase("set", 4)
    p.increase("lane", 1)
    p.subtract(config.lanes)
    p.jump_if(Condition.ZERO, "factors done")
    p.load("lane")
    p.jump("factors of a lane")
    p.label("factors done")


def _step(p: Assembler) -> None:
    """On to the next iteration: `level` is the one that advances, LEVELS after the last iteration."""
    for level in range(LEVELS):
        p.decrease(f"left_{level}")
        p.jump_unless(Condition.ZERO, f"advance {level}")
        p.move(f"count_{level}", f"left_{level}")
    p.move(LEVELS, "level")
    p.jump("stepped")
    for level in reversed(range(LEVELS)):
        p.label(f"advance {level}")
        for number in (A, B, RESULT):
            p.increase(f"at+{number + 4 * level}", f"stride+{number + 4 * level}")
            for below in range(level):
                p.store(f"at+{number + 4 * below}")
        p.move(level, "level")
        p.jump("stepped")


def _result(p: Assembler, config: Config) -> None:
    """The lanes of `running` to the destination."""
    p.immediate(RESULT)
    p.op(Op.INDEX)
    p.load("how|")
    p.jump_if(Condition.ZERO, "result done")
    p.load("result_address")
    p.and_("result_mask")
    p.call("locate result")
    p.immediate(0)
    p.label("result lane")
    p.store("lane")
    p.op(Op.INDEX)
    finish_lane(p, config)
    p.load(f"how+{RESULT}")
    p.subtract(WORD)
    p.jump_if(Condition.ZERO, "result word")
    p.load("value")
    p.op(Op.WRITE_BYTE, f"pointer+{RESULT}")
    p.jump("result written")
    p.label("result word")
    p.load("value")
    p.op(Op.WRITE_WORD, f"pointer+{RESULT}")
    p.label("result written")
    p.increase(f"pointer+{RESULT}", f"step+{RESULT}")
    p.increase("lane", 1)
    p.subtract("result_lanes")
    p.jump_if(Condition.ZERO, "result done")
    p.load("lane")
    p.jump("result lane")
    p.label("result done")
