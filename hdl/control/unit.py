"""The control unit: fetch, dispatch, four queues with their gates, semaphores, errors."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause, Unit
from weft.hdl.control.dispatch import Dispatch
from weft.hdl.control.errors import REPORT, Deadlock, ErrorLatch, ReportSignature
from weft.hdl.control.fetch import Fetch
from weft.hdl.control.gate import Gate
from weft.hdl.control.semaphores import Semaphores
from weft.hdl.interfaces import (
    INSTRUCTION,
    AxiRead,
    ErrorSignature,
    RetireSignature,
    StatusSignature,
    WindowSignature,
    instruction_stream,
)
from weft.hdl.shift_fifo import ShiftFifo
from weft.hdl.sram_fifo import SramFifo

_INBOX = 2  # instructions that have passed a gate and wait for their unit: nothing combinational spans both


class ControlUnit(wiring.Component):
    """Feeds a program to the four units in the order that its semaphores ask for, and reports the first error.

    Members
    -------
    start: pulse: begin the program; only when nothing runs.
    halt: no instruction passes, no fetch burst begins.
    offset, length, window: of the program, see `Fetch`.
    axi: read manager of fetch. outstanding: a fetch burst is offered or in flight.
    instructions_<u>, retire_<u>, error_<u>, unit_status_<u>: of unit u (isa.Unit).
    status_<u>: state of unit u with its waits, see `Gate`.
    done: pulse: HALT was performed.
    failed, first: the first error since reset, from the second cycle after it on.
    dispatched: pulse for each instruction.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        members = {
            "start": In(1), "halt": In(1), "offset": In(32), "length": In(32), "window": Out(WindowSignature(config)),
            "axi": Out(AxiRead(config)), "outstanding": Out(1), "done": Out(1), "failed": Out(1), "first": Out(REPORT),
            "dispatched": Out(1)}
        for unit in range(len(Unit)):
            members |= {
                f"instructions_{unit}": Out(instruction_stream()), f"retire_{unit}": In(RetireSignature()),
                f"error_{unit}": In(ErrorSignature()), f"unit_status_{unit}": In(StatusSignature()),
                f"status_{unit}": Out(StatusSignature())}
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config, units = Module(), self._config, range(len(Unit))
        m.submodules.fetch = fetch = Fetch(config)
        m.submodules.dispatch = dispatch = Dispatch(config)
        m.submodules.semaphores = semaphores = Semaphores()
        m.submodules.deadlock = deadlock = Deadlock()
        queues = [SramFifo(INSTRUCTION, config.queues.depth) for _ in units]
        gates = [Gate(wait_register=config.queues.wait_register) for _ in units]

        halted = Signal()  # dispatch may see it late: what it puts into a queue still stands before a gate
        m.d.sync += halted.eq(self.halt)
        m.d.comb += [
            fetch.start.eq(self.start), fetch.stop.eq(dispatch.ended | self.halt), fetch.offset.eq(self.offset),
            fetch.length.eq(self.length), self.outstanding.eq(fetch.outstanding), semaphores.clear.eq(self.start),
            dispatch.start.eq(self.start), dispatch.halt.eq(halted), self.done.eq(dispatch.done),
            self.dispatched.eq(dispatch.dispatched)]
        connect(m, fetch.axi, flipped(self.axi))
        connect(m, fetch.window, flipped(self.window))
        m.submodules.fetched = fetched = ShiftFifo(INSTRUCTION, _INBOX)  # dispatch's taking ends here
        connect(m, fetch.instructions, fetched.i)
        connect(m, fetched.o, dispatch.instructions)
        connect(m, fetch.fault, dispatch.fault)
        with m.If(fetched.o.valid):  # these come before what could not be fetched
            m.d.comb += dispatch.fault.valid.eq(0)

        for unit, queue, gate in zip(units, queues, gates, strict=True):
            name = Unit(unit).name.lower()
            m.submodules[f"{name}_queue"], m.submodules[f"{name}_gate"] = queue, gate
            connect(m, getattr(dispatch, f"queue_{unit}"), queue.i)
            connect(m, queue.o, gate.i)
            m.submodules[f"{name}_inbox"] = inbox = ShiftFifo(INSTRUCTION, _INBOX)
            connect(m, gate.o, inbox.i)
            connect(m, inbox.o, flipped(getattr(self, f"instructions_{unit}")))
            connect(m, gate.status, flipped(getattr(self, f"status_{unit}")))
            connect(m, gate.unit_status, flipped(getattr(self, f"unit_status_{unit}")))
            for port in (gate.retire, getattr(semaphores, f"retire_{unit}")):
                connect(m, port, flipped(getattr(self, f"retire_{unit}")))
            m.d.comb += [
                gate.halt.eq(self.halt), gate.available.eq(getattr(semaphores, f"available_{unit}")),
                getattr(semaphores, f"take_{unit}").eq(gate.take), getattr(deadlock, f"pc_{unit}").eq(queue.o.payload.pc)]

        empty = Signal(len(Unit))
        m.d.comb += [
            empty.eq(Cat(queue.empty for queue in queues)), deadlock.empty.eq(empty), deadlock.blocked.eq(dispatch.blocked),
            deadlock.waiting.eq(Cat(gate.waiting for gate in gates)), deadlock.resting.eq(Cat(gate.resting for gate in gates)),
            dispatch.idle.eq(empty & deadlock.resting)]
        self._errors(m, dispatch, semaphores, deadlock)
        return m

    def _errors(self, m: Module, dispatch: Dispatch, semaphores: Semaphores, deadlock: Deadlock) -> None:
        """Sources in the order in which ties are decided: for each unit what it retired, then what it is doing; then control."""
        reports = []
        for unit in Unit:
            retire, error = getattr(self, f"retire_{unit.value}"), getattr(self, f"error_{unit.value}")
            overflow = ReportSignature().create(path=(f"overflow_{unit.value}",))
            m.d.comb += [overflow.valid.eq(semaphores.overflow[unit]), overflow.report.cause.eq(Cause.SEMAPHORE_OVERFLOW),
                         overflow.report.queue.eq(unit), overflow.report.pc.eq(retire.pc)]
            reports += [overflow, self._report(m, error, unit)]
        reports += [self._report(m, dispatch.error, isa.CONTROL), deadlock.found]
        m.submodules.errors = errors = ErrorLatch(len(reports))
        for number, report in enumerate(reports):
            source = getattr(errors, f"source_{number}")
            m.d.comb += [source.valid.eq(report.valid), source.report.eq(report.report)]
        m.d.comb += [self.failed.eq(errors.failed), self.first.eq(errors.first)]

    def _report(self, m: Module, error: wiring.PureInterface, queue: int) -> wiring.PureInterface:
        """The error pulse of `queue` as a report."""
        report = ReportSignature().create(path=(f"report_{int(queue)}",))
        m.d.comb += [report.valid.eq(error.valid), report.report.cause.eq(error.cause), report.report.queue.eq(queue),
                     report.report.pc.eq(error.pc), report.report.address.eq(error.address)]
        return report
