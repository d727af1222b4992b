"""Result unit: rounds accumulator lines of number formats into the scratchpad."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.delay import delayed
from weft.hdl.formats.matrix import result_members
from weft.hdl.formats.unit import FormatUnit
from weft.hdl.formats.window import OUTSIDE
from weft.hdl.interfaces import ScratchpadWrite, touch_layout, unit_members
from weft.hdl.mem.lines import touched
from weft.hdl.words import word_layout

ROUND = word_layout("ROUND")


class ResultUnit(wiring.Component):
    """Performs ROUND as `weft.gen.isa` defines it, `config.results_per_cycle` results a cycle when the matrix unit leaves the bank.

    One instruction at a time. Errors part by part, the accumulator line before the destination; nothing is read or written for that part.

    Members
    -------
    Those of `unit_members`; those of `FormatUnit` in `RESULTS`, seen from here; and:
    write: `ScratchpadWrite`, the first of the writers: never refused.
    iteration: a part is read.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({**unit_members(config), **{name: member.flip() for name, member in result_members(config).items()},
                          "write": Out(ScratchpadWrite(config)), "iteration": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config = Module(), self._config
        results, code = config.results_per_cycle, config.result.bits // 8
        word, job = ROUND(self.instructions.payload.word), Signal(ROUND, reset_less=True)
        accept, busy, failed, walking = Signal(), Signal(), Signal(), Signal()
        pc = Signal(isa.PC_BITS, reset_less=True)
        line, rows = Signal(len(job.accumulator) + 1, reset_less=True), Signal.like(job.rows, reset_less=True)
        row, address = Signal(isa.ADDRESS_BITS, reset_less=True), Signal(isa.ADDRESS_BITS, reset_less=True)
        part, last_part, take = Signal.like(self.part, reset_less=True), Signal(), Signal()
        count = Signal(range(config.line_bytes + 1))
        m.d.comb += [
            self.instructions.ready.eq(~busy & ~failed & ~self.halt), accept.eq(self.instructions.valid & self.instructions.ready),
            count.eq(Mux(job.flags, results, results * code)), last_part.eq(part == config.tiling.width // results - 1)]

        line_beyond, beyond, good = Signal(), Signal(), Signal()
        m.d.comb += [
            line_beyond.eq(line >= config.accumulator_lines), beyond.eq(address > config.scratchpad_bytes - count),
            good.eq(walking & ~line_beyond & ~beyond), self.read.eq(good), take.eq(good & self.read_ready), self.iteration.eq(take),
            self.read_address.eq(line), self.part.eq(part), self.read_position.eq(job.position)]
        following = Signal(isa.ADDRESS_BITS)
        m.d.comb += following.eq(row + job.stride)
        with m.If(accept):
            m.d.sync += [job.eq(word), pc.eq(self.instructions.payload.pc), busy.eq(1), walking.eq(1), line.eq(word.accumulator),
                         rows.eq(word.rows), row.eq(word.destination), address.eq(word.destination), part.eq(0)]
        with m.Elif(take):
            m.d.sync += [part.eq(part + 1), address.eq(address + count)]
            with m.If(last_part):
                m.d.sync += [part.eq(0), address.eq(following), row.eq(following), line.eq(line + 1), rows.eq(rows - 1)]
                with m.If(rows == 1):
                    m.d.sync += walking.eq(0)

        # On its way through the rounding.
        moving = data.StructLayout({"valid": 1, "last": 1, "address": isa.ADDRESS_BITS, "touches": touch_layout(config)})
        now = Signal(moving)
        touches = touched(m, config, address=address, beyond=config.line_bytes - 1, name="here")
        m.d.comb += [now.valid.eq(take), now.last.eq(last_part & (rows == 1)), now.address.eq(address), now.touches.eq(touches)]
        now = delayed(m, now, FormatUnit.READ_LATENCY, name="moving")
        seen = Cat(Cat(self.outside[OUTSIDE.size * n:OUTSIDE.size * (n + 1)], Signal(8 - OUTSIDE.size, name=f"zero_{n}"))
                   for n in range(results))
        m.d.comb += [self.write.valid.eq(now.valid), self.write.address.eq(now.address), self.write.touches.eq(now.touches),
                     self.write.data.eq(Mux(job.flags, seen, self.result)), self.write.count.eq(count)]
        m.d.sync += [self.retire.valid.eq(now.valid & now.last), self.retire.pc.eq(pc), self.retire.signal.eq(job.signal)]
        with m.If(now.valid & now.last):
            m.d.sync += busy.eq(0)

        fails = Signal()
        m.d.comb += fails.eq(walking & ~good & ~failed)
        m.d.sync += self.error.valid.eq(fails)
        with m.If(fails):
            m.d.sync += [failed.eq(1), self.error.cause.eq(Mux(line_beyond, isa.Cause.ACCUMULATOR, isa.Cause.SCRATCHPAD)),
                         self.error.pc.eq(pc), self.error.address.eq(Mux(line_beyond, line, address))]
        m.d.comb += [self.status.state.eq(isa.State.IDLE), self.status.pc.eq(pc)]
        with m.If(busy & ~failed):
            m.d.comb += self.status.state.eq(Mux(take, isa.State.RUN, Mux(walking, isa.State.STALL_MEMORY, isa.State.SETUP)))
        return m
