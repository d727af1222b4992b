"""Dispatch: checks each instruction and puts it into its unit's queue."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause, Unit
from weft.hdl.control.decode import Decoder
from weft.hdl.control.fetch import FaultSignature
from weft.hdl.interfaces import ErrorSignature, instruction_stream


class Dispatch(wiring.Component):
    """Takes the program in order, one instruction a cycle, and ends with HALT, an illegal instruction or a fetch fault.

    Each of these three waits until every instruction before it has been performed. So an error is precise: everything before its
    program counter has happened, nothing from it on has, and an earlier instruction's error comes first. Latency from
    `instructions` to a queue: 1 cycle.

    Members
    -------
    start: one-cycle pulse: a program begins.
    halt: nothing more is put into queues, nothing ends.
    instructions, fault: from `Fetch`.
    queue_0 .. queue_3: to the units, by isa.Unit.
    idle: bit u: unit u's queue is empty and every instruction that it took has retired.
    ended: high unless a program is being taken; fetch may stop.
    done: pulse: the program's HALT has been performed.
    error: pulse: ILLEGAL_OPCODE, ILLEGAL_OPERAND or the cause of the fetch fault.
    blocked: holds an instruction that cannot go on before some unit does.
    dispatched: pulse for each instruction, HALT included.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "start": In(1), "halt": In(1), "instructions": In(instruction_stream()), "fault": In(FaultSignature()),
            **{f"queue_{unit}": Out(instruction_stream()) for unit in range(len(Unit))}, "idle": In(len(Unit)),
            "ended": Out(1, init=1), "done": Out(1), "error": Out(ErrorSignature()), "blocked": Out(1), "dispatched": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.submodules.decoder = decoder = Decoder(self._config)
        queues = [getattr(self, f"queue_{unit}") for unit in range(len(Unit))]
        valid, running = Signal(), Signal()  # of the instruction held; more to come after it
        held = Signal.like(self.instructions.payload, reset_less=True)
        cause, unit = Signal(8, reset_less=True), Signal(3, reset_less=True)
        address = Signal(32, reset_less=True)
        final, calm, push, free, take = Signal(), Signal(), Signal(), Signal(), Signal()
        targets = Signal(len(Unit))

        # -- the instruction held: into its queue, or the end ----------------------------------------------------------
        m.d.comb += [
            final.eq(unit == isa.CONTROL), calm.eq(self.idle.all()),
            targets.eq(Cat(valid & ~self.halt & (unit == number) for number in Unit)),
            push.eq((targets & Cat(queue.ready for queue in queues)).any()),
            self.blocked.eq(valid & ~push),
            self.done.eq(valid & final & calm & ~self.halt & (cause == Cause.NONE)),
            self.error.valid.eq(valid & final & calm & ~self.halt & (cause != Cause.NONE)),
            self.error.cause.eq(cause), self.error.pc.eq(held.pc), self.error.address.eq(address),
            self.dispatched.eq(push | self.done)]
        for queue, target in zip(queues, targets, strict=True):
            m.d.comb += [queue.valid.eq(target), queue.payload.eq(held)]
        with m.If(push | self.done | self.error.valid):
            m.d.sync += valid.eq(0)

        # -- the next one --------------------------------------------------------------------------------------------
        last = Signal()
        m.d.comb += [
            decoder.word.eq(self.instructions.payload.word), free.eq(running & (~valid | push)), self.instructions.ready.eq(free),
            take.eq(free & (self.instructions.valid | self.fault.valid)), self.ended.eq(~running),
            last.eq(self.fault.valid | (decoder.cause != Cause.NONE) | (decoder.unit == isa.CONTROL))]
        with m.If(take):
            m.d.sync += [valid.eq(1), running.eq(~last), held.eq(self.instructions.payload), address.eq(0),
                         cause.eq(decoder.cause), unit.eq(decoder.unit)]
            with m.If(decoder.cause != Cause.NONE):
                m.d.sync += unit.eq(isa.CONTROL)
            with m.If(self.fault.valid):
                m.d.sync += [held.pc.eq(self.fault.pc), cause.eq(self.fault.cause), address.eq(self.fault.address),
                             unit.eq(isa.CONTROL)]
        with m.If(self.start):
            m.d.sync += running.eq(1)
        return m
