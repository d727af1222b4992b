"""What Yosys made of each memory, and whether it added logic for collisions."""

import dataclasses
import re
from pathlib import Path

_BLOCK = re.compile(r"^Memory (\S+) mapping candidates \(after post-geometry prune\):\n((?:[- ].*\n)*)", re.MULTILINE)
_CHOICE = re.compile(r"^mapping memory (\S+) via (\S+)$", re.MULTILINE)
_LOGIC = re.compile(r"^using FF mapping for memory (\S+)$", re.MULTILINE)
_ADDED = re.compile(r"^ +- emulate (read-first behavior|transparency .*|write priority .*)$", re.MULTILINE)
KINDS = {"$__DP16KD_": "block RAM", "$__PDPW16KD_": "block RAM", "$__ICE40_RAM4K_": "block RAM", "$__ICE40_SPRAM_": "SPRAM",
         "$__TRELLIS_DPR16X4_": "LUT RAM", "$__GOWIN_SP_": "block RAM", "$__GOWIN_SDP_": "block RAM", "$__GOWIN_DP_": "block RAM",
         "$__GOWIN_LUTRAM_": "LUT RAM"}
REGISTERS = "registers"


@dataclasses.dataclass(frozen=True)
class Memory:
    """`name`: path in the source. `kind`: what holds it. `collisions`: what was added so that a word that is read while it
    is written comes out as Amaranth's simulation has it; weft's memories never need that (`hdl.mem.sram`)."""

    name: str
    kind: str
    collisions: list[str]


def memories(log: Path) -> list[Memory]:
    """All memories of the source, from the debug messages of Yosys' memory_libmap. (It makes read-only ones out of decoders, too.)"""
    text = log.read_text()
    added = {}
    for name, block in _BLOCK.findall(text):
        # One block a candidate, each headed by a line "- $__NAME_:".
        for candidate in re.split(r"^- ", block, flags=re.MULTILINE)[1:]:
            added[name, candidate.partition(":")[0]] = list(dict.fromkeys(_ADDED.findall(candidate)))
    found = [Memory(_source(name), KINDS.get(choice, choice), added.get((name, choice), [])) for name, choice in _CHOICE.findall(text)]
    found += [Memory(_source(name), REGISTERS, []) for name in _LOGIC.findall(text)]
    return sorted((memory for memory in found if not memory.name.startswith("$")), key=lambda memory: memory.name)


def _source(name: str) -> str:
    """Without the top module."""
    return name.partition(".")[2]
