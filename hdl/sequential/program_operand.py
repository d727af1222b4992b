"""Operands of VECTOR in microcode: what the kind of one means, its address in an iteration, its lanes."""

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause, Destination, Source
from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.operations import Condition, Op
from weft.hdl.sequential.program_lane import FACTORS
from weft.hdl.sequential.registers import LocalMap
from weft.hdl.vector.table import Table

ADDRESS_MASK = (1 << isa.ADDRESS_BITS) - 1
A, B, RESULT = range(3)  # operands, as VECTOR_STRIDE counts them; the index I selects one
LEVELS = 4
# How a lane is read or written.
NOTHING, WORD, SIGNED_BYTE, BYTE, FOUR_BYTES = range(5)


def names(p: Assembler) -> None:
    """Registers that are addressed by operand (how, shift, origin, step, bound, cause; at, pointer) or by lane (factors, running value)."""
    for name in ("how", "shift", "origin", "step", "bound", "kind_cause", "pointer", "running", *FACTORS):
        p.array(name, 4)
    p.array("at", 16)  # address of an operand where the iteration of a level began: operand + 4 * level


def kinds(p: Assembler) -> None:
    """Address and kind of each operand of this VECTOR."""
    for operand, address, kind in ((A, "a", "a_source"), (B, "b", "b_source"), (RESULT, "destination", "destination_kind")):
        p.load(address)
        for level in range(LEVELS):
            p.store(f"at+{operand + 4 * level}")
        p.immediate(operand)
        p.op(Op.INDEX)
        p.load(kind)
        p.call("destination kind" if operand == RESULT else "source kind")


def kind_entries(p: Assembler, config: Config) -> None:
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


def locate(p: Assembler) -> None:
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


def operand(p: Assembler) -> None:
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
