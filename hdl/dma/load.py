"""The load unit: LOAD_SHAPE and LOAD."""

from amaranth import Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import Out
from amaranth.utils import exact_log2

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause, State
from weft.hdl.dma.bursts import OFFSET_BITS, Bursts, Kind
from weft.hdl.dma.completion import Completion
from weft.hdl.dma.rows import Access, Rows
from weft.hdl.interfaces import (
    DECERR,
    ID_LOAD,
    AxiRead,
    ScratchpadWrite,
    WindowSignature,
    read_layout,
    touch_layout,
    unit_members,
)
from weft.hdl.mem.lines import touched
from weft.hdl.shift_fifo import ShiftFifo
from weft.hdl.sram_fifo import SramFifo

SKID = 2  # beats that may wait for the scratchpad; keeps m_axi_rready a register


class LoadUnit(wiring.Component):
    """Brings rows of lines from DRAM into the scratchpad and pads them (semantics in `gen/isa`).

    The address side runs ahead of the data side, across instructions too: up to `outstanding_reads` bursts are in flight, and a queue
    remembers what each of them is for. The data side takes the queue's head and writes one line a cycle as beats arrive. Padding,
    instructions without lines and rows that fail their check pass through the same queue, so that everything happens in order and an
    error is precise: what stands before it in the program has been done.

    After an error or while `halt` is high no burst is issued. Beats of bursts in flight are still taken; after an error of this unit they
    are dropped. Only a reset ends that state.

    Members: `unit_members`, and
    -------
    axi: read half of an AXI4 manager; one identifier, so answers come in order. `ar` and `r.ready` come from registers.
    write: client port of the scratchpad, whole lines.
    window_0 .. window_3: constant while a program runs.
    outstanding: a burst was issued and its last beat has not been taken.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            **unit_members(config), "axi": Out(AxiRead(config)), "write": Out(ScratchpadWrite(config)), "outstanding": Out(1),
            **{f"window_{n}": Out(WindowSignature(config)) for n in range(isa.WINDOWS)}})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config = Module(), self._config
        in_flight = config.axi.outstanding_reads
        tracked = data.StructLayout({
            "kind": Kind, "length": 8, "line": range(config.scratchpad_lines), "offset": OFFSET_BITS, "last": 1, "pc": isa.PC_BITS,
            "signal": 4, "fill": 8})
        m.submodules.rows = rows = Rows(Access.READ)
        m.submodules.bursts = bursts = Bursts(config, Access.READ)
        m.submodules.queue = queue = SramFifo(tracked, max(32, 2 * in_flight))
        m.submodules.beats = beats = ShiftFifo(read_layout(config), SKID)
        m.submodules.completion = completion = Completion()
        wiring.connect(m, wiring.flipped(self.instructions), rows.instructions)
        wiring.connect(m, rows.rows, bursts.rows)
        for n in range(isa.WINDOWS):
            wiring.connect(m, getattr(bursts, f"window_{n}"), wiring.flipped(getattr(self, f"window_{n}")))
        wiring.connect(m, wiring.flipped(self.axi.r), beats.i)
        wiring.connect(m, completion.retire, wiring.flipped(self.retire))
        wiring.connect(m, completion.error, wiring.flipped(self.error))

        # -- address side -------------------------------------------------------------------------------------------------------------
        segment, stopped, wants_bus = bursts.segments.payload, Signal(), Signal()
        go, issue, flying, landed = Signal(), Signal(), Signal(range(in_flight + 1)), Signal()
        m.d.comb += [
            wants_bus.eq(segment.kind == Kind.DATA),
            go.eq(bursts.segments.valid & queue.i.ready & ~self.halt & ~stopped & ~completion.failed
                  & (~wants_bus | ((flying != in_flight) & (~self.axi.ar.valid | self.axi.ar.ready)))),
            issue.eq(go & wants_bus), bursts.segments.ready.eq(go), queue.i.valid.eq(go),
            *(queue.i.payload[name].eq(segment[name]) for name in tracked.members),
            self.outstanding.eq(flying != 0), self.axi.ar.payload.id.eq(ID_LOAD)]
        m.d.sync += flying.eq(flying + issue - landed)
        with m.If(go & ((segment.kind == Kind.BAD_SCRATCHPAD) | (segment.kind == Kind.BAD_WINDOW))):
            m.d.sync += stopped.eq(1)
        with m.If(issue):
            m.d.sync += [
                self.axi.ar.valid.eq(1), self.axi.ar.payload.address.eq(segment.address), self.axi.ar.payload.length.eq(segment.length)]
        with m.Elif(self.axi.ar.ready):
            m.d.sync += self.axi.ar.valid.eq(0)

        # -- data side ----------------------------------------------------------------------------------------------------------------
        head, beat = queue.o.payload, beats.o.payload
        for_bus, for_padding, bad, drop = Signal(), Signal(), Signal(), Signal()
        settling, came = Signal(), Signal()  # the instruction's last line is on its way through the queue; a beat for the head is there
        write, settled = self._way_to_scratchpad(m)
        moved, finished, final = Signal(), Signal(), Signal()
        inside, left, next_left = Signal(), Signal(8), Signal(8, reset_less=True)  # not the first line of the segment; lines after this
        line, next_line = Signal(head.line.shape()), Signal(head.line.shape(), reset_less=True)
        m.d.comb += [
            for_bus.eq(queue.o.valid & (head.kind == Kind.DATA)), for_padding.eq(queue.o.valid & (head.kind == Kind.PADDING)),
            bad.eq(beat.response[1]),  # SLVERR or DECERR
            drop.eq(completion.failed | (for_bus & bad & came)), came.eq(beats.o.valid & ~settling),
            line.eq(Mux(inside, next_line, head.line)), left.eq(Mux(inside, next_left, head.length)), final.eq(left == 0),
            write.valid.eq(~drop & ((for_padding & ~settling) | (for_bus & came))),
            write.payload.address.eq(line << exact_log2(config.line_bytes)),
            write.payload.touches.eq(touched(m, config, address=write.payload.address, beyond=None, name="line")),
            write.payload.data.eq(Mux(for_padding, head.fill.replicate(config.line_bytes), beat.data)),
            beats.o.ready.eq(for_bus & (write.ready | drop) & ~settling),
            moved.eq((write.valid & write.ready) | (for_bus & came & drop)), landed.eq(finished & for_bus),
            queue.o.ready.eq(finished | ~(for_bus | for_padding) | (for_padding & drop))]
        if config.scratchpad.late_grants:
            m.d.comb += finished.eq(Mux(head.last, settling & settled, moved & final))
            m.d.sync += settling.eq((settling | (moved & final & head.last)) & ~finished)
        else:
            m.d.comb += finished.eq(moved & final)
        with m.If(moved):
            m.d.sync += [inside.eq(~final), next_left.eq(left - 1), next_line.eq(line + 1)]

        m.d.comb += [
            completion.taken.eq(self.instructions.valid & self.instructions.ready), completion.done.eq(queue.o.valid & queue.o.ready),
            completion.last.eq(head.last), completion.pc.eq(head.pc), completion.signal.eq(head.signal), completion.offset.eq(head.offset)]
        with m.If(for_bus & came & bad):
            m.d.comb += completion.cause.eq(Mux(beat.response == DECERR, Cause.READ_DECERR, Cause.READ_SLVERR))
        with m.Elif(queue.o.valid & (head.kind == Kind.BAD_SCRATCHPAD)):
            m.d.comb += completion.cause.eq(Cause.SCRATCHPAD)
        with m.Elif(queue.o.valid & (head.kind == Kind.BAD_WINDOW)):
            m.d.comb += completion.cause.eq(Cause.WINDOW)

        # -- status -------------------------------------------------------------------------------------------------------------------
        newest = Signal(isa.PC_BITS, reset_less=True)
        with m.If(completion.taken):
            m.d.sync += newest.eq(self.instructions.payload.pc)
        m.d.comb += self.status.pc.eq(Mux(queue.o.valid, head.pc, newest))
        with m.If(write.valid):
            m.d.comb += self.status.state.eq(Mux(write.ready, State.RUN, State.STALL_MEMORY))
        with m.Elif(for_bus):
            m.d.comb += self.status.state.eq(State.STALL_BUS)
        with m.Elif(completion.busy):
            m.d.comb += self.status.state.eq(State.SETUP)
        with m.Else():
            m.d.comb += self.status.state.eq(State.IDLE)
        return m

    def _way_to_scratchpad(self, m: Module) -> tuple[stream.Interface, Value]:
        """(Where lines go, whether all that went there has been written), through a queue or not."""
        config, port = self._config, self.write
        layout = data.StructLayout({"address": isa.ADDRESS_BITS, "touches": touch_layout(config), "data": 8 * config.line_bytes})
        if config.scratchpad.late_grants:
            m.submodules.lines = lines = ShiftFifo(layout, SKID)
            source, way, settled = lines.o, lines.i, lines.level == 0
        else:
            source = way = stream.Signature(layout).create(path=("line_out",))
            settled = Const(1)
        m.d.comb += [
            port.valid.eq(source.valid), source.ready.eq(port.ready), port.address.eq(source.payload.address),
            port.touches.eq(source.payload.touches), port.data.eq(source.payload.data), port.count.eq(config.line_bytes)]
        return way, settled
