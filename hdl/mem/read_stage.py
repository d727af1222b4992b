"""The last cycle of a scratchpad read: pick the lines that the memories gave, and align."""

from collections.abc import Sequence

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from weft.gen.config import Config
from weft.hdl.mem.lines import EVEN, ODD, LinesSignature
from weft.hdl.mem.rotate import rotate_right


class ReadStage(wiring.Component):
    """From the registered read data of all memories to the `line_bytes` bytes that one client asked for.

    `take` in cycle t stores what was asked for, and follows it through t + 1, in which the memories read, and t + 2, in which their data
    go into registers; in t + 3 the lines are on `even` and `odd`, and the bytes on `data`. In other cycles `data` is zero. The choice
    stands behind the register because a block RAM's output comes late in the cycle (5.8 ns on ECP5): client registers are to follow.

    Parameters
    ----------
    config: the accelerator's configuration.
    aligned: the client reads whole lines only; no rotation is built.

    Members
    -------
    take, lines: the request that is taken in this cycle (`mask`, `index`, `offset`, `parity`).
    even, odd: one line a bank, what the memories read for requests of three cycles ago.
    data: the bytes.
    lines_begun: (even, odd) one bit each: lines of the request of the last cycle.
    """

    LATENCY = 3  # cycles from take to data

    def __init__(self, config: Config, *, aligned: bool) -> None:
        self._config, self._aligned = config, aligned
        width, banks = 8 * config.line_bytes, config.scratchpad.banks
        super().__init__({
            "take": In(1), "lines": In(LinesSignature(config)), "even": In(width).array(banks), "odd": In(width).array(banks),
            "data": Out(width), "lines_begun": Out(2)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        lanes, signature = self._config.line_bytes, LinesSignature(self._config)
        bank_bits = exact_log2(self._config.scratchpad.banks)
        from_odd = [self.lines.parity] if self._aligned else [  # byte lanes that the odd line gives; one bit for all if aligned
            (self.lines.offset > lane) ^ self.lines.parity for lane in range(lanes)]
        asked = Cat(signature.bank(self.lines.index[EVEN]), signature.bank(self.lines.index[ODD]), Cat(from_odd),
                    self.lines.offset if not self._aligned else Cat())
        busy = Signal(self.LATENCY)
        m.d.sync += [busy.eq(Cat(self.take, busy)), self.lines_begun.eq(0)]
        with m.If(self.take):
            m.d.sync += self.lines_begun.eq(Cat(mask.any() for mask in self.lines.mask))
        choosing, before = busy[-1], asked
        for stage, moves in enumerate(Cat(self.take, busy[:-1])):
            while_choosing = Signal(len(asked), reset_less=True, name=f"asked_{stage}")
            with m.If(moves):
                m.d.sync += while_choosing.eq(before)
            before = while_choosing

        bank_even, bank_odd = Signal(bank_bits), Signal(bank_bits)
        lane_odd, turn = Signal(len(from_odd)), Signal(exact_log2(lanes))
        m.d.comb += Cat(bank_even, bank_odd, lane_odd, turn).eq(while_choosing)
        even, odd, merged = Signal(8 * lanes), Signal(8 * lanes), Signal(8 * lanes)
        _choose(m, even, self.even, bank_even)
        _choose(m, odd, self.odd, bank_odd)
        width = 8 * lanes // len(from_odd)
        with m.If(choosing):
            for lane in range(len(from_odd)):
                part = slice(width * lane, width * (lane + 1))
                with m.If(lane_odd[lane]):
                    m.d.comb += merged[part].eq(odd[part])
                with m.Else():
                    m.d.comb += merged[part].eq(even[part])
        m.d.comb += self.data.eq(merged if self._aligned else rotate_right(m, merged, turn, enable=choosing))
        return m


def _choose(m: Module, result: Signal, values: Sequence[Value], index: Value) -> None:
    """result = values[index] as a tree of multiplexers of two, which LUTs like better than a case statement's one-hot form."""
    if len(values) == 1:
        m.d.comb += result.eq(values[0])
        return
    half = len(values) // 2
    with m.If(index[-1]):
        _choose(m, result, values[half:], index[:-1])
    with m.Else():
        _choose(m, result, values[:half], index[:-1])
