"""The vector unit: instructions in, one iteration a cycle through operand fetch, lanes and write-back."""

from amaranth import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out, connect, flipped

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import REDUCTIONS, Cause, Rounding, State
from weft.hdl.interfaces import AccumulatorRead, AccumulatorWrite, ScratchpadRead, ScratchpadWrite, unit_members
from weft.hdl.shift_fifo import ShiftFifo
from weft.hdl.sram_fifo import SramFifo
from weft.hdl.vector.fetch import OperandFetch
from weft.hdl.vector.iteration import iteration_layout, result_layout
from weft.hdl.vector.parameters import ParameterSets
from weft.hdl.vector.pipeline import LanePipeline
from weft.hdl.vector.sequencer import Sequencer
from weft.hdl.vector.turns import Turns
from weft.hdl.vector.write_back import WriteBack
from weft.hdl.words import is_instruction, word_layout

_RESULTS = 2  # results that may wait before requests stop; with one, results could leave only every other cycle
_UNDER_WAY = 8  # instructions, with set-up, that have been taken and not retired
_QUEUE = 16  # words of the memory in which they wait: `_RESULTS` and what is under way by then
# Of an instruction that was taken: what is needed when it retires, and of a VECTOR when its results are written.
TOKEN = data.StructLayout({"runs": 1, "signal": 4, "pc": isa.PC_BITS, "kind": 3, "lanes": 7})


class VectorUnit(wiring.Component):
    """Performs VECTOR and its set-up instructions as `weft.gen.isa` describes them.

    An instruction is taken when the VECTOR before has begun its last iteration and its first result is about to leave the lanes; set-up
    instructions take one cycle. A VECTOR is also not taken before the one before has written everything, or with `overlap` the one before
    that. A VECTOR of n iterations takes n + `overhead` cycles when memories are ready (a cycle more for each iteration with both operands
    from the accumulators), and the next one with `overlap` is taken max(n + 1, `settling`) cycles after it. Instructions retire in order.
    When results cannot be written, requests stop, and the lanes `OperandFetch.MOVE_LATENCY` cycles later: what was requested before
    still has room, so no operand ever waits in the lanes and nothing combinational spans them. Where columns share lanes, an iteration is
    requested as many cycles after the one before as there are turns, for n iterations read n times as many above, and what is under
    way always has room, so the lanes never stop.

    Illegal combinations are found before any access, in this order: ILLEGAL_OPERAND (lanes > C; a reduction without a reducing
    ALU operation; FLOAT32 when it is not built), PARAMETER (set out of range, selected or not; its number is the address). Addresses
    are checked as the iterations come; the iterations before the bad one take effect. After an error the unit stands still until reset.
    After reset all set-up fields are 0 and the loop counts 1.

    Parameters
    ----------
    config: the accelerator.

    Members
    -------
    instructions, retire, error, status, halt: see `interfaces.unit_members`; status says what was done one cycle ago, or two where columns
    share lanes.
    a, b, write: scratchpad ports; a read request may be taken back before it is granted, and writes must always be taken at once.
    accumulator_read, accumulator_write: accumulator ports; likewise.
    iteration: an iteration's operands were granted in this cycle, or where columns share lanes in the one before.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            **unit_members(config), "a": Out(ScratchpadRead(config)), "b": Out(ScratchpadRead(config)),
            "write": Out(ScratchpadWrite(config)), "accumulator_read": Out(AccumulatorRead(config)),
            "accumulator_write": Out(AccumulatorWrite(config)), "iteration": Out(1)})

    @property
    def overhead(self) -> int:
        """Cycles from taking a VECTOR of n iterations to the earliest taking of the next instruction, less n: address check, request
        queue, operands, lanes, result queue and one cycle each for taking and retiring, of which the iteration itself is one."""
        return self.settling + SramFifo.LATENCY

    @property
    def settling(self) -> int:
        """Cycles from taking a VECTOR to taking the next instruction, at least: its first iteration has to go through the lanes."""
        shared = self._config.vector.columns_per_lane > 1
        return ShiftFifo.LATENCY + OperandFetch.LATENCY + shared * (1 + Turns.LATENCY) + LanePipeline.stages(self._config) + 1

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config, turns = Module(), self._config, self._config.vector.columns_per_lane
        m.submodules.sequencer = sequencer = Sequencer(config)
        m.submodules.requests = requests = ShiftFifo(iteration_layout(config), 2)
        m.submodules.fetch = fetch = OperandFetch(config)
        m.submodules.parameters = parameters = ParameterSets(config)
        m.submodules.lanes = lanes = LanePipeline(config)
        m.submodules.results = results = SramFifo(result_layout(config), _QUEUE)
        m.submodules.write_back = write_back = WriteBack(config)

        # -- taking instructions ---------------------------------------------------------------------
        m.submodules.tokens = tokens = ShiftFifo(TOKEN, _UNDER_WAY)
        vectors = Signal(range(3))  # VECTORs under way
        settled = Signal(init=1)  # nothing needs the set-up that was given any more, but the sequencer during its sweep
        failed = Signal()
        taking = Signal()
        oldest = tokens.o.payload
        word = Signal(isa.WORD_BITS)
        given = data.View(word_layout("VECTOR"), word)
        runs, able = Signal(), Signal()  # able: to take any instruction but a VECTOR that must wait for others
        m.d.comb += [
            word.eq(self.instructions.payload.word), runs.eq(is_instruction(word, "VECTOR")),
            able.eq(~sequencer.active & settled & tokens.i.ready & ~sequencer.fault & ~failed & ~self.halt),
            self.instructions.ready.eq(able & (~runs | (vectors == 0) | (given.overlap & (vectors == 1)))),
            taking.eq(self.instructions.valid & self.instructions.ready)]
        loop = Signal(word_layout("VECTOR_LOOP"), init={f"count_{k}": 1 for k in range(4)})
        scale = Signal(word_layout("VECTOR_SCALE"))
        post = Signal(word_layout("VECTOR_POST"))
        strides = [Signal(word_layout("VECTOR_STRIDE"), name=f"stride_{name}") for name in ("a", "b", "destination")]
        vector = Signal(word_layout("VECTOR"), reset_less=True)
        pc = Signal(isa.PC_BITS, reset_less=True)
        start, started = Signal(), Signal()
        m.d.sync += started.eq(start)
        with m.If(self.instructions.valid & able):
            for register, name in ((loop, "VECTOR_LOOP"), (scale, "VECTOR_SCALE"), (post, "VECTOR_POST")):
                with m.If(is_instruction(word, name)):
                    m.d.sync += register.eq(word)
            with m.If(is_instruction(word, "VECTOR_STRIDE")), m.Switch(data.View(strides[0].shape(), word).operand):
                for n, register in enumerate(strides):
                    with m.Case(n):
                        m.d.sync += register.eq(word)
        with m.If(taking):
            m.d.sync += pc.eq(self.instructions.payload.pc)
            with m.If(runs):
                m.d.comb += start.eq(1)
                m.d.sync += [vector.eq(word), settled.eq(0)]
        with m.Elif(lanes.settled):
            m.d.sync += settled.eq(1)
        m.d.comb += [
            tokens.i.valid.eq(taking), tokens.i.payload.runs.eq(runs), tokens.i.payload.signal.eq(given.signal),
            tokens.i.payload.pc.eq(self.instructions.payload.pc), tokens.i.payload.kind.eq(given.destination_kind),
            tokens.i.payload.lanes.eq(given.lanes)]
        # Judged in the cycle after taking, with the addresses of the first iteration.
        illegal = Signal()
        verdict = Signal(8)
        m.d.comb += illegal.eq(
            (vector.lanes > config.lanes) | ((loop.reduce != 0) & ~post.alu.matches(*REDUCTIONS))
            | ((scale.rounding == Rounding.FLOAT32) & (not config.vector.float32)))
        with m.If(illegal):
            m.d.comb += verdict.eq(Cause.ILLEGAL_OPERAND)
        with m.Elif(vector.parameter >= config.vector.parameter_sets):
            m.d.comb += verdict.eq(Cause.PARAMETER)

        room, go = Signal(), Signal(init=1)  # a cycle late: `_QUEUE` has words to spare
        m.d.comb += room.eq(results.level < _RESULTS)

        # -- data path -------------------------------------------------------------------------------
        # A VECTOR's sweep begins when it is taken, or where columns share lanes from its registers, a cycle later.
        first = vector if turns > 1 else given
        m.d.comb += [
            sequencer.start.eq(started if turns > 1 else start), sequencer.base_a.eq(first.a), sequencer.base_b.eq(first.b),
            sequencer.base_destination.eq(first.destination)]
        # An iteration's operands were granted; one waits for them: where columns share lanes in the cycle before, for arbitration is long.
        entered, waits = Signal(), Signal()
        resting = Signal()  # turns of the iteration that entered last still come
        if turns == 1:
            connect(m, requests.o, fetch.iterations)
            m.d.sync += go.eq(room)
            m.d.comb += [
                fetch.go.eq(go), entered.eq(fetch.entered), waits.eq(requests.o.valid & ~fetch.entered),
                lanes.move_next.eq(fetch.move_next), lanes.valid_next.eq(fetch.valid_next),
                lanes.begins_next.eq(fetch.begins_next), lanes.tag_begins_next.eq(fetch.tag_begins_next),
                lanes.tag.eq(fetch.tag), lanes.last.eq(1), lanes.a.eq(fetch.a), lanes.b.eq(fetch.b)]
        else:
            assert _RESULTS + 1 + -(-(self.settling + turns) // turns) <= _QUEUE, "what is under way has room"
            m.submodules.turns = cut = Turns(config)
            pause, ran = Signal(range(turns)), Signal()  # turns still to come, not of a fault
            m.d.sync += [entered.eq(fetch.entered), waits.eq(requests.o.valid & ~fetch.entered),
                         go.eq(room & Mux(entered, turns == 2, pause <= 2))]
            with m.If(entered):
                m.d.sync += [pause.eq(turns - 1), ran.eq(self.iteration)]
            with m.Elif(pause != 0):
                m.d.sync += pause.eq(pause - 1)
            m.d.comb += [
                fetch.go.eq(go & ~entered), fetch.iterations.valid.eq(requests.o.valid), fetch.iterations.payload.eq(requests.o.payload),
                requests.o.ready.eq(entered), resting.eq((pause != 0) & ran), cut.comes.eq(fetch.comes),
                cut.tag_comes_begins.eq(fetch.tag_begins_next),
                cut.tag.eq(fetch.tag), cut.a.eq(fetch.a), cut.b.eq(fetch.b),
                parameters.turn.eq(cut.turn), parameters.takes.eq(cut.takes),
                lanes.move_next.eq(1), lanes.valid_next.eq(cut.valid_next),
                lanes.begins_next.eq(cut.begins_next), lanes.tag_begins_next.eq(cut.tag_begins_next),
                lanes.tag.eq(cut.turn_tag), lanes.last.eq(cut.last), lanes.a.eq(cut.turn_a), lanes.b.eq(cut.turn_b)]
        connect(m, sequencer.iterations, requests.i)
        connect(m, results.o, write_back.results)
        connect(m, fetch.scratchpad_a, flipped(self.a))
        connect(m, fetch.scratchpad_b, flipped(self.b))
        connect(m, fetch.accumulator, flipped(self.accumulator_read))
        # A register stands before the scratchpad, which is always ready: when the instruction retires, the write has been taken.
        written, port = write_back.scratchpad, self.write
        m.d.sync += port.valid.eq(written.valid)
        with m.If(written.valid):
            m.d.sync += [getattr(port, name).eq(getattr(written, name)) for name in ("address", "touches", "data", "count")]
        connect(m, write_back.accumulator, flipped(self.accumulator_write))
        m.d.comb += [
            sequencer.verdict.eq(verdict), sequencer.loop.eq(loop),
            sequencer.vector.eq(vector), sequencer.stride_a.eq(strides[0]),
            sequencer.stride_b.eq(strides[1]), sequencer.stride_destination.eq(strides[2]),
            parameters.load.eq(started), parameters.give_next.eq(fetch.begins_next),
            parameters.index.eq(vector.parameter[: len(parameters.index)]), parameters.scale.eq(scale),
            parameters.write_pre.eq(write_back.write_pre), parameters.write_multiplier.eq(write_back.write_multiplier),
            parameters.write_shift.eq(write_back.write_shift), parameters.write_index.eq(write_back.index),
            parameters.write_data.eq(write_back.lanes),
            lanes.count.eq(vector.lanes), lanes.scale.eq(scale),
            lanes.post.eq(post), lanes.factors.eq(parameters.factors), lanes.reduces.eq(loop.reduce != 0),
            lanes.table_write.eq(write_back.table_write), lanes.table_address.eq(write_back.table_address),
            lanes.table_data.eq(write_back.table_data),
            results.i.valid.eq(lanes.push), results.i.payload.eq(lanes.result),
            write_back.ready.eq(tokens.o.valid & oldest.runs), write_back.kind.eq(oldest.kind), write_back.count.eq(oldest.lanes)]

        # -- ends ------------------------------------------------------------------------------------
        # In order. A fault stays the oldest: nothing was taken after it.
        faulty = results.o.payload.tag.fault
        m.d.comb += tokens.o.ready.eq(~oldest.runs | (write_back.finished & ~faulty))
        m.d.sync += [
            self.retire.valid.eq(tokens.o.valid & tokens.o.ready), self.retire.signal.eq(oldest.signal), self.retire.pc.eq(oldest.pc),
            self.error.valid.eq(write_back.finished & faulty), vectors.eq(vectors + start - write_back.finished)]
        with m.If(write_back.finished & faulty):
            m.d.sync += failed.eq(1)
        m.d.comb += [self.error.cause.eq(sequencer.cause), self.error.pc.eq(pc), self.error.address.eq(sequencer.address)]

        m.d.comb += self.iteration.eq(entered & ~requests.o.payload.tag.fault)
        m.d.sync += [self.status.state.eq(State.IDLE), self.status.pc.eq(pc)]
        with m.If(vectors != 0):
            stalled = waits | (results.o.valid & ~results.o.ready)
            m.d.sync += self.status.state.eq(Mux(self.iteration | resting, State.RUN, Mux(stalled, State.STALL_MEMORY, State.SETUP)))
        with m.Elif(taking):
            m.d.sync += [self.status.state.eq(State.SETUP), self.status.pc.eq(self.instructions.payload.pc)]
        return m
