"""A core on a board, as text for the tools: Verilog, pin constraints, and their command lines."""

import dataclasses
import json
from fractions import Fraction
from typing import Any

from weft.fpga.boards.board import Board
from weft.fpga.flow.family import FAMILIES, Family
from weft.fpga.flow.top import Core, Top
from weft.fpga.technology.pll import MHZ, Setting, closest
from weft.gen import verilog
from weft.gen.naming import source_names

NAME = "weft"  # top module and stem of all files


@dataclasses.dataclass(frozen=True)
class Design:
    """`hertz`: exact clock. `verilog`, `constraints`: file contents. `place`, `pack`: command lines for the board."""

    hertz: Fraction
    verilog: str
    constraints: str
    place: list[str]
    pack: list[str]


def family_of(board: Board) -> Family:
    """The family of the board's FPGA."""
    return FAMILIES[board.device.family]


def clock_setting(board: Board, mhz: float) -> Setting | None:
    """What the PLL has to do, None if the board's own clock is wanted. Raises `WeftError` if the PLL cannot make that."""
    family, input_hz = family_of(board), Fraction(board.platform_class()().default_clk_frequency)
    if Fraction(str(mhz)) * MHZ == input_hz:
        return None
    return closest(family.settings(input_hz), mhz, input_hz, family.output, board.title)


def make(core: Core, board: Board, mhz: float) -> Design:
    """Elaborate `core` on `board` with a clock of `mhz`. Raises `WeftError` if the PLL cannot make that."""
    family, base = family_of(board), board.platform_class()

    technology = family.technology if board.device.blocks["DSP"] else ()  # all forms there are so far are of DSP blocks

    class Platform(*technology, base):  # type: ignore[misc, valid-type]
        """The board and its technology; keeps the design, whose Verilog is written by weft's own passes."""

        def toolchain_prepare(self, design: Any, name: str, **options: Any) -> Any:
            verilog.skip_zeros(design)
            self.kept = design
            return super().toolchain_prepare(design, name, **options)

    platform = Platform()
    setting = clock_setting(board, mhz)
    pll, hertz = (family.pll, setting) if setting else None, setting.hertz if setting else Fraction(platform.default_clk_frequency)
    with source_names():  # for the report: they change no logic
        plan = platform.prepare(Top(core, board, pll, hertz), NAME, emit_src=False)
    text = verilog.from_rtlil(_text(plan, f"{NAME}.il"), platform.kept, NAME)
    commands = {command[0].split("-")[0]: command for command in json.loads(_text(plan, f"build_{NAME}.json"))["commands"]}
    place, pack = (family.adapt(commands[name], board.device, float(hertz) / MHZ) for name in ("nextpnr", family.packs))
    return Design(hertz, text, _text(plan, f"{NAME}.{family.constraints}"), place, pack)


def _text(plan: Any, name: str) -> str:
    content = plan.files[name]
    return content if isinstance(content, str) else content.decode()
