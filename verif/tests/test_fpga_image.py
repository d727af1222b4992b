"""The whole image for a board: what a release promises of it."""

from pathlib import Path

import pytest

from weft.fpga.boards.board import find
from weft.fpga.flow.bitstream import Options, build
from weft.fpga.flow.core import image
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
    units = {unit["path"] for unit in report["units"]}
    assert {"image.npu", "image.link", "image.memory"} <= units
