"""The gate at the head of a unit's queue: lets an instruction pass when its semaphores allow it."""

from amaranth import Module, Mux, Signal
from amaranth.hdl import Assert
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.isa import State, Unit
from weft.hdl.interfaces import RetireSignature, StatusSignature, instruction_stream
from weft.hdl.words import word_layout

UNDER_WAY_BITS = 8  # of the count of instructions that a unit holds; before it overflows the gate shuts


class Gate(wiring.Component):
    """Passes the head of the queue to the unit when every semaphore of its wait mask is above zero. Combinational, or with
    `wait_register` a cycle later if there is such a semaphore. (Nobody else takes from them: once above zero they stay so until then.)

    It takes one from each of these semaphores in the cycle in which the unit accepts the instruction, and counts the
    instructions that the unit has accepted and not retired.

    Members
    -------
    i: from the queue. o: to the unit.
    halt: nothing passes.
    available: bit u: the semaphore (from unit u, to this unit) is above zero.
    take: bit u: take one from it at the end of this cycle.
    retire: of the unit.
    unit_status: of the unit. status: the same, but WAIT_<x> for IDLE while the head waits, x the lowest unit it waits for.
    waiting: the head waits for a semaphore.
    resting: the unit holds no instruction.
    """

    def __init__(self, *, wait_register: bool = False) -> None:
        self._wait_register = wait_register
        units = len(Unit)
        super().__init__({
            "i": In(instruction_stream()), "o": Out(instruction_stream()), "halt": In(1), "available": In(units), "take": Out(units),
            "retire": In(RetireSignature()), "unit_status": In(StatusSignature()), "status": Out(StatusSignature()),
            "waiting": Out(1), "resting": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        wait, missing, passes = Signal(len(Unit)), Signal(len(Unit)), Signal()
        under_way = Signal(UNDER_WAY_BITS)
        opened, permitted, shut = Signal(), Signal(), Signal()
        if self._wait_register:
            found = Signal()  # in the cycle before, of the instruction that is still the head
            m.d.sync += found.eq(self.i.valid & ~missing.any() & ~passes)
            m.d.comb += permitted.eq(found | ~wait.any())
        else:
            m.d.comb += permitted.eq(~missing.any())
        m.d.comb += [
            wait.eq(word_layout("HALT")(self.i.payload.word).wait), missing.eq(wait & ~self.available),
            opened.eq(permitted & ~self.halt & ~shut),
            self.o.payload.eq(self.i.payload), self.o.valid.eq(self.i.valid & opened), self.i.ready.eq(self.o.ready & opened),
            passes.eq(self.o.valid & self.o.ready), self.take.eq(Mux(passes, wait, 0)),
            self.waiting.eq(self.i.valid & missing.any()), self.resting.eq(under_way == 0)]
        # Shut a cycle late, and therefore one instruction early.
        m.d.sync += [under_way.eq(under_way + passes - self.retire.valid), shut.eq(under_way[1:].all())]
        with m.If(self.retire.valid):
            m.d.sync += Assert((under_way != 0) | passes, "a unit retired an instruction that it does not hold")

        m.d.comb += [self.status.state.eq(self.unit_status.state), self.status.pc.eq(self.unit_status.pc)]
        with m.If((self.unit_status.state == State.IDLE) & self.waiting):
            m.d.comb += self.status.pc.eq(self.i.payload.pc)
            for unit in reversed(Unit):
                with m.If(missing[unit]):
                    m.d.comb += self.status.state.eq(State[f"WAIT_{unit.name}"])
        return m
