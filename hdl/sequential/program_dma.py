"""LOAD and STORE in microcode: row by row, each checked as a whole before its first beat."""

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause
from weft.hdl.dma.rows import DRAM_LINE_BITS
from weft.hdl.interfaces import ID_LOAD
from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.operations import RESPONSE_BAD, Condition, Op
from weft.hdl.sequential.program_control import (
    RESPONSE_TO_READ_CAUSE,
    RESPONSE_TO_WRITE_CAUSE,
    fail_unit,
)
from weft.hdl.sequential.registers import host_word

READ, WRITE = 1, 2  # bits of a window's permission


def dma(p: Assembler, config: Config) -> None:
    """Everything behind the fields of LOAD and STORE. I is the unit all the time, but while the window's registers are read.

    Variables: `window`, `dram_line`, `scratchpad_line`, `length` are the instruction's fields, the lines those of the present row.
    """
    p.label("run LOAD")
    p.move(READ, "permission")
    p.jump("dma")
    p.label("run STORE")
    p.move(WRITE, "permission")

    p.label("dma")
    _window(p)
    p.move("rows|", "rows_left")
    p.label("row")
    _check(p, config)
    p.load("scratchpad_line")
    p.shift_left(2)
    p.store("local")
    p.load("dram_line")
    p.shift_left(2)
    p.add("base")
    p.store("bus")
    p.immediate(0)
    p.store("bad")
    p.load("pad_before|")
    p.call("pad")
    p.move("length", "count")
    p.label("beat")
    p.jump_if(Condition.ZERO, "row end")
    p.load("permission")
    p.subtract(READ)
    p.jump_unless(Condition.ZERO, "store beat")
    _load_beat(p)
    p.jump("beat end")
    p.label("store beat")
    _store_beat(p)
    p.label("beat end")
    p.increase("local", 4)
    p.increase("bus", 4)
    p.decrease("count")
    p.jump("beat")
    p.label("row end")
    p.load("pad_after|")
    p.call("pad")
    p.load("bad")
    p.jump_unless(Condition.ZERO, "bad response")
    p.load("dram_line")
    p.add("dram_stride|")
    p.and_((1 << DRAM_LINE_BITS) - 1)
    p.store("dram_line")
    p.load("scratchpad_line")
    p.add("scratchpad_stride|")
    p.and_((1 << isa.ADDRESS_BITS) - 1)
    p.store("scratchpad_line")
    p.decrease("rows_left")
    p.jump_unless(Condition.ZERO, "row")
    p.jump("retire")

    _pad(p)
    fail_unit(p, "dma scratchpad", Cause.SCRATCHPAD, "scratchpad_line", scale=2)
    fail_unit(p, "dma window", Cause.WINDOW, "dram_line", scale=2)
    fail_unit(p, "bad response", None, "dram_line", scale=2)


def _window(p: Assembler) -> None:
    """`base` of the window, and `limit`: its lines, 0 without the permission."""
    p.load("window")
    p.shift_left(2)
    p.op(Op.INDEX)
    first = host_word("WINDOW0_BASE")
    for name, register in (("WINDOW0_BASE", "base"), ("WINDOW0_SIZE", "limit")):
        p.move(f"WINDOW0_BASE+{host_word(name) - first}|", register)
    p.load(f"WINDOW0_BASE+{host_word('WINDOW0_PERMISSION') - first}|")
    p.and_("permission")
    p.jump_unless(Condition.ZERO, "permitted")
    p.immediate(0)
    p.store("limit")
    p.label("permitted")
    p.load("limit")
    p.shift_right(2)
    p.store("limit")
    p.load("unit")
    p.op(Op.INDEX)


def _check(p: Assembler, config: Config) -> None:
    """The scratchpad lines of the row, then its window lines. A row of no lines touches nothing."""
    p.load("length")
    p.add("pad_before|")
    p.add("pad_after|")
    p.jump_if(Condition.ZERO, "no lines")
    p.add("scratchpad_line")
    p.subtract(config.scratchpad_lines + 1)
    p.jump_if(Condition.CARRY, "dma scratchpad")
    p.label("no lines")
    p.load("length")
    p.jump_if(Condition.ZERO, "row is good")
    p.add("dram_line")
    p.store("row_end")
    p.load("limit")
    p.subtract("row_end")
    p.jump_if(Condition.LESS, "dma window")
    p.label("row is good")


def _load_beat(p: Assembler) -> None:
    p.op(Op.BUS_READ, "bus", ID_LOAD)
    p.label("load waits")
    p.jump_unless(Condition.READ_VALID, "load waits")
    p.op(Op.BUS_TAKE)
    p.op(Op.WRITE_WORD, "local")
    _response(p, RESPONSE_TO_READ_CAUSE)


def _store_beat(p: Assembler) -> None:
    p.op(Op.READ, "local")
    p.op(Op.LOAD_WORD)
    p.op(Op.BUS_WRITE, "bus")
    p.label("store waits")
    p.jump_unless(Condition.WRITE_DONE, "store waits")
    p.op(Op.BUS_ANSWER)
    _response(p, RESPONSE_TO_WRITE_CAUSE)


def _response(p: Assembler, to_cause: int) -> None:
    """Remember the first bad response of the row as a cause; the row goes on, as a burst would."""
    good = p.fresh()
    p.load("bad")
    p.jump_unless(Condition.ZERO, good)
    p.op(Op.LOAD_RESPONSE)
    p.and_(RESPONSE_BAD)
    p.jump_if(Condition.ZERO, good)
    p.op(Op.LOAD_RESPONSE)
    p.add(to_cause)
    p.store("bad")
    p.label(good)


def _pad(p: Assembler) -> None:
    """Write as many lines of `pad_value` as A says; `local` goes on."""
    p.label("pad")
    p.store("count")
    p.label("pad line")
    p.jump_if(Condition.ZERO, "pad end")
    p.load("pad_value")
    p.shift_left(8)
    p.op(Op.OR, "pad_value")
    p.store("pad_half")
    p.shift_left(16)
    p.op(Op.OR, "pad_half")
    p.op(Op.WRITE_WORD, "local")
    p.increase("local", 4)
    p.decrease("count")
    p.jump("pad line")
    p.label("pad end")
    p.return_()
