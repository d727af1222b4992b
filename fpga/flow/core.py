"""The core of an image: accelerator, main memory and host link."""

import json
from fractions import Fraction
from typing import Any

from weft.fpga.boards.board import Board
from weft.fpga.flow.top import Core
from weft.gen.config import Config


def image(config: Config, board: Board) -> Core:
    """The stand-alone image of `config` with the memory that `board` states."""
    def make(hertz: Fraction) -> Any:
        from weft.hdl.image import Image, ImageOptions  # noqa: PLC0415 - the hardware language takes a second to import

        return Image(config, ImageOptions(memory_kib=board.memory_kib, clock_hz=round(hertz)))

    return Core(json.dumps(config.canonical()), make)
