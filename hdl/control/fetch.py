"""Instruction fetch: reads the program from window 0 ahead of need."""

from amaranth import C, Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause
from weft.hdl.interfaces import DECERR, ID_FETCH, AxiRead, WindowSignature, instruction_stream
from weft.hdl.sram_fifo import SramFifo

LONGEST_PROGRAM = (1 << isa.PC_BITS) - 1  # instructions; a greater PROGRAM_LENGTH counts as this
PAGE_BYTES = 4096  # no AXI burst crosses a multiple of this


class FaultSignature(wiring.Signature):
    """While `valid`: there is no instruction at `pc`, and there will be none, because of `cause` (isa.Cause). `address` stays until the
    next start."""

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "cause": Out(8), "pc": Out(isa.PC_BITS), "address": Out(32)})


class Fetch(wiring.Component):
    """Streams the program, instruction by instruction, and says why when it ends.

    `start` begins at instruction 0 with an empty buffer. Reads are bursts of whole lines, aligned to their greatest length (so that
    none crosses 4 KiB), with as many in flight as the buffer has room for; the bus never waits for the buffer. Nothing outside
    the program or the window is read. A fault is reported in its place in the stream, after all instructions before it were taken:
    what lies behind a HALT does no harm, unless it does so on the bus.

    Faults: PROGRAM_END at pc = `length`; WINDOW at the first instruction that window 0 does not hold whole or may not be read,
    or that lies beyond the end of the bus's address space;
    READ_SLVERR and READ_DECERR at the first instruction with a beat that was answered so. The address is the instruction's byte
    offset in the window, zero for PROGRAM_END.

    Members
    -------
    start: one-cycle pulse; only while nothing is outstanding.
    stop: no further bursts from the next cycle on.
    offset: of the program in window 0 in bytes; the part below a line is ignored. Stable, like `length`, from `start` on.
    length: of the program in instructions, at most `LONGEST_PROGRAM`.
    window: window 0.
    axi: read manager with identifier ID_FETCH.
    instructions: the program.
    fault: see above, from registers; never together with instructions.valid.
    outstanding: a burst is offered or in flight.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "start": In(1), "stop": In(1), "offset": In(32), "length": In(32), "window": Out(WindowSignature(config)),
            "axi": Out(AxiRead(config)), "instructions": Out(instruction_stream()), "fault": Out(FaultSignature()),
            "outstanding": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config = Module(), self._config
        line, beat_bits = config.line_bytes, config.axi.data_bits
        shift = exact_log2(line)
        entry_bits = max(isa.WORD_BITS, beat_bits)
        entry_beats, entry_words = entry_bits // beat_bits, entry_bits // isa.WORD_BITS
        entries = config.queues.fetch_depth // entry_words
        capacity = entries * entry_beats  # beats
        burst = min(config.axi.burst_beats, capacity // 2, PAGE_BYTES // line)

        buffer = SramFifo(entry_bits, entries)
        m.submodules.buffer = ResetInserter(self.start)(buffer)
        ar, r = self.axi.ar, self.axi.r
        wanted = Signal(range(LONGEST_PROGRAM * isa.WORD_BYTES // line + 2))  # lines of the program
        held = Signal(33 - shift)  # lines of the window from the program's first one on
        remaining = Signal.like(wanted)  # lines not asked for yet
        next_line = Signal(config.axi.address_bits - shift + 1, reset_less=True)  # bus address of the next burst, with carry
        above = Signal.like(next_line)  # lines from there to the end of the bus's address space
        free = Signal(range(capacity + 1))  # beats of the buffer not promised to a burst
        flying = Signal(range(capacity + 1))  # beats asked for and not received
        broken, response = Signal(), Signal(2, reset_less=True)
        limit, pc = Signal(isa.PC_BITS), Signal(isa.PC_BITS)

        # -- the lines to read, from program and window --------------------------------------------------------------
        running, end = Signal(), Signal()  # end: pc == limit
        with m.FSM():
            with m.State("IDLE"), m.If(self.start):
                m.next = "SIZE"
            with m.State("SIZE"):
                size, first = self.window.size[shift:], self.offset[shift:]
                m.d.sync += [
                    limit.eq(Mux(self.length[isa.PC_BITS:].any(), LONGEST_PROGRAM, self.length[:isa.PC_BITS])),
                    held.eq(Mux(self.window.read & (size > first), size - first, 0)),
                    next_line.eq(self.window.base[shift:] + first)]
                m.next = "COUNT"
            with m.State("COUNT"):
                m.d.sync += [wanted.eq((limit * isa.WORD_BYTES + (line - 1)) >> shift),
                             above.eq(Mux(next_line[-1], 0, ~next_line[:-1] + 1))]  # the whole space less next_line, in one adder
                m.next = "CLIP"
            with m.State("CLIP"):
                m.d.sync += held.eq(Mux(above < held, above, held))
                m.next = "LIMIT"
            with m.State("LIMIT"):
                m.d.sync += [remaining.eq(Mux(held < wanted, held, wanted)), end.eq(limit == 0)]
                m.next = "RUN"
            with m.State("RUN"):
                m.d.comb += running.eq(1)
                with m.If(self.stop):
                    m.next = "IDLE"

        # -- bursts --------------------------------------------------------------------------------------------------
        room, length, issue, received, popped = Signal(range(burst + 1)), Signal(range(burst + 1)), Signal(), Signal(), Signal()
        asked = Signal(range(burst + 1))  # beats of the burst issued in this cycle
        measured = Signal()  # `length` is that of the next burst
        m.d.sync += [length.eq(Mux(remaining < room, remaining, room)), measured.eq(running & ~issue)]
        m.d.comb += [
            room.eq(burst - next_line[:exact_log2(burst)]),
            issue.eq(running & measured & ~broken & (remaining != 0) & (free >= burst) & (~ar.valid | ar.ready)),
            asked.eq(Mux(issue, length, 0)), received.eq(r.valid), popped.eq(buffer.o.valid & buffer.o.ready), r.ready.eq(1),
            self.outstanding.eq(flying != 0)]
        with m.If(issue):
            m.d.sync += [
                ar.payload.address.eq(Cat(C(0, shift), next_line[:-1])), ar.payload.length.eq(length - 1), ar.payload.id.eq(ID_FETCH),
                next_line.eq(next_line + length), remaining.eq(remaining - length), ar.valid.eq(1)]
        with m.Elif(ar.ready):
            m.d.sync += ar.valid.eq(0)
        m.d.sync += [free.eq(free - asked + Mux(popped, entry_beats, 0)), flying.eq(flying + asked - received)]

        # -- beats to buffer entries -----------------------------------------------------------------------------------
        good = Signal()
        m.d.comb += good.eq(received & ~broken & ~r.payload.response[1])
        with m.If(received & ~broken & r.payload.response[1]):
            m.d.sync += [broken.eq(1), response.eq(r.payload.response)]
        if entry_beats > 1:
            parts, part = Signal(entry_bits - beat_bits, reset_less=True), Signal(range(entry_beats))
            m.d.comb += [buffer.i.valid.eq(good & (part == entry_beats - 1)), buffer.i.payload.eq(Cat(parts, r.payload.data))]
            with m.If(good):
                m.d.sync += [parts.eq(Cat(parts, r.payload.data)[beat_bits:]), part.eq(part + 1)]
        else:
            m.d.comb += [buffer.i.valid.eq(good), buffer.i.payload.eq(r.payload.data)]

        # -- entries to instructions, or the reason why there is none ---------------------------------------------------
        last_word, taken = Signal(), Signal()
        m.d.comb += [
            self.instructions.valid.eq(running & buffer.o.valid & ~end), self.instructions.payload.pc.eq(pc),
            taken.eq(self.instructions.valid & self.instructions.ready), buffer.o.ready.eq(taken & last_word)]
        if entry_words > 1:
            index = pc[:exact_log2(entry_words)]
            m.d.comb += [self.instructions.payload.word.eq(buffer.o.payload.word_select(index, isa.WORD_BITS)),
                         last_word.eq(index.all())]
        else:
            m.d.comb += [self.instructions.payload.word.eq(buffer.o.payload), last_word.eq(1)]
        with m.If(taken):
            m.d.sync += [pc.eq(pc + 1), end.eq(pc + 1 == limit)]
        dry = Signal()  # nothing in the buffer, nothing to come
        m.d.comb += dry.eq(buffer.empty & ~self.outstanding & ((remaining == 0) | broken))
        m.d.sync += [self.fault.valid.eq(running & (end | dry)), self.fault.pc.eq(pc),
                     self.fault.address.eq(self.offset + pc * isa.WORD_BYTES),
                     self.fault.cause.eq(Mux(broken, Mux(response == DECERR, Cause.READ_DECERR, Cause.READ_SLVERR), Cause.WINDOW))]
        with m.If(end):
            m.d.sync += [self.fault.cause.eq(Cause.PROGRAM_END), self.fault.address.eq(0)]

        with m.If(self.start):
            m.d.sync += [pc.eq(0), broken.eq(0), free.eq(capacity)]
            if entry_beats > 1:
                m.d.sync += part.eq(0)
        return m
