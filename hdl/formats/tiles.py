"""Tile loader: fetches groups of weight tiles ahead of their use and writes them to the array's shadow registers."""

from amaranth import Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from weft.gen.config import Config
from weft.hdl.interfaces import ScratchpadRead, touch_layout
from weft.hdl.mem.lines import touched
from weft.hdl.sram_fifo import SramFifo

GROUPS_BITS = 12


class TileLoader(wiring.Component):
    """Brings `groups` groups of tiles (`weft.gen.isa`: GEMM) from the scratchpad to a `FormatUnit`.

    Lines wait in a queue of two groups' tiles or more. As soon as the swap before has passed the array, a tile's lines become rows of
    weights, `tiling.gear` at a time, one row or one line a cycle, whichever takes longer. So a tile takes
    C + R * max(1, lines of a row) cycles and a few more.

    A line outside the scratchpad is not read; when all complete tiles before it have been used, `failed` rises and nothing goes on until
    reset.

    Members
    -------
    start: pulse, with `line` and `groups`; not before the tiles of the start before have all been swapped in.
    read: scratchpad port, whole lines.
    ready: the next tile lies in the shadow registers.
    swap: in this cycle the read of the first vector of a tile is taken; only with `ready`. swaps: it enters the array.
    load, weights, scales: to the unit. loaded: pulse for each tile that begins to move to the array.
    failed, address: see above; byte address of the line.
    """

    def __init__(self, config: Config) -> None:
        self._config, t = config, config.tiling
        scale = t.operands.weight.scale
        super().__init__({
            "start": In(1), "line": In(20), "groups": In(GROUPS_BITS), "read": Out(ScratchpadRead(config)), "ready": Out(1),
            "swap": In(1), "swaps": In(1), "load": Out(t.rows), "weights": Out(t.pair.weight.bits * t.packing * t.columns),
            "loaded": Out(1), "failed": Out(1), "address": Out(32),
            **({"scales": Out(scale.bits * t.segments * t.width)} if scale else {})})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        t = self._config.tiling
        m.submodules.lines = lines = SramFifo(8 * t.rows, max(32, 1 << ceil_log2(2 * (t.tile_lines + t.scale_lines))))
        self._fetch(m, lines)
        self._feed(m, lines)
        return m

    def _fetch(self, m: Module, lines: SramFifo) -> None:
        """Read one line after the other while there is room."""
        config, t = self._config, self._config.tiling
        busy, asks, beyond = Signal(), Signal(), Signal()
        busy_next, beyond_next, free_next = Signal(), Signal(), Signal(range(lines.depth + 1))
        line, following = Signal(21, reset_less=True), Signal(21)
        free = Signal(range(lines.depth + 1), init=lines.depth)
        left = Signal(GROUPS_BITS, reset_less=True)  # groups after this one
        inside = Signal(range(max(2, t.group_lines)), reset_less=True)  # line of the group
        take, last, ends = Signal(), Signal(), Signal()  # ends: the last line of a tile
        touches = Signal(touch_layout(config), reset_less=True)
        m.d.comb += [
            self.read.valid.eq(asks), self.read.address.eq(line << exact_log2(t.rows)), self.read.touches.eq(touches),
            take.eq(self.read.valid & self.read.ready), last.eq(inside == t.group_lines - 1), free_next.eq(free + lines.o.ready - take),
            following.eq(Mux(self.start, self.line, line + 1)), beyond_next.eq(beyond), busy_next.eq(busy),
            ends.eq(inside.matches(*(t.scale_lines + t.tile_lines * (n + 1) - 1 for n in range(t.folds))))]
        following_touches = touched(m, config, address=following << exact_log2(t.rows), beyond=None, name="following")
        with m.If(self.start | take):
            m.d.comb += beyond_next.eq(following >= config.scratchpad_lines)
            m.d.sync += [line.eq(following), touches.eq(following_touches)]
        with m.If(self.start):
            m.d.comb += busy_next.eq(1)
            m.d.sync += [left.eq(self.groups - 1), inside.eq(0)]
        with m.Elif(take):
            m.d.sync += inside.eq(Mux(last, 0, inside + 1))
            with m.If(last):
                m.d.comb += busy_next.eq(left != 0)
                m.d.sync += left.eq(left - 1)
        # The first of the scratchpad's clients: all others wait for its `valid`, which is therefore a register.
        m.d.sync += [busy.eq(busy_next), beyond.eq(beyond_next), free.eq(free_next),
                     asks.eq(busy_next & ~beyond_next & (free_next != 0))]
        coming = Signal(ScratchpadRead.LATENCY)
        m.d.sync += coming.eq((coming << 1)[:len(coming)] | take)
        m.d.comb += [lines.i.valid.eq(coming[-1]), lines.i.payload.eq(self.read.data)]
        # Tiles that have been fetched and not been used.
        unused = Signal(range(lines.depth // t.tile_lines + 3))
        m.d.sync += unused.eq(unused + (take & ends) - self.swap)
        m.d.comb += [self.failed.eq(busy & beyond & (unused == 0)), self.address.eq(line << exact_log2(t.rows))]

    def _feed(self, m: Module, lines: SramFifo) -> None:
        """Lines of the queue become scales and rows of weights."""
        t, bits = self._config.tiling, len(self.weights)
        gear_rows, gear_lines = t.gear
        given, taken = lines.o.payload, Signal()
        m.d.comb += taken.eq(lines.o.valid & lines.o.ready)
        # Row 0 may be written C cycles after the swap has entered the array; a line needs two cycles from here to there.
        passing = Signal(range(t.columns + 1))
        fold = Signal(range(t.folds), reset_less=True)
        lines_left, row = Signal(range(t.tile_lines + 1)), Signal(range(t.rows + 1))
        filling, filled = Signal(8 * t.rows * gear_lines, reset_less=True), Signal(range(gear_lines + 1))
        leaving, rows_left, moves = Signal(bits * gear_rows, reset_less=True), Signal(range(gear_rows + 1)), Signal()
        scales_done, fresh = Signal(), Signal()
        m.d.comb += [
            moves.eq((filled == gear_lines) & (rows_left <= 1)), self.ready.eq(row == t.rows), self.weights.eq(leaving[:bits]),
            self.load.eq(Mux(rows_left != 0, Const(1, t.rows) << row, 0))]
        m.d.sync += self.loaded.eq(fresh)
        loading = Signal()  # lines of this tile are still to come out of the queue, and may
        m.d.comb += [
            loading.eq((passing == 0) & (lines_left != 0)),
            lines.o.ready.eq(loading & lines.o.valid & (~scales_done | (filled != gear_lines) | moves)),
            fresh.eq(taken & (lines_left == t.tile_lines) & scales_done)]
        with m.If(taken & scales_done):
            m.d.sync += [filling.eq((given << 8 * t.rows * (gear_lines - 1)) | filling[8 * t.rows:] if gear_lines > 1 else given),
                         lines_left.eq(lines_left - 1)]
        m.d.sync += filled.eq(Mux(moves, 0, filled) + (taken & scales_done))
        with m.If(moves):
            m.d.sync += [leaving.eq(filling), rows_left.eq(gear_rows)]
        with m.Elif(rows_left != 0):
            m.d.sync += [leaving.eq(leaving >> bits), rows_left.eq(rows_left - 1)]
        with m.If(rows_left != 0):
            m.d.sync += row.eq(row + 1)
        with m.If(passing != 0):
            m.d.sync += passing.eq(passing - 1)
        with m.If(self.start):
            m.d.sync += [fold.eq(0), lines_left.eq(t.tile_lines), row.eq(0), scales_done.eq(t.scale_lines == 0)]
        with m.Elif(self.swap):
            m.d.sync += [passing.eq(t.columns + ScratchpadRead.LATENCY - 3), lines_left.eq(t.tile_lines), row.eq(0),
                         fold.eq(Mux(fold == t.folds - 1, 0, fold + 1)),
                         scales_done.eq((fold != t.folds - 1) | (t.scale_lines == 0))]
        if t.scale_lines:
            # The scales go with the tile until the next one has entered the array; its sums take less long than a tile.
            incoming, count = Signal.like(self.scales, reset_less=True), Signal(range(t.scale_lines + 1))
            with m.If(taken & ~scales_done):
                shifted = given if t.scale_lines == 1 else (given << 8 * t.rows * (t.scale_lines - 1)) | incoming[8 * t.rows:]
                m.d.sync += [incoming.eq(shifted), count.eq(count + 1)]
                with m.If(count == t.scale_lines - 1):
                    m.d.sync += [scales_done.eq(1), count.eq(0)]
            with m.If(self.swaps):
                m.d.sync += self.scales.eq(incoming)
