"""The whole image for a board: what a release promises of it."""

from pathlib import Path

import pytest

from weft.fpga.boards.board import find
from weft.fpga.flow.bitstream import Options, build, steps_folder, synthesised
from weft.fpga.flow.core import image
from weft.fpga.flow.fit import check_fits
from weft.fpga.flow.memories import memories
from weft.fpga.flow.netlist import NAMELESS
from weft.fpga.flow.steps import Steps
from weft.fpga.flow.synthesis import EMULATION, MEMORIES
from weft.fpga.report.collect import products
from weft.gen.config import Config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@pytest.mark.integration
@pytest.mark.parametrize("name", ["icebreaker"])
def test_reference_configuration(name: str, tmp_path: Path) -> None:
    """It fits and meets the board's clock (else `build` raises), every product of the array is in a DSP block, and no memory has
    logic for collisions or is made of registers."""
    board = find(name)
    config = Config.load(CONFIGS / f"{board.config}.toml")
    report = build(config, image(config, board), board, tmp_path, Options())
    assert report["clock"]["met"] and report["clock"]["constraint_mhz"] >= board.mhz * 0.99
    assert report["products"]["in_dsp"] == report["products"]["array"] == config.array.rows * config.array.columns
    assert report["collisions"] == {"memories": [], "cells": 0}
    assert {memory["kind"] for memory in report["memories"]} <= {"block RAM", "SPRAM", "LUT RAM"}
    assert (tmp_path / report["bitstream"]).stat().st_size > 100_000
    assert not [hop["signal"] for hop in report["path"]["hops"] if NAMELESS.search(hop["signal"])]
    units = {unit["path"] for unit in report["units"]}
    assert {"image.npu", "image.link", "image.memory"} <= units


@pytest.mark.integration
def test_reference_board_after_synthesis() -> None:
    """The ULX3S' image without its placement, which takes ten minutes: it fits, its products are in DSP blocks, its memories clean."""
    board = find("ulx3s")
    config = Config.load(CONFIGS / f"{board.config}.toml")
    made = synthesised(image(config, board), board, board.mhz, Steps(steps_folder()))
    check_fits(made.units, config, board)
    assert products(made.netlist, made.family.multiplier, config) == {"array": 64, "in_dsp": 64}
    assert config.scratchpad_bytes >= 64 << 10
    found = memories(made.step / MEMORIES)
    assert found and not [memory for memory in found if memory.collisions]
    assert (made.step / EMULATION).read_text().split() == []
