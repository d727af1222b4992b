"""The matrix unit: instructions in, one activation vector a cycle through the array, sums to the accumulators."""

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Out, connect, flipped
from amaranth.utils import exact_log2

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.delay import delayed
from weft.hdl.interfaces import AccumulateStream, ScratchpadRead, unit_members
from weft.hdl.matrix.accumulators import Accumulators
from weft.hdl.matrix.activations import ActivationSequencer
from weft.hdl.matrix.array import SystolicArray
from weft.hdl.matrix.depthwise import DEPTHWISE
from weft.hdl.matrix.feeder import BlockFeeder
from weft.hdl.matrix.jobs import LEVELS, MATMUL, MATMUL_OS, SHAPE, IssueSignature
from weft.hdl.matrix.output_array import OutputArray
from weft.hdl.matrix.results import ResultTracker
from weft.hdl.matrix.weights import WeightLoader
from weft.hdl.words import is_instruction


class MatrixUnit(wiring.Component):
    """Performs MATRIX_SHAPE and those of MATMUL, DEPTHWISE and MATMUL_OS that the configuration has, as `weft.gen.isa` defines them.

    A MATMUL is accepted as soon as the weight loader is done with the one before, while that one's vectors still stream: its
    first weights arrive meanwhile, and its first vector follows the other's last without a gap. A fold takes max(positions, R)
    cycles when the scratchpad never stalls. MATRIX_SHAPE is accepted when no MATMUL waits for its start. At most `IN_FLIGHT`
    instructions are between acceptance and retirement. All that is true of DEPTHWISEs too, in whatever order.

    MATMUL_OSs follow each other in the same way; each block of R positions, the last one too, takes R cycles a fold. Between a
    MATMUL_OS and one of the others, whichever comes first, everything before it retires.

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
        kinds = config.array
        m.submodules.array = array = (OutputArray if kinds.output_stationary else SystolicArray)(config)
        m.submodules.loader = loader = WeightLoader(config)
        m.submodules.sequencer = sequencer = ActivationSequencer(config)
        m.submodules.tracker = tracker = ResultTracker(config, delay=self.latency(config), settle=Accumulators.LATENCY)
        connect(m, flipped(self.weights), loader.read)
        connect(m, flipped(self.activations), sequencer.read)
        connect(m, flipped(self.results), tracker.results)
        connect(m, flipped(self.retire), tracker.retire)
        m.d.comb += [
            array.weights.eq(loader.weights), tracker.sums.eq(array.sums), sequencer.weights_failed.eq(loader.failed),
            sequencer.weights_address.eq(loader.address), loader.swap.eq(sequencer.swap),
            self.vector_streamed.eq(sequencer.issue.valid), self.tile_loaded.eq(loader.loaded)]
        stays = Signal(init=not kinds.weight_stationary)  # the sums, of the last instruction that was accepted
        if kinds.weight_stationary:
            self._connect_moving(m, sequencer, loader, array)
        if kinds.output_stationary:
            m.submodules.feeder = feeder = BlockFeeder(config)
            self._connect_stationary(m, stays, sequencer, loader, feeder, array, tracker)
            streams = feeder.busy
        else:
            connect(m, sequencer.issue, tracker.issue)
            m.d.comb += sequencer.weights_ready.eq(loader.ready)
            streams = Const(0)

        stopped, failed = Signal(), Signal()
        m.d.comb += [stopped.eq(self.halt | failed), sequencer.stop.eq(stopped)]
        m.d.sync += self.error.valid.eq(sequencer.error.valid)
        with m.If(sequencer.error.valid):
            m.d.sync += [failed.eq(1), self.error.cause.eq(sequencer.error.cause), self.error.pc.eq(sequencer.error.pc),
                         self.error.address.eq(sequencer.error.address)]
        self._accept(m, stopped, stays, loader, sequencer, tracker)
        self._report(m, failed, streams, sequencer, tracker)
        return m

    def _connect_moving(self, m: Module, sequencer: ActivationSequencer, loader: WeightLoader, array: SystolicArray) -> None:
        """Vectors go to the array as they come. The first one's swap enters it with its data, and so does what a vector is in its
        stream."""
        config = self._config
        if config.array.depthwise:
            valid = Signal(ScratchpadRead.LATENCY)
            m.d.sync += valid.eq(Cat(sequencer.issue.valid, valid))
            stream = delayed(m, sequencer.issue.stream, ScratchpadRead.LATENCY, name="stream", reset_less=True)
            m.d.comb += [array.valid.eq(valid[-1]), array.stream.eq(stream)]
        swap = Signal(ScratchpadRead.LATENCY)
        m.d.sync += swap.eq((swap << 1)[:len(swap)] | sequencer.swap)
        load = loader.load[0] if config.array.output_stationary else loader.load
        m.d.comb += [array.activations.eq(self.activations.data), array.swap.eq(swap[-1]), array.load.eq(load)]

    def _connect_stationary(self, m: Module, stays: Signal, sequencer: ActivationSequencer, loader: WeightLoader, feeder: BlockFeeder,
                            array: OutputArray, tracker: ResultTracker) -> None:
        """Vectors go to the array through the feeder. With both dataflows each part is told which one there is now."""
        ready = loader.ready & feeder.room
        m.d.comb += [
            feeder.valid.eq(sequencer.issue.valid & stays), feeder.place.eq(sequencer.place), feeder.data.eq(self.activations.data),
            loader.go.eq(feeder.go), array.lines.eq(feeder.lines), array.take.eq(feeder.take), array.gives.eq(feeder.gives)]
        if not self._config.array.weight_stationary:
            connect(m, feeder.issue, tracker.issue)
            m.d.comb += sequencer.weights_ready.eq(ready)
            return
        m.d.comb += [loader.stays.eq(stays), array.stays.eq(stays), sequencer.weights_ready.eq(Mux(stays, ready, loader.ready))]
        for name, _ in IssueSignature(self._config).members.items():
            m.d.comb += getattr(tracker.issue, name).eq(Mux(stays, getattr(feeder.issue, name), getattr(sequencer.issue, name)))

    def _accept(self, m: Module, stopped: Signal, stays: Signal, loader: WeightLoader, sequencer: ActivationSequencer,
                tracker: ResultTracker) -> None:
        """Take instructions; hold the shape, and one MATMUL until the sequencer takes it. An instruction with the other dataflow waits
        until all before it have retired."""
        word, pc = self.instructions.payload.word, self.instructions.payload.pc
        given_shape, given = SHAPE(word), MATMUL(word)
        shape, waiting = Signal(SHAPE, reset_less=True), Signal(MATMUL, reset_less=True)
        waiting_pc, waits = Signal(isa.PC_BITS, reset_less=True), Signal()
        runs, accept = Signal(), Signal()
        other = Signal()  # of the dataflow that is not that of the instruction before
        m.d.comb += [
            self.instructions.ready.eq(~stopped & ~waits & tracker.tokens.ready & (~runs | loader.tiles.ready) & ~(other & tracker.busy)),
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
        kinds = self._config.array
        running = [name for name, there in (("MATMUL", kinds.weight_stationary), ("DEPTHWISE", kinds.depthwise),
                                            ("MATMUL_OS", kinds.output_stationary)) if there]
        m.d.comb += runs.eq(Cat(is_instruction(word, name) for name in running).any())
        if kinds.output_stationary:
            last, is_stationary, given_last = Signal(MATMUL_OS["last"].shape, reset_less=True), Signal(), MATMUL_OS(word).last
            m.d.comb += [
                is_stationary.eq(is_instruction(word, "MATMUL_OS")), sequencer.jobs.payload.last.eq(last),
                loader.tiles.payload.blocks.eq(Mux(is_stationary, given_last >> exact_log2(kinds.rows), 0))]
            with m.If(accept & runs):
                m.d.sync += last.eq(given_last)
                if kinds.weight_stationary:
                    m.d.sync += stays.eq(is_stationary)
            if kinds.weight_stationary:
                m.d.comb += [other.eq(runs & (is_stationary != stays)), sequencer.jobs.payload.stays.eq(stays)]
        if kinds.depthwise:
            depthwise, own, is_own = DEPTHWISE(word), Signal(DEPTHWISE, reset_less=True), Signal(reset_less=True)
            streams = Signal()
            m.d.comb += [streams.eq(is_instruction(word, "DEPTHWISE")), sequencer.jobs.payload.depthwise.eq(is_own)]
            m.d.comb += [sequencer.jobs.payload[name].eq(own[name]) for name in ("continues", "line", "skip", "fill")]
            with m.If(accept & runs):
                m.d.sync += [own.eq(depthwise), is_own.eq(streams)]
        with m.If(accept & runs):
            m.d.sync += [waits.eq(1), waiting.eq(given), waiting_pc.eq(pc)]
        with m.Elif(sequencer.jobs.ready):
            m.d.sync += waits.eq(0)
        with m.If(accept & ~runs):
            m.d.sync += shape.eq(given_shape)

    def _report(self, m: Module, failed: Signal, streams: Value, sequencer: ActivationSequencer, tracker: ResultTracker) -> None:
        """What the unit does in this cycle, and for which instruction; it also runs while a block `streams` through the array."""
        m.d.comb += [self.status.state.eq(isa.State.IDLE), self.status.pc.eq(tracker.pc)]
        with m.If(sequencer.waiting):
            m.d.comb += self.status.pc.eq(sequencer.pc)
        with m.If(~failed):
            with m.If(sequencer.issue.valid | streams):
                m.d.comb += self.status.state.eq(isa.State.RUN)
            with m.Elif(sequencer.stall_memory):
                m.d.comb += self.status.state.eq(isa.State.STALL_MEMORY)
            with m.Elif(sequencer.stall_weights):
                m.d.comb += self.status.state.eq(isa.State.STALL_WEIGHTS)
            with m.Elif(tracker.busy):
                m.d.comb += self.status.state.eq(isa.State.SETUP)
