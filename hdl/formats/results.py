"""Result unit: rounds accumulator lines of number formats into the scratchpad."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out
from amaranth.utils import bits_for, ceil_log2

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.delay import delayed
from weft.hdl.formats.block_writer import BlockWriter
from weft.hdl.formats.matrix import result_members
from weft.hdl.formats.unit import FormatUnit
from weft.hdl.formats.window import OUTSIDE
from weft.hdl.interfaces import ScratchpadWrite, touch_layout, unit_members
from weft.hdl.mem.lines import touched
from weft.hdl.words import word_layout

SHAPE, ROUND = word_layout("ROUND_SHAPE"), word_layout("ROUND")


class ResultUnit(wiring.Component):
    """Performs ROUND_SHAPE and ROUND as `weft.gen.isa` defines them, `config.results_per_cycle` results a cycle when the matrix unit
    leaves the bank, in NVFP4 a block in `Quantiser.DIVISION` cycles.

    One instruction at a time. Errors part by part, the accumulator line before the destination of the part or its block and that before
    the block's scale; nothing is read for that part.

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
        m, config, kept = Module(), self._config, self._config.results
        results = config.results_per_cycle
        given, shape = self.instructions.payload.word, Signal(SHAPE, reset_less=True)
        word, job = ROUND(given), Signal(ROUND, reset_less=True)
        accept, runs, busy, failed, walking, starts, sets, done = (Signal(name=name) for name in (
            "accept", "runs", "busy", "failed", "walking", "starts", "sets", "done"))
        pc, signal = Signal(isa.PC_BITS, reset_less=True), Signal(4, reset_less=True)
        m.d.comb += [
            self.instructions.ready.eq(~busy & ~failed & ~self.halt), accept.eq(self.instructions.valid & self.instructions.ready),
            runs.eq(word.opcode == isa.BY_NAME["ROUND"].opcode)]
        m.d.sync += [starts.eq(accept & runs), sets.eq(accept & ~runs)]
        with m.If(accept):
            m.d.sync += [busy.eq(1), pc.eq(self.instructions.payload.pc), signal.eq(word.signal)]
            with m.If(runs):
                m.d.sync += job.eq(given)
            with m.Else():
                m.d.sync += shape.eq(given)
        with m.Elif(sets | done):
            m.d.sync += busy.eq(0)

        # Parts of a line, lines of a row, rows.
        line_shape = bits_for((1 << len(job.accumulator)) + kept.folds * (1 << len(shape.rows)))
        line, base = Signal(line_shape, reset_less=True), Signal(line_shape, reset_less=True)
        rows, fold = Signal.like(shape.rows, reset_less=True), Signal(range(max(2, kept.folds)), reset_less=True)
        row, address, scale_row, scale = (Signal(isa.ADDRESS_BITS, name=name, reset_less=True) for name in (
            "row", "address", "scale_row", "scale"))
        part, inside = Signal.like(self.part, reset_less=True), Signal(max(1, ceil_log2(kept.operand.block)), reset_less=True)
        in_blocks, count, take, last_part, last_of_row, last_of_block = (Signal(bits, name=name) for name, bits in (
            ("in_blocks", 1), ("count", range(max(config.line_bytes, kept.block_bytes) + 1)), ("take", 1), ("last_part", 1),
            ("last_of_row", 1), ("last_of_block", 1)))
        whole = kept.block_bytes if kept.blocked else results * kept.operand.element.bits // 8
        m.d.comb += [
            in_blocks.eq(~job.flags if kept.blocked else 0), count.eq(Mux(job.flags, results, whole)),
            last_part.eq(part == kept.line // results - 1), last_of_row.eq(last_part & (fold == kept.folds - 1)),
            last_of_block.eq(~in_blocks | (inside == kept.operand.block // results - 1))]
        line_beyond, beyond, scale_beyond, legal, room = (Signal(name=name) for name in (
            "line_beyond", "beyond", "scale_beyond", "legal", "room"))
        m.d.comb += [
            line_beyond.eq(line >= config.accumulator_lines), beyond.eq(address > config.scratchpad_bytes - count),
            scale_beyond.eq(in_blocks & (scale >= config.scratchpad_bytes)), legal.eq(~line_beyond & ~beyond & ~scale_beyond),
            self.read.eq(walking & legal & room), take.eq(self.read & self.read_ready), self.iteration.eq(take),
            self.read_address.eq(line), self.part.eq(part), self.read_position.eq(shape.position)]
        following, following_scale = Signal(isa.ADDRESS_BITS), Signal(isa.ADDRESS_BITS)
        m.d.comb += [following.eq(row + shape.stride), following_scale.eq(scale_row + shape.scale_stride)]
        with m.If(accept & runs):
            m.d.sync += [walking.eq(1), line.eq(word.accumulator), base.eq(word.accumulator), rows.eq(shape.rows), fold.eq(0), part.eq(0),
                         inside.eq(0), row.eq(word.destination), address.eq(word.destination), scale_row.eq(word.scales),
                         scale.eq(word.scales)]
        with m.Elif(take):
            m.d.sync += [part.eq(part + 1), inside.eq(inside + 1)]
            with m.If(last_of_block):
                m.d.sync += [address.eq(address + count), scale.eq(scale + 1), inside.eq(0)]
            with m.If(last_part):
                m.d.sync += [part.eq(0), fold.eq(fold + 1), line.eq(line + shape.rows)]
            with m.If(last_of_row):
                m.d.sync += [fold.eq(0), line.eq(base + 1), base.eq(base + 1), address.eq(following), row.eq(following),
                             scale.eq(following_scale), scale_row.eq(following_scale), rows.eq(rows - 1)]
                with m.If(rows == 1):
                    m.d.sync += walking.eq(0)

        # On its way through the rounding.
        moving = data.StructLayout({"valid": 1, "last": 1, "address": isa.ADDRESS_BITS, "touches": touch_layout(config)})
        now, direct = Signal(moving), Signal()
        touches = touched(m, config, address=address, beyond=config.line_bytes - 1, name="here")
        m.d.comb += [now.valid.eq(take), now.last.eq(last_of_row & (rows == 1)), now.address.eq(address), now.touches.eq(touches)]
        now = delayed(m, now, FormatUnit.READ_LATENCY, name="moving")
        seen = Cat(Cat(self.outside[OUTSIDE.size * n:OUTSIDE.size * (n + 1)], Signal(8 - OUTSIDE.size, name=f"zero_{n}"))
                   for n in range(results))
        m.d.comb += [
            direct.eq(now.valid & ~in_blocks), room.eq(1), done.eq(direct & now.last),
            self.write.valid.eq(direct), self.write.address.eq(now.address), self.write.touches.eq(now.touches),
            self.write.data.eq(Mux(job.flags, seen, self.result)), self.write.count.eq(count)]
        if kept.blocked:
            m.submodules.writer = writer = BlockWriter(config)
            m.d.comb += [
                writer.start.eq(starts), *(getattr(writer, field).eq(getattr(shape, field)) for field in (
                    "rows", "stride", "scale_stride", "factor")),
                writer.destination.eq(job.destination), writer.scales.eq(job.scales), writer.begins.eq(take & in_blocks & (inside == 0)),
                writer.valid.eq(now.valid & in_blocks), writer.values.eq(self.result)]
            with m.If(in_blocks):
                m.d.comb += [room.eq(writer.room | (inside != 0)), done.eq(writer.done)]
                m.d.comb += [getattr(self.write, name).eq(getattr(writer.write, name)) for name in (
                    "valid", "address", "touches", "data", "count")]
        m.d.sync += [self.retire.valid.eq(sets | done), self.retire.pc.eq(pc), self.retire.signal.eq(signal)]

        fails = Signal()
        m.d.comb += fails.eq(walking & ~legal & ~failed)
        m.d.sync += self.error.valid.eq(fails)
        with m.If(fails):
            m.d.sync += [failed.eq(1), self.error.cause.eq(Mux(line_beyond, isa.Cause.ACCUMULATOR, isa.Cause.SCRATCHPAD)),
                         self.error.pc.eq(pc), self.error.address.eq(Mux(line_beyond, line, Mux(beyond, address, scale)))]
        m.d.comb += [self.status.state.eq(isa.State.IDLE), self.status.pc.eq(pc)]
        with m.If(busy & ~failed):
            m.d.comb += self.status.state.eq(Mux(take, isa.State.RUN, Mux(walking, isa.State.STALL_MEMORY, isa.State.SETUP)))
        return m
