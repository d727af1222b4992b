"""Places for block RAMs and multipliers, chosen before nextpnr places the rest."""

import dataclasses
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from weft.fpga.flow.design import NAME

ATTRIBUTE = "BEL"  # with it nextpnr takes a cell's place as given


@dataclasses.dataclass(frozen=True)
class Die:
    """Where a die has its blocks: rows of them, from the top, in groups of four from the left.

    `memories`, `multipliers`: y of the rows. `memory_x`, `multiplier_x`: x of each group's four blocks. Names are those of nextpnr's
    database (prjtrellis).
    """

    memories: tuple[int, ...]
    multipliers: tuple[int, ...]
    memory_x: tuple[tuple[int, ...], ...]
    multiplier_x: tuple[tuple[int, ...], ...]

    def memory(self, row: int, group: int, slot: int) -> str | None:
        """Name of a block RAM; None if the die does not have it."""
        if row < len(self.memories) and group < len(self.memory_x):
            return f"X{self.memory_x[group][slot]}/Y{self.memories[row]}/EBR{slot}"
        return None

    def multiplier(self, row: int, group: int, slot: int) -> str | None:
        """Name of an 18 x 18 multiplier, likewise. A group is one DSP block: its four share clock enables."""
        if row < len(self.multipliers) and group < len(self.multiplier_x):
            return f"X{self.multiplier_x[group][slot]}/Y{self.multipliers[row]}/MULT18_{(0, 1, 4, 5)[slot]}"
        return None


_LEFT = (4, 13, 22, 31, 40, 49, 58, 69, 78, 87, 96, 105, 114)  # x of a group's first block
ECP5_85 = Die((22, 46, 70, 82), (10, 34, 58),
              tuple((x, x + 2, x + 4, x + 6) for x in _LEFT), tuple((x, x + 1, x + 4, x + 5) for x in _LEFT))
DIES = {"LFE5U-85F": ECP5_85, "LFE5UM5G-85F": ECP5_85}

_TOP, _MIDDLE, _LOW = 0, 1, 2  # rows of block RAM
_ARRAY = 1  # the first of the two rows of multipliers that the array lies in: the scratchpad's row of block RAM is between them
_BEHIND = 8  # first group beside the array


def _element(die: Die, row: int, column: int) -> str | None:
    """A processing element: two rows by two columns of the array make a group, so that a group needs few swaps (an element's comes one
    cycle after that of its upper and of its left neighbour, and a DSP block has four clock enables). The first column is in the middle
    of the die, where the scratchpad's lines are aligned."""
    group = _BEHIND - 2 - 2 * (column // 2) + row // 2 % 2
    return die.multiplier(_ARRAY + row // 4, group, 2 * (row % 2) + column % 2) if group >= 0 else None


def _main_memory(die: Die, piece: int) -> str | None:
    """The top row, and what does not fit there at the right end of the middle one."""
    top = 4 * len(die.memory_x)
    return die.memory(_TOP, piece // 4, piece % 4) if piece < top else die.memory(_MIDDLE, _BEHIND + 2 + (piece - top) // 4, piece % 4)


def _parameters(die: Die, name: str, piece: int) -> str | None:
    """Parameter sets lie beside the lanes' multipliers: eight blocks for a field of 32 bits in eight columns, fewer for the shifts."""
    place = 8 * ("pre", "multiplier", "shift").index(name) + piece
    return die.memory(_LOW, _BEHIND + place // 4, place % 4)


# Name of a cell -> its block. A name without a rule, or whose block the die does not have, is left to nextpnr.
_PIECE = r"\.array\.\d+\.(\d+)$"
RULES: tuple[tuple[str, Callable[..., str | None]], ...] = (
    (r"matrix\.array\.pe_(\d+)_(\d+)\.multiplier\.block$", lambda die, row, column: _element(die, int(row), int(column))),
    (r"\.scale_(\d+)\.(high|low|cross_1|cross_2)_\d+\.block$", lambda die, lane, name: die.multiplier(
        _ARRAY + int(lane) % 2, _BEHIND + int(lane) // 2, ("high", "low", "cross_1", "cross_2").index(name))),
    (r"accumulators\.bank_(\d)" + _PIECE, lambda die, bank, piece: die.memory(_LOW, _BEHIND - 1 - int(piece), int(bank))
     if int(piece) < _BEHIND else None),
    (r"parameters\.(pre|multiplier|shift)" + _PIECE, lambda die, name, piece: _parameters(die, name, int(piece))),
    (r"scratchpad\.(even|odd)_(\d)" + _PIECE, lambda die, half, bank, piece: die.memory(
        _MIDDLE, 2 * int(bank) + (half == "odd"), int(piece)) if int(piece) < 4 else None),
    (r"\.table_(\d)\.memory" + _PIECE, lambda die, lane, piece: die.memory(_MIDDLE, _BEHIND, int(lane)) if int(lane) < 4 else None),
    (r"fetch\.buffer\.sram" + _PIECE, lambda die, piece: die.memory(_MIDDLE, _BEHIND + 1, int(piece)) if int(piece) < 4 else None),
    (r"memory\.ram" + _PIECE, lambda die, piece: _main_memory(die, int(piece))),
)


def places(cells: Iterable[str], die: Die) -> dict[str, str]:
    """Cell -> block, for cells that a rule knows; no block twice.

    nextpnr's placers begin with an equation whose only fixed points are the pins, of which an image has eleven: everything starts in
    one heap, and what spreads it does not know which unit belongs where. With these blocks in place wires are shorter by a third
    and placing takes a fourth of the time (docs/fpga.md).
    """
    found: dict[str, str] = {}
    for cell in sorted(cells):
        for pattern, rule in RULES:
            if match := re.search(pattern, cell):
                block = rule(die, *match.groups())
                if block is not None and block not in found.values():
                    found[cell] = block
                break
    return found


def apply(file: Path, chosen: dict[str, str]) -> None:
    """Write the places into Yosys' netlist `file`."""
    design = json.loads(file.read_text())
    cells = design["modules"][NAME]["cells"]
    for cell, block in chosen.items():
        cells[cell].setdefault("attributes", {})[ATTRIBUTE] = block
    file.write_text(json.dumps(design))
