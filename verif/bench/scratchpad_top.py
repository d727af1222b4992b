"""The scratchpad with the address decoders that its clients bring: what its benches simulate."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out, Signature

from weft.gen.config import Config
from weft.hdl.mem.lines import touched
from weft.hdl.mem.scratchpad import ALIGNED, READERS, WRITERS, Scratchpad


class ScratchpadTop(wiring.Component):
    """Members: those of `Scratchpad`, its ports without `touches`."""

    def __init__(self, config: Config) -> None:
        self._config, self._inner = config, Scratchpad(config)
        members = dict(self._inner.signature.members)
        for name in READERS + WRITERS:
            port = members[name].signature  # as seen from inside the scratchpad
            members[name] = Out(Signature({key: member for key, member in port.members.items() if key != "touches"}))
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config, inner = Module(), self._config, self._inner
        m.submodules.scratchpad = inner
        for name in READERS + WRITERS:
            port, outer = getattr(inner, name), getattr(self, name)
            beyond = None if name in ALIGNED else outer.count - 1 if name in WRITERS else config.line_bytes - 1
            m.d.comb += [port.valid.eq(outer.valid), port.address.eq(outer.address), outer.ready.eq(port.ready),
                         port.touches.eq(touched(m, config, address=outer.address, beyond=beyond, name=name))]
            if name in WRITERS:
                m.d.comb += [port.data.eq(outer.data), port.count.eq(outer.count)]
            else:
                m.d.comb += outer.data.eq(port.data)
        m.d.comb += [self.reads.eq(inner.reads), self.writes.eq(inner.writes)]
        return m
