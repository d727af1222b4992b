"""The Verilog of an export: which modules, in which files, for the bus that was asked for."""

from collections.abc import Callable

from amaranth.lib.wiring import Component

from weft.gen.config import Config
from weft.gen.errors import WeftError, nearest
from weft.gen.export import axi
from weft.gen.export.render import TOP
from weft.gen.verilog import convert

AXI, WISHBONE = "axi", "wishbone"
BUSES = (AXI, WISHBONE)


def sources(config: Config, bus: str = AXI, component: Component | None = None) -> tuple[dict[str, str], dict[str, object]]:
    """(module -> its file's text, the last one the one to instantiate; the ports of the accelerator as Amaranth describes them).

    axi: the accelerator, and its wrapper with AXI's names. wishbone: the accelerator behind its bridges. `component` stands in for the
    accelerator in tests. Raises `WeftError` for another bus.
    """
    if bus not in BUSES:
        raise WeftError(f"bus {bus!r}", where="--bus", why=f"the accelerator comes with {' or '.join(BUSES)}", fix=nearest(bus, BUSES))
    component = component or _BUILD[bus](config)
    name, interface = TOP if bus == AXI else f"{TOP}_{bus}", component.metadata.as_json()
    files = {name: convert(component, name)}
    if bus == AXI:
        files[axi.MODULE] = axi.wrapper(config, interface)
    return files, interface


def _npu(config: Config) -> Component:
    from weft.hdl.npu import Npu  # noqa: PLC0415 - the rest of this package does without the RTL

    return Npu(config)


def _npu_wishbone(config: Config) -> Component:
    from weft.hdl.npu_wishbone import NpuWishbone  # noqa: PLC0415

    return NpuWishbone(config)


_BUILD: dict[str, Callable[[Config], Component]] = {AXI: _npu, WISHBONE: _npu_wishbone}
