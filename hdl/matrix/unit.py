"""The matrix unit: instructions in, one activation vector a cycle through the array, sums to the accumulators."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out, connect, flipped

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.delay import delayed
from weft.hdl.interfaces import AccumulateStream, ScratchpadRead, unit_members
from weft.hdl.matrix.accumulators import Accumulators
from weft.hdl.matrix.activations import LEVELS, MATMUL, SHAPE, ActivationSequencer
from weft.hdl.matrix.array import SystolicArray
from weft.hdl.matrix.depthwise import DEPTHWISE
from weft.hdl.matrix.results import ResultTracker
from weft.hdl.matrix.weights import WeightLoader


class MatrixUnit(wiring.Component):
    """Performs MATRIX_SHAPE, MATMUL and, with `config.array.depthwise`, DEPTHWISE as `weft.gen.isa` defines them.

    A MATMUL is accepted as soon as the weight loader is done with the one before, while that one's vectors still stream: its
    first weights arrive meanwhile, and its first vector follows the other's last without a gap. A fold takes max(positions, R)
    cycles when the scratchpad never stalls. MATRIX_SHAPE is accepted when no MATMUL waits for its start. At most `IN_FLIGHT`
    instructions are between acceptance and retirement. All that is true of DEPTHWISEs too, in whatever order.

    After an error, and while `halt` is high, no instruction is accepted or started; a MATMUL that has started runs to its end.
    MATMUL before any MATRIX_SHAPE is not defined.

    Members
    -------
    Those of `unit_members`, and:
    activations, weights: `ScratchpadRead`; weights ask for whole lines.
    results: `AccumulateStream`.
    vector_streamed: the read of an activation vector is taken in this cycle.
    tile_loaded: a weight tile begins to move into the array.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            **unit_members(config), "activations": Out(ScratchpadRead(config)), "weights": Out(ScratchpadRead(config)),
            "results": Out(AccumulateStream(config)), "vector_streamed": Out(1), "tile_loaded": Out(1)})

    @staticmethod
    def latency(config: Config) -> int:
        """Cycles from a taken read of an activation vector to its `results`."""
        return ScratchpadRead.LATENCY + SystolicArray.latency(config)

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config = Module(), self._config
        m.submodules.array = array = SystolicArray(config)
        m.submodules.loader = loader = WeightLoader(config)
        m.submodules.sequencer = sequencer = ActivationSequencer(config)
        m.submodules.tracker = tracker = ResultTracker(config, delay=self.latency(config), settle=Accumulators.LATENCY)
        connect(m, flipped(self.weights), loader.read)
        connect(m, flipped(self.activations), sequencer.read)
        connect(m, flipped(self.results), tracker.results)
        connect(m, flipped(self.retire), tracker.retire)
        connect(m, sequencer.issue, tracker.issue)

        # The first vector's swap enters the array with its data, and so does what a vector is in its stream.
        if config.array.depthwise:
            valid = Signal(ScratchpadRead.LATENCY)
            m.d.sync += valid.eq(Cat(sequencer.issue.valid, valid))
            stream = delayed(m, sequencer.issue.stream, ScratchpadRead.LATENCY, name="stream", reset_less=True)
            m.d.comb += [array.valid.eq(valid[-1]), array.stream.eq(stream)]
        swap = Signal(ScratchpadRead.LATENCY)
        m.d.sync += swap.eq((swap << 1)[:len(swap)] | sequencer.swap)
        m.d.comb += [
            array.activations.eq(self.activations.data), array.swap.eq(swap[-1]), array.load.eq(loader.load),
            array.weights.eq(loader.weights), tracker.sums.eq(array.sums),
            sequencer.weights_ready.eq(loader.ready), sequencer.weights_failed.eq(loader.failed),
            sequencer.weights_address.eq(loader.address), loader.swap.eq(sequencer.swap),
            self.vector_streamed.eq(sequencer.issue.valid), self.tile_loaded.eq(loader.loaded)]

        stopped, failed = Signal(), Signal()
        m.d.comb += [stopped.eq(self.halt | failed), sequencer.stop.eq(stopped)]
        m.d.sync += self.error.valid.eq(sequencer.error.valid)
        with m.If(sequencer.error.valid):
            m.d.sync += [failed.eq(1), self.error.cause.eq(sequencer.error.cause), self.error.pc.eq(sequencer.error.pc),
                         self.error.address.eq(sequencer.error.address)]
        self._accept(m, stopped, loader, sequencer, tracker)
        self._report(m, failed, sequencer, tracker)
        return m

    def _accept(self, m: Module, stopped: Signal, loader: WeightLoader, sequencer: ActivationSequencer,
                tracker: ResultTracker) -> None:
        """Take instructions; hold the shape, and one MATMUL until the sequencer takes it."""
        word, pc = self.instructions.payload.word, self.instructions.payload.pc
        given_shape, given = SHAPE(word), MATMUL(word)
        shape, waiting = Signal(SHAPE, reset_less=True), Signal(MATMUL, reset_less=True)
        waiting_pc, waits = Signal(isa.PC_BITS, reset_less=True), Signal()
        runs, accept = Signal(), Signal()
        m.d.comb += [
            runs.eq(given.opcode == isa.BY_NAME["MATMUL"].opcode),
            self.instructions.ready.eq(~stopped & ~waits & tracker.tokens.ready & (~runs | loader.tiles.ready)),
            accept.eq(self.instructions.valid & self.instructions.ready),
            tracker.tokens.valid.eq(accept), tracker.tokens.payload.runs.eq(runs), tracker.tokens.payload.pc.eq(pc),
            tracker.tokens.payload.signal.eq(given.signal), tracker.line.eq(given.accumulator),
            loader.tiles.valid.eq(accept & runs), loader.tiles.payload.line.eq(given.weight_line),
            loader.tiles.payload.inner_count.eq(shape.inner_count), loader.tiles.payload.outer_count.eq(shape.outer_count),
            sequencer.jobs.valid.eq(waits), sequencer.jobs.payload.pc.eq(waiting_pc)]
        for name in ("activation", "accumulator", "accumulate"):
            m.d.comb += sequencer.jobs.payload[name].eq(waiting[name])
        for level in LEVELS:
            for part in ("count", "stride"):
                m.d.comb += sequencer.jobs.payload[f"{level}_{part}"].eq(shape[f"{level}_{part}"])
        if self._config.array.depthwise:
            depthwise, own, is_own = DEPTHWISE(word), Signal(DEPTHWISE, reset_less=True), Signal(reset_less=True)
            streams = Signal()
            m.d.comb += [
                streams.eq(depthwise.opcode == isa.BY_NAME["DEPTHWISE"].opcode),
                runs.eq(streams | (given.opcode == isa.BY_NAME["MATMUL"].opcode)), sequencer.jobs.payload.depthwise.eq(is_own)]
            m.d.comb += [sequencer.jobs.payload[name].eq(own[name]) for name in ("continues", "line", "skip", "fill")]
            with m.If(accept & runs):
                m.d.sync += [own.eq(depthwise), is_own.eq(streams)]
        with m.If(accept & runs):
            m.d.sync += [waits.eq(1), waiting.eq(given), waiting_pc.eq(pc)]
        with m.Elif(sequencer.jobs.ready):
            m.d.sync += waits.eq(0)
        with m.If(accept & ~runs):
            m.d.sync += shape.eq(given_shape)

    def _report(self, m: Module, failed: Signal, sequencer: ActivationSequencer, tracker: ResultTracker) -> None:
        """What the unit does in this cycle, and for which instruction."""
        m.d.comb += [self.status.state.eq(isa.State.IDLE), self.status.pc.eq(tracker.pc)]
        with m.If(sequencer.waiting):
            m.d.comb += self.status.pc.eq(sequencer.pc)
        with m.If(~failed):
            with m.If(sequencer.issue.valid):
                m.d.comb += self.status.state.eq(isa.State.RUN)
            with m.Elif(sequencer.stall_memory):
                m.d.comb += self.status.state.eq(isa.State.STALL_MEMORY)
            with m.Elif(sequencer.stall_weights):
                m.d.comb += self.status.state.eq(isa.State.STALL_WEIGHTS)
            with m.Elif(tracker.busy):
                m.d.comb += self.status.state.eq(isa.State.SETUP)
