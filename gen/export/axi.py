"""The wrapper with AXI's own names for clock and reset and with what Vivado needs to infer the interfaces.

Syntax and names of the attributes: UG994, "List of Supported X_ Attributes"; parameters of an interface: UG1118.
"""

from collections.abc import Mapping
from typing import Any

from weft.gen.config import Config
from weft.gen.export.render import TOP, render

MODULE = f"{TOP}_axi"
_INTERFACES = {"s_axil_": "xilinx.com:interface:aximm:1.0 s_axil ", "m_axi_": "xilinx.com:interface:aximm:1.0 m_axi "}
_INTERRUPT = "xilinx.com:signal:interrupt:1.0 irq INTERRUPT"


def wrapper(config: Config, interface: Mapping[str, Any]) -> str:
    """Verilog of module `MODULE` around the accelerator, whose ports `interface` gives as Amaranth's metadata do.

    Bus ports keep name and width; `clk` and `rst` become `aclk` and `aresetn` (active low); the trace ports end here.
    """
    members = {name: port for name, port in interface["interface"]["members"].items() if port["type"] == "port"}
    parameters = {
        "s_axil_awaddr": "XIL_INTERFACENAME s_axil, PROTOCOL AXI4LITE",
        "m_axi_arid": f"XIL_INTERFACENAME m_axi, PROTOCOL AXI4, DATA_WIDTH {config.axi.data_bits}, ADDR_WIDTH {config.axi.address_bits}, "
                      f"ID_WIDTH 1, MAX_BURST_LENGTH {config.axi.burst_beats}, SUPPORTS_NARROW_BURST 0, HAS_REGION 0",
        "irq": "XIL_INTERFACENAME irq, SENSITIVITY LEVEL_HIGH"}
    ports = [(name, _direction(port), _range(port), _info(name), parameters.get(name, "")) for name, port in members.items()
             if not name.startswith("trace_")]
    traces = [(name, _range(port)) for name, port in members.items() if name.startswith("trace_")]
    return render("weft_npu_axi.v.j2", config, ports=ports, traces=traces)


def _direction(port: Mapping[str, Any]) -> str:
    return "input " if port["dir"] == "in" else "output"


def _range(port: Mapping[str, Any]) -> str:
    return f"[{port['width'] - 1}:0] " if port["width"] > 1 else ""


def _info(name: str) -> str:
    """What the port is in Vivado's bus definitions."""
    for prefix, interface in _INTERFACES.items():
        if name.startswith(prefix):
            return interface + name.removeprefix(prefix).upper()
    return _INTERRUPT
