"""`weft sim` on the example network and the smallest configuration: results, report, waveforms, verbs that read them."""

import html.parser
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from weft.gen import isa
from weft.gen.cli import main
from weft.gen.compiler import compile_network
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.frontend import encode_input, load
from weft.gen.isa import Cause, Unit
from weft.sim.check import difference
from weft.sim.execute import IMAGE, DeviceFailure, DramTiming, Executor, SampleResult, execute
from weft.sim.profile import Profile
from weft.sim.traffic import Traffic, layer_traffic
from weft.sim.waves import MARGIN, Request

ROOT = Path(__file__).resolve().parents[2]
MODEL, INPUTS, CONFIG = ROOT / "examples/digits/digits.onnx", ROOT / "examples/digits/digits.npz", ROOT / "configs/tiny4.toml"
SAMPLES = 3

pytestmark = pytest.mark.integration


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(map(str, arguments)))
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one run, with the waveform of the first layer."""
    out = tmp_path_factory.mktemp("run") / "deep" / "out"
    assert run("sim", MODEL, INPUTS, "--config", CONFIG, "--samples", SAMPLES, "--out", out, "--waves", "1") == 0
    return out


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "report.json").read_text()))


def test_outputs_equal_onnxruntime(folder: Path) -> None:
    session = onnxruntime.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    samples = np.load(INPUTS)["x"][:SAMPLES].astype(np.float32)
    expected = np.concatenate([session.run(None, {source.name: sample[None]})[0] for sample in samples])
    (given,) = np.load(folder / "outputs.npz").values()
    assert given.dtype == expected.dtype
    assert np.array_equal(given, expected)


def test_report_states_what_was_checked(report: dict[str, Any]) -> None:
    assert report["inputs"] == SAMPLES
    assert report["reference"]["name"] == "onnxruntime"
    assert report["reference"]["version"] == onnxruntime.__version__
    wrong = report["mismatches"]
    assert (wrong["golden"], wrong["reference"], wrong["tensors"], wrong["details"]) == (0, 0, 0, [])
    assert wrong["tensors_compared"] >= len(report["layers"]) * SAMPLES


def test_cycles_of_layers_add_up(report: dict[str, Any]) -> None:
    assert sum(layer["cycles"] for layer in report["layers"]) == report["cycles_per_inference"] == report["counters"]["CYCLES"]
    assert report["utilization"] == pytest.approx(report["macs"] / report["cycles_per_inference"] / 16)
    assert sum(layer["macs"] for layer in report["layers"]) == report["macs"]
    assert all(0 <= layer["utilization"] <= 1 and layer["cycles"] >= 0 for layer in report["layers"])


def test_trace_ports_agree_with_the_hardware_counters(report: dict[str, Any]) -> None:
    """Cycles by state, once observed from outside and once counted inside; the edges of a run may differ by a few idle cycles."""
    for unit, states in report["units"].items():
        for state, cycles in states.items():
            counted = report["counters"][f"{unit.upper()}_{state.upper()}"]
            assert abs(cycles - counted) <= (16 if state == "idle" else 0), (unit, state)


def test_counted_traffic_is_what_the_program_moves(report: dict[str, Any]) -> None:
    network = compile_network(load(MODEL), Config.load(CONFIG))
    total = Traffic()
    for part in layer_traffic(network.program, [0] * len(network.program), 1, network.config):
        total.add(part)
    fetched = report["dram_bytes"]["read"] - total.dram_read
    assert len(network.program) * isa.WORD_BYTES <= fetched <= network.program_bytes
    assert report["dram_bytes"]["write"] == total.dram_write
    vectors = report["counters"]["MATRIX_VECTORS"]
    assert vectors * 16 >= report["macs"]


def test_page_is_well_formed_and_loads_nothing(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    checker = _Checker()
    checker.feed(text)
    assert checker.open == []
    assert checker.svgs >= 5
    assert not [value for value in checker.links if not value.startswith("#")]
    assert "bit-exact" in text


class _Checker(html.parser.HTMLParser):
    """Every element is closed in order; collects what would be fetched."""

    VOID = ("meta", "link", "br", "img", "hr")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.svgs = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        self.svgs += tag == "svg"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_waveform_and_session(folder: Path, report: dict[str, Any]) -> None:
    lines = (folder / "waves.vcd").read_text().splitlines()
    cycles = {int(line[1:]) // 2 for line in lines if line.startswith("#")}
    # The layer from its first to its last working cycle, and the margins; nothing else.
    work = [interval for unit in report["layers"][0]["active"].values() for interval in unit]
    first, last = min(first for first, _ in work), max(last for _, last in work)
    assert len(cycles) == max(cycles) - min(cycles) + 1 == last + MARGIN - max(0, first - MARGIN) + 1
    names = {f"{line.split()[4]}{''.join(line.split()[5:-1])}" for line in lines if line.lstrip().startswith("$var")}
    shown = [line.removeprefix("TOP.npu.") for line in (folder / "waves.gtkw").read_text().splitlines() if line.startswith("TOP.")]
    assert len(shown) > 20
    assert set(shown) <= names


def test_waveform_window_outside_the_run_is_refused(report: dict[str, Any]) -> None:
    network, cycles = compile_network(load(MODEL), Config.load(CONFIG)), report["cycles_per_inference"]
    request = Request.parse(f"{10 * cycles}:{11 * cycles}", network)
    profile = Profile(cycles, *(np.zeros(0) for _ in range(2)), 1, np.zeros(0))
    with pytest.raises(WeftError, match=f"the run ends after {cycles} cycles"):
        request.cycles(network, profile)


def test_report_verb_prints_the_run_again(folder: Path, report: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("report", folder) == 0
    out = capsys.readouterr().out
    assert f"{report['cycles_per_inference']:,} cycles an inference" in out
    assert all(layer["name"] in out for layer in report["layers"])
    assert run("report", folder, "--json") == 0
    assert json.loads(capsys.readouterr().out) == report


def test_two_processes_give_what_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    network = compile_network(graph := load(MODEL), Config.load(CONFIG))
    packed = [network.pack_input(encode_input(graph, sample.astype(np.float32))) for sample in np.load(INPUTS)["x"][:4]]

    def facts(results: list[SampleResult]) -> list[tuple[int, int, bytes, int]]:
        return [(result.index, result.cycles, result.output, len(result.mismatches)) for result in results]

    alone = facts(execute(network, packed, DramTiming()))
    monkeypatch.setattr("weft.sim.execute.PARALLEL_SECONDS", 0.0)
    assert facts(execute(network, packed, DramTiming())) == alone


def test_slow_dram_costs_cycles_and_changes_nothing_else() -> None:
    network = compile_network(graph := load(MODEL), Config.load(CONFIG))
    packed = network.pack_input(encode_input(graph, np.load(INPUTS)["x"][0].astype(np.float32)))
    fast, slow = (execute(network, [packed], timing)[0] for timing in (DramTiming(4, 1), DramTiming(1, 500)))
    assert slow.output == fast.output
    assert not slow.mismatches
    assert slow.cycles > fast.cycles + 500


def test_wrong_weights_are_found() -> None:
    """The comparison with the golden machine must be able to fail: corrupt one constant on the RTL's side only."""
    network = compile_network(graph := load(MODEL), Config.load(CONFIG))
    executor = Executor(network, DramTiming())
    image = bytearray(network.image)
    image[-1] ^= 0x55
    executor.device.write_window(IMAGE, bytes(image))
    result = executor.run(0, network.pack_input(encode_input(graph, np.load(INPUTS)["x"][0].astype(np.float32))))
    executor.simulator.close()
    assert [mismatch.space for mismatch in result.mismatches]


def test_device_error_is_reported_and_survived() -> None:
    network = compile_network(graph := load(MODEL), Config.load(CONFIG))
    packed = network.pack_input(encode_input(graph, np.load(INPUTS)["x"][0].astype(np.float32)))
    executor = Executor(network, DramTiming())
    executor.device.write_window(IMAGE, b"\xff" * 16)
    failed = executor.device.run(len(network.program)).error
    assert failed is not None
    assert (failed.cause, failed.queue, failed.pc) == (Cause.ILLEGAL_OPCODE, isa.CONTROL, 0)
    executor.device.write_window(IMAGE, network.image)
    assert executor.run(1, packed).mismatches == []
    executor.simulator.close()


def test_failures_of_the_machine_end_as_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    network = compile_network(load(MODEL), Config.load(CONFIG))
    executor = Executor(network, DramTiming(), check=False)
    monkeypatch.setattr(executor.device, "_max_cycles", 100)
    with pytest.raises(DeviceFailure, match="RTL stopped on sample 0: no interrupt in 100 cycles") as caught:
        executor.run(0, bytes(network.window_bytes[1]))
    executor.simulator.close()
    assert caught.value.exit_code == 4
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # it may come from another process


def test_bus_error_names_the_load_unit() -> None:
    network = compile_network(load(MODEL), Config.load(CONFIG))
    executor = Executor(network, DramTiming(), check=False)
    base = executor.device.base[1]
    executor.simulator.inject(base, base + network.window_bytes[1] - 1, 3)
    failed = executor.device.run(len(network.program)).error
    executor.simulator.close()
    assert failed is not None
    assert (failed.cause, failed.queue) == (Cause.READ_DECERR, Unit.LOAD)


def test_difference_names_the_first_place() -> None:
    given, expected = np.arange(6, dtype=np.uint8).reshape(2, 3), np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert difference(0, "scratchpad", given, expected) is None
    given[1, 1:] = 9
    found = difference(7, "scratchpad", given, expected)
    assert found is not None
    assert (found.sample, found.count, found.address, found.given, found.expected) == (7, 2, 4, 9, 4)
