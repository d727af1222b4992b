"""Registers across an AXI4 bus."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.hdl.interfaces import AxiRead, AxiWrite
from weft.hdl.shift_fifo import ShiftFifo

_DEPTH = 2  # entries of each channel; a beat each cycle passes


class AxiSlice(wiring.Component):
    """All five channels through registers, both ways: nothing combinational is left between the two sides. Each channel takes 1 cycle.

    Members
    -------
    read, write: from the manager. to_read, to_write: to the subordinate.
    """

    LATENCY = ShiftFifo.LATENCY  # cycles of a channel

    def __init__(self, config: Config) -> None:
        super().__init__({"read": In(AxiRead(config)), "write": In(AxiWrite(config)),
                          "to_read": Out(AxiRead(config)), "to_write": Out(AxiWrite(config))})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        for name, source, target in (
                ("ar", self.read.ar, self.to_read.ar), ("r", self.to_read.r, self.read.r), ("aw", self.write.aw, self.to_write.aw),
                ("w", self.write.w, self.to_write.w), ("b", self.to_write.b, self.write.b)):
            m.submodules[name] = queue = ShiftFifo(source.payload.shape(), _DEPTH)
            wiring.connect(m, wiring.flipped(source), queue.i)
            wiring.connect(m, queue.o, wiring.flipped(target))
        return m
