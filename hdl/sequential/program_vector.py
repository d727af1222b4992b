"""VECTOR in microcode: what an instruction says once, its loop nest, its operands, its results. Lanes are computed in `program_lane`."""

from weft.gen.config import Config
from weft.gen.isa import REDUCTIONS, Alu, Cause, Destination, Rounding, Select, Source
from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.operations import Condition, Op
from weft.hdl.sequential.program_control import fail_unit
from weft.hdl.sequential.program_lane import FACTORS, finish_lane, scale_lane
from weft.hdl.sequential.program_matrix import ADDRESS_MASK
from weft.hdl.sequential.registers import LocalMap
from weft.hdl.vector.table import Table

A, B, RESULT = range(3)  # operands, as VECTOR_STRIDE counts them; the index I selects one
LEVELS = 4
# How a lane is read or written.
NOTHING, WORD, SIGNED_BYTE, BYTE, FOUR_BYTES = range(5)


def names(p: Assembler) -> None:
    """Registers that are addressed by operand (how, shift, origin, step, bound, cause; at, pointer) or by lane (factors, running value)."""
    for name in ("how", "shift", "origin", "step", "bound", "kind_cause", "pointer", "running", *FACTORS):
        p.array(name, 4)
    p.array("at", 16)  # address of an operand where the iteration of a level began: operand + 4 * level


def vector(p: Assembler, config: Config) -> None:
    """Everything behind the fields of VECTOR."""
    p.label("run VECTOR")
    _legal(p, config)
    _kinds(p)
    _factors(p, config)
    p.immediate(0)  # of an operand that is NONE
    p.store("value_a")
    p.store("value_b")
    p.load("reduce")
    p.store("first")  # not 0: the next iteration begins a reduction
    p.label("iteration")
    for operand in (A, B):
        p.immediate(operand)
        p.call("locate")
    p.immediate(0)
    p.label("lane")
    p.store("lane")
    for operand, register in ((A, "value_a"), (B, "value_b")):
        none = p.fresh()
        p.load(f"how+{operand}")
        p.jump_if(Condition.ZERO, none)
        p.immediate(operand)
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

    _locate(p)
    _operand(p)
    _kind_entries(p, config)
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


def _kinds(p: Assembler) -> None:
    """Addresses and kinds of the operands, and the counters of the loop nest."""
    for operand, address, kind in ((A, "a", "a_source"), (B, "b", "b_source"), (RESULT, "destination", "destination_kind")):
        p.load(address)
        for level in range(LEVELS):
            p.store(f"at+{operand + 4 * level}")
        p.immediate(operand)
        p.op(Op.INDEX)
        p.load(kind)
        p.call("destination kind" if operand == RESULT else "source kind")
    for level in range(LEVELS):
        p.move(f"count_{level}", f"left_{level}")


def _kind_entries(p: Assembler, config: Config) -> None:
    """`source kind`, `destination kind`: what the kind in A means for operand I.

    A lane's byte address is (address << shift) + origin, `step` more for each lane; an address of `bound` or more is the error
    `kind_cause`. `result_lanes` is how many lanes are written, `result_mask` what of an address counts.
    """
    local = LocalMap(config)

    def entry(label: str, how: int, shift: int, origin: int, step: int, bound: int, cause: Cause) -> None:
        p.label(label)
        for name, value in (("how", how), ("shift", shift), ("origin", origin), ("step", step), ("bound", bound), ("kind_cause", cause)):
            p.move(int(value), f"{name}|")
        p.return_()

    def scratchpad(label: str, how: int, step: int, size: int) -> None:
        """Of a source that reads `size` bytes."""
        p.label(label)
        for name, value in (("how", how), ("step", step), ("bound", config.scratchpad_bytes - size + 1)):
            p.move(value, f"{name}|")
        p.jump("scratchpad kind")

    p.label("source kind")
    p.switch([f"source {kind.name}" for kind in Source])
    p.label("source NONE")
    p.label("destination NONE")
    p.immediate(NOTHING)
    p.store("how|")
    p.return_()
    p.label("source ACCUMULATOR")
    entry("accumulator kind", WORD, 4, local.accumulators, 4, config.accumulator_lines, Cause.ACCUMULATOR)
    scratchpad("source INT8", SIGNED_BYTE, 1, config.lanes)
    scratchpad("source UINT8", BYTE, 1, config.lanes)
    scratchpad("source SPLAT_INT8", SIGNED_BYTE, 0, 1)
    scratchpad("source SPLAT_UINT8", BYTE, 0, 1)
    scratchpad("source SPLAT_INT32", FOUR_BYTES, 0, 4)

    p.label("destination kind")
    p.store("scratch")
    p.move(config.lanes, "result_lanes")
    p.move(ADDRESS_MASK, "result_mask")
    p.load("scratch")
    p.switch([f"destination {kind.name}" for kind in Destination])
    p.label("destination ACCUMULATOR")
    p.jump("accumulator kind")
    p.label("destination BYTES")
    p.move("lanes", "result_lanes")
    p.load(config.scratchpad_bytes + 1)
    p.subtract("lanes")
    p.store("bound|")
    p.move(BYTE, "how|")
    p.move(1, "step|")
    p.label("scratchpad kind")
    p.move(0, "shift|")
    p.move(0, "origin|")
    p.move(int(Cause.SCRATCHPAD), "kind_cause|")
    p.return_()
    for kind, origin in ((Destination.PARAMETER_PRE, local.pre), (Destination.PARAMETER_MULTIPLIER, local.multiplier),
                         (Destination.PARAMETER_SHIFT, local.shift)):
        entry(f"destination {kind.name}", WORD, 4, origin, 4, config.vector.parameter_sets, Cause.PARAMETER)
    p.label("destination TABLE")
    p.move(1, "result_lanes")
    p.move(Table.ENTRIES - 1, "result_mask")
    entry("table kind", WORD, 2, local.table, 4, Table.ENTRIES, Cause.NONE)


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


def _locate(p: Assembler) -> None:
    """`locate`: check the address of operand A (0 or 1) of this iteration; `pointer` of that operand is its lane 0's byte."""
    p.label("locate")
    p.op(Op.INDEX)
    p.load("how|")
    p.jump_if(Condition.ZERO, "located")
    p.load("at|")
    p.label("locate result")
    p.and_(ADDRESS_MASK)
    p.store("address")
    p.subtract("bound|")
    p.jump_if(Condition.CARRY, "bad address")
    p.load("address")
    p.op(Op.STORE_Q)
    p.op(Op.LEFT, "shift|")
    p.op(Op.LOAD_Q)
    p.add("origin|")
    p.store("pointer|")
    p.label("located")
    p.return_()
    p.label("bad address")
    p.load("kind_cause|")
    p.jump("vector address")


def _operand(p: Assembler) -> None:
    """`operand`: A = the next lane of operand I."""
    p.label("operand")
    p.move("pointer|", "address")
    p.add("step|")
    p.store("pointer|")
    p.load("how|")
    p.switch(["never", "operand word", "operand signed", "operand byte", "gather"])
    p.label("never")  # NOTHING has no lanes
    for label, op, argument in (("operand word", Op.LOAD_WORD, 0), ("operand signed", Op.LOAD_BYTE, 1), ("operand byte", Op.LOAD_BYTE, 0)):
        p.label(label)
        p.op(Op.READ, "address")
        p.op(op, argument=argument)
        p.return_()


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
        for operand in (A, B, RESULT):
            p.increase(f"at+{operand + 4 * level}", f"stride+{operand + 4 * level}")
            for below in range(level):
                p.store(f"at+{operand + 4 * below}")
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
