"""Activation sequencer: reads the activation vectors of a program, one a cycle, fold after fold and MATMUL after MATMUL."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.interfaces import ErrorSignature, ScratchpadRead, touch_layout
from weft.hdl.loops import LoopAddress, LoopNest
from weft.hdl.matrix.depthwise import DEPTHWISE, STREAM
from weft.hdl.mem.lines import touched
from weft.hdl.words import word_layout

LEVELS = ("x", "y", "inner", "outer")  # of the loop nest, innermost first; x and y make a fold's positions
SHAPE, MATMUL = word_layout("MATRIX_SHAPE"), word_layout("MATMUL")

LINE_BITS = MATMUL["accumulator"].shape.width + 1  # one bit more than the field, to see that it runs past the end


def job_layout(config: Config) -> data.StructLayout:
    """One MATMUL or DEPTHWISE together with its shape."""
    own = {name: DEPTHWISE[name].shape for name in ("continues", "line", "skip", "fill")}
    return data.StructLayout({
        **{f"{level}_{part}": SHAPE[f"{level}_{part}"].shape for level in LEVELS for part in ("count", "stride")},
        **{name: MATMUL[name].shape for name in ("activation", "accumulator", "accumulate")}, "pc": isa.PC_BITS,
        **({"depthwise": 1, **own} if config.array.depthwise else {})})


def request_layout(config: Config) -> data.StructLayout:
    """One vector: where it is read, which accumulator line its sums go to (if any), and what `IssueSignature` says of it."""
    return data.StructLayout({
        "address": isa.ADDRESS_BITS, "line": LINE_BITS, "first": 1, "last": 1, "add": 1, "pc": isa.PC_BITS,
        **({"skipped": 1, "stream": STREAM} if config.array.depthwise else {})})


class IssueSignature(wiring.Signature):
    """A vector whose read has been taken in this cycle. `first` of its fold, `last` of its instruction; `add` as in `AccumulateStream`.
    With `config.array.depthwise` also `skipped`: its sums are no result; and `stream`: what it is to the array."""

    def __init__(self, config: Config) -> None:
        super().__init__({"valid": Out(1), "first": Out(1), "last": Out(1), "add": Out(1),
                          **({"skipped": Out(1), "stream": Out(STREAM)} if config.array.depthwise else {})})


class ActivationSequencer(wiring.Component):
    """Walks the loop nests of MATMULs and DEPTHWISEs. In front of the port stands a register with one request, checked on its way in.

    A request waits for the scratchpad (`stall_memory`), as the first of its fold for the weights (`stall_weights`), and, to spare the
    accumulators a forwarding path, while it would add to a line that one of the last two cycles' vectors goes to. Otherwise
    one vector leaves in each cycle, also across folds and MATMULs. The line comes back sooner than that only with two positions a
    fold and a stall between them, or when MATMULs that follow each other without a gap overlap in the accumulators.

    Errors in the order of execution: the weight tile of a fold, then for each position activation before accumulator; no access is
    made for that position, and nothing goes on until reset.

    Members
    -------
    jobs: stream of `job_layout`; ready when the last vector of the job before has entered the request register.
    stop: do not start another job.
    read: scratchpad port.
    weights_ready, weights_failed, weights_address, swap: `ready`, `failed`, `address`, `swap` of the `WeightLoader`.
    issue: `IssueSignature`.
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
            "waiting": Out(1), "pc": Out(isa.PC_BITS), "stall_weights": Out(1), "stall_memory": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        pending, leave, advance, start = Signal(), Signal(), Signal(), Signal()
        m.d.comb += leave.eq(self.read.valid & self.read.ready)
        here = self._walk(m, start, advance)

        # The job in the loop nest goes on when the request register has room.
        active = Signal()
        m.d.comb += [
            advance.eq(active & (~pending | leave)), self.jobs.ready.eq(~self.stop & (~active | (advance & here.last))),
            start.eq(self.jobs.valid & self.jobs.ready)]
        m.d.sync += [active.eq(start | (active & ~(advance & here.last))), pending.eq(advance | (pending & ~leave))]

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

    def _walk(self, m: Module, start: Signal, advance: Signal) -> data.View:
        """The request at the present place of the loop nest. A job's last step and the next job's start may fall together."""
        given = self.jobs.payload
        job = Signal.like(given, reset_less=True)
        m.submodules.nest = nest = LoopNest([SHAPE[f"{level}_count"].shape.width for level in LEVELS])
        m.submodules.address = address = LoopAddress([SHAPE[f"{level}_stride"].shape.width for level in LEVELS])
        m.d.comb += [nest.start.eq(start), nest.step.eq(advance), address.start.eq(start), address.step.eq(advance),
                     address.level.eq(nest.level), address.base.eq(given.activation)]
        for k, level in enumerate(LEVELS):
            m.d.comb += [getattr(nest, f"count_{k}").eq(Mux(start, given[f"{level}_count"], job[f"{level}_count"])),
                         getattr(address, f"stride_{k}").eq(job[f"{level}_stride"])]
        here, later_fold = Signal(request_layout(self._config)), Signal(reset_less=True)
        line = Signal(LINE_BITS, reset_less=True)
        m.d.comb += [
            here.address.eq(address.address), here.line.eq(line), here.first.eq(nest.first[1]), here.last.eq(nest.last[3]),
            here.add.eq(job.accumulate | later_fold), here.pc.eq(job.pc)]
        with m.If(start):
            m.d.sync += [job.eq(given), line.eq(given.accumulator), later_fold.eq(0)]
        with m.Elif(advance):
            with m.If(nest.level[2:].any()):  # the next fold begins at the first position again
                m.d.sync += [line.eq(job.accumulator), later_fold.eq(1)]
            with m.Else():
                m.d.sync += line.eq(line + 1)
        if self._config.array.depthwise:
            left = Signal.like(job.skip, reset_less=True)  # positions of the fold that give no result
            m.d.comb += [
                here.skipped.eq(job.depthwise & (left != 0)), here.stream.depthwise.eq(job.depthwise),
                here.stream.begins.eq(nest.first[1] & (later_fold | ~job.continues)),
                here.stream.line.eq(job.line), here.stream.fill.eq(job.fill)]
            with m.If(start):
                m.d.sync += left.eq(given.skip)
            with m.Elif(advance & nest.level[2:].any()):
                m.d.sync += left.eq(job.skip)
            with m.Elif(advance & here.skipped):
                m.d.sync += [left.eq(left - 1), line.eq(line)]
        return here
