"""Weight loader: fetches the weight tiles of a program ahead of their use and writes them to the array's shadow registers."""

from amaranth import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from weft.gen.config import Config
from weft.hdl.interfaces import ScratchpadRead, touch_layout
from weft.hdl.loops import LoopNest
from weft.hdl.matrix.jobs import MATMUL_OS
from weft.hdl.mem.lines import touched
from weft.hdl.mem.sram import Sram


def tiles_layout(config: Config) -> data.StructLayout:
    """The weight tiles of one instruction: first scratchpad line, how many follow each other, and where sums may stay, how many more
    times all of them come (`blocks`)."""
    blocks = MATMUL_OS["last"].shape.width - exact_log2(config.array.rows)
    return data.StructLayout({
        "line": 20, "inner_count": 8, "outer_count": 8, **({"blocks": blocks} if config.array.output_stationary else {})})


class WeightLoader(wiring.Component):
    """Brings `inner_count * outer_count` tiles of R lines each, one after the other, from the scratchpad to the array.

    Lines wait in a small memory, two tiles deep (four where sums may stay), so that the scratchpad's stalls never reach the array:
    once a whole tile is there and the shadow registers are free, it goes to them in R consecutive cycles. The array's activations
    enter row k only k cycles after row 0, so the first vector may follow the first row of weights at once: with one vector a tile, a
    new tile starts every R cycles.

    The tiles of a MATMUL follow those of the one before after one cycle. A tile that does not lie inside the scratchpad is not read;
    when all tiles before it have been used, `failed` rises and nothing goes on until reset.

    Members
    -------
    tiles: stream of `tiles_layout`; ready when the last read of the tiles before has been taken.
    read: scratchpad port, whole lines.
    ready: the next tile lies in the shadow registers, or arrives there in time for a vector whose read is taken in this cycle.
    swap: in this cycle the read of the first vector of a tile is taken; only with `ready`.
    load, weights: to the array.
    loaded: one pulse for each tile that begins to move to the array.
    failed, address: see above; byte address of the bad tile.
    stays, go: only with `config.array.output_stationary`, the first only if there is a choice. While `stays` is 1, a tile leaves the memory
        from the cycle of `go` on, and `ready` and `swap` speak of the vectors that are read for it: there is a tile for another fold,
        and its first vector's read is taken. `load` is then to be ignored.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "tiles": In(stream.Signature(tiles_layout(config))), "read": Out(ScratchpadRead(config)), "ready": Out(1), "swap": In(1),
            "load": Out(config.array.rows), "weights": Out(8 * config.array.columns), "loaded": Out(1),
            "failed": Out(1), "address": Out(32), **({"go": In(1)} if config.array.output_stationary else {}),
            **({"stays": In(1)} if config.array.output_stationary and config.array.weight_stationary else {})})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        rows = self._config.array.rows
        # A block's vectors are read when its tile has arrived, so where sums stay one tile leaves, the next has vectors, one arrives.
        tiles = 4 if self._config.array.output_stationary else 2
        depth = max(32, tiles * rows)
        m.submodules.buffer = buffer = Sram(depth=depth, width=8 * self._config.line_bytes)
        arrived, start, reading = Signal(), Signal(), Signal()  # last line of a tile arrives; a tile, a line leaves the buffer
        self._fetch(m, buffer, arrived, reading)

        # Complete tiles in the buffer. Those that fetch has asked for count as arrived when their last line is written.
        stored = Signal(range(depth // rows + 1))
        m.d.sync += stored.eq(stored + arrived - start)

        # Shadow registers: occupied from the start of a tile until its swap has passed the right end of the rows. Row 0 is written two
        # cycles after the start, and a vector taken in the cycle of the start enters the array later than that.
        assert ScratchpadRead.LATENCY == 3, "`ready` begins with the start of a tile"
        array = self._config.array
        m.d.comb += self.loaded.eq(start)
        if array.output_stationary:  # tiles in the buffer for which no vector has been read
            unread = Signal(range(depth // rows + 1))
            m.d.sync += unread.eq(unread + arrived - self.swap)
        if array.weight_stationary:
            occupied, passing = Signal(), Signal(range(array.columns))
            starts = Signal()
            following = (stored != 0) & ~occupied & ~start & (passing <= 1)
            if array.output_stationary:
                m.d.sync += starts.eq(following & ~self.stays)
                m.d.comb += [start.eq(Mux(self.stays, self.go, starts)), self.ready.eq(Mux(self.stays, unread != 0, occupied | starts))]
            else:
                m.d.sync += start.eq(following)
                m.d.comb += [starts.eq(start), self.ready.eq(occupied | start)]
            with m.If(starts):
                m.d.sync += occupied.eq(1)
            with m.If(self.swap):
                # PE(k, C - 1) swaps at t + LATENCY + k + C - 1, row k is written two cycles after the buffer is read in start + k.
                m.d.sync += [occupied.eq(0), passing.eq(array.columns + ScratchpadRead.LATENCY - 4)]
            with m.Elif(passing != 0):
                m.d.sync += passing.eq(passing - 1)
        else:
            m.d.comb += [start.eq(self.go), self.ready.eq(unread != 0)]

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
        again, next_line = Signal(), Signal(20)  # the tiles of a MATMUL_OS begin again
        free = Signal(range(buffer.depth + 1), init=buffer.depth)
        m.d.comb += [
            self.tiles.ready.eq(~busy), begin.eq(self.tiles.valid & ~busy),
            self.read.valid.eq(asks), self.read.address.eq(line << exact_log2(config.line_bytes)),
            self.read.touches.eq(touches), following.eq(Mux(busy, next_line, tiles.line)),
            take.eq(self.read.valid & self.read.ready), last_row.eq(row == rows - 1),
            folds.start.eq(begin | again), folds.fresh.eq(~busy | again), folds.step.eq(take & last_row),
            folds.count_0.eq(Mux(busy, count[0], tiles.inner_count)), folds.count_1.eq(Mux(busy, count[1], tiles.outer_count))]
        following_touches = touched(m, config, address=following << exact_log2(config.line_bytes), beyond=None, name="following")
        m.d.sync += free.eq(free + reading - take)
        # The first of the scratchpad's clients: all others wait for its `valid`, which is therefore a register.
        with m.If(begin):
            m.d.comb += [busy_next.eq(1), beyond_next.eq(tiles.line > lines - rows)]
        with m.Elif(take & last_row):
            m.d.comb += [busy_next.eq(~folds.last[1] | again), beyond_next.eq(~again & (line >= lines - rows))]
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

        if config.array.output_stationary:
            left, first = Signal.like(tiles.blocks, reset_less=True), Signal(20, reset_less=True)
            m.d.comb += [again.eq(take & last_row & folds.last[1] & (left != 0)), next_line.eq(Mux(again, first, line + 1))]
            with m.If(begin):
                m.d.sync += [left.eq(tiles.blocks), first.eq(tiles.line)]
            with m.Elif(again):
                m.d.sync += left.eq(left - 1)
        else:
            m.d.comb += next_line.eq(line + 1)

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
