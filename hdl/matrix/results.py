"""Result tracker: knows which accumulator line each vector of sums belongs to, and when an instruction is done."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.interfaces import AccumulateStream, RetireSignature
from weft.hdl.matrix.jobs import IssueSignature
from weft.hdl.shift_fifo import ShiftFifo

# An accepted instruction; without `runs` it only set something up.
TOKEN = data.StructLayout({"runs": 1, "pc": isa.PC_BITS, "signal": 4})

IN_FLIGHT = 4  # instructions between acceptance and retirement: what MATMULs of one tile and one vector each can keep busy


class ResultTracker(wiring.Component):
    """Follows the vectors through scratchpad and array, gives their sums an accumulator line, and retires instructions in order.

    Only a few bits a vector travel along with it; lines are counted where the sums come out, from the first line of the MATMUL at
    each fold's first vector upwards.

    Members
    -------
    tokens: stream of `TOKEN`, instructions in order; line: first accumulator line, taken with tokens that run.
    issue: `IssueSignature` of the activation sequencer.
    sums: from the array, `delay` cycles after the issue.
    results: `AccumulateStream`.
    retire: `RetireSignature`.
    busy: there are instructions that have not retired; pc: of the oldest of them.

    Parameters
    ----------
    delay: cycles from issue to sums.
    settle: cycles from `results` until the sums are in the accumulators for everyone.
    """

    def __init__(self, config: Config, *, delay: int, settle: int) -> None:
        self._config, self._delay, self._settle = config, delay, settle
        lines = range(config.accumulator_lines)
        super().__init__({
            "tokens": In(stream.Signature(TOKEN)), "line": In(lines), "issue": In(IssueSignature(config)),
            "sums": In(config.partial_sum_bits * config.array.columns), "results": Out(AccumulateStream(config)),
            "retire": Out(RetireSignature()), "busy": Out(1), "pc": Out(isa.PC_BITS)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.submodules.tokens = tokens = ShiftFifo(TOKEN, IN_FLIGHT)
        m.submodules.bases = bases = ShiftFifo(self.line.shape(), IN_FLIGHT)  # never fuller than tokens
        m.d.comb += [
            tokens.i.payload.eq(self.tokens.payload), tokens.i.valid.eq(self.tokens.valid), self.tokens.ready.eq(tokens.i.ready),
            bases.i.payload.eq(self.line),
            bases.i.valid.eq(self.tokens.valid & tokens.i.ready & self.tokens.payload.runs)]

        # Bit k: as it was k + 1 cycles ago.
        valid, done = Signal(self._delay), Signal(self._settle)
        first, last, add = (Signal(self._delay, reset_less=True, name=name) for name in ("first", "last", "add"))
        m.d.sync += [valid.eq(Cat(self.issue.valid, valid)), first.eq(Cat(self.issue.first, first)),
                     last.eq(Cat(self.issue.last, last)), add.eq(Cat(self.issue.add, add)),
                     done.eq(Cat(valid[-1] & last[-1], done))]

        line = Signal.like(self.line, reset_less=True)
        m.d.comb += bases.o.ready.eq(valid[-2] & last[-2])
        with m.If(valid[-2]):
            m.d.sync += line.eq(Mux(first[-2], bases.o.payload, line + 1))
        result = valid[-1]
        if self._config.array.output_stationary:  # a block that gives sums again goes back to its first line
            starts, again = (Signal(self._delay, reset_less=True, name=name) for name in ("starts", "again"))
            block, following = Signal.like(self.line, reset_less=True), Signal.like(self.line)
            m.d.sync += [starts.eq(Cat(self.issue.starts, starts)), again.eq(Cat(self.issue.again, again))]
            m.d.comb += following.eq(Mux(first[-2], bases.o.payload, Mux(again[-2], block, line + 1)))
            with m.If(valid[-2]):
                m.d.sync += line.eq(following)
                with m.If(starts[-2]):
                    m.d.sync += block.eq(following)
        if self._config.array.depthwise:  # a vector without a result leaves its line to the next one
            skipped, stays = Signal(self._delay, reset_less=True), Signal(reset_less=True)
            m.d.sync += skipped.eq(Cat(self.issue.skipped, skipped))
            with m.If(valid[-2]):
                m.d.sync += stays.eq(skipped[-2])
                with m.If(stays & ~first[-2]):
                    m.d.sync += line.eq(line)
            result = valid[-1] & ~skipped[-1]
        m.d.comb += [self.results.valid.eq(result), self.results.add.eq(add[-1]), self.results.address.eq(line),
                     self.results.data.eq(self.sums)]

        # A MATMUL may be done while a set-up instruction before it has yet to retire.
        finished, retires = Signal(range(IN_FLIGHT + 1)), Signal()
        head = tokens.o.payload
        m.d.comb += [
            retires.eq(tokens.o.valid & (~head.runs | done[-1] | (finished != 0))), tokens.o.ready.eq(retires),
            self.retire.valid.eq(retires), self.retire.signal.eq(head.signal), self.retire.pc.eq(head.pc),
            self.busy.eq(tokens.o.valid), self.pc.eq(head.pc)]
        m.d.sync += finished.eq(finished + done[-1] - (retires & head.runs))
        return m
