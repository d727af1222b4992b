"""Networks cut into parts for the accelerator and operators for the host: what goes where, whole networks against their engines, the
command line."""

import json

import numpy as np
import onnx
import pytest

from weft.gen.cli import main
from weft.gen.errors import WeftError
from weft.gen.host import AcceleratorStage, load_network, load_split
from weft.gen.host.partition import Operator, partition
from weft.verif.golden import reference
from weft.verif.onnx_maker import CONTRIB, OnnxMaker, grid
from weft.verif.oracles import ENGINES
from weft.verif.tests.test_house import ROOT
from weft.verif.tests.tflite_models import TfliteMaker

GRID = (0.04, 10)
CONFIG = ROOT / "configs" / "tiny4.toml"


def test_what_hangs_together_is_one_part():
    """a -> HOST b -> c, and a skip from a to c; d stands alone."""
    operators = [Operator("a", ("x",), ("ta",)), Operator("b", ("ta",), ("tb",)), Operator("c", ("tb", "ta"), ("tc",)),
                 Operator("d", ("tb",), ("td",))]
    groups = partition(operators, {"b"}, ("tc", "td"))
    assert [(group.on_host, group.operators, group.inputs, group.outputs) for group in groups] == [
        (False, (0,), ("x",), ("ta",)), (True, (1,), ("ta",), ("tb",)), (False, (2, 3), ("tb", "ta"), ("tc", "td"))]


def test_everything_on_the_accelerator_is_one_part():
    operators = [Operator("a", ("x",), ("ta",)), Operator("b", ("ta",), ("tb",))]
    (group,) = partition(operators, (), ("tb",))
    assert (group.on_host, group.operators, group.inputs, group.outputs) == (False, (0, 1), ("x",), ("tb",))


def test_what_costs_nothing_is_in_every_part_that_reads_it():
    """The movable operator m is read on both sides of the host's operator."""
    operators = [Operator("m", ("x",), ("tm",), movable=True), Operator("a", ("tm",), ("ta",)), Operator("h", ("ta",), ("th",)),
                 Operator("b", ("th", "tm"), ("tb",))]
    groups = partition(operators, {"h"}, ("tb",))
    assert [group.operators for group in groups] == [(0, 1), (2,), (0, 3)]
    assert groups[0].outputs == ("ta",) and groups[2].inputs == ("x", "th")


def tflite_network(folder):
    """RELU, a convolution, REVERSE_V2, an addition that reads both sides of it, ARG_MAX, and a dequantised output."""
    chance, maker = np.random.default_rng(0), TfliteMaker()
    x, r, y = maker.tensor((1, 4, 5, 6), *GRID), maker.tensor((1, 4, 5, 6), *GRID), maker.tensor((1, 4, 5, 6), 0.08, 1)
    a, turned = maker.tensor((1, 4, 5, 6), 0.05, 3), maker.tensor((1, 4, 5, 6), 0.05, 3)
    place, real = maker.tensor((1, 4, 5), kind="int32"), maker.tensor((1, 4, 5, 6), kind="float32")
    weights = maker.constant(chance.integers(-127, 128, (6, 3, 3, 6)).astype(np.int8), 0.01)
    maker.node("RELU", [x], r)
    maker.node("CONV_2D", [r, weights, maker.constant(np.zeros(6, np.int32), 0.0004)], a, "Conv2DOptions", padding=0, strideH=1, strideW=1,
               dilationHFactor=1, dilationWFactor=1)
    maker.node("REVERSE_V2", [a, maker.constant(np.array([1], np.int32))], turned, "ReverseV2Options")
    maker.node("ADD", [turned, r], y, "AddOptions")
    maker.node("ARG_MAX", [y, maker.constant(np.array([3], np.int32))], place, "ArgMaxOptions", outputType=2)
    maker.node("DEQUANTIZE", [y], real, "DequantizeOptions")
    return maker.save(folder, x, place, real)


def onnx_network(folder, last="ArgMax"):
    """A convolution, float32 functions between DequantizeLinear and QuantizeLinear, a sum that reads both sides of them."""
    chance, maker = np.random.default_rng(0), OnnxMaker([1, 3, 6, 6])
    maker.node("QLinearConv", "x", *grid(0.02, 120), chance.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8), np.float32(0.02), np.int8(0),
               *grid(0.03, 120), pads=[1, 1, 1, 1])
    conv = maker.last
    maker.node("DequantizeLinear", None, *grid(0.03, 120))
    maker.node("Abs", None)
    maker.node("Sqrt", None)
    maker.node("QuantizeLinear", None, *grid(0.01, 0))
    maker.node("QLinearAdd", None, *grid(0.01, 0), conv, *grid(0.03, 120), *grid(0.05, 60), domain=CONTRIB)
    added = maker.last
    maker.node(last, None, axis=1)
    model = maker.model(added, maker.last)
    model.graph.output[1].type.tensor_type.elem_type = onnx.TensorProto.INT64 if last == "ArgMax" else onnx.TensorProto.FLOAT
    onnx.save(model, folder / "test.onnx")
    return folder / "test.onnx"


def evaluate(split, sample):
    """Outputs by the reference arithmetic and the host."""
    values = {split.input: sample}
    for stage in split.stages:
        if isinstance(stage, AcceleratorStage):
            tensors = reference.run(stage.graph, stage.encode(values))
            values.update(stage.decode([tensors[name] for name in stage.graph.outputs]))
        else:
            stage.run(values)
    return [values[name] for name in split.outputs]


@pytest.mark.parametrize("network", [tflite_network, onnx_network])
def test_whole_network_equals_its_engine(tmp_path, network):
    path = network(tmp_path)
    split, chance = load_split(path), np.random.default_rng(1)
    engine = ENGINES[split.engine](path)
    for _ in range(10):
        low, high = np.iinfo(split.kind).min, np.iinfo(split.kind).max
        sample = chance.integers(low, high + 1, split.shape).astype(split.kind)
        for mine, theirs in zip(evaluate(split, sample), engine.run(sample), strict=True):
            assert mine.dtype == theirs.dtype and np.array_equal(mine, theirs.reshape(mine.shape))


def test_what_goes_where(tmp_path):
    split = load_split(tflite_network(tmp_path))
    assert [stage.operator for stage in split.on_host] == ["REVERSE_V2", "ARG_MAX"]
    assert [[node.source for node in part.graph.nodes if node.source != "packed input"] for part in split.parts] == [
        ["RELU", "CONV_2D"], ["ADD"]]
    first, second = split.parts
    assert split.cut(first) == (0, 240) and split.cut(second) == (240, 120), "two tensors out and in, one to ARG_MAX"


def test_a_network_that_needs_no_help_is_one_part():
    split = load_split(ROOT / "examples" / "digits" / "digits.onnx")
    assert not split.on_host and len(split.parts) == 1


@pytest.mark.parametrize(("network", "names"), [(tflite_network, "REVERSE_V2, ARG_MAX"), (onnx_network, "Abs, Sqrt, ArgMax")])
def test_the_refusal_names_the_switch(tmp_path, network, names):
    with pytest.raises(WeftError) as caught:
        load_network(network(tmp_path))
    assert caught.value.fix.startswith(f"`--host` runs {names} on the host, exactly")


def test_the_refusal_does_not_promise_what_the_host_cannot_do_either(tmp_path):
    path = onnx_network(tmp_path, "LogSoftmax")
    with pytest.raises(WeftError) as caught:
        load_network(path)
    assert "--host" not in caught.value.fix
    with pytest.raises(WeftError, match="on the host either") as caught:
        load_split(path)
    assert "LogSoftmax is not among" in caught.value.what


def run(*arguments):
    with pytest.raises(SystemExit) as left:
        main(list(map(str, arguments)))
    return int(left.value.code or 0)


def test_compile_says_where_each_operator_runs(tmp_path, capsys):
    path = tflite_network(tmp_path)
    assert run("compile", path, "--config", CONFIG) == 2
    capsys.readouterr()
    assert run("compile", path, "--config", CONFIG, "--host", "--c", tmp_path / "net.h") == 0
    text = capsys.readouterr().out
    assert "on the host" in text and "ARG_MAX" in text and "operator not supported" in text
    assert (tmp_path / "net_part1.h").is_file() and (tmp_path / "net_part2.h").is_file()
    assert run("compile", path, "--config", CONFIG, "--host", "--json") == 0
    assert [row["source"] for row in json.loads(capsys.readouterr().out)["host"]] == ["REVERSE_V2", "ARG_MAX"]


def test_run_on_the_golden_machine(tmp_path):
    path, chance = onnx_network(tmp_path), np.random.default_rng(2)
    samples = chance.integers(0, 256, (3, 1, 3, 6, 6)).astype(np.uint8)
    np.save(tmp_path / "x.npy", samples)
    assert run("run", path, tmp_path / "x.npy", "--config", CONFIG, "--host", "--out", tmp_path / "out") == 0
    report, engine = json.loads((tmp_path / "out" / "run.json").read_text()), ENGINES["onnxruntime"](path)
    assert report["parts"] == 2 and [row["operator"] for row in report["host"]] == ["Abs", "Sqrt", "ArgMax"]
    with np.load(tmp_path / "out" / "outputs.npz") as outputs:
        for name, index in zip(outputs.files, range(2), strict=True):
            assert np.array_equal(outputs[name], np.concatenate([engine.run(sample)[index] for sample in samples]))


@pytest.mark.integration
def test_simulation_of_the_parts_and_its_report(tmp_path):
    path, chance = tflite_network(tmp_path), np.random.default_rng(2)
    np.save(tmp_path / "x.npy", chance.integers(-128, 128, (3, 1, 4, 5, 6)).astype(np.int8))
    out = tmp_path / "out"
    assert run("sim", path, tmp_path / "x.npy", "--config", CONFIG, "--host", "--out", out) == 0
    report = json.loads((out / "report.json").read_text())
    wrong = report["mismatches"]
    assert (wrong["golden"], wrong["reference"], wrong["tensors"]) == (0, 0, 0) and report["reference"]["version"], "the engine ran"
    assert [row["operator"] for row in report["host"]] == ["REVERSE_V2", "ARG_MAX"] and report["host_seconds"] > 0
    parts = [json.loads((out / f"part{number}" / "report.json").read_text()) for number in (1, 2)]
    assert report["cycles_per_inference"] == sum(part["cycles_per_inference"] for part in parts)
    assert report["cut_bytes"] == 240 + 240 + 120
    page = (out / "report.html").read_text()
    assert "REVERSE_V2" in page and "operator not supported" in page and 'href="part2/report.html"' in page
    digits = ROOT / "examples" / "digits"
    assert run("sim", digits / "digits.onnx", digits / "digits.npz", "--config", CONFIG, "--samples", 1, "--out", out) == 0
    assert not (out / "part1").exists(), "they would not belong to the new report"
