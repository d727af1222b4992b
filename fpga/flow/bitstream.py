"""From a configuration and a board to a bitstream and a report."""

import dataclasses
import json
import math
import shutil
from collections.abc import Callable
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

from weft.fpga.boards.board import Board
from weft.fpga.flow import design, floorplan, placement, synthesis
from weft.fpga.flow.design import NAME, Design
from weft.fpga.flow.family import Family
from weft.fpga.flow.fit import check_fits, check_memory, too_large
from weft.fpga.flow.netlist import Netlist
from weft.fpga.flow.steps import Done, Steps, source_digest
from weft.fpga.flow.timing import clock, critical_path
from weft.fpga.flow.tools import YOSYS, ToolFailure
from weft.fpga.flow.top import Core
from weft.fpga.flow.utilisation import Unit, units
from weft.fpga.report.collect import collect
from weft.fpga.report.page import render
from weft.gen.config import Config
from weft.gen.errors import MismatchError, WeftError
from weft.sim import cache
from weft.sim.output import check_writable, staged

ROOT = Path(__file__).resolve().parents[2]
SOURCES = tuple(ROOT / name for name in ("hdl", "gen", "fpga"))
SEEDS = range(1, 1 << 31)

Tell = Callable[[str, str], None]  # step, what it does now


@dataclasses.dataclass(frozen=True)
class Options:
    """What a user may choose. `mhz`, `seed`: clock and seed of placement, None for the board's; `keep`: write the bitstream even if
    timing is not met; `command`: as typed, for the report."""

    mhz: float | None = None
    seed: int | None = None
    keep: bool = False
    command: str = ""


@dataclasses.dataclass(frozen=True)
class Synthesised:
    """A design after synthesis."""

    family: Family
    design: Design
    netlist: Netlist
    units: list[Unit]
    step: Done


def check_tools(family: Family) -> None:
    """Raise `ToolError` if a program is missing."""
    for tool in (YOSYS, family.placer, family.packer):
        tool.check()


def steps_folder() -> Path:
    """Where the results of steps are kept."""
    return cache.folder() / "fpga"


def synthesised(core: Core, board: Board, mhz: float, steps: Steps, tell: Tell = lambda step, text: None) -> Synthesised:
    """Elaborate and synthesise `core` for `board`."""
    family = design.family_of(board)

    def elaborate(folder: Path) -> None:
        made = design.make(core, board, mhz)
        (folder / f"{NAME}.v").write_text(made.verilog)
        (folder / "design.json").write_text(json.dumps(dataclasses.asdict(made) | {"hertz": str(made.hertz), "verilog": ""}))

    packages = [metadata.version(name) for name in ("amaranth", "amaranth-boards")]
    done = steps.make("elaboration", {}, (f"{NAME}.v", "design.json"), elaborate, core.key, repr(board), str(mhz), source_digest(*SOURCES),
                      *packages)
    facts = json.loads((done / "design.json").read_text())
    made = Design(**facts | {"hertz": Fraction(facts["hertz"]), "verilog": (done / f"{NAME}.v").read_text()})
    step = synthesis.synthesise(steps, family, board.device, done / f"{NAME}.v", lambda text: tell("synthesis", text))
    netlist = Netlist(step / synthesis.NETLIST, NAME)
    return Synthesised(family, made, netlist, units(netlist, family), step)


def build(config: Config, core: Core, board: Board, out: Path, options: Options, tell: Tell = lambda step, text: None,
          done: Callable[[Done], None] = lambda step: None) -> dict[str, Any]:
    """Write bitstream, report.json, report.html and what they were made from to `out`; return the report.

    `tell` gets what is being done, `done` every finished step. Raises `WeftError` if the design does not fit, `ToolError` if a
    tool is missing, `MismatchError` after writing everything if the clock is too slow: then without the bitstream unless
    `options.keep`.
    """
    mhz = board.mhz if options.mhz is None else options.mhz
    seed = board.seed if options.seed is None else options.seed
    if seed not in SEEDS:
        raise WeftError(f"--seed {seed}", where="command line", why="nextpnr takes seeds from 1 to 2147483647", fix="use 1")
    if not math.isfinite(mhz):
        raise WeftError(f"--freq {mhz}", where="command line", why="a frequency is a number of MHz", fix=f"use {board.mhz:g}")
    family = design.family_of(board)
    check_tools(family)
    design.clock_setting(board, mhz)
    check_writable(out)
    for name in (f"{NAME}.{family.suffix}", "report.json", "report.html"):  # of an earlier run
        (out / name).unlink(missing_ok=True)
    check_writable(steps_folder(), "$WEFT_CACHE")
    check_memory(config, board)
    steps = Steps(steps_folder(), lambda name: tell(name, ""), done)
    made = synthesised(core, board, mhz, steps, tell)
    check_fits(made.units, config, board)
    die = floorplan.DIES.get(board.device.name)
    hard = family.cells["DSP"] | family.cells["block RAM"]
    blocks = [name for name, cell in made.netlist.cells.items() if cell["type"] in hard]
    fixed = floorplan.places(blocks, die) if die else {}
    try:
        placed = placement.place(steps, family, made.design.place, made.step / synthesis.NETLIST, made.design.constraints, seed,
                                 fixed, lambda text: tell("placement", text))
    except ToolFailure as failure:
        raise too_large(failure, made.units, config, board) or failure from None
    report = json.loads((placed / placement.REPORT).read_text())
    met = clock(report)[0] >= float(made.design.hertz) / 1e6
    packed = placement.pack(steps, family, made.design.pack, placed / f"{NAME}.{family.routed}")
    stream = f"{NAME}.{family.suffix}" if met or options.keep else None
    result = collect(config, board, made, report, critical_path(report, made.netlist), steps.done, seed=seed,
                     command=options.command, met=met, bitstream=stream)
    with staged(out) as folder:
        if stream:
            shutil.copyfile(packed / stream, folder / stream)
        (folder / f"{NAME}.v").write_text(made.design.verilog)
        (folder / f"{NAME}.{family.constraints}").write_text(made.design.constraints)
        shutil.copyfile(made.step / synthesis.LOG, folder / "yosys.log")
        shutil.copyfile(placed / placement.LOG, folder / "nextpnr.log")
        (folder / "report.json").write_text(json.dumps(result, indent=1))
        (folder / "report.html").write_text(render(result))
    if not met:
        raise _slow(result, out)
    return result


def _slow(report: dict[str, Any], out: Path) -> MismatchError:
    path, achieved = report["path"], report["clock"]["achieved_mhz"]
    return MismatchError(
        f"timing is not met: {achieved:.1f} MHz where {report['clock']['mhz']:g} are wanted", where=f"{path['start']} to {path['end']}",
        why=f"{path['logic_ns']:.1f} ns in {path['levels']} levels of logic and {path['routing_ns']:.1f} ns on the way between them; "
        f"all hops in {out / 'report.html'}",
        fix=f"--freq {int(achieved)}, another --seed, or fewer levels of logic there; --keep writes the bitstream all the same")


