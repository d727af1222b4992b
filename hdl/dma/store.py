"""The store unit: STORE_SHAPE and STORE."""

from amaranth import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out
from amaranth.utils import exact_log2

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause, State
from weft.hdl.dma.bursts import OFFSET_BITS, Bursts, Kind
from weft.hdl.dma.completion import Completion
from weft.hdl.dma.rows import Access, Rows
from weft.hdl.interfaces import DECERR, AxiWrite, ScratchpadRead, WindowSignature, unit_members, write_layout
from weft.hdl.mem.lines import touched
from weft.hdl.sram_fifo import SramFifo

# What the response side has to know of a segment.
TRACKED = data.StructLayout({"kind": Kind, "offset": OFFSET_BITS, "last": 1, "pc": isa.PC_BITS, "signal": 4})


class StoreUnit(wiring.Component):
    """Takes rows of lines from the scratchpad to DRAM (semantics in `gen/isa`).

    Three sides, each as far ahead of the next as queues allow. The fetch side reads the lines of a burst into a queue that holds two
    bursts. A burst's address is issued only when its last line has been read: the bus never waits for the scratchpad, and halting
    leaves no burst without its data. The response side counts answers in order and retires an instruction with the answer to its last
    burst; what has no burst (instructions without lines, rows that fail their check) passes through the same queue.

    After an error or while `halt` is high no address is issued; bursts that were issued get their data and their answers are taken.
    Only a reset ends that state.

    Members: `unit_members` (status says what was done in the cycle before), and
    -------
    axi: write half of an AXI4 manager, up to `outstanding_reads` bursts in flight. `aw` comes from registers; no beat is
        offered before its address is.
    read: client port of the scratchpad, whole lines.
    window_0 .. window_3: constant while a program runs.
    outstanding: a burst was issued and has not been answered.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            **unit_members(config), "axi": Out(AxiWrite(config)), "read": Out(ScratchpadRead(config)), "outstanding": Out(1),
            **{f"window_{n}": Out(WindowSignature(config)) for n in range(isa.WINDOWS)}})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config = Module(), self._config
        in_flight, depth = config.axi.outstanding_reads, max(32, 2 * config.axi.burst_beats)
        m.submodules.rows = rows = Rows(Access.WRITE)
        m.submodules.bursts = bursts = Bursts(config, Access.WRITE)
        m.submodules.queue = queue = SramFifo(TRACKED, max(32, 2 * in_flight))
        m.submodules.lines = lines = SramFifo(write_layout(config), depth)
        m.submodules.completion = completion = Completion()
        wiring.connect(m, wiring.flipped(self.instructions), rows.instructions)
        wiring.connect(m, rows.rows, bursts.rows)
        for n in range(isa.WINDOWS):
            wiring.connect(m, getattr(bursts, f"window_{n}"), wiring.flipped(getattr(self, f"window_{n}")))
        wiring.connect(m, completion.retire, wiring.flipped(self.retire))
        wiring.connect(m, completion.error, wiring.flipped(self.error))

        # -- fetch side: `space` counts free places of the line queue, less the reads on their way ------------------------------------
        segment, stopped, go, for_bus = bursts.segments.payload, Signal(), Signal(), Signal()
        final, may_issue, taken, skip = Signal(), Signal(), Signal(), Signal()
        complete, issue = Signal(), Signal()  # complete: a burst's last line was granted in the cycle before, see `late_grants`
        space, flying = Signal(range(depth + 1), init=depth), Signal(range(in_flight + 1))
        inside, left, next_left = Signal(), Signal(8), Signal(8, reset_less=True)  # not the first line of the segment; lines after this
        line, next_line = Signal(segment.line.shape()), Signal(segment.line.shape(), reset_less=True)
        first_touches, next_touches = (touched(m, config, address=value << exact_log2(config.line_bytes), beyond=None, name=name)
                                       for name, value in (("first_line", segment.line), ("next_line", next_line)))
        m.d.comb += [
            go.eq(bursts.segments.valid & ~self.halt & ~stopped & ~completion.failed & ~complete), for_bus.eq(segment.kind == Kind.DATA),
            final.eq(left == 0),
            may_issue.eq(queue.i.ready & (flying != in_flight) & (~self.axi.aw.valid | self.axi.aw.ready)),
            line.eq(Mux(inside, next_line, segment.line)), left.eq(Mux(inside, next_left, segment.length)),
            self.read.valid.eq(go & for_bus & (space != 0) & (~final | may_issue)),
            self.read.address.eq(line << exact_log2(config.line_bytes)),
            self.read.touches.eq(Mux(inside, next_touches, first_touches)),
            taken.eq(self.read.valid & self.read.ready),
            skip.eq(go & ~for_bus & queue.i.ready), bursts.segments.ready.eq(issue | skip), queue.i.valid.eq(issue | skip),
            *(queue.i.payload[name].eq(segment[name]) for name in TRACKED.members)]
        if config.scratchpad.late_grants:
            m.d.comb += issue.eq(complete & ~self.halt & ~completion.failed)
            m.d.sync += complete.eq(taken & final)
        else:
            m.d.comb += issue.eq(taken & final)
        with m.If(taken):
            m.d.sync += [inside.eq(~final), next_left.eq(left - 1), next_line.eq(line + 1)]
        with m.If(skip & (segment.kind != Kind.EMPTY)):
            m.d.sync += stopped.eq(1)
        with m.If(issue):
            m.d.sync += [
                self.axi.aw.valid.eq(1), self.axi.aw.payload.address.eq(segment.address), self.axi.aw.payload.length.eq(segment.length)]
        with m.Elif(self.axi.aw.ready):
            m.d.sync += self.axi.aw.valid.eq(0)
        arriving, last = taken, final
        for _ in range(ScratchpadRead.LATENCY):
            next_arriving, next_last = Signal(), Signal(reset_less=True)
            m.d.sync += [next_arriving.eq(arriving), next_last.eq(last)]
            arriving, last = next_arriving, next_last
        m.d.comb += [lines.i.valid.eq(arriving), lines.i.payload.data.eq(self.read.data), lines.i.payload.last.eq(last)]

        # -- data side: `announced` counts bursts whose address was issued and whose last beat was not yet sent ------------------------
        announced, sent, sent_last = Signal(range(in_flight + 1)), Signal(), Signal()
        m.d.comb += [
            self.axi.w.valid.eq(lines.o.valid & (announced != 0)), self.axi.w.payload.eq(lines.o.payload),
            lines.o.ready.eq(self.axi.w.ready & (announced != 0)),
            sent.eq(self.axi.w.valid & self.axi.w.ready), sent_last.eq(sent & lines.o.payload.last)]
        m.d.sync += announced.eq(announced + issue - sent_last)
        with m.If(sent ^ taken):
            m.d.sync += space.eq(Mux(sent, space + 1, space - 1))

        # -- response side ------------------------------------------------------------------------------------------------------------
        head, answered = queue.o.payload, Signal()
        m.d.comb += [
            self.axi.b.ready.eq(queue.o.valid & (head.kind == Kind.DATA)), answered.eq(self.axi.b.valid & self.axi.b.ready),
            queue.o.ready.eq(answered | (head.kind != Kind.DATA)), self.outstanding.eq(flying != 0),
            completion.taken.eq(self.instructions.valid & self.instructions.ready), completion.done.eq(queue.o.valid & queue.o.ready),
            completion.last.eq(head.last), completion.pc.eq(head.pc), completion.signal.eq(head.signal), completion.offset.eq(head.offset)]
        m.d.sync += flying.eq(flying + issue - answered)
        with m.If(answered & self.axi.b.payload.response[1]):  # SLVERR or DECERR
            m.d.comb += completion.cause.eq(Mux(self.axi.b.payload.response == DECERR, Cause.WRITE_DECERR, Cause.WRITE_SLVERR))
        with m.Elif(queue.o.valid & (head.kind == Kind.BAD_SCRATCHPAD)):
            m.d.comb += completion.cause.eq(Cause.SCRATCHPAD)
        with m.Elif(queue.o.valid & (head.kind == Kind.BAD_WINDOW)):
            m.d.comb += completion.cause.eq(Cause.WINDOW)

        # -- status -------------------------------------------------------------------------------------------------------------------
        newest = Signal(isa.PC_BITS, reset_less=True)
        with m.If(completion.taken):
            m.d.sync += newest.eq(self.instructions.payload.pc)
        m.d.sync += self.status.pc.eq(Mux(queue.o.valid, head.pc, newest))
        with m.If(self.axi.w.valid):
            m.d.sync += self.status.state.eq(Mux(self.axi.w.ready, State.RUN, State.STALL_BUS))
        with m.Elif(self.read.valid & ~self.read.ready):
            m.d.sync += self.status.state.eq(State.STALL_MEMORY)
        with m.Elif(self.outstanding):
            m.d.sync += self.status.state.eq(State.STALL_BUS)
        with m.Elif(completion.busy):
            m.d.sync += self.status.state.eq(State.SETUP)
        with m.Else():
            m.d.sync += self.status.state.eq(State.IDLE)
        return m
