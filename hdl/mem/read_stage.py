"""Second cycle of a scratchpad read: pick the lines that the memories give, align, register."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2
from weft.gen.config import Config
from weft.hdl.mem.lines import EVEN, ODD, LinesSignature
from weft.hdl.mem.rotate import rotate_right


class ReadStage(wiring.Component):
    """From the read data of all memories to the `line_bytes` bytes that one client asked for.

    `take` in cycle t stores what was asked for; in t + 1 the memories give their lines; from t + 2 on `data` holds the
    bytes, until the next read. Nothing switches in between reads.

    Parameters
    ----------
    config: the accelerator's configuration.
    aligned: the client reads whole lines only; no rotation is built.

    Members
    -------
    take, lines: the request that is taken in this cycle (`mask`, `index`, `offset`, `parity`).
    even, odd: one line a bank, what the memories read for requests of the last cycle.
    data: the bytes.
    busy: (even, odd) one bit each: lines of the request of the last cycle.
    """

    LATENCY = 2  # cycles from take to data

    def __init__(self, config: Config, *, aligned: bool) -> None:
        self._config, self._aligned = config, aligned
        width, banks = 8 * config.line_bytes, config.scratchpad.banks
        super().__init__({
            "take": In(1), "lines": In(LinesSignature(config)), "even": In(width).array(banks), "odd": In(width).array(banks),
            "data": Out(width), "busy": Out(2)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        lanes, signature = self._config.line_bytes, LinesSignature(self._config)
        bank_bits = exact_log2(self._config.scratchpad.banks)
        bank = [Signal(bank_bits, reset_less=True, name=f"{half}_bank") for half in ("even", "odd")]
        offset = Signal.like(self.lines.offset, reset_less=True)
        from_odd = Signal(lanes, reset_less=True)  # byte lanes that the odd line gives
        m.d.sync += self.busy.eq(0)
        with m.If(self.take):
            m.d.sync += [
                self.busy.eq(Cat(mask.any() for mask in self.lines.mask)), offset.eq(self.lines.offset),
                bank[EVEN].eq(signature.bank(self.lines.index[EVEN])), bank[ODD].eq(signature.bank(self.lines.index[ODD])),
                from_odd.eq(Cat((self.lines.offset > lane) ^ self.lines.parity for lane in range(lanes)))]

        line = [Signal(8 * lanes, name=f"{half}_line") for half in ("even", "odd")]
        for half, inputs in ((EVEN, self.even), (ODD, self.odd)):
            with m.If(self.busy[half]), m.Switch(bank[half]):
                for number, given in enumerate(inputs):
                    with m.Case(number):
                        m.d.comb += line[half].eq(given)
        active, merged, data = Signal(), Signal(8 * lanes), Signal(8 * lanes, reset_less=True)
        m.d.comb += active.eq(self.busy.any())
        if self._aligned:
            m.d.comb += merged.eq(line[EVEN] | line[ODD])  # the line that was not read is zero
            turned = merged
        else:
            with m.If(active):
                for lane in range(lanes):
                    part = slice(8 * lane, 8 * lane + 8)
                    with m.If(from_odd[lane]):
                        m.d.comb += merged[part].eq(line[ODD][part])
                    with m.Else():
                        m.d.comb += merged[part].eq(line[EVEN][part])
            turned = rotate_right(m, merged, offset, enable=active)
        with m.If(active):
            m.d.sync += data.eq(turned)
        m.d.comb += self.data.eq(data)
        return m
