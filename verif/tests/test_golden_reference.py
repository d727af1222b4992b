"""Golden reference on real networks: whole outputs and every intermediate tensor equal the engines'."""

from pathlib import Path

import numpy as np
import pytest

from weft.gen.frontend import decode_output, encode_input, load
from weft.verif.golden import reference
from weft.verif.oracles import LitertReference, OnnxRuntime, Tflm
from weft.verif.tests import third_party

CHUNK = 64  # samples at once


def outputs(graph, samples):
    """The first output of every sample in the file's form, without the batch axis."""
    results = []
    for start in range(0, len(samples), CHUNK):
        held = np.stack([encode_input(graph, sample) for sample in samples[start:start + CHUNK]])
        results += [decode_output(graph, 0, tensor)[0] for tensor in reference.run(graph, held)[graph.outputs[0]]]
    return np.stack(results)


@pytest.mark.parametrize(("name", "file"), [("resnet8", "resnet8_9.npz"), ("ad", "ad_196.npz"), ("kws", "kws_1000.npz"),
                                            ("vww", "vww_9.npz")])
@pytest.mark.parametrize(("rounding", "expected"), [("tflm", "out_tflm"), ("litert", "out_litert_ref")])
def test_mlperf_tiny(name, file, rounding, expected):
    graph, data = load(third_party.model(f"mlperf_tiny_{name}.tflite"), rounding=rounding), third_party.data(file)
    assert np.array_equal(outputs(graph, data["x"]), data[expected])


def test_hello_world_for_every_input_in_both_roundings():
    path = third_party.model("tflm_hello_world.tflite")
    samples = np.arange(-128, 128, dtype=np.int8).reshape(-1, 1, 1)
    results = {}
    for rounding, engine in (("tflm", Tflm(path)), ("litert", LitertReference(path))):
        results[rounding] = outputs(load(path, rounding=rounding), samples)
        assert np.array_equal(results[rounding], np.concatenate([engine.run(sample)[0] for sample in samples]))
    # The two references are known to disagree here: a change of this count means that an engine's version changed.
    assert np.count_nonzero(results["tflm"] != results["litert"]) == 23


def test_every_tensor_of_resnet8():
    path = third_party.model("mlperf_tiny_resnet8.tflite")
    graph, engine = load(path, rounding="litert"), LitertReference(path)
    for sample in third_party.data("resnet8_9.npz")["x"][:3]:
        ours = reference.run(graph, encode_input(graph, sample))
        engine.run(sample)
        theirs = {name: value.reshape(ours[name].shape) for name, value in engine.tensors().items() if name in ours}
        assert set(theirs) == {node.output for node in graph.nodes}
        assert reference.first_difference(graph, ours, theirs.get) is None


def _mnist():
    path, data = third_party.model("mnist8_qop_u8s8.onnx"), third_party.data("mnist_digits28.npz")
    return path, load(path), data["x"].astype(np.float32)


def test_every_tensor_of_mnist8():
    path, graph, samples = _mnist()
    engine = OnnxRuntime(path, tensors=True)
    for sample in samples[:20]:
        ours, theirs = reference.run(graph, encode_input(graph, sample)), engine.run_all(sample)
        held = {}
        for node in graph.nodes:
            value = theirs[node.output].astype(np.int16) - 128 * graph.tensors[node.output].unsigned
            held[node.output] = (value[0].transpose(1, 2, 0) if value.ndim == 4 else value).reshape(ours[node.output].shape)
        assert len(held) == 9 and reference.first_difference(graph, ours, held.get) is None


@pytest.mark.integration
def test_mnist8_on_all_samples():
    path, graph, samples = _mnist()
    engine = OnnxRuntime(path)
    assert np.array_equal(outputs(graph, samples), np.concatenate([engine.run(sample)[0] for sample in samples]))


def test_digits_example_on_all_held_out_samples():
    folder = Path(__file__).resolve().parents[2] / "examples" / "digits"
    samples = np.load(folder / "digits.npz")["x"].astype(np.float32)
    graph, engine = load(folder / "digits.onnx"), OnnxRuntime(folder / "digits.onnx")
    assert np.array_equal(outputs(graph, samples), np.concatenate([engine.run(sample)[0] for sample in samples]))


def test_first_difference_names_the_first_tensor_that_differs():
    graph = load(third_party.model("tflm_hello_world.tflite"))
    ours = reference.run(graph, np.zeros((1, 1, 1), np.int8))
    changed = dict(ours)
    for node in graph.nodes[1:]:
        changed[node.output] = ours[node.output] ^ 1
    assert reference.first_difference(graph, ours, changed.get) == graph.nodes[1].output


def test_input_of_another_shape_or_type_is_refused():
    graph = load(third_party.model("tflm_hello_world.tflite"))
    with pytest.raises(ValueError, match="the graph takes"):
        reference.run(graph, np.zeros((1, 1, 2), np.int8))
    with pytest.raises(ValueError, match="the graph takes"):
        reference.run(graph, np.zeros((1, 1, 1), np.int16))
