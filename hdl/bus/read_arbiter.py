"""Lets the load unit and instruction fetch share the read half of one AXI4 manager."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.hdl.interfaces import ID_FETCH, ID_LOAD, AxiRead


class ReadArbiter(wiring.Component):
    """Requests pass through one register, fetch first; beats go back by their identifier, without latency.

    Fetch cannot starve the load unit: its buffer bounds what it asks for. Beats of the two may interleave. A request costs 1 cycle;
    one is taken each cycle.

    Members
    -------
    load, fetch: from the managers, with identifiers ID_LOAD and ID_FETCH.
    axi: to the bus.
    """

    LATENCY = 1  # cycles of a request

    def __init__(self, config: Config) -> None:
        super().__init__({"load": In(AxiRead(config)), "fetch": In(AxiRead(config)), "axi": Out(AxiRead(config))})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        ar, r, free = self.axi.ar, self.axi.r, Signal()
        m.d.comb += [free.eq(~ar.valid | ar.ready), self.fetch.ar.ready.eq(free), self.load.ar.ready.eq(free & ~self.fetch.ar.valid)]
        with m.If(free):
            m.d.sync += ar.valid.eq(self.fetch.ar.valid | self.load.ar.valid)
            with m.If(self.fetch.ar.valid):
                m.d.sync += [ar.payload.eq(self.fetch.ar.payload), ar.payload.id.eq(ID_FETCH)]
            with m.Elif(self.load.ar.valid):
                m.d.sync += [ar.payload.eq(self.load.ar.payload), ar.payload.id.eq(ID_LOAD)]
        for manager, identifier in ((self.load, ID_LOAD), (self.fetch, ID_FETCH)):
            m.d.comb += manager.r.payload.eq(r.payload)
            with m.If(r.payload.id == identifier):
                m.d.comb += [manager.r.valid.eq(r.valid), r.ready.eq(manager.r.ready)]
        return m
