"""The order of a MATMUL_OS: for each block of R positions all folds, for each fold the block's positions."""

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from weft.gen import isa
from weft.gen.config import FOLDS_IN_PLACE, Config
from weft.hdl.loops import LoopAddress, LoopNest
from weft.hdl.matrix.jobs import LINE_BITS, SHAPE, job_layout, place_layout, request_layout


class BlockWalk(wiring.Component):
    """Gives the requests of one job after the other, one each `step`, the first of a job two cycles after `start`.

    Positions follow x and y of the first fold; where a block begins is kept, so that each fold of it can begin there again, and what
    the fold adds to addresses comes from a loop nest of its own. The two are added on the way into a register, in which the request
    stands. After `FOLDS_IN_PLACE` folds, and after the last one, a block's sums leave the array.

    Members
    -------
    start, job: begin; only with `ready`.
    ready: the last request of the job before enters the register, or has done so.
    valid, request: `request_layout`; `first` is of a fold, `add` always 0.
    step: the request has been taken; only with `valid`.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "start": In(1), "job": In(job_layout(config)), "ready": Out(1), "valid": Out(1), "request": Out(request_layout(config)),
            "step": In(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        given, job, start = self.job, Signal.like(self.job, reset_less=True), self.start
        active, walks = Signal(), Signal()
        end_fold, end_block, end_job = Signal(), Signal(), Signal()
        m.d.comb += [walks.eq(active & (~self.valid | self.step)), self.ready.eq(~active | (walks & end_job))]
        m.d.sync += [active.eq(start | (active & ~(walks & end_job))), self.valid.eq(walks | (self.valid & ~self.step))]
        with m.If(start):
            m.d.sync += job.eq(given)

        # Folds of the present block.
        m.submodules.nest = nest = LoopNest([SHAPE[f"{level}_count"].shape.width for level in ("inner", "outer")])
        m.submodules.offset = offset = LoopAddress([SHAPE[f"{level}_stride"].shape.width for level in ("inner", "outer")])
        again = Signal()
        m.d.comb += [again.eq(start | (walks & end_block)), nest.start.eq(again), nest.fresh.eq(again),
                     nest.step.eq(walks & end_fold), offset.start.eq(again), offset.fresh.eq(again),
                     offset.step.eq(walks & end_fold), offset.level.eq(nest.level), offset.base.eq(0)]
        for k, level in enumerate(("inner", "outer")):
            m.d.comb += [getattr(nest, f"count_{k}").eq(Mux(start, given[f"{level}_count"], job[f"{level}_count"])),
                         getattr(offset, f"stride_{k}").eq(job[f"{level}_stride"])]

        # Blocks, and the number of the last position of the present one.
        size = exact_log2(self._config.array.rows)
        blocks_left, position, top = Signal(len(given.last) - size, reset_less=True), Signal(size, reset_less=True), Signal(size)
        line, block_line = (Signal(LINE_BITS, reset_less=True, name=name) for name in ("line", "block_line"))
        first_block, last_block = Signal(reset_less=True), Signal()
        m.d.comb += [
            last_block.eq(blocks_left == 0), top.eq(Mux(last_block, job.last[:size], (1 << size) - 1)),
            end_fold.eq(position == top), end_block.eq(end_fold & nest.last[1]), end_job.eq(end_block & last_block)]
        self._positions(m, start, walks, end_fold, end_block, job, offset.address)
        with m.If(start):
            m.d.sync += [blocks_left.eq(given.last[size:]), position.eq(0), line.eq(given.accumulator), block_line.eq(given.accumulator),
                         first_block.eq(1)]
        with m.Elif(walks):
            m.d.sync += [position.eq(position + 1), line.eq(line + 1)]
            with m.If(end_fold):
                m.d.sync += position.eq(0)
                with m.If(end_block):
                    m.d.sync += [blocks_left.eq(blocks_left - 1), block_line.eq(line + 1), first_block.eq(0)]
                with m.Else():
                    m.d.sync += line.eq(block_line)

        # Sums in place: which fold of those that are added up this is, and whether the block has given sums before.
        fold, later, gives = Signal(range(FOLDS_IN_PLACE), reset_less=True), Signal(reset_less=True), Signal()
        m.d.comb += gives.eq(nest.last[1] | (fold == FOLDS_IN_PLACE - 1))
        with m.If(again):
            m.d.sync += [fold.eq(0), later.eq(0)]
        with m.Elif(walks & end_fold):
            m.d.sync += [fold.eq(Mux(gives, 0, fold + 1)), later.eq(later | gives)]

        place = Signal(place_layout(self._config))
        m.d.comb += [
            place.position.eq(position), place.fold.clears.eq(fold == 0), place.fold.gives.eq(gives),
            place.fold.add.eq(job.accumulate | later), place.fold.head.eq(~later), place.fold.first.eq(first_block & ~later),
            place.fold.last.eq(nest.last[1] & last_block), place.fold.top.eq(top)]
        with m.If(walks):
            m.d.sync += [self.request.line.eq(line), self.request.first.eq(position == 0), self.request.last.eq(end_job),
                         self.request.pc.eq(job.pc), self.request.place.eq(place)]
        return m

    def _positions(self, m: Module, start: Signal, walks: Signal, end_fold: Signal, end_block: Signal, job: object,
                   offset: Signal) -> None:
        """Addresses: of the position, and of the first one of its row; both as the block began, too."""
        given = self.job
        bits, x_bits = isa.ADDRESS_BITS, len(given.x_count)
        here, row, block_here, block_row = (Signal(bits, reset_less=True, name=name) for name in ("here", "row", "block_here", "block_row"))
        left, block_left, following_left = (Signal(x_bits, name=name) for name in ("left", "block_left", "following_left"))
        wraps, stride, following = Signal(), Signal(signed(bits)), Signal(bits)
        m.d.comb += [
            wraps.eq(left == 0), stride.eq(Mux(wraps, job.y_stride, job.x_stride)), following.eq(Mux(wraps, row, here) + stride),
            following_left.eq(Mux(wraps, job.x_count - 1, left - 1))]
        with m.If(start):
            m.d.sync += [value.eq(given.activation) for value in (here, row, block_here, block_row)]
            m.d.sync += [value.eq(given.x_count - 1) for value in (left, block_left)]
        with m.Elif(walks):
            with m.If(end_fold & ~end_block):
                m.d.sync += [here.eq(block_here), row.eq(block_row), left.eq(block_left)]
            with m.Else():
                m.d.sync += [here.eq(following), left.eq(following_left)]
                with m.If(wraps):
                    m.d.sync += row.eq(following)
            with m.If(end_block):
                m.d.sync += [block_here.eq(following), block_row.eq(Mux(wraps, following, row)), block_left.eq(following_left)]
        with m.If(walks):
            m.d.sync += self.request.address.eq((here + offset)[:bits])
