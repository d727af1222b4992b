"""Block writer: rounded sums to blocks with a shared scale, and those to the scratchpad."""

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.formats.quantiser import SLOTS, Quantiser
from weft.hdl.interfaces import ScratchpadWrite, touch_layout
from weft.hdl.mem.lines import touched


class BlockWriter(wiring.Component):
    """Takes the results of one ROUND in order, `config.results_per_cycle` at a time, quantises them, and writes elements and scales.

    A block may begin to be read for when there is `room`; `begins` reserves it. A block's elements go out in pieces of up to a line,
    its scale in the cycle after the last: there the port is free, because a piece takes two beats or more, or blocks come as slowly as
    the quantiser divides.

    Members
    -------
    start: pulse; from then on until `done` the fields beside it must hold still: rows, destination, stride, scales, scale_stride, factor.
    room, begins: see above; `room` depends on no input of the same cycle.
    valid, values: codes of fp32. done: pulse: the last scale is written in this cycle.
    write: never refused.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "start": In(1), "rows": In(12), "destination": In(20), "stride": In(signed(20)), "scales": In(20),
            "scale_stride": In(signed(16)), "factor": In(32),
            "room": Out(1), "begins": In(1), "valid": In(1), "values": In(32 * config.results_per_cycle),
            "done": Out(1), "write": Out(ScratchpadWrite(config))})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config = Module(), self._config
        kept, lanes, bits = config.results, config.results_per_cycle, config.results.operand.element.bits
        m.submodules.quantiser = quantiser = Quantiser(
            kept.operand, source="fp32", lanes=lanes, round_up=config.array.scale_rule == "up")
        beats = quantiser.beats
        gather = min(beats, 1 << (32 // bits).bit_length() - 1)  # beats of a piece
        piece = gather * lanes * bits // 8
        m.d.comb += [quantiser.i.valid.eq(self.valid), quantiser.i.payload.eq(self.values), quantiser.o.ready.eq(1)]
        if kept.operand.tensor_scale:
            m.d.comb += quantiser.factor.eq(self.factor)

        # Blocks on their way; where the next one stands.
        taken, beat, last_beat = quantiser.o.valid, Signal(max(1, ceil_log2(beats))), Signal()
        waiting, ends = Signal(range(SLOTS + 1)), Signal()
        m.d.comb += [self.room.eq(waiting != SLOTS), last_beat.eq(beat == beats - 1), ends.eq(taken & last_beat)]
        m.d.sync += waiting.eq(waiting + self.begins - ends)
        address, row, scale, scale_row = (Signal(isa.ADDRESS_BITS, name=name, reset_less=True) for name in (
            "address", "row", "scale", "scale_row"))
        following, following_scale = Signal(isa.ADDRESS_BITS), Signal(isa.ADDRESS_BITS)
        block, rows_left = Signal(max(1, ceil_log2(kept.row_scales)), reset_less=True), Signal.like(self.rows, reset_less=True)
        last_block, piece_done = Signal(), Signal()
        m.d.comb += [following.eq(row + self.stride), following_scale.eq(scale_row + self.scale_stride),
                     last_block.eq(block == kept.row_scales - 1), piece_done.eq(taken & (((beat + 1) & (gather - 1)) == 0))]
        with m.If(taken):
            m.d.sync += beat.eq(Mux(last_beat, 0, beat + 1))
        with m.If(piece_done):
            m.d.sync += address.eq(address + piece)
        with m.If(ends):
            m.d.sync += [block.eq(block + 1), scale.eq(scale + 1)]
            with m.If(last_block):
                m.d.sync += [block.eq(0), address.eq(following), row.eq(following), scale.eq(following_scale),
                             scale_row.eq(following_scale), rows_left.eq(rows_left - 1)]
        with m.If(self.start):
            m.d.sync += [address.eq(self.destination), row.eq(self.destination), scale.eq(self.scales), scale_row.eq(self.scales),
                         block.eq(0), rows_left.eq(self.rows)]

        # A piece, in the next cycle the scale; a cycle later to the port.
        codes = quantiser.o.payload.codes.as_value()
        whole = codes
        if gather > 1:
            held = Signal(len(codes) * (gather - 1), reset_less=True)
            whole = Cat(held, codes)
            with m.If(taken):
                m.d.sync += held.eq(whole[len(codes):])
        ready, owed, is_scale, final = Signal(), Signal(), Signal(), Signal()
        place, scale_place, code, elements = (Signal(shape, name=name, reset_less=True) for name, shape in (
            ("place", isa.ADDRESS_BITS), ("scale_place", isa.ADDRESS_BITS), ("code", 8), ("elements", 8 * piece)))
        m.d.sync += [ready.eq(piece_done), owed.eq(ends), is_scale.eq(owed)]
        with m.If(piece_done):
            m.d.sync += [place.eq(address), elements.eq(whole)]
        with m.If(ends):
            m.d.sync += [scale_place.eq(scale), code.eq(quantiser.o.payload.scale), final.eq(last_block & (rows_left == 1))]
        chosen, turn = Signal(isa.ADDRESS_BITS), Signal()
        m.d.comb += [turn.eq(is_scale & ~ready), chosen.eq(Mux(turn, scale_place, place))]
        touches = touched(m, config, address=chosen, beyond=config.line_bytes - 1, name="here")
        out = {name: Signal(shape, name=f"write_{name}", reset_less=True) for name, shape in (
            ("address", isa.ADDRESS_BITS), ("touches", touch_layout(config)), ("data", 8 * config.line_bytes),
            ("count", range(config.line_bytes + 1)))}
        valid, done = Signal(), Signal()
        m.d.sync += [valid.eq(ready | is_scale), done.eq(turn & final), out["address"].eq(chosen), out["touches"].eq(touches),
                     out["data"].eq(Mux(turn, code, elements)), out["count"].eq(Mux(turn, 1, piece))]
        m.d.comb += [self.write.valid.eq(valid), self.done.eq(done), *(getattr(self.write, name).eq(value) for name, value in out.items())]
        return m
