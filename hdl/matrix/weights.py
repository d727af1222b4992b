"""Weight loader: fetches the weight tiles of a program ahead of their use and writes them to the array's shadow registers."""

from amaranth import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from weft.gen.config import Config
from weft.hdl.interfaces import ScratchpadRead, touch_layout
from weft.hdl.loops import LoopNest
from weft.hdl.mem.lines import touched
from weft.hdl.mem.sram import Sram

# The weight tiles of one MATMUL: first scratchpad line, and how many follow each other.
TILES = data.StructLayout({"line": 20, "inner_count": 8, "outer_count": 8})


class WeightLoader(wiring.Component):
    """Brings `inner_count * outer_count` tiles of R lines each, one after the other, from the scratchpad to the array.

    Lines wait in a small memory, two tiles deep, so that the scratchpad's stalls never reach the array: once a whole tile is there
    and the shadow registers are free, it goes to them in R consecutive cycles. The array's activations enter row k only k
    cycles after row 0, so the first vector may follow the first row of weights at once: with one vector a tile, a new tile starts
    every R cycles.

    The tiles of a MATMUL follow those of the one before after one cycle. A tile that does not lie inside the scratchpad is not read;
    when all tiles before it have been used, `failed` rises and nothing goes on until reset.

    Members
    -------
    tiles: stream of `TILES`; ready when the last read of the tiles before has been taken.
    read: scratchpad port, whole lines.
    ready: the next tile lies in the shadow registers, or arrives there in time for a vector whose read is taken in this cycle.
    swap: in this cycle the read of the first vector of a tile is taken; only with `ready`.
    load, weights: to the array.
    loaded: one pulse for each tile that begins to move to the array.
    failed, address: see above; byte address of the bad tile.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "tiles": In(stream.Signature(TILES)), "read": Out(ScratchpadRead(config)), "ready": Out(1), "swap": In(1),
            "load": Out(config.array.rows), "weights": Out(8 * config.array.columns), "loaded": Out(1),
            "failed": Out(1), "address": Out(32)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        rows = self._config.array.rows
        depth = max(32, 2 * rows)
        m.submodules.buffer = buffer = Sram(depth=depth, width=8 * self._config.line_bytes)
        arrived, start, reading = Signal(), Signal(), Signal()  # last line of a tile arrives; a tile, a line leaves the buffer
        self._fetch(m, buffer, arrived, reading)

        # Complete tiles in the buffer. Those that fetch has asked for count as arrived when their last line is written.
        stored = Signal(range(depth // rows + 1))
        m.d.sync += stored.eq(stored + arrived - start)

        # Shadow registers: occupied from the start of a tile until its swap has passed the right end of the rows. Row 0 is written two
        # cycles after the start, and a vector taken in the cycle of the start enters the array later than that.
        assert ScratchpadRead.LATENCY == 3, "`ready` begins with the start of a tile"
        occupied, passing = Signal(), Signal(range(self._config.array.columns))
        m.d.sync += start.eq((stored != 0) & ~occupied & ~start & (passing <= 1))
        m.d.comb += [self.loaded.eq(start), self.ready.eq(occupied | start)]
        with m.If(start):
            m.d.sync += occupied.eq(1)
        with m.If(self.swap):
            # PE(k, C - 1) swaps at t + LATENCY + k + C - 1, row k is written two cycles after the buffer is read in start + k.
            m.d.sync += [occupied.eq(0), passing.eq(self._config.array.columns + ScratchpadRead.LATENCY - 4)]
        with m.Elif(passing != 0):
            m.d.sync += passing.eq(passing - 1)

        # A one runs along the rows: buffer read in cycle start + k, out of the memory, into `weights`, and from there to row k.
        row, line = Signal(rows + 1), Signal(range(depth))
        weights = Signal(8 * self._config.line_bytes, reset_less=True)
        m.d.sync += row.eq((row << 1)[:rows + 1] | start)
        m.d.comb += [
            reading.eq(start | row[:rows - 1].any()), buffer.read.enable.eq(reading), buffer.read.address.eq(line),
            self.load.eq(row[1:]), self.weights.eq(weights)]
        with m.If(reading):
            m.d.sync += line.eq(line + 1)
        with m.If(row[:rows].any()):
            m.d.sync += weights.eq(buffer.read.data)
        return m

    def _fetch(self, m: Module, buffer: Sram, arrived: Signal, reading: Signal) -> None:
        """Read lines into the buffer while there is room; `reading` gives a line back, `arrived` pulses for the last of a tile."""
        config = self._config
        rows, tiles, lines = config.array.rows, self.tiles.payload, config.scratchpad_lines
        m.submodules.folds = folds = LoopNest([8, 8])
        busy, beyond, asks = Signal(), Signal(reset_less=True), Signal()  # beyond: the tile does not end inside the scratchpad
        busy_next, beyond_next = Signal(), Signal()
        line, row = Signal(20, reset_less=True), Signal(range(rows))
        count = [Signal(8, reset_less=True, name=f"count_{k}") for k in range(2)]
        begin, take, last_row, following = Signal(), Signal(), Signal(), Signal(20)
        touches = Signal(touch_layout(config), reset_less=True)
        free = Signal(range(buffer.depth + 1), init=buffer.depth)
        m.d.comb += [
            self.tiles.ready.eq(~busy), begin.eq(self.tiles.valid & ~busy),
            self.read.valid.eq(asks), self.read.address.eq(line << exact_log2(config.line_bytes)),
            self.read.touches.eq(touches), following.eq(Mux(begin, tiles.line, line + 1)),
            take.eq(self.read.valid & self.read.ready), last_row.eq(row == rows - 1),
            folds.start.eq(begin), folds.step.eq(take & last_row),
            folds.count_0.eq(Mux(begin, tiles.inner_count, count[0])), folds.count_1.eq(Mux(begin, tiles.outer_count, count[1]))]
        following_touches = touched(m, config, address=following << exact_log2(config.line_bytes), beyond=None, name="following")
        m.d.sync += free.eq(free + reading - take)
        # The first of the scratchpad's clients: all others wait for its `valid`, which is therefore a register.
        with m.If(begin):
            m.d.comb += [busy_next.eq(1), beyond_next.eq(tiles.line > lines - rows)]
        with m.Elif(take & last_row):
            m.d.comb += [busy_next.eq(~folds.last[1]), beyond_next.eq(line >= lines - rows)]
        with m.Else():
            m.d.comb += [busy_next.eq(busy), beyond_next.eq(beyond)]
        m.d.sync += [busy.eq(busy_next), beyond.eq(beyond_next),
                     asks.eq(busy_next & ~beyond_next & Mux(take, reading | (free[1:] != 0), reading | (free != 0)))]
        with m.If(begin | take):
            m.d.sync += [line.eq(following), touches.eq(following_touches)]
        with m.If(begin):
            m.d.sync += [count[0].eq(tiles.inner_count), count[1].eq(tiles.outer_count)]
        with m.If(take):
            m.d.sync += row.eq(row + 1)

        # What was taken arrives after a fixed time.
        coming, ends = Signal(ScratchpadRead.LATENCY), Signal(ScratchpadRead.LATENCY, reset_less=True)
        slot = Signal(range(buffer.depth))
        m.d.sync += [coming.eq((coming << 1)[:len(coming)] | take), ends.eq((ends << 1)[:len(ends)] | last_row)]
        m.d.comb += [
            arrived.eq(coming[-1] & ends[-1]), buffer.write.enable.eq(coming[-1]), buffer.write.address.eq(slot),
            buffer.write.data.eq(self.read.data)]
        with m.If(coming[-1]):
            m.d.sync += slot.eq(slot + 1)

        # Tiles that have been fetched and not been used: at most those in the buffer and one in the shadow registers.
        unused = Signal(range(buffer.depth // rows + 2))
        m.d.sync += unused.eq(unused + (take & last_row) - self.swap)
        m.d.comb += [self.failed.eq(busy & beyond & (unused == 0)), self.address.eq(line << exact_log2(config.line_bytes))]
