"""The AXI wrapper: signals of the two specifications with their directions and widths, and nothing but wires inside."""

import json
import re

import pyslang
import pytest

from weft.gen.config import Config
from weft.gen.export import TOP, axi, contents
from weft.verif.bench.runner import CONFIGS
from weft.verif.tests.yosys import run_yosys

# Arm IHI 0022, tables of the channels' signals: (manager drives it, width), widths by name where the design chooses them.
REQUEST = {"ADDR": (True, "address"), "PROT": (True, 3), "VALID": (True, 1), "READY": (False, 1)}
BURST = {"ID": (True, "id"), "LEN": (True, 8), "SIZE": (True, 3), "BURST": (True, 2), "LOCK": (True, 1), "CACHE": (True, 4),
         "QOS": (True, 4)}
LITE = {**{f"AW{name}": signal for name, signal in REQUEST.items()}, **{f"AR{name}": signal for name, signal in REQUEST.items()},
        "WDATA": (True, "data"), "WSTRB": (True, "strobes"), "WVALID": (True, 1), "WREADY": (False, 1),
        "BRESP": (False, 2), "BVALID": (False, 1), "BREADY": (True, 1),
        "RDATA": (False, "data"), "RRESP": (False, 2), "RVALID": (False, 1), "RREADY": (True, 1)}
FULL = {**LITE, **{f"AW{name}": signal for name, signal in BURST.items()}, **{f"AR{name}": signal for name, signal in BURST.items()},
        "WLAST": (True, 1), "RLAST": (False, 1), "BID": (False, "id"), "RID": (False, "id")}


@pytest.fixture(scope="module", params=["tiny4", "edge8"])
def wrapped(request, tmp_path_factory):
    """(folder with both Verilog files, configuration)."""
    config = Config.load(CONFIGS / f"{request.param}.toml")
    place = tmp_path_factory.mktemp(request.param)
    files = contents(config)
    for name in (TOP, axi.MODULE):
        (place / f"{name}.v").write_bytes(files[f"rtl/{name}.v"])
    return place, config


def _ports(place):
    """name -> (direction, width) of the wrapper's ports, as slang reads them."""
    compilation = pyslang.ast.Compilation()
    for name in (TOP, axi.MODULE):
        compilation.addSyntaxTree(pyslang.syntax.SyntaxTree.fromFile(str(place / f"{name}.v")))
    assert not [diagnostic for diagnostic in compilation.getAllDiagnostics() if diagnostic.isError()]
    top, = compilation.getRoot().topInstances
    assert top.name == axi.MODULE
    return {port.name: (str(port.direction).rsplit(".", maxsplit=1)[-1], port.type.bitWidth) for port in top.body.portList}


@pytest.mark.integration
def test_ports_are_those_of_the_specifications(wrapped):
    place, config = wrapped
    lite = {"address": 12, "data": 32, "strobes": 4}
    full = {"address": config.axi.address_bits, "data": config.axi.data_bits, "strobes": config.axi.data_bits // 8, "id": 1}
    expected = {"aclk": ("In", 1), "aresetn": ("In", 1), "irq": ("Out", 1)}
    for prefix, signals, widths, manager in (("s_axil_", LITE, lite, False), ("m_axi_", FULL, full, True)):
        for name, (driven, width) in signals.items():
            expected[prefix + name.lower()] = ("Out" if driven == manager else "In", widths.get(width, width))
    assert _ports(place) == expected


@pytest.mark.integration
def test_attributes_place_every_port_in_its_interface(wrapped):
    place, config = wrapped
    text = (place / f"{axi.MODULE}.v").read_text()
    seen = {}
    declared = re.findall(r'((?:^ +\(\* .* \*\)\n)+) +(?:input |output) wire (?:\[\d+:0\] )?(\w+)', text, re.MULTILINE)
    assert {name for _, name in declared} == set(_ports(place))
    for block, name in declared:
        attributes = dict(re.findall(r'\(\* (\w+) = "([^"]*)" \*\)', block))
        kind, interface, logical = attributes["X_INTERFACE_INFO"].split(" ")
        seen.setdefault(interface, {})[logical] = name
        assert kind in {"xilinx.com:interface:aximm:1.0", "xilinx.com:signal:clock:1.0", "xilinx.com:signal:reset:1.0",
                        "xilinx.com:signal:interrupt:1.0"}
        if "X_INTERFACE_PARAMETER" in attributes:
            head, *pairs = attributes["X_INTERFACE_PARAMETER"].split(", ")
            assert head == f"XIL_INTERFACENAME {interface}"
            assert all(re.fullmatch(r"[A-Z_]+ \S+", pair) for pair in pairs)
    assert set(seen) == {"aclk", "aresetn", "irq", "s_axil", "m_axi"}
    assert set(seen["s_axil"]) == set(LITE) and set(seen["m_axi"]) == set(FULL)
    assert f"DATA_WIDTH {config.axi.data_bits}," in text and "POLARITY ACTIVE_LOW" in text and "ASSOCIATED_BUSIF s_axil:m_axi" in text


@pytest.mark.integration
def test_the_wrapper_is_wires_and_one_inverter(wrapped):
    place, _ = wrapped
    run_yosys(f"read_verilog -lib {TOP}.v\nread_verilog {axi.MODULE}.v\nhierarchy -check -top {axi.MODULE}\nproc\nopt_clean\n"
              "write_json wires.json", place)
    modules = json.loads((place / "wires.json").read_text())["modules"]
    ports = {name: port["bits"] for name, port in modules[axi.MODULE]["ports"].items()}
    by_type = {}
    for cell in modules[axi.MODULE]["cells"].values():
        by_type.setdefault(cell["type"], []).append(cell)
    accelerator, = by_type[TOP]
    inverters = [cell for kind in ("$not", "$logic_not") for cell in by_type.get(kind, [])]
    reset, = (cell for cell in inverters if cell["connections"]["A"] == ports["aresetn"])
    inner = accelerator["connections"]
    assert inner["clk"] == ports["aclk"] and inner["rst"] == reset["connections"]["Y"]
    assert set(ports) - {"aclk", "aresetn"} == {name for name in inner if not name.startswith("trace_")} - {"clk", "rst"}
    for name in set(ports) - {"aclk", "aresetn"}:
        assert inner[name] == ports[name], name
