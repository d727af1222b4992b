"""The design in the bitstream is the one that was verified: the netlist after synthesis classifies digits through its UART pins."""

import pytest

from weft.fpga.boards.board import find
from weft.fpga.netlist import simulatable
from weft.fpga.run import RunOptions, run
from weft.gen.config import Config
from weft.gen.errors import ToolError
from weft.verif.tests.test_house import ROOT


@pytest.mark.integration
# ulx3s takes too long here: weft run --device netlist:ulx3s
@pytest.mark.parametrize(("name", "digits"), [("icebreaker", 2), ("tang_primer_20k", 2)])
def test_digits_have_the_same_bits_as_on_the_golden_machine(name, digits, tmp_path):
    config = Config.load(ROOT / "configs" / f"{find(name).config}.toml")
    report = run(config, ROOT / "examples/digits/digits.onnx", ROOT / "examples/digits/digits.npz", tmp_path / "out",
                 RunOptions(f"netlist:{name}", digits))
    assert report["mismatches"] == 0 and [row["differing_bytes"] for row in report["samples"]] == [0] * digits


@pytest.mark.parametrize("family", ["ecp5", "ice40", "gowin"])
def test_a_cell_without_a_model_is_named(family):
    with pytest.raises(ToolError, match="no model of SB_NOVELTY"):
        simulatable("module weft (a);\n  input a;\n  SB_NOVELTY #(\n    .A(1)\n  ) b (\n    .C(a)\n  );\nendmodule\n", family)
