"""The simulator itself, tested with a small design whose every cycle is known (see copier.py)."""

import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from weft.gen import csr, verilog
from weft.gen.config import Config
from weft.gen.errors import ToolError
from weft.gen.isa import State, Unit
from weft.gen.sections import Array, Axi
from weft.sim import build, cache
from weft.sim.simulator import BusViolation, RegisterError, Simulator
from weft.verif.tests.copier import BURST, Copier

CONFIG = Config(array=Array(4, 4), axi=Axi(data_bits=32))
LINE = CONFIG.line_bytes
SOURCE, TARGET = 0x10000, 0x40000
SLVERR, DECERR = 2, 3


@pytest.fixture(scope="module")
def text() -> str:
    return verilog.convert(Copier(CONFIG), "npu")


def start(simulator: Simulator, size: int, source: int = SOURCE) -> None:
    for name, value in (("WINDOW0_BASE", source), ("WINDOW0_SIZE", size), ("WINDOW1_BASE", TARGET), ("CONTROL", 1)):
        simulator.csr_write(csr.BY_NAME[name].offset, value)


def noise(size: int) -> bytes:
    return np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8).tobytes()


def copied(simulator: Simulator, size: int = 64 * LINE) -> int:
    """Copy noise; the cycles from START to the interrupt."""
    data = noise(size)
    simulator.load(SOURCE, data)
    start(simulator, size)
    begin = simulator.cycle
    assert simulator.run(100_000)
    assert simulator.read(TARGET, size) == data
    simulator.csr_write(csr.BY_NAME["INTR_STATE"].offset, 3)
    return simulator.cycle - begin


def test_copies_and_counts_beats(text: str) -> None:
    with Simulator(CONFIG, verilog=text) as simulator:
        simulator.set_windows([(SOURCE, 64 * LINE, 1), (TARGET, 64 * LINE, 2)])
        copied(simulator)
        assert simulator.bus_beats() == (64, 64)
        assert simulator.bus_idle


def test_latency_moves_every_burst(text: str) -> None:
    """One burst at a time: each read and each write response waits out the latency, so 16 bursts feel it 32 times."""
    with Simulator(CONFIG, verilog=text) as simulator:
        times = {}
        for latency in (20, 50):
            simulator.set_dram_timing(bytes_per_cycle=LINE, latency=latency)
            times[latency] = copied(simulator)
        assert times[50] - times[20] == (50 - 20) * 2 * (64 // BURST)


def test_bandwidth_bounds_the_beats(text: str) -> None:
    """At one byte a cycle 128 beats need 128 * LINE cycles, less what was saved up while the bus was idle."""
    with Simulator(CONFIG, verilog=text) as simulator:
        simulator.set_dram_timing(bytes_per_cycle=1, latency=1)
        slow = copied(simulator)
        simulator.set_dram_timing(bytes_per_cycle=LINE, latency=1)
        assert slow >= 128 * LINE * 3 // 4
        assert copied(simulator) < slow / 2


@pytest.mark.parametrize("response", [SLVERR, DECERR])
def test_injected_faults_corrupt_what_they_cover(text: str, response: int) -> None:
    with Simulator(CONFIG, verilog=text) as simulator:
        data = noise(64 * LINE)
        simulator.load(SOURCE, data)
        simulator.inject(SOURCE + 5 * LINE, SOURCE + 6 * LINE - 1, response)
        start(simulator, 64 * LINE)
        assert simulator.run(100_000)
        expected = data[:5 * LINE] + bytes(LINE) + data[6 * LINE:]
        assert simulator.read(TARGET, 64 * LINE) == expected


def test_burst_outside_the_windows_is_a_violation(text: str) -> None:
    with Simulator(CONFIG, verilog=text) as simulator:
        simulator.set_windows([(SOURCE, 32 * LINE, 1), (TARGET, 64 * LINE, 2)])
        start(simulator, 64 * LINE)
        with pytest.raises(BusViolation, match=f"read burst outside every readable window .address {SOURCE + 32 * LINE:#x}"):
            simulator.run(100_000)


def test_burst_across_4_kib_is_a_violation() -> None:
    with Simulator(CONFIG, verilog=verilog.convert(Copier(CONFIG, cross=True), "npu")) as simulator:
        start(simulator, 64 * LINE)
        with pytest.raises(BusViolation, match="crosses a 4 KiB boundary"):
            simulator.run(100_000)


def test_error_response_of_a_register_is_reported(text: str) -> None:
    with Simulator(CONFIG, verilog=text) as simulator:
        with pytest.raises(RegisterError, match="0xffc: response 2"):
            simulator.csr_write(0xFFC, 0)
        assert simulator.csr_read(csr.BY_NAME["ID"].offset) == csr.IDENTITY


def test_profile_accounts_for_every_cycle(text: str) -> None:
    """4,096 bursts outgrow the samples' first width several times; nothing may be lost in merging."""
    with Simulator(CONFIG, verilog=text) as simulator:
        size = 4096 * BURST * LINE
        simulator.begin_profile(2)
        start(simulator, size)
        assert simulator.run(10_000_000)
        profile = simulator.end_profile()
    assert profile.samples.sum(axis=(0, 2)).tolist() == [profile.cycles] * len(Unit)
    assert profile.sample_width >= profile.cycles / 1024
    assert len(profile.samples) == -(-profile.cycles // profile.sample_width)
    # Every burst asks for one cycle, and is written in at least one cycle a beat.
    assert profile.histogram[Unit.LOAD, 0, State.STALL_BUS] == 4096
    assert profile.histogram[Unit.STORE, 1, State.RUN] >= 4096 * BURST
    assert profile.histogram[Unit.LOAD, 1].sum() == profile.histogram[Unit.MATRIX].sum() == 0
    states = profile.unit_states()
    assert states["load"]["run"] == profile.histogram[Unit.LOAD, 0, State.RUN]
    assert profile.spans[Unit.MATRIX].tolist() == [[-1, -1], [-1, -1]]
    first, last = profile.spans[Unit.STORE, 1]
    assert profile.spans[Unit.LOAD, 0, 0] < first < last <= profile.cycles


def test_memories_are_visible(text: str) -> None:
    with Simulator(CONFIG, verilog=text) as simulator:
        copied(simulator)
        (view,) = simulator.memories().values()
        assert view[:BURST].tobytes() == noise(64 * LINE)[-BURST * LINE:]


@pytest.mark.integration
def test_waveform_holds_only_its_window(text: str, tmp_path: Path) -> None:
    with Simulator(CONFIG, verilog=text, trace=True) as simulator:
        simulator.trace(tmp_path / "w.vcd", 100, 120)
        copied(simulator)
        simulator.end_trace()
    times = [int(line[1:]) for line in (tmp_path / "w.vcd").read_text().splitlines() if line.startswith("#")]
    assert min(times) == 200
    assert max(times) == 241


def test_missing_compiler_is_a_tool_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ToolError, match=r"no C\+\+ compiler"):
        Simulator(CONFIG, verilog=text)


def test_missing_compiler_named_by_cxx_is_not_replaced_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ToolError, match=r"(?s)'no-such-compiler'.*where: \$CXX.*fix  : set CXX"):
        build.check_tools()


@pytest.mark.integration
def test_two_builders_make_one_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path))
    steps: list[str] = []
    threads = [threading.Thread(target=build.build, args=(text, LINE), kwargs={"progress": steps.append}) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert steps.count("translating Verilog to C++") == 1
    assert len(list(tmp_path.glob("npu-*.so"))) == 1
    assert not list(tmp_path.glob("build-*"))


def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path: Path) -> None:
    place = tmp_path / "build-0"
    place.mkdir()
    (place / "half.o").touch()
    with cache.staging(place) as folder:
        assert folder == place
        assert not list(folder.iterdir())
        (folder / "whole.o").touch()
    assert not place.exists()


def test_compiler_failure_names_the_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\n[ \"$1\" = --version ] && exit 0\necho 'no space left' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ToolError, match=r"(?s)broken failed with code 1.*no space left.*name one in \$CXX") as caught:
        build.build(text, LINE)
    assert caught.value.exit_code == 3
    assert not list((tmp_path / "cache").glob("npu-*.so"))
    assert subprocess.run([broken, "--version"], check=False).returncode == 0


def test_translator_failure_is_not_blamed_on_the_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path))
    with pytest.raises(ToolError, match=r"(?s)verilator_bin failed with code 1.*missing_part") as caught:
        build.build("module npu(); missing_part part(); endmodule\n", LINE)
    assert "a bug in weft" in caught.value.fix and "compiler" not in caught.value.fix
    assert caught.value.exit_code == 3
    assert not list(tmp_path.glob("build-*"))
