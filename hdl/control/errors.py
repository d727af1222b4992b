"""The first error of a run, and the deadlock that no unit would report."""

from amaranth import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.gen.isa import Cause, Unit

REPORT = data.StructLayout({"cause": 8, "queue": 3, "pc": isa.PC_BITS, "address": 32})  # what the ERROR registers show


class ReportSignature(wiring.Signature):
    """A one-cycle pulse with a `REPORT`."""

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "report": Out(REPORT)})


class ErrorLatch(wiring.Component):
    """Keeps the first report until reset; of several in one cycle, that of the source with the lowest number.

    Reports go through registers first, because units make them late in a cycle and far away.

    Parameters
    ----------
    sources: how many units may report.

    Members
    -------
    source_0, source_1 ...: reports.
    failed: there was one, from the second cycle after it on.
    first: it; zero until then.
    """

    def __init__(self, sources: int) -> None:
        self._sources = sources
        super().__init__({**{f"source_{number}": In(ReportSignature()) for number in range(sources)},
                          "failed": Out(1), "first": Out(REPORT)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        came = [Signal(name=f"came_{number}") for number in range(self._sources)]
        reports = [Signal(REPORT, reset_less=True, name=f"report_{number}") for number in range(self._sources)]
        for number, (valid, report) in enumerate(zip(came, reports, strict=True)):
            source = getattr(self, f"source_{number}")
            m.d.sync += [valid.eq(source.valid), report.eq(source.report)]
        with m.If(~self.failed):
            for valid, report in reversed(list(zip(came, reports, strict=True))):
                with m.If(valid):
                    m.d.sync += [self.failed.eq(1), self.first.eq(report)]
        return m


class Deadlock(wiring.Component):
    """Sees that nothing can ever move again. Combinational.

    All inputs are state, not events: if no unit holds an instruction, every queue is empty or its head waits, and dispatch holds an
    instruction that no queue takes, then no register of the machine that these depend on can change in this or any later cycle. A
    retirement leaves `resting` and reaches the semaphores at the same clock edge, so there is no cycle between the two.

    Members
    -------
    blocked: dispatch holds an instruction that must wait for a unit.
    empty, waiting, resting: bit u: unit u's queue is empty; its head waits; the unit holds no instruction.
    pc_0 .. pc_3: program counters of the heads.
    found: DEADLOCK at the waiting head of the lowest queue.
    """

    def __init__(self) -> None:
        units = len(Unit)
        super().__init__({
            "blocked": In(1), "empty": In(units), "waiting": In(units), "resting": In(units),
            **{f"pc_{unit}": In(isa.PC_BITS) for unit in range(units)}, "found": Out(ReportSignature())})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        stuck = Signal()
        m.d.comb += [stuck.eq(self.resting.all() & (self.empty | self.waiting).all()),
                     self.found.valid.eq(self.blocked & stuck & self.waiting.any()),
                     self.found.report.cause.eq(Cause.DEADLOCK)]
        for unit in reversed(Unit):
            with m.If(self.waiting[unit]):
                m.d.comb += [self.found.report.queue.eq(unit), self.found.report.pc.eq(getattr(self, f"pc_{unit.value}"))]
        return m
