"""The matrix unit of number formats: GEMMs from the scratchpad into accumulators, and reads of those."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out, connect, flipped

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.formats.aligned_unit import format_unit
from weft.hdl.formats.array import Arrangement
from weft.hdl.formats.tiles import TileLoader
from weft.hdl.formats.unit import members
from weft.hdl.formats.vectors import GEMM, SHAPE, VectorSequencer
from weft.hdl.interfaces import ScratchpadRead, unit_members
from weft.hdl.words import is_instruction

RESULTS = ("read", "read_ready", "read_address", "part", "read_position", "result", "outside")  # of `FormatUnit`


def arrangement(config: Config) -> Arrangement:
    """The tiling of a configuration, as hardware."""
    t = config.tiling
    return Arrangement(t.operands, t.rows, t.columns, t.packing, t.alignment)


def result_members(config: Config) -> dict[str, Member]:
    """Those of `FormatUnit` through which results are read, as the unit has them."""
    unit = members(arrangement(config), config.results.rounded, lines=config.accumulator_lines, results=config.results_per_cycle)
    return {name: unit[name] for name in RESULTS}


class FormatMatrixUnit(wiring.Component):
    """Performs GEMM_SHAPE and GEMM as `weft.gen.isa` defines them, one after the other: an instruction is accepted when the one before
    has retired.

    After an error, and while `halt` is high, no instruction is accepted; a GEMM that has started runs to its end.

    Members
    -------
    Those of `unit_members`, those of `FormatUnit` in `RESULTS`, and:
    elements, scales, weights: `ScratchpadRead`; scales only if activations have any.
    vector_streamed: the read of an activation vector is taken in this cycle.
    tile_loaded: a weight tile begins to move into the array.
    accumulator_reads, accumulator_writes: lines in this cycle.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            **unit_members(config), **result_members(config),
            "elements": Out(ScratchpadRead(config)), "weights": Out(ScratchpadRead(config)), "vector_streamed": Out(1),
            "tile_loaded": Out(1), "accumulator_reads": Out(2), "accumulator_writes": Out(1),
            **({"scales": Out(ScratchpadRead(config))} if config.tiling.operands.activation.scale else {})})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config, t = Module(), self._config, self._config.tiling
        m.submodules.unit = unit = format_unit(
            arrangement(config), config.results.rounded, lines=config.accumulator_lines, results=config.results_per_cycle)
        m.submodules.loader = loader = TileLoader(config)
        m.submodules.sequencer = sequencer = VectorSequencer(config)
        connect(m, flipped(self.weights), loader.read)
        connect(m, flipped(self.elements), sequencer.elements)
        shape, word = Signal(SHAPE, reset_less=True), self.instructions.payload.word
        m.d.comb += [
            getattr(unit, name).eq(getattr(self, name)) if member.flow is In else getattr(self, name).eq(getattr(unit, name))
            for name, member in result_members(config).items()]
        m.d.comb += [
            sequencer.weights_ready.eq(loader.ready), sequencer.weights_failed.eq(loader.failed),
            sequencer.weights_address.eq(loader.address), loader.swap.eq(sequencer.swap), loader.swaps.eq(sequencer.swaps),
            unit.activations.eq(sequencer.vector), unit.weights.eq(loader.weights), unit.load.eq(loader.load),
            unit.swap.eq(sequencer.swaps), unit.valid.eq(sequencer.valid), unit.first.eq(sequencer.first),
            unit.address.eq(sequencer.address), unit.position.eq(shape.position),
            sequencer.shape.eq(shape), sequencer.gemm.eq(word), loader.line.eq(GEMM(word).weight_line), loader.groups.eq(shape.groups),
            self.vector_streamed.eq(sequencer.streamed), self.tile_loaded.eq(loader.loaded),
            self.accumulator_reads.eq(unit.reads), self.accumulator_writes.eq(unit.added)]
        if t.operands.activation.scale:
            connect(m, flipped(self.scales), sequencer.scales)
            m.d.comb += unit.activation_scales.eq(sequencer.vector_scales)
        if t.operands.weight.scale:
            m.d.comb += unit.weight_scales.eq(loader.scales)

        # One instruction at a time.
        busy, failed, accept, runs, start = Signal(), Signal(), Signal(), Signal(), Signal()
        pc, signal = Signal(isa.PC_BITS, reset_less=True), Signal(4, reset_less=True)
        settling, retires = Signal(unit.accumulate_latency), Signal()
        m.d.comb += [
            self.instructions.ready.eq(~busy & ~failed & ~self.halt), accept.eq(self.instructions.valid & self.instructions.ready),
            runs.eq(is_instruction(word, "GEMM")), start.eq(accept & runs),
            loader.start.eq(start), sequencer.start.eq(start)]
        sets = Signal()
        m.d.sync += [settling.eq(Cat(sequencer.done, settling)[:len(settling)]), sets.eq(accept & ~runs)]
        m.d.comb += retires.eq(settling[-1] | sets)
        m.d.comb += [self.retire.valid.eq(retires), self.retire.signal.eq(signal), self.retire.pc.eq(pc)]
        with m.If(accept):
            m.d.sync += [busy.eq(1), pc.eq(self.instructions.payload.pc), signal.eq(GEMM(word).signal)]
            with m.If(~runs):
                m.d.sync += shape.eq(word)
        with m.Elif(retires):
            m.d.sync += busy.eq(0)

        fails = Signal()
        m.d.comb += fails.eq(sequencer.fault & ~failed)
        m.d.sync += self.error.valid.eq(fails)
        with m.If(fails):
            m.d.sync += [failed.eq(1), self.error.cause.eq(sequencer.cause), self.error.pc.eq(pc),
                         self.error.address.eq(sequencer.fault_address)]

        m.d.comb += [self.status.state.eq(isa.State.IDLE), self.status.pc.eq(pc)]
        with m.If(busy & ~failed):
            m.d.comb += self.status.state.eq(isa.State.SETUP)
            with m.If(sequencer.streamed):
                m.d.comb += self.status.state.eq(isa.State.RUN)
            with m.Elif(sequencer.stall_memory):
                m.d.comb += self.status.state.eq(isa.State.STALL_MEMORY)
            with m.Elif(sequencer.stall_weights):
                m.d.comb += self.status.state.eq(isa.State.STALL_WEIGHTS)
        return m
