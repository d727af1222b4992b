"""Second half of a DMA unit's address side: rows in, bus bursts and runs of padding out."""

import enum

from amaranth import Array, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.dma.rows import DRAM_LINE_BITS, LINE_BITS, ROW, Access
from weft.hdl.interfaces import WindowSignature
from weft.hdl.shift_fifo import ShiftFifo

PAGE_BYTES = 4096  # no AXI burst crosses a multiple of it
READY = 2  # segments that may wait at the output
OFFSET_BITS = 32  # of a byte in a window, as error reports show it


class Kind(enum.IntEnum):
    """What a segment asks for."""

    DATA = 0  # lines over the bus, in one burst
    PADDING = 1  # lines of padding
    EMPTY = 2  # no line: only the end of an instruction
    BAD_SCRATCHPAD = 3  # the row leaves the scratchpad
    BAD_WINDOW = 4  # the row leaves the window, or the window lacks the permission


def segment_layout(config: Config) -> data.StructLayout:
    """A run of lines inside a row.

    kind: `Kind`. length: lines - 1. address: bus address of the first byte, for DATA. line: first scratchpad line. offset: window offset
    of the first byte, its low 32 bits; for BAD_SCRATCHPAD the byte address in the scratchpad. last: last segment of its instruction,
    which has program counter `pc` and signal mask `signal`. fill: byte that padding consists of.
    """
    return data.StructLayout({
        "kind": Kind, "length": 8, "address": config.axi.address_bits, "line": range(config.scratchpad_lines), "offset": OFFSET_BITS,
        "last": 1, "pc": isa.PC_BITS, "signal": 4, "fill": 8})


class Phase(enum.IntEnum):
    """Part of a row."""

    BEFORE = 0  # padding before the data
    DATA = 1
    AFTER = 2  # padding after the data


class Bursts(wiring.Component):
    """Cuts rows into segments and checks them.

    A burst ends where a page of 4 KiB, `burst_beats` or the row ends; padding before and after the data of a row is one segment each.
    Every row is checked as a whole before its first segment leaves: first its scratchpad lines, then its window (permission, last byte
    below the size). A row that fails gives a segment BAD_x with the address of the row's first line; the unit must not use what
    follows. So is a burst whose bus address would wrap around. No segment of kind DATA ever leaves its window.

    One segment a cycle; each row costs one cycle more. All stages move together, when the short queue behind them has a free place; its
    registers keep a unit's `ready` away from them. No stage has more than one adder or comparison in a row.

    Parameters
    ----------
    access: READ checks the windows' read permission, WRITE their write permission.

    Members
    -------
    rows: stream of `ROW`.
    window_0 .. window_3: constant while a program runs.
    segments: stream of `segment_layout`; payload and valid come from registers.
    """

    LATENCY = 4  # cycles from the transfer of a row to its first segment

    def __init__(self, config: Config, access: Access) -> None:
        self._config, self._access = config, access
        super().__init__({
            "rows": In(stream.Signature(ROW)), "segments": Out(stream.Signature(segment_layout(config))),
            **{f"window_{n}": Out(WindowSignature(config)) for n in range(isa.WINDOWS)}})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config = Module(), self._config
        shift = exact_log2(config.line_bytes)
        page_lines = PAGE_BYTES // config.line_bytes
        burst = min(config.axi.burst_beats, page_lines)
        m.submodules.ready = ready = ShiftFifo(segment_layout(config), READY)
        wiring.connect(m, ready.o, wiring.flipped(self.segments))
        advance, staged_valid = Signal(), Signal()
        m.d.comb += advance.eq(~staged_valid | ready.i.ready)

        # Stage 0: a row and its window. A window without permission has no line that may be touched.
        row, held, measured = Signal(ROW, reset_less=True), Signal(), Signal()
        base, limit = Signal(config.axi.address_bits, reset_less=True), Signal(32 - shift, reset_less=True)
        windows = [getattr(self, f"window_{n}") for n in range(isa.WINDOWS)]
        permission = "read" if self._access is Access.READ else "write"
        row_done = Signal()
        m.d.comb += self.rows.ready.eq(advance & (~held | row_done))
        with m.If(self.rows.ready):
            chosen = self.rows.payload.window
            m.d.sync += [
                row.eq(self.rows.payload), held.eq(self.rows.valid), measured.eq(0),
                base.eq(Array(window.base for window in windows)[chosen]),
                limit.eq(Array(Mux(getattr(window, permission), window.size[shift:], 0) for window in windows)[chosen])]

        # Stage 1, first cycle of a row: where it ends, and how many of its lines lie in the first page.
        measure = Signal()
        line_end, dram_end = Signal(LINE_BITS + 1, reset_less=True), Signal(DRAM_LINE_BITS + 1, reset_less=True)
        phase, left = Signal(Phase, reset_less=True), Signal(16, reset_less=True)
        page_left = Signal(exact_log2(page_lines), reset_less=True)  # 0: a whole page
        m.d.comb += measure.eq(advance & held & ~measured)
        with m.If(measure):
            m.d.sync += [
                measured.eq(1), line_end.eq(row.line + row.total), dram_end.eq(row.dram_line + row.length),
                page_left.eq(-(base[shift:12] + row.dram_line))]
            with m.If(row.before != 0):
                m.d.sync += [left.eq(row.before), phase.eq(Phase.BEFORE)]
            with m.Elif(row.length != 0):
                m.d.sync += [left.eq(row.length), phase.eq(Phase.DATA)]
            with m.Else():
                m.d.sync += [left.eq(row.after), phase.eq(Phase.AFTER)]

        # Stage 1, every other cycle: the lines of one segment. Comparisons and subtractions stand side by side: a part that is not done
        # goes on with `cap` lines less, and what is left of the page does not matter once the data is done.
        emit, is_data, part_done, kind = Signal(), Signal(), Signal(), Signal(Kind)
        cap, lines = Signal(range(burst + 1)), Signal(range(257))
        near = len(cap)  # bits of what is not longer than a burst
        m.d.comb += [
            emit.eq(held & measured), is_data.eq(phase == Phase.DATA),
            cap.eq(Mux((page_left == 0) | (page_left > burst), burst, page_left)),
            part_done.eq(~is_data | ((left <= burst) & ((page_left == 0) | page_left[near:].any() | (left[:near] <= page_left[:near])))),
            lines.eq(Mux(part_done, left, cap)), row_done.eq(emit & part_done)]
        with m.If(advance & emit):
            m.d.sync += left.eq(left - cap)
            with m.If(is_data):
                m.d.sync += page_left.eq(page_left - cap)
        with m.If((phase == Phase.BEFORE) & (row.length != 0)):
            m.d.comb += row_done.eq(0)
            with m.If(advance & emit):
                m.d.sync += [left.eq(row.length), phase.eq(Phase.DATA)]
        with m.Elif((phase != Phase.AFTER) & (row.after != 0)):
            m.d.comb += row_done.eq(0)
            with m.If(advance & emit & part_done):
                m.d.sync += [left.eq(row.after), phase.eq(Phase.AFTER)]
        with m.If(row.empty):
            m.d.comb += [kind.eq(Kind.EMPTY), row_done.eq(emit)]
        with m.Elif(line_end > config.scratchpad_lines):
            m.d.comb += kind.eq(Kind.BAD_SCRATCHPAD)
        with m.Elif((dram_end > limit) & (row.length != 0)):
            m.d.comb += kind.eq(Kind.BAD_WINDOW)
        with m.Else():
            m.d.comb += kind.eq(Mux(is_data, Kind.DATA, Kind.PADDING))

        # Stage 2: addresses. The cursors stand at the segment in this stage; the last segment of the row before leaves it in the cycle
        # of `measure`, which puts them on the new row. The top bit of `address` is the carry out of the bus's address space.
        staged, segment = Signal(segment_layout(config), reset_less=True), ready.i.payload
        staged_lines = Signal.like(lines, reset_less=True)
        line, offset = Signal(LINE_BITS, reset_less=True), Signal(OFFSET_BITS, reset_less=True)
        address = Signal(config.axi.address_bits + 1, reset_less=True)
        m.d.comb += [
            ready.i.valid.eq(staged_valid), segment.eq(staged), segment.line.eq(line), segment.address.eq(address),
            segment.offset.eq(Mux(staged.kind == Kind.BAD_SCRATCHPAD, line << shift, offset))]
        with m.If((staged.kind == Kind.DATA) & address[-1]):
            m.d.comb += segment.kind.eq(Kind.BAD_WINDOW)
        with m.If(advance):
            m.d.sync += [
                staged_valid.eq(emit), staged_lines.eq(lines), staged.kind.eq(kind), staged.length.eq(lines - 1),
                staged.last.eq(row.last & row_done), staged.pc.eq(row.pc), staged.signal.eq(row.signal), staged.fill.eq(row.fill)]
            with m.If(staged_valid):
                m.d.sync += line.eq(line + staged_lines)
                with m.If(staged.kind == Kind.DATA):
                    m.d.sync += [offset.eq(offset + (staged_lines << shift)), address.eq(address + (staged_lines << shift))]
        with m.If(measure):
            m.d.sync += [line.eq(row.line), offset.eq(row.dram_line << shift), address.eq(base + (row.dram_line << shift))]
        return m
