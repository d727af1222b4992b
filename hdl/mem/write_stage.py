"""First cycle of a scratchpad write: align the data, make the byte enables, register."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.hdl.mem.lines import EVEN, ODD, LinesSignature, memories
from weft.hdl.mem.rotate import rotate_left


class WriteStage(wiring.Component):
    """What a client writes, as the memories want it, one cycle after `take`.

    Parameters
    ----------
    config: the accelerator's configuration.
    aligned: the client's addresses are multiples of a line; no rotation is built.

    Members
    -------
    valid, lines, data, count: the request of this cycle; `count` bytes of `data` from the lowest. take: it is taken. Arbitration is long:
        it decides about `memories` alone, the rest is loaded anyway.
    memories: one bit a memory (even ones below odd ones) that is written in this cycle.
    index, enable: (even, odd) line and byte enables for it.
    line: bytes in the order of a line's lanes, the same for both halves.
    """

    def __init__(self, config: Config, *, aligned: bool) -> None:
        self._config, self._aligned = config, aligned
        lanes, signature = config.line_bytes, LinesSignature(config)
        super().__init__({
            "valid": In(1), "take": In(1), "lines": In(signature), "data": In(8 * lanes), "count": In(range(lanes + 1)),
            "memories": Out(2 * config.scratchpad.banks), "index": Out(signature.members["index"].shape).array(2),
            "enable": Out(lanes).array(2), "line": Out(8 * lanes)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, lanes = Module(), self._config.line_bytes
        used, in_first = Signal(lanes), Signal(lanes)
        m.d.comb += used.eq(Cat(self.count > lane for lane in range(lanes)))
        if self._aligned:
            m.d.comb += in_first.eq(-1)
            data, enable = self.data, used
        else:
            m.d.comb += in_first.eq(Cat(self.lines.offset <= lane for lane in range(lanes)))
            data = rotate_left(m, self.data, self.lines.offset, enable=self.valid)
            enable = rotate_left(m, used, self.lines.offset, enable=self.valid, unit=1)

        line = Signal(8 * lanes, reset_less=True)
        m.d.sync += self.memories.eq(memories(self.lines) & self.take.replicate(len(self.memories)))
        with m.If(self.valid):
            m.d.sync += line.eq(data)
        m.d.comb += self.line.eq(line)
        for half, name in ((EVEN, "even"), (ODD, "odd")):
            index = Signal.like(self.index[half], reset_less=True, name=f"{name}_index")
            bytes_written = Signal(lanes, reset_less=True, name=f"{name}_enable")
            is_first = (self.lines.parity == half).replicate(lanes)
            with m.If(self.valid):
                m.d.sync += [index.eq(self.lines.index[half]), bytes_written.eq(enable & ~(in_first ^ is_first))]
            m.d.comb += [self.index[half].eq(index), self.enable[half].eq(bytes_written)]
        return m
