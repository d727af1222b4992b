"""The life of a run: start, end, stop on an error, soft reset."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

QUIET_CYCLES = 5  # no burst for so long after `halt`: then none comes any more


class RunControl(wiring.Component):
    """Orders START, the end of a program, errors and soft reset, so that no burst is ever cut off.

    Members
    -------
    start: request; ignored unless nothing runs and no error stands.
    reset: request for a soft reset; carried out when the bus is quiet.
    done: pulse: the program's HALT was performed.
    error: level: the error latch holds an error.
    outstanding: a burst is offered or in flight.
    begin: pulse: a program starts.
    halt: no unit may start an instruction or a burst from the next cycle on.
    soft_reset: pulse: reset everything but this component and the registers in the next cycle.
    counting: a program runs: START until the interrupt.
    busy, done_flag, failed: fields of STATUS.
    done_event, error_event: pulses: the interrupts.
    """

    def __init__(self) -> None:
        super().__init__({
            "start": In(1), "reset": In(1), "done": In(1), "error": In(1), "outstanding": In(1), "begin": Out(1), "halt": Out(1),
            "soft_reset": Out(1), "counting": Out(1), "busy": Out(1), "done_flag": Out(1), "failed": Out(1),
            "done_event": Out(1), "error_event": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        quiet, count = Signal(), Signal(range(QUIET_CYCLES + 1))
        draining = Signal()  # no burst may begin any more
        m.d.comb += quiet.eq(count == QUIET_CYCLES)
        with m.If(self.outstanding | ~draining):
            m.d.sync += count.eq(0)
        with m.Elif(~quiet):
            m.d.sync += count.eq(count + 1)

        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.reset):
                    m.next = "DRAIN"
                with m.Elif(self.start):
                    m.d.comb += self.begin.eq(1)
                    m.d.sync += self.done_flag.eq(0)
                    m.next = "RUN"
            with m.State("RUN"):
                m.d.comb += [self.busy.eq(1), self.counting.eq(1), self.halt.eq(self.error)]
                with m.If(self.reset):
                    m.next = "DRAIN"
                with m.Elif(self.error):
                    m.next = "STOP"
                with m.Elif(self.done):
                    m.next = "FINISH"
            with m.State("FINISH"):  # fetch may still receive what lies behind HALT
                m.d.comb += [self.busy.eq(1), self.counting.eq(1), draining.eq(1)]
                with m.If(self.reset):
                    m.next = "DRAIN"
                with m.Elif(quiet):
                    m.d.comb += self.done_event.eq(1)
                    m.d.sync += self.done_flag.eq(1)
                    m.next = "IDLE"
            with m.State("STOP"):
                m.d.comb += [self.busy.eq(1), self.counting.eq(1), self.halt.eq(1), draining.eq(1)]
                with m.If(self.reset):
                    m.next = "DRAIN"
                with m.Elif(quiet):
                    m.d.comb += self.error_event.eq(1)
                    m.next = "FAILED"
            with m.State("FAILED"):
                m.d.comb += [self.halt.eq(1), self.failed.eq(1)]
                with m.If(self.reset):
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                m.d.comb += [self.busy.eq(1), self.halt.eq(1), draining.eq(1)]
                with m.If(quiet):
                    m.next = "RESET"
            with m.State("RESET"):
                m.d.comb += [self.busy.eq(1), self.halt.eq(1), self.soft_reset.eq(1)]
                m.d.sync += self.done_flag.eq(0)
                m.next = "SETTLE"
            with m.State("SETTLE"):
                m.d.comb += self.busy.eq(1)
                m.next = "IDLE"
        return m
