"""First half of a DMA unit's address side: instructions in, rows out."""

import enum

from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.hdl.interfaces import instruction_stream
from weft.hdl.words import is_instruction, word_layout

DRAM_LINE_BITS = 28  # window lines are counted modulo 2**28
LINE_BITS = isa.ADDRESS_BITS  # scratchpad lines are counted modulo 2**24

# A row, or, with `empty`, the end of an instruction that has none. `dram_line` counts in `window`, `line` in the scratchpad; `total` is
# before + length + after; `last` marks the last row of the instruction with program counter `pc` and signal mask `signal`.
ROW = data.StructLayout({
    "dram_line": DRAM_LINE_BITS, "line": LINE_BITS, "before": 8, "length": 16, "after": 8, "total": 17, "fill": 8,
    "window": 2, "empty": 1, "last": 1, "pc": isa.PC_BITS, "signal": 4})


class Access(enum.Enum):
    """Direction of a unit: its two instructions."""

    READ = ("LOAD_SHAPE", "LOAD")
    WRITE = ("STORE_SHAPE", "STORE")

    @property
    def shape(self) -> str:
        """Name of the set-up instruction."""
        return self.value[0]

    @property
    def run(self) -> str:
        """Name of the instruction that moves data."""
        return self.value[1]


class Rows(wiring.Component):
    """Takes shape and run instructions and counts through the rows of each run instruction.

    One row a cycle, one cycle between instructions. A shape instruction, and a run instruction whose rows have no line at all, give one
    row with `empty` and `last`, so that everything retires in order. Nothing is checked here.

    Members
    -------
    instructions: legal words of this unit only. Its `ready` comes from a register.
    rows: stream of `ROW`.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        super().__init__({"instructions": In(instruction_stream()), "rows": Out(stream.Signature(ROW))})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        given, row = self.instructions.payload, Signal(ROW, reset_less=True)
        shape = Signal(word_layout(self._access.shape), reset_less=True)
        shape_word, run = data.View(word_layout(self._access.shape), given.word), data.View(word_layout(self._access.run), given.word)
        is_run, total, rows_left = Signal(), Signal(17), Signal(12, reset_less=True)
        before, after, fill = ((shape.pad_before, shape.pad_after, shape.pad_value) if self._access is Access.READ else (0, 0, 0))
        m.d.comb += [
            is_run.eq(is_instruction(given.word, self._access.run)), total.eq(run.length + before + after),
            self.instructions.ready.eq(~self.rows.valid), self.rows.payload.eq(row)]

        with m.If(~self.rows.valid):
            m.d.sync += [
                self.rows.valid.eq(self.instructions.valid), rows_left.eq(shape.rows),
                row.dram_line.eq(run.dram_line), row.line.eq(run.scratchpad_line), row.before.eq(before), row.length.eq(run.length),
                row.after.eq(after), row.total.eq(total), row.fill.eq(fill), row.window.eq(run.window),
                row.empty.eq(~is_run | (total == 0)), row.last.eq(~is_run | (total == 0) | (shape.rows == 1)),
                row.pc.eq(given.pc), row.signal.eq(run.signal)]
            with m.If(self.instructions.valid & ~is_run):
                m.d.sync += shape.eq(shape_word)
        with m.Elif(self.rows.ready):
            m.d.sync += [
                self.rows.valid.eq(~row.last), row.last.eq(rows_left == 2), rows_left.eq(rows_left - 1),
                row.dram_line.eq(row.dram_line + shape.dram_stride), row.line.eq(row.line + shape.scratchpad_stride)]
        return m
