"""The flat, standard AXI4 signals at the edge of the design, and what connects them with the streams inside.

A top level merges `manager_members` into its signature and calls `connect_read` and `connect_write`::

    super().__init__({**manager_members(config), ...})
    ...
    connect_read(m, self, config, wiring.flipped(arbiter.axi))
"""

import enum

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out
from amaranth.utils import exact_log2

from weft.gen.config import Config
from weft.hdl.interfaces import BURST_INCR

CACHE = 0b0011  # normal memory, not cacheable, bufferable
PROTECTION = 0b000  # data, secure, unprivileged
PREFIX = "m_axi_"


class Half(enum.Flag):
    """Which halves of the bus a manager has."""

    READ = enum.auto()
    WRITE = enum.auto()


def manager_members(config: Config, halves: Half = Half.READ | Half.WRITE) -> dict[str, Member]:
    """Ports of an AXI4 manager: ``m_axi_araddr`` and so on, identifiers of one bit."""
    address, data = config.axi.address_bits, config.axi.data_bits
    request = {"id": Out(1), "addr": Out(address), "len": Out(8), "size": Out(3), "burst": Out(2), "lock": Out(1), "cache": Out(4),
               "prot": Out(3), "qos": Out(4), "valid": Out(1), "ready": In(1)}
    ports: dict[str, Member] = {}
    if Half.READ in halves:
        ports |= {f"ar{name}": member for name, member in request.items()}
        ports |= {"rid": In(1), "rdata": In(data), "rresp": In(2), "rlast": In(1), "rvalid": In(1), "rready": Out(1)}
    if Half.WRITE in halves:
        ports |= {f"aw{name}": member for name, member in request.items()}
        ports |= {"wdata": Out(data), "wstrb": Out(data // 8), "wlast": Out(1), "wvalid": Out(1), "wready": In(1)}
        ports |= {"bid": In(1), "bresp": In(2), "bvalid": In(1), "bready": Out(1)}
    return {PREFIX + name: member for name, member in ports.items()}


def connect_read(m: Module, top: wiring.Component, config: Config, axi: wiring.PureInterface) -> None:
    """Drive the AR and R ports of `top` from `axi`, the `AxiRead` of a unit (seen from that unit). No logic."""
    _request(m, top, config, "ar", axi.ar)
    m.d.comb += [
        axi.r.valid.eq(_port(top, "rvalid")), axi.r.payload.data.eq(_port(top, "rdata")), axi.r.payload.response.eq(_port(top, "rresp")),
        axi.r.payload.last.eq(_port(top, "rlast")), axi.r.payload.id.eq(_port(top, "rid")), _port(top, "rready").eq(axi.r.ready)]


def connect_write(m: Module, top: wiring.Component, config: Config, axi: wiring.PureInterface) -> None:
    """Drive the AW, W and B ports of `top` from `axi`, the `AxiWrite` of a unit (seen from that unit). No logic."""
    _request(m, top, config, "aw", axi.aw)
    m.d.comb += [
        _port(top, "wvalid").eq(axi.w.valid), _port(top, "wdata").eq(axi.w.payload.data), _port(top, "wlast").eq(axi.w.payload.last),
        _port(top, "wstrb").eq(~0), axi.w.ready.eq(_port(top, "wready")),
        axi.b.valid.eq(_port(top, "bvalid")), axi.b.payload.response.eq(_port(top, "bresp")), _port(top, "bready").eq(axi.b.ready)]


def connect_manager(m: Module, inner: wiring.Component, read: wiring.PureInterface, write: wiring.PureInterface) -> None:
    """The other way round: drive `read` and `write`, the `AxiRead` and `AxiWrite` inputs of a bridge, from the ports of `inner`."""
    for channel, stream in (("ar", read.ar), ("aw", write.aw)):
        m.d.comb += [
            stream.payload.address.eq(_port(inner, channel + "addr")), stream.payload.length.eq(_port(inner, channel + "len")),
            stream.payload.id.eq(_port(inner, channel + "id")), stream.valid.eq(_port(inner, channel + "valid")),
            _port(inner, channel + "ready").eq(stream.ready)]
    r, w, b = read.r, write.w, write.b
    m.d.comb += [
        _port(inner, "rdata").eq(r.payload.data), _port(inner, "rresp").eq(r.payload.response), _port(inner, "rlast").eq(r.payload.last),
        _port(inner, "rid").eq(r.payload.id), _port(inner, "rvalid").eq(r.valid), r.ready.eq(_port(inner, "rready")),
        w.payload.data.eq(_port(inner, "wdata")), w.payload.last.eq(_port(inner, "wlast")), w.valid.eq(_port(inner, "wvalid")),
        _port(inner, "wready").eq(w.ready),
        _port(inner, "bresp").eq(b.payload.response), _port(inner, "bvalid").eq(b.valid), b.ready.eq(_port(inner, "bready"))]


def _request(m: Module, top: wiring.Component, config: Config, channel: str, source: wiring.PureInterface) -> None:
    values = {"id": source.payload.id, "addr": source.payload.address, "len": source.payload.length,
              "size": exact_log2(config.axi.data_bits // 8), "burst": BURST_INCR, "lock": 0, "cache": CACHE, "prot": PROTECTION,
              "qos": 0, "valid": source.valid}
    m.d.comb += [_port(top, channel + name).eq(value) for name, value in values.items()]
    m.d.comb += source.ready.eq(_port(top, channel + "ready"))


def _port(top: wiring.Component, name: str) -> Signal:
    return getattr(top, PREFIX + name)
