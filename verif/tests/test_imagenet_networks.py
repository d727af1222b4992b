"""The networks that examples/imagenet writes: standard shapes, live activations, the same bytes for one seed, exact results."""

import importlib.util

import numpy as np
import pytest

from weft.gen.frontend import decode_output, load
from weft.gen.graph import Conv
from weft.verif.golden import reference
from weft.verif.oracles import Tflm
from weft.verif.tests.test_house import ROOT

pytest.importorskip("ai_edge_litert.schema_py_generated", reason="ai-edge-litert writes these networks")
pytest.importorskip("tflite_micro", reason="tflite-micro is the oracle of these tests")
_spec = importlib.util.spec_from_file_location("make_networks", ROOT / "examples" / "imagenet" / "make_networks.py")
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)
SMALL = {"size": 64, "width": 0.25}


@pytest.mark.parametrize("name", make.NETWORKS)
def test_small_network_is_alive_and_exact(tmp_path, name):
    network, path = make.NetworkWriter(1, **SMALL), tmp_path / f"{name}.tflite"
    path.write_bytes(make.NETWORKS[name](network))
    graph, engine, images = load(path), Tflm(path), network.held[network.input]
    ours = reference.run(graph, images)
    for index, image in enumerate(images):
        assert np.array_equal(decode_output(graph, 0, ours[graph.outputs[0]][index]), engine.run(image)[0])
    for node in graph.nodes[:-1]:
        assert ours[node.output].std() > 10, f"{node.output} has collapsed"
        assert np.mean(ours[node.output][0] != ours[node.output][1]) > 0.3, f"{node.output} hardly depends on the image"
    assert ours[graph.outputs[0]].max() > -100, "softmax has no favourites"


@pytest.mark.parametrize("name", make.NETWORKS)
def test_bytes_depend_on_the_seed_alone(name):
    first, again, other = (make.NETWORKS[name](make.NetworkWriter(seed, **SMALL)) for seed in (1, 1, 2))
    assert first == again and first != other


@pytest.mark.integration
@pytest.mark.parametrize(("name", "macs"), [("resnet50", 4_089_184_256), ("mobilenet_v1_224", 568_740_352)])
def test_full_size_has_the_standard_count_of_multiplications(tmp_path, name, macs):
    path = tmp_path / f"{name}.tflite"
    path.write_bytes(make.NETWORKS[name](make.NetworkWriter(1, 224, 1.0)))
    graph = load(path)
    outputs = {node.output: graph.tensors[node.output].shape for node in graph.nodes}
    assert sum(node.weights.size * np.prod(outputs[node.output][:2]) for node in graph.nodes if isinstance(node, Conv)) == macs
