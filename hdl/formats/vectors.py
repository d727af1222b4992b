"""Vector sequencer: reads the rows of activations of a GEMM with their scales, one vector a cycle, tile after tile."""

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.delay import delayed
from weft.hdl.interfaces import ScratchpadRead, touch_layout
from weft.hdl.loops import LoopAddress, LoopNest
from weft.hdl.mem.lines import touched
from weft.hdl.words import word_layout

SHAPE, GEMM = word_layout("GEMM_SHAPE"), word_layout("GEMM")
LINE_BITS = GEMM["accumulator"].shape.width + 1  # one bit more than the field, to see that it runs past the end


class VectorSequencer(wiring.Component):
    """Walks the rows of each tile of each group of one GEMM, and gives a `FormatUnit` its vectors.

    A register holds one request: a line of a vector's elements, with the last one also the line of its scales. Elements and scales have
    ports of their own; scales that are taken sooner wait for the elements. As the first of its tile a request waits for
    the weights (`stall_weights`).

    Errors in the order of execution: the weight tile, then for each row elements, scales, accumulator line. No access is
    made for that row from there on, and nothing goes on until reset.

    Members
    -------
    start: pulse, with `shape` and `gemm`; not while `active`.
    elements, scales: scratchpad ports; scales only if activations have any.
    weights_ready, weights_failed, weights_address, swap: `ready`, `failed`, `address`, `swap` of the `TileLoader`.
    valid, swaps, first, address, vector, vector_scales: to the unit (`swaps`: its `swap`).
    streamed: the last read of a vector is taken. done: pulse with the last `valid` of the GEMM. active: between start and done.
    fault, cause, fault_address: an error, for as long as it stands there.
    stall_weights, stall_memory: why nothing moves in this cycle.
    """

    def __init__(self, config: Config) -> None:
        self._config, t = config, config.tiling
        scale = t.operands.activation.scale
        super().__init__({
            "start": In(1), "shape": In(SHAPE), "gemm": In(GEMM), "elements": Out(ScratchpadRead(config)),
            "weights_ready": In(1), "weights_failed": In(1), "weights_address": In(32), "swap": Out(1),
            "valid": Out(1), "swaps": Out(1), "first": Out(1), "address": Out(range(config.accumulator_lines)),
            "vector": Out(t.depth * t.pair.activation.bits), "streamed": Out(1), "done": Out(1), "active": Out(1),
            "fault": Out(1), "cause": Out(8), "fault_address": Out(32), "stall_weights": Out(1), "stall_memory": Out(1),
            **({"scales": Out(ScratchpadRead(config)), "vector_scales": Out(scale.bits * t.segments)} if scale else {})})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config, t = Module(), self._config, self._config.tiling
        scaled = bool(t.operands.activation.scale)
        size = config.scratchpad_bytes - config.line_bytes
        pending, leave, advance, walking = Signal(), Signal(), Signal(), Signal()
        here = self._walk(m, advance)
        last = here.last
        m.d.comb += advance.eq(walking & (~pending | leave))
        m.d.sync += [walking.eq(self.start | (walking & ~(advance & last))), pending.eq(advance | (pending & ~leave))]

        # The request register.
        request, touches, beyond, line_beyond = (Signal(shape, reset_less=True, name=name) for name, shape in (
            ("request", here.shape()), ("touches", touch_layout(config)), ("beyond", 1), ("line_beyond", 1)))
        here_touches = touched(m, config, address=here.address, beyond=config.line_bytes - 1, name="here")
        scales_beyond, scale_touches = Signal(reset_less=True), Signal(touch_layout(config), reset_less=True)
        with m.If(advance):
            m.d.sync += [request.eq(here), touches.eq(here_touches), beyond.eq(here.address > size),
                         line_beyond.eq(here.final & (here.line >= config.accumulator_lines))]
        if scaled:
            here_scales = touched(m, config, address=here.scales, beyond=config.line_bytes - 1, name="here_scales")
            with m.If(advance):
                m.d.sync += [scale_touches.eq(here_scales), scales_beyond.eq(here.final & (here.scales > size))]

        weights, bad, good, scales_there = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            weights.eq(~request.begins | self.weights_ready), bad.eq(beyond | scales_beyond | line_beyond),
            good.eq(pending & weights & ~bad), leave.eq(self.elements.valid & self.elements.ready),
            self.elements.valid.eq(good & scales_there), self.elements.address.eq(request.address), self.elements.touches.eq(touches),
            self.streamed.eq(leave & request.final), self.swap.eq(self.streamed & request.begins),
            self.stall_weights.eq(pending & ~weights), self.stall_memory.eq(good & ~leave),
            self.fault.eq(pending & Mux(weights, bad, self.weights_failed)),
            self.cause.eq(Mux(weights & ~beyond & ~scales_beyond, isa.Cause.ACCUMULATOR, isa.Cause.SCRATCHPAD)),
            self.fault_address.eq(Mux(~weights, self.weights_address, Mux(beyond, request.address, Mux(
                scales_beyond, request.scales, request.line))))]
        taken, fresh = Signal(), Signal()  # the scales of this request were taken before, or in this cycle
        if scaled:
            m.d.comb += [
                self.scales.valid.eq(good & request.final & ~taken), self.scales.address.eq(request.scales),
                self.scales.touches.eq(scale_touches), fresh.eq(self.scales.valid & self.scales.ready),
                scales_there.eq(~request.final | taken | fresh)]
            m.d.sync += taken.eq((taken | fresh) & ~leave)
        else:
            m.d.comb += scales_there.eq(1)

        # What was taken arrives after a fixed time.
        arrives = data.StructLayout({"valid": 1, "part": 1, "begins": 1, "first": 1, "last": 1, "fresh": 1,
                                     "address": self.address.shape()})
        now = Signal(arrives)
        m.d.comb += [
            now.valid.eq(leave & request.final), now.part.eq(leave & ~request.final), now.begins.eq(request.begins),
            now.first.eq(request.first), now.last.eq(request.last), now.address.eq(request.line), now.fresh.eq(fresh)]
        now = delayed(m, now, ScratchpadRead.LATENCY, name="arrives")
        whole = self.elements.data
        if t.vector_reads > 1:
            parts = Signal(8 * config.line_bytes * (t.vector_reads - 1), reset_less=True)
            with m.If(now.part):
                m.d.sync += parts.eq(Cat(parts, self.elements.data)[8 * config.line_bytes:])
            whole = Cat(parts, self.elements.data)
        m.d.comb += [self.valid.eq(now.valid), self.swaps.eq(now.valid & now.begins), self.first.eq(now.first),
                     self.address.eq(now.address), self.vector.eq(whole[:len(self.vector)]), self.done.eq(now.valid & now.last)]
        if scaled:
            held, comes = Signal.like(self.vector_scales, reset_less=True), Signal(ScratchpadRead.LATENCY)
            m.d.sync += comes.eq(Cat(fresh, comes)[:len(comes)])
            with m.If(comes[-1]):
                m.d.sync += held.eq(self.scales.data)
            m.d.comb += self.vector_scales.eq(Mux(now.fresh, self.scales.data, held))
        with m.If(self.start):
            m.d.sync += self.active.eq(1)
        with m.Elif(self.done):
            m.d.sync += self.active.eq(0)
        return m

    def _walk(self, m: Module, advance: Signal) -> data.View:
        """The request at the present place: parts of a vector, rows, tiles of a group, groups."""
        t = self._config.tiling
        job, shape = Signal(GEMM, reset_less=True), Signal(SHAPE, reset_less=True)
        counts = (Const(t.vector_reads), Mux(self.start, self.shape.rows, shape.rows), Const(t.folds),
                  Mux(self.start, self.shape.groups, shape.groups))
        m.submodules.nest = nest = LoopNest([max(1, len(count)) for count in counts])
        m.d.comb += [nest.start.eq(self.start), nest.fresh.eq(self.start), nest.step.eq(advance)]
        m.d.comb += [getattr(nest, f"count_{k}").eq(count) for k, count in enumerate(counts)]
        here = Signal(data.StructLayout({
            "address": isa.ADDRESS_BITS, "scales": isa.ADDRESS_BITS, "line": LINE_BITS, "begins": 1, "first": 1, "final": 1, "last": 1}))
        addresses = [("address", self.gemm.activation, (
            Const(self._config.line_bytes), shape.row_stride, Const(t.vector_bytes), Const(t.folds * t.vector_bytes)))]
        if t.operands.activation.scale:
            addresses.append(("scales", self.gemm.scales, (Const(0), shape.scale_stride, Const(0), Const(t.segments))))
        for name, base, strides in addresses:
            m.submodules[name] = walk = LoopAddress([bits_for(s.value) + 1 if isinstance(s, Const) else len(s) for s in strides])
            m.d.comb += [walk.start.eq(self.start), walk.fresh.eq(self.start), walk.step.eq(advance), walk.level.eq(nest.level),
                         walk.base.eq(base),
                         here[name].eq(walk.address), *(getattr(walk, f"stride_{k}").eq(s) for k, s in enumerate(strides))]
        line, begins, later = Signal(LINE_BITS, reset_less=True), Signal(reset_less=True), Signal(reset_less=True)
        m.d.comb += [here.line.eq(line), here.begins.eq(begins), here.first.eq(~job.accumulate & ~later), here.final.eq(nest.last[0]),
                     here.last.eq(nest.last[3])]
        with m.If(self.start):
            m.d.sync += [job.eq(self.gemm), shape.eq(self.shape), line.eq(self.gemm.accumulator), begins.eq(1), later.eq(0)]
        with m.Elif(advance & nest.level[2:].any()):  # the next tile begins at the first row again
            m.d.sync += [line.eq(job.accumulator), begins.eq(1), later.eq(1)]
        with m.Elif(advance & nest.level[1]):
            m.d.sync += [line.eq(line + 1), begins.eq(0)]
        return here
