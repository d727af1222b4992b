"""The accumulators of the sequential machine."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from weft.gen.config import Config
from weft.hdl.mem.sram import Sram

LANE_BITS = 32


class Sums(wiring.Component):
    """`config.accumulator_lines` lines of a 32-bit word for each column. The array's sums enter a line at a time, the datapath
    reads and writes a word at a time, never while sums come.

    Members
    -------
    coming: in the next cycle `sums` belong to accumulator `line` of this cycle; with `add` they are added to what it holds. A line may
        come again after 2 cycles.
    sums: partial sums, column 0 lowest.
    address: of a word: line above column. read, write: pulses. data: what is written. word: what was read last, from the next cycle on.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        lines, columns = config.accumulator_lines, config.array.columns
        super().__init__({
            "coming": In(1), "line": In(range(lines)), "add": In(1), "sums": In(config.partial_sum_bits * columns),
            "address": In(range(lines * columns)), "read": In(1), "write": In(1), "data": In(LANE_BITS), "word": Out(LANE_BITS)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config = Module(), self._config
        columns, bits = config.array.columns, config.partial_sum_bits
        m.submodules.memory = memory = Sram(depth=config.accumulator_lines, width=LANE_BITS * columns, granularity=LANE_BITS)
        column_bits = exact_log2(columns)
        column = Signal(column_bits, reset_less=True)  # of the word that was read
        came, line = Signal(), Signal(range(config.accumulator_lines), reset_less=True)
        m.d.sync += [came.eq(self.coming), line.eq(self.line)]
        with m.If(self.read):
            m.d.sync += column.eq(self.address[:column_bits])
        m.d.comb += [
            memory.read.enable.eq(self.read | self.coming),
            memory.read.address.eq(Mux(self.coming, self.line, self.address[column_bits:])),
            memory.write.enable.eq(came.replicate(columns) | Mux(self.write, 1 << self.address[:column_bits], 0)),
            memory.write.address.eq(Mux(came, line, self.address[column_bits:])),
            self.word.eq(memory.read.data.word_select(column, LANE_BITS))]
        for n in range(columns):
            old, total = Signal(LANE_BITS, name=f"old_{n}"), Signal(LANE_BITS, name=f"total_{n}")
            m.d.comb += [old.eq(memory.read.data.word_select(n, LANE_BITS) & self.add.replicate(LANE_BITS)),
                         total.eq(old + self.sums.word_select(n, bits).as_signed()),
                         memory.write.data.word_select(n, LANE_BITS).eq(Mux(came, total, self.data))]
        return m
