"""The floorplan: blocks that exist, none twice, clock enables that a DSP block has; what it does not know is left alone."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from weft.fpga.boards.device import DEVICES
from weft.fpga.flow.design import NAME
from weft.fpga.flow.family import ECP5
from weft.fpga.flow.floorplan import ATTRIBUTE, DIES, ECP5_85, apply, places
from weft.fpga.flow.tools import ToolFailure

# As Yosys names the cells of an 8 x 8 accelerator with two vector lanes.
ARRAY = [f"image.npu.matrix.array.pe_{row}_{column}.multiplier.block" for row in range(8) for column in range(8)]
LANES = [f"image.npu.vector.lanes_177.scale_{lane}.{name}_{12 + lane}.block"
         for lane in range(2) for name in ("high", "low", "cross_1", "cross_2")]
MEMORIES = [f"image.npu.{memory}.array.0.{piece}" for memory, pieces in (
    *((f"scratchpad.{half}_{bank}", 4) for half in ("even", "odd") for bank in range(4)),
    *((f"accumulators.bank_{bank}", 8) for bank in range(2)), ("vector.parameters.pre", 8), ("vector.parameters.multiplier", 8),
    ("vector.parameters.shift", 3), ("vector.lanes_177.table_0.memory", 1), ("vector.lanes_177.table_1.memory", 1),
    ("control.fetch.buffer.sram", 4)) for piece in range(pieces)]
MAIN = [f"image.memory.ram.array.0.{piece}" for piece in range(64)]


def _blocks() -> dict[str, str]:
    """Name of every block -> type of its cell."""
    rows, groups, slots = range(4), range(13), range(4)
    found = {ECP5_85.memory(row, group, slot): "DP16KD" for row in rows for group in groups for slot in slots}
    found |= {ECP5_85.multiplier(row, group, slot): "MULT18X18D" for row in rows for group in groups for slot in slots}
    return {block: kind for block, kind in found.items() if block is not None}


def _netlist(file: Path, cells: dict[str, str]) -> None:
    module = {"attributes": {"top": 1}, "ports": {}, "netnames": {}, "cells": {
        name: {"hide_name": 0, "type": kind, "parameters": {}, "attributes": {}, "port_directions": {}, "connections": {}}
        for name, kind in cells.items()}}
    file.write_text(json.dumps({"creator": "weft", "modules": {NAME: module}}))


def _accepts(folder: Path, fixed: dict[str, str], kinds: dict[str, str]) -> None:
    """nextpnr takes these places, or `ToolFailure`."""
    _netlist(folder / "netlist.json", kinds)
    apply(folder / "netlist.json", fixed)
    ECP5.placer.run(["--85k", "--package", "CABGA381", "--json", "netlist.json", "--lpf-allow-unconstrained", "--no-route"],
                        folder, lambda line: None)


def test_the_die_is_as_nextpnr_knows_it(tmp_path: Path) -> None:
    blocks = _blocks()
    assert len(blocks) == 208 + 156
    cells = {f"cell_{number}": kind for number, kind in enumerate(blocks.values())}
    _accepts(tmp_path, dict(zip(cells, blocks, strict=True)), cells)
    with pytest.raises(ToolFailure):
        _accepts(tmp_path, {"cell": "X5/Y22/EBR0"}, {"cell": "DP16KD"})


def test_every_block_of_an_accelerator_has_its_place() -> None:
    found = places([*ARRAY, *LANES, *MEMORIES, *MAIN], ECP5_85)
    assert set(found) == {*ARRAY, *LANES, *MEMORIES, *MAIN}
    assert len(set(found.values())) == len(found) and set(found.values()) <= set(_blocks())


def test_a_dsp_block_gets_few_clock_enables() -> None:
    """An element swaps a cycle after its left and upper neighbours; one more enable is the constant of the other registers."""
    found, swaps = places(ARRAY, ECP5_85), defaultdict(set)
    for row in range(8):
        for column in range(8):
            place = found[f"image.npu.matrix.array.pe_{row}_{column}.multiplier.block"]
            group = next(number for number, xs in enumerate(ECP5_85.multiplier_x) if int(place[1:place.index("/")]) in xs)
            swaps[group, place.split("/")[1]].add(row + column)
    assert len(swaps) == 16 and max(map(len, swaps.values())) <= 3


def test_what_it_does_not_know_is_left_to_nextpnr(tmp_path: Path) -> None:
    large = [f"image.npu.scratchpad.even_0.array.0.{piece}" for piece in range(8)]
    others = ["image.npu.other.array.0.0", "image.npu.matrix.array.pe_0_0.multiplier.b_TRELLIS_FF_Q",
              "image.npu.matrix.array.pe_15_15.multiplier.block"]
    found = places([*large, *others], ECP5_85)
    assert set(found) == set(large[:4])
    _netlist(tmp_path / "netlist.json", {"a": "DP16KD", "b": "DP16KD"})
    apply(tmp_path / "netlist.json", {"a": "X4/Y22/EBR0"})
    cells = json.loads((tmp_path / "netlist.json").read_text())["modules"][NAME]["cells"]
    assert {name: cell["attributes"] for name, cell in cells.items()} == {"a": {ATTRIBUTE: "X4/Y22/EBR0"}, "b": {}}


def test_dies_belong_to_boards() -> None:
    assert set(DIES) <= set(DEVICES)
