"""Activation sequencer: reads the activation vectors of a program, one a cycle, fold after fold and MATMUL after MATMUL."""

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.interfaces import ErrorSignature, ScratchpadRead, touch_layout
from weft.hdl.loops import LoopAddress, LoopNest
from weft.hdl.matrix.blocks import BlockWalk
from weft.hdl.matrix.jobs import LEVELS, LINE_BITS, SHAPE, IssueSignature, job_layout, place_layout, request_layout
from weft.hdl.mem.lines import touched


class ActivationSequencer(wiring.Component):
    """Walks the loop nests of MATMULs, DEPTHWISEs and MATMUL_OSs. In front of the port stands a register with one request, checked on
    its way in.

    A request waits for the scratchpad (`stall_memory`), as the first of its fold for the weights (`stall_weights`), and, to spare the
    accumulators a forwarding path, while it would add to a line that one of the last two cycles' vectors goes to. Otherwise
    one vector leaves in each cycle, also across folds and MATMULs. The line comes back sooner than that only with two positions a
    fold and a stall between them, or when MATMULs that follow each other without a gap overlap in the accumulators.

    A MATMUL_OS goes block by block (`BlockWalk`). Its vectors do not go to the array at once, and whoever passes them on minds the
    accumulators.

    Errors in the order of execution: the weight tile of a fold, then for each position activation before accumulator; no access is
    made for that position, and nothing goes on until reset.

    Members
    -------
    jobs: stream of `job_layout`; ready when the last vector of the job before has entered the request register.
    stop: do not start another job.
    read: scratchpad port.
    weights_ready, weights_failed, weights_address, swap: `ready`, `failed`, `address`, `swap` of the `WeightLoader`.
    issue: `IssueSignature`; of a MATMUL_OS only `valid` means anything.
    place: `place_layout` of the issued vector, of a MATMUL_OS; only with `config.array.output_stationary`.
    error: `ErrorSignature`.
    waiting: the register holds a request; pc: of its MATMUL.
    stall_weights, stall_memory: why it does not leave in this cycle.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "jobs": In(stream.Signature(job_layout(config))), "stop": In(1), "read": Out(ScratchpadRead(config)),
            "weights_ready": In(1), "weights_failed": In(1), "weights_address": In(32), "swap": Out(1),
            "issue": Out(IssueSignature(config)), "error": Out(ErrorSignature()),
            "waiting": Out(1), "pc": Out(isa.PC_BITS), "stall_weights": Out(1), "stall_memory": Out(1),
            **({"place": Out(place_layout(config))} if config.array.output_stationary else {})})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        pending, leave, advance = Signal(), Signal(), Signal()
        m.d.comb += leave.eq(self.read.valid & self.read.ready)
        here = self._requests(m, advance, ~pending | leave)
        m.d.sync += pending.eq(advance | (pending & ~leave))

        # The request register, and how near the last two vectors' accumulator lines are.
        touches = Signal(touch_layout(self._config), reset_less=True)
        here_touches = touched(m, self._config, address=here.address, beyond=self._config.line_bytes - 1, name="here")
        request, before = Signal.like(here, reset_less=True), Signal(LINE_BITS, reset_less=True)
        beyond, beyond_accumulators = Signal(reset_less=True), Signal(reset_less=True)
        same_1, same_2 = Signal(reset_less=True), Signal(reset_less=True)  # adds to the line of the last vector, of the one before
        with m.If(advance):
            m.d.sync += [
                request.eq(here), before.eq(request.line),
                touches.eq(here_touches),
                beyond.eq(here.address > self._config.scratchpad_bytes - self._config.line_bytes),
                beyond_accumulators.eq(here.line >= self._config.accumulator_lines),
                same_1.eq(here.add & (here.line == request.line)), same_2.eq(here.add & (here.line == before))]
        if self._config.array.depthwise:  # a vector without a result touches no line
            before_skipped = Signal(reset_less=True)
            m.d.comb += [self.issue.skipped.eq(request.skipped), self.issue.stream.eq(request.stream)]
            with m.If(advance):
                m.d.sync += before_skipped.eq(request.skipped)
                with m.If(here.skipped):
                    m.d.sync += beyond_accumulators.eq(0)
                with m.If(here.skipped | request.skipped):
                    m.d.sync += same_1.eq(0)
                with m.If(here.skipped | before_skipped):
                    m.d.sync += same_2.eq(0)
        if self._config.array.output_stationary:
            m.d.comb += self.place.eq(request.place)
        left = Signal(2)  # a vector left one, two cycles ago
        m.d.sync += left.eq(Cat(leave, left))

        hazard, weights, bad, good = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            hazard.eq((same_1 & left.any()) | (same_2 & left.all())),
            weights.eq(~request.first | self.weights_ready), bad.eq(beyond | beyond_accumulators),
            good.eq(pending & weights & ~bad),
            self.read.valid.eq(good & ~hazard), self.read.address.eq(request.address), self.read.touches.eq(touches),
            self.swap.eq(leave & request.first),
            self.issue.valid.eq(leave), self.issue.first.eq(request.first), self.issue.last.eq(request.last),
            self.issue.add.eq(request.add), self.waiting.eq(pending), self.pc.eq(request.pc),
            self.stall_weights.eq(pending & ~weights), self.stall_memory.eq(good & ~leave)]

        # A bad request never leaves, and a missing tile never comes: nothing moves after an error.
        reported, fault = Signal(), Signal()
        m.d.comb += [
            fault.eq(pending & Mux(weights, bad, self.weights_failed)), self.error.valid.eq(fault & ~reported),
            self.error.cause.eq(Mux(weights & ~beyond, isa.Cause.ACCUMULATOR, isa.Cause.SCRATCHPAD)), self.error.pc.eq(request.pc),
            self.error.address.eq(Mux(~weights, self.weights_address, Mux(beyond, request.address, request.line)))]
        with m.If(fault):
            m.d.sync += reported.eq(1)
        return m

    def _requests(self, m: Module, advance: Signal, room: Value) -> data.View:
        """The request that enters the register in a cycle with `advance`; it does so when there is `room`. Takes the jobs."""
        array = self._config.array
        here, start, fresh = Signal(request_layout(self._config)), Signal(), Signal()
        active, ready = Signal(), Signal()
        if array.weight_stationary:  # the job in the loop nest goes on when the request register has room
            step = Signal()
            walked = self._walk(m, start, step, fresh)
            m.d.comb += [step.eq(active & room), ready.eq(~active | (step & walked.last)), fresh.eq(~active | walked.last)]
            m.d.sync += active.eq(start | (active & ~(step & walked.last)))
        if array.output_stationary:
            m.submodules.blocks = blocks = BlockWalk(self._config)
            m.d.comb += [blocks.job.eq(self.jobs.payload), blocks.step.eq(blocks.valid & room)]
        if not array.output_stationary:
            m.d.comb += [here.eq(walked), advance.eq(step), start.eq(self.jobs.valid & self.jobs.ready),
                         self.jobs.ready.eq(~self.stop & ready)]
        elif not array.weight_stationary:
            m.d.comb += [here.eq(blocks.request), advance.eq(blocks.step), blocks.start.eq(self.jobs.valid & self.jobs.ready),
                         self.jobs.ready.eq(~self.stop & blocks.ready)]
        else:  # never both at the same time
            stays, taken = self.jobs.payload.stays, Signal()
            m.d.comb += [
                here.eq(Mux(blocks.valid, blocks.request, walked)), advance.eq(step | blocks.step),
                self.jobs.ready.eq(~self.stop & Mux(stays, blocks.ready, ready)), taken.eq(self.jobs.valid & self.jobs.ready),
                start.eq(taken & ~stays), blocks.start.eq(taken & stays)]
        return here

    def _walk(self, m: Module, start: Signal, advance: Signal, fresh: Signal) -> data.View:
        """The request at the present place of the loop nest. A job's last step and the next job's start may fall together: then, and
        when there is no job, the next one's values are at the registers (`fresh`), because the scratchpad's answer comes late."""
        given = self.jobs.payload
        job = Signal.like(given, reset_less=True)
        m.submodules.nest = nest = LoopNest([SHAPE[f"{level}_count"].shape.width for level in LEVELS])
        m.submodules.address = address = LoopAddress([SHAPE[f"{level}_stride"].shape.width for level in LEVELS])
        m.d.comb += [nest.start.eq(start), nest.step.eq(advance), address.start.eq(start), address.step.eq(advance),
                     nest.fresh.eq(fresh), address.fresh.eq(fresh), address.level.eq(nest.level), address.base.eq(given.activation)]
        for k, level in enumerate(LEVELS):
            m.d.comb += [getattr(nest, f"count_{k}").eq(Mux(fresh, given[f"{level}_count"], job[f"{level}_count"])),
                         getattr(address, f"stride_{k}").eq(job[f"{level}_stride"])]
        here, later_fold = Signal(request_layout(self._config)), Signal(reset_less=True)
        line = Signal(LINE_BITS, reset_less=True)
        m.d.comb += [
            here.address.eq(address.address), here.line.eq(line), here.first.eq(nest.first[1]), here.last.eq(nest.last[3]),
            here.add.eq(job.accumulate | later_fold), here.pc.eq(job.pc)]
        with m.If(start):
            m.d.sync += job.eq(given)
        next_fold = Signal()  # it begins at the first position again
        m.d.comb += next_fold.eq(nest.level[2:].any())
        with m.If(start | advance):
            m.d.sync += [line.eq(Mux(fresh, given.accumulator, Mux(next_fold, job.accumulator, line + 1))),
                         later_fold.eq(~fresh & (next_fold | later_fold))]
        if self._config.array.depthwise:
            left = Signal.like(job.skip, reset_less=True)  # positions of the fold that give no result
            m.d.comb += [
                here.skipped.eq(job.depthwise & (left != 0)), here.stream.depthwise.eq(job.depthwise),
                here.stream.begins.eq(nest.first[1] & (later_fold | ~job.continues)),
                here.stream.line.eq(job.line), here.stream.fill.eq(job.fill)]
            with m.If(start | advance):
                with m.If(fresh | next_fold):
                    m.d.sync += left.eq(Mux(fresh, given.skip, job.skip))
                with m.Elif(here.skipped):
                    m.d.sync += [left.eq(left - 1), line.eq(line)]
        return here
