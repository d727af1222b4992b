"""In-order completion of a DMA unit's segments: retirement, the first error, and whether the unit is busy."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.gen.isa import Cause
from weft.hdl.dma.bursts import OFFSET_BITS
from weft.hdl.interfaces import ErrorSignature, RetireSignature

HELD_BITS = 8  # more instructions than the queues inside a unit can hold


class Completion(wiring.Component):
    """Turns what happens to the oldest segment into registered pulses of `retire` and `error`.

    Members
    -------
    taken: the unit took an instruction in this cycle.
    done: the oldest segment is complete; with `last` its instruction is.
    cause: not NONE: the oldest segment failed in this cycle, possibly before it is complete.
    pc, signal, offset: of the oldest segment. offset is the address to report.
    retire, error: one cycle after the event; nothing more after the first error.
    failed: from the cycle after the first failure on.
    busy: the unit holds an instruction that has not retired.
    """

    def __init__(self) -> None:
        super().__init__({
            "taken": In(1), "done": In(1), "last": In(1), "cause": In(Cause), "pc": In(isa.PC_BITS), "signal": In(4),
            "offset": In(OFFSET_BITS), "retire": Out(RetireSignature()), "error": Out(ErrorSignature()), "failed": Out(1), "busy": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        fails, retires, held = Signal(), Signal(), Signal(HELD_BITS)
        m.d.comb += [
            fails.eq((self.cause != Cause.NONE) & ~self.failed), retires.eq(self.done & self.last & ~self.failed & ~fails),
            self.busy.eq(held != 0)]
        # An instruction is held until the cycle of its pulse: a semaphore is up before the unit is seen idle.
        m.d.sync += [
            held.eq(held + self.taken - self.retire.valid), self.retire.valid.eq(retires), self.error.valid.eq(fails)]
        with m.If(retires):
            m.d.sync += [self.retire.pc.eq(self.pc), self.retire.signal.eq(self.signal)]
        with m.If(fails):
            m.d.sync += [
                self.failed.eq(1), self.error.cause.eq(self.cause), self.error.pc.eq(self.pc), self.error.address.eq(self.offset)]
        return m
