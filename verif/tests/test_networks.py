"""Whole networks on the simulated RTL, through `weft.sim.runner.simulate`: every output against engines that weft did not write.

`simulate` compares outputs with the engine run live; here they are compared once more with outputs recorded by others.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.gen.config import Config
from weft.sim import dataflows
from weft.sim.runner import Options, simulate
from weft.verif.tests import third_party
from weft.verif.tests.test_house import ROOT

pytestmark = pytest.mark.integration


def run(tmp_path: Path, model: Path, inputs: Path, config: str, **options: Any) -> tuple[dict[str, Any], np.ndarray]:
    """Report and first output of a run that found no difference anywhere."""
    report = simulate(Config.load(ROOT / "configs" / f"{config}.toml"), model, inputs, tmp_path / "out", Options(**options))
    wrong = report["mismatches"]
    assert (wrong["golden"], wrong["reference"], wrong["tensors"]) == (0, 0, 0)
    assert wrong["tensors_compared"] >= len(report["layers"]) * min(report["inputs"], 10), "every layer's tensor was compared"
    with np.load(tmp_path / "out" / "outputs.npz") as outputs:
        return report, outputs[outputs.files[0]]


@pytest.fixture
def some(request: pytest.FixtureRequest) -> Callable[[int], int | None]:
    """`some(n)`: how many samples to run: n, or all of them with --all-inputs."""
    return lambda count: None if request.config.getoption("--all-inputs") else count


TINY = ("edge8", "edge16", "edge32")


@pytest.mark.parametrize(("name", "config"), [("kws", name) for name in TINY] + [("vww", name) for name in TINY])
def test_mlperf_tiny_with_depthwise_layers(tmp_path: Path, some: Callable[[int], int | None], name: str, config: str) -> None:
    data = third_party.data_path({"kws": "kws_1000.npz", "vww": "vww_9.npz"}[name])
    count = some(3)
    _, outputs = run(tmp_path, third_party.model(f"mlperf_tiny_{name}.tflite"), data, config, samples=count)
    expected = np.load(data)["out_tflm"][:count]
    np.testing.assert_array_equal(outputs.reshape(expected.shape), expected)
    if name == "kws" and count is None:
        assert (outputs.reshape(len(expected), -1).argmax(1) == np.load(data)["y"]).mean() == pytest.approx(0.901), "as tflite-micro"


@pytest.mark.parametrize(("model", "samples"), dataflows.NETWORKS, ids=[Path(model).stem for model, _ in dataflows.NETWORKS])
def test_either_dataflow_gives_the_same_bits(tmp_path: Path, some: Callable[[int], int | None], model: str, samples: str) -> None:
    """Sums that stay wherever there is a MATMUL, in the array that has both dataflows."""
    options = Options(samples=some(1), dataflow="output_stationary")
    report = simulate(dataflows.configuration(), third_party.model(model), third_party.data_path(samples), tmp_path / "out", options)
    wrong = report["mismatches"]
    assert (wrong["golden"], wrong["reference"], wrong["tensors"]) == (0, 0, 0) and report["reference"]["version"], "the engine ran"


def test_digits_with_nothing_but_stationary_sums(tmp_path: Path) -> None:
    base, folder = Config.load(ROOT / "configs" / "tiny4.toml"), ROOT / "examples" / "digits"
    config = dataclasses.replace(base, array=dataclasses.replace(base.array, dataflow="output_stationary"))
    report = simulate(config, folder / "digits.onnx", folder / "digits.npz", tmp_path / "out", Options(samples=20))
    wrong = report["mismatches"]
    assert (wrong["golden"], wrong["reference"], wrong["tensors"]) == (0, 0, 0)


def test_micro_speech(tmp_path: Path) -> None:
    """Its input is reshaped and then padded."""
    report, _ = run(tmp_path, third_party.model("tflm_micro_speech.tflite"), third_party.data_path("micro_speech_4.npz"), "edge16")
    assert report["inputs"] == 4 and report["reference"]["version"], "the engine ran"


@pytest.mark.parametrize(("name", "size", "engine"), [("mobilenet_v2_224", 224, "tflite-micro"),
                                                      ("mobilenet_v1_025_128_uint8", 128, "litert-reference")])
def test_mobilenet(tmp_path: Path, some: Callable[[int], int | None], name: str, size: int, engine: str) -> None:
    """Photographs; for the smaller network the middle of each. Most tensors of the larger one do not fit on chip."""
    start, inputs = (224 - size) // 2, tmp_path / "photos.npy"
    np.save(inputs, np.stack(list(third_party.data("photos_224.npz").values()))[:, start:start + size, start:start + size])
    report, _ = run(tmp_path, third_party.model(f"{name}.tflite"), inputs, "edge16", samples=some(1))
    assert report["reference"]["name"] == engine and report["reference"]["version"], "the engine ran"
    assert report["inputs"] == (some(1) or 5)


def test_digits(tmp_path: Path) -> None:
    folder = ROOT / "examples" / "digits"
    report, scores = run(tmp_path, folder / "digits.onnx", folder / "digits.npz", "edge16")
    labels = np.load(folder / "digits.npz")["y"]
    assert report["inputs"] == len(labels) >= 100
    assert (scores.reshape(len(labels), -1).argmax(1) == labels).mean() >= 0.97


@pytest.mark.parametrize("config", ["edge8", "edge16", "edge32"])
def test_resnet8(tmp_path: Path, some: Callable[[int], int | None], config: str) -> None:
    data = third_party.data_path("resnet8_9.npz")
    count = None if config == "edge16" else some(3)
    _, outputs = run(tmp_path, third_party.model("mlperf_tiny_resnet8.tflite"), data, config, samples=count)
    expected = np.load(data)["out_tflm"][:count]
    np.testing.assert_array_equal(outputs.reshape(expected.shape), expected)


def test_resnet8_with_spilled_tensors(tmp_path: Path) -> None:
    data = third_party.data_path("resnet8_9.npz")
    report, outputs = run(tmp_path, third_party.model("mlperf_tiny_resnet8.tflite"), data, "tiny4", samples=1)
    np.testing.assert_array_equal(outputs.reshape(1, 10), np.load(data)["out_tflm"][:1])
    assert report["dram_bytes"]["write"] > 16 * 1024, "64 KiB do not hold all activations"


@pytest.mark.parametrize("rounding", ["tflm", "litert"])
def test_anomaly_detector(tmp_path: Path, some: Callable[[int], int | None], rounding: str) -> None:
    data = third_party.data_path("ad_196.npz")
    _, outputs = run(tmp_path, third_party.model("mlperf_tiny_ad.tflite"), data, "edge16", rounding=rounding, samples=some(50))
    expected = np.load(data)["out_tflm" if rounding == "tflm" else "out_litert_ref"][:some(50)]
    np.testing.assert_array_equal(outputs.reshape(expected.shape), expected)


@pytest.mark.parametrize("rounding", ["tflm", "litert"])
def test_hello_world(tmp_path: Path, rounding: str) -> None:
    inputs = tmp_path / "all.npy"
    np.save(inputs, np.arange(-128, 128, dtype=np.int8).reshape(256, 1, 1))
    report, _ = run(tmp_path, third_party.model("tflm_hello_world.tflite"), inputs, "edge16", rounding=rounding)
    assert report["inputs"] == 256
    assert report["reference"]["name"] == ("tflite-micro" if rounding == "tflm" else "litert-reference")
    assert report["reference"]["version"], "the engine ran"


def test_mnist8(tmp_path: Path, some: Callable[[int], int | None]) -> None:
    report, _ = run(tmp_path, third_party.model("mnist8_qop_u8s8.onnx"), third_party.data_path("mnist_digits28.npz"), "edge16",
                    samples=some(100))
    assert report["inputs"] == (some(100) or 1797) and report["reference"]["name"] == "onnxruntime" and report["reference"]["version"]
