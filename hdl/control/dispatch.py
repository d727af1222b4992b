"""Dispatch: checks each instruction and puts it into its unit's queue."""

from amaranth import Cat, Module, Mux, Signal
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
        cause, faulty = Signal(8, reset_less=True), Signal(reset_less=True)
        targets, final = Signal(len(Unit)), Signal()  # where the instruction held goes: one of the queues, or it ends the program
        calm, ends, push, free, take = Signal(), Signal(), Signal(), Signal(), Signal()

        # -- the instruction held: into its queue, or the end ----------------------------------------------------------
        m.d.comb += [
            valid.eq(targets.any() | final), ends.eq(final & calm & ~self.halt),
            push.eq((targets & Cat(queue.ready for queue in queues)).any() & ~self.halt), self.blocked.eq(valid & ~push),
            self.done.eq(ends & (cause == Cause.NONE)), self.error.valid.eq(ends & (cause != Cause.NONE)),
            self.error.cause.eq(cause), self.error.pc.eq(held.pc), self.error.address.eq(Mux(faulty, self.fault.address, 0)),
            self.dispatched.eq(push | self.done)]
        for queue, target in zip(queues, targets, strict=True):
            m.d.comb += [queue.valid.eq(target & ~self.halt), queue.payload.eq(held)]
        m.d.sync += calm.eq(final & self.idle.all())  # after the last push, and a cycle late
        with m.If(push | ends):
            m.d.sync += [targets.eq(0), final.eq(0)]

        # -- the next one --------------------------------------------------------------------------------------------
        last = Signal()
        m.d.comb += [
            decoder.word.eq(self.instructions.payload.word), free.eq(running & (~valid | push)), self.instructions.ready.eq(free),
            take.eq(free & (self.instructions.valid | self.fault.valid)), self.ended.eq(~running),
            last.eq(self.fault.valid | (decoder.cause != Cause.NONE) | (decoder.unit == isa.CONTROL))]
        with m.If(take):
            m.d.sync += [running.eq(~last), held.eq(self.instructions.payload), faulty.eq(self.fault.valid), cause.eq(decoder.cause),
                         final.eq(last), targets.eq(Cat(~last & (decoder.unit == number) for number in Unit))]
            with m.If(self.fault.valid):
                m.d.sync += [held.pc.eq(self.fault.pc), cause.eq(self.fault.cause)]
        with m.If(self.start):
            m.d.sync += running.eq(1)
        return m
