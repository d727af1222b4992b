"""AXI4-Lite inside the design, and its flat, standard signals at the edge."""

from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Member, Out, Signature

from weft.gen import csr

DATA_BITS = 32
PREFIX = "s_axil_"
WRITE = data.StructLayout({"data": DATA_BITS, "strobe": DATA_BITS // 8})
READ = data.StructLayout({"data": DATA_BITS, "response": 2})


class AxiLite(Signature):
    """Five streams, seen from the manager: addresses in bytes, responses OKAY or SLVERR."""

    def __init__(self) -> None:
        super().__init__({
            "aw": Out(stream.Signature(csr.ADDRESS_BITS)), "w": Out(stream.Signature(WRITE)), "b": In(stream.Signature(2)),
            "ar": Out(stream.Signature(csr.ADDRESS_BITS)), "r": In(stream.Signature(READ))})


def subordinate_members() -> dict[str, Member]:
    """Ports of an AXI4-Lite subordinate: ``s_axil_awaddr`` and so on. Protection bits are accepted and ignored."""
    address = {"addr": In(csr.ADDRESS_BITS), "prot": In(3), "valid": In(1), "ready": Out(1)}
    ports = {f"{channel}{name}": member for channel in ("aw", "ar") for name, member in address.items()}
    ports |= {"wdata": In(DATA_BITS), "wstrb": In(DATA_BITS // 8), "wvalid": In(1), "wready": Out(1)}
    ports |= {"bresp": Out(2), "bvalid": Out(1), "bready": In(1)}
    ports |= {"rdata": Out(DATA_BITS), "rresp": Out(2), "rvalid": Out(1), "rready": In(1)}
    return {PREFIX + name: member for name, member in ports.items()}


def connect_subordinate(m: Module, top: wiring.Component, axil: wiring.PureInterface) -> None:
    """Drive `axil`, the `AxiLite` input of a component inside, from the ports of `top`. No logic."""
    def port(name: str) -> Signal:
        return getattr(top, PREFIX + name)

    for channel in ("aw", "ar"):
        inner = getattr(axil, channel)
        m.d.comb += [inner.payload.eq(port(channel + "addr")), inner.valid.eq(port(channel + "valid")),
                     port(channel + "ready").eq(inner.ready)]
    m.d.comb += [
        axil.w.payload.data.eq(port("wdata")), axil.w.payload.strobe.eq(port("wstrb")), axil.w.valid.eq(port("wvalid")),
        port("wready").eq(axil.w.ready),
        port("bresp").eq(axil.b.payload), port("bvalid").eq(axil.b.valid), axil.b.ready.eq(port("bready")),
        port("rdata").eq(axil.r.payload.data), port("rresp").eq(axil.r.payload.response), port("rvalid").eq(axil.r.valid),
        axil.r.ready.eq(port("rready"))]


def connect_manager(m: Module, axil: wiring.PureInterface, inner: wiring.Component) -> None:
    """The other way round: drive the ports of `inner` from `axil`, the `AxiLite` output of a bridge beside it. No logic."""
    def port(name: str) -> Signal:
        return getattr(inner, PREFIX + name)

    for channel in ("aw", "ar"):
        outer = getattr(axil, channel)
        m.d.comb += [port(channel + "addr").eq(outer.payload), port(channel + "valid").eq(outer.valid),
                     outer.ready.eq(port(channel + "ready"))]
    m.d.comb += [
        port("wdata").eq(axil.w.payload.data), port("wstrb").eq(axil.w.payload.strobe), port("wvalid").eq(axil.w.valid),
        axil.w.ready.eq(port("wready")),
        axil.b.payload.eq(port("bresp")), axil.b.valid.eq(port("bvalid")), port("bready").eq(axil.b.ready),
        axil.r.payload.data.eq(port("rdata")), axil.r.payload.response.eq(port("rresp")), axil.r.valid.eq(port("rvalid")),
        port("rready").eq(axil.r.ready)]
