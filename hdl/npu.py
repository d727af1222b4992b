"""The accelerator: every unit, wired, behind standard bus ports."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out, connect

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Unit
from weft.hdl.bus.axilite import connect_subordinate, subordinate_members
from weft.hdl.bus.flat import connect_read, connect_write, manager_members
from weft.hdl.bus.read_arbiter import ReadArbiter
from weft.hdl.control.counters import Counters
from weft.hdl.control.csr_bank import CsrBank
from weft.hdl.control.run import RunControl
from weft.hdl.control.unit import ControlUnit
from weft.hdl.dma.load import LoadUnit
from weft.hdl.dma.store import StoreUnit
from weft.hdl.formats.matrix import RESULTS, FormatMatrixUnit
from weft.hdl.formats.results import ResultUnit
from weft.hdl.matrix.accumulators import Accumulators
from weft.hdl.matrix.unit import MatrixUnit
from weft.hdl.mem.scratchpad import Scratchpad
from weft.hdl.replica import replicas
from weft.hdl.sequential.machine import SequentialMachine
from weft.hdl.unit_reset import resettable
from weft.hdl.vector.unit import VectorUnit

UNITS = tuple(unit.name.lower() for unit in Unit)


class Npu(wiring.Component):
    """A whole accelerator as `config` describes it. One clock `clk`, synchronous active-high reset `rst`.

    Members
    -------
    s_axil_*: AXI4-Lite subordinate, the registers of `weft.gen.csr`.
    m_axi_*: AXI4 manager to the DRAM windows: full-width INCR bursts within 4 KiB; read identifiers ID_LOAD and ID_FETCH.
    irq: level: an enabled interrupt is pending.
    trace_<unit>_state, trace_<unit>_pc: what load, matrix, vector and store do in this cycle (isa.State) and for which instruction.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            **subordinate_members(), **manager_members(config), "irq": Out(1),
            **{f"trace_{unit}_state": Out(4) for unit in UNITS}, **{f"trace_{unit}_pc": Out(isa.PC_BITS) for unit in UNITS}})

    @property
    def config(self) -> Config:
        """The configuration it was built for."""
        return self._config

    def elaborate(self, platform: object) -> Module:
        if self._config.machine.organisation == "sequential":
            return self._sequential()
        m, config = Module(), self._config
        m.submodules.csr = csr = CsrBank(config)
        m.submodules.run = run = RunControl()
        m.submodules.counters = counters = Counters(config)

        formats = config.array.formats
        control, arbiter, scratchpad = ControlUnit(config), ReadArbiter(config), Scratchpad(config)
        load, store = LoadUnit(config), StoreUnit(config)
        matrix = FormatMatrixUnit(config) if formats else MatrixUnit(config)
        vector = ResultUnit(config) if formats else VectorUnit(config)
        accumulators = None if formats else Accumulators(config)
        resettable(m, platform, run.soft_reset, {
            "control": control, "read_arbiter": arbiter, "scratchpad": scratchpad,
            **({"accumulators": accumulators} if accumulators else {}),
            "load": load, "matrix": matrix, "vector": vector, "store": store})

        # -- buses ---------------------------------------------------------------------------------------------------
        connect_subordinate(m, self, csr.axil)
        connect_read(m, self, config, arbiter.axi)
        connect_write(m, self, config, store.axi)
        connect(m, load.axi, arbiter.load)
        connect(m, control.axi, arbiter.fetch)
        for index in range(isa.WINDOWS):
            for user in (load, store):
                connect(m, getattr(csr, f"window_{index}"), getattr(user, f"window_{index}"))
        connect(m, csr.window_0, control.window)

        # -- memories ------------------------------------------------------------------------------------------------
        if formats:
            self._connect_formats(m, scratchpad, matrix, vector)
            clients = ((matrix.weights, scratchpad.weights), (store.read, scratchpad.store), (vector.write, scratchpad.vector_write),
                       (load.write, scratchpad.load_write))
            accumulator_reads, accumulator_writes = matrix.accumulator_reads, matrix.accumulator_writes
        else:
            clients = ((matrix.weights, scratchpad.weights), (matrix.activations, scratchpad.activations),
                       (vector.a, scratchpad.vector_a), (vector.b, scratchpad.vector_b), (store.read, scratchpad.store),
                       (vector.write, scratchpad.vector_write), (load.write, scratchpad.load_write),
                       (matrix.results, accumulators.accumulate), (vector.accumulator_read, accumulators.read),
                       (vector.accumulator_write, accumulators.write))
            accumulator_reads, accumulator_writes = accumulators.reads, accumulators.writes
        for client, port in clients:
            connect(m, client, port)

        # -- a run ---------------------------------------------------------------------------------------------------
        halts = iter(replicas(m, platform, run.halt, 1 + len(UNITS), name="halt"))
        m.d.comb += [
            run.start.eq(csr.start), run.reset.eq(csr.reset), run.done.eq(control.done), run.error.eq(control.failed),
            run.outstanding.eq(control.outstanding | load.outstanding | store.outstanding),
            csr.busy.eq(run.busy), csr.done.eq(run.done_flag), csr.failed.eq(run.failed), csr.error.eq(control.first),
            csr.done_event.eq(run.done_event), csr.error_event.eq(run.error_event), self.irq.eq(csr.irq),
            control.start.eq(run.begin), control.halt.eq(next(halts)), control.offset.eq(csr.program_offset),
            control.length.eq(csr.program_length)]
        for number, (name, unit) in enumerate(zip(UNITS, (load, matrix, vector, store), strict=True)):
            status = getattr(control, f"status_{number}")
            connect(m, getattr(control, f"instructions_{number}"), unit.instructions)
            connect(m, unit.retire, getattr(control, f"retire_{number}"))
            connect(m, unit.error, getattr(control, f"error_{number}"))
            connect(m, unit.status, getattr(control, f"unit_status_{number}"))
            m.d.comb += [
                unit.halt.eq(next(halts)), getattr(counters, f"state_{number}").eq(status.state),
                getattr(self, f"trace_{name}_state").eq(status.state), getattr(self, f"trace_{name}_pc").eq(status.pc)]

        # -- counters ------------------------------------------------------------------------------------------------
        m.d.comb += [
            counters.clear.eq(run.begin), counters.counting.eq(run.counting), counters.select.eq(csr.counter_select),
            csr.counter_value.eq(counters.value), counters.instructions.eq(control.dispatched),
            counters.matrix_vectors.eq(matrix.vector_streamed), counters.weight_tiles.eq(matrix.tile_loaded),
            counters.vector_iterations.eq(vector.iteration),
            counters.dram_read_beats.eq(self.m_axi_rvalid & self.m_axi_rready),
            counters.dram_write_beats.eq(self.m_axi_wvalid & self.m_axi_wready),
            counters.scratchpad_reads.eq(scratchpad.reads), counters.scratchpad_writes.eq(scratchpad.writes),
            counters.accumulator_reads.eq(accumulator_reads), counters.accumulator_writes.eq(accumulator_writes)]
        return m

    def _connect_formats(self, m: Module, scratchpad: Scratchpad, matrix: FormatMatrixUnit, vector: ResultUnit) -> None:
        """Memories of the units for number formats; the accumulators are the matrix unit's own."""
        connect(m, matrix.elements, scratchpad.vector_a)
        if self._config.tiling.operands.activation.scale:
            connect(m, matrix.scales, scratchpad.activations)
        for name in RESULTS:
            given, taken = (matrix, vector) if matrix.signature.members[name].flow is Out else (vector, matrix)
            m.d.comb += getattr(taken, name).eq(getattr(given, name))

    def _sequential(self) -> Module:
        """The machine that shares its hardware among all units, behind the same ports."""
        m, config = Module(), self._config
        m.submodules.machine = machine = SequentialMachine(config)
        connect_subordinate(m, self, machine.axil)
        connect_read(m, self, config, machine.read)
        connect_write(m, self, config, machine.write)
        m.d.comb += self.irq.eq(machine.irq)
        for number, name in enumerate(UNITS):
            m.d.comb += [getattr(self, f"trace_{name}_state").eq(getattr(machine, f"state_{number}")),
                         getattr(self, f"trace_{name}_pc").eq(machine.pc)]
        return m
