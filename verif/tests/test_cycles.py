"""The committed table of cycles is what the hardware does: a change of either shows here, and asks for `make bench` and its reason in
CHANGELOG.md. NNgen's example network is the one of its documentation."""

import importlib.util

import numpy as np
import pytest

from weft.gen.frontend import load
from weft.gen.graph import Conv
from weft.sim import bench, dataflows, imagenet
from weft.sim.docs_page import committed
from weft.verif.tests.test_house import ROOT

QUICK = [*((network.name, "edge16") for network in bench.NETWORKS),
         *((network.name, "edge8") for network in bench.NETWORKS if network.name != "nngen_example"),
         ("digits", "tiny4"), ("tflm_hello_world", "mini4")]


def test_the_table_covers_every_network_and_configuration() -> None:
    assert list(committed(bench.TABLE)) == [(network.name, config) for network in bench.NETWORKS for config in bench.CONFIGS]


@pytest.mark.integration
@pytest.mark.parametrize(("name", "config"), QUICK)
def test_the_table_is_what_the_hardware_does(name: str, config: str) -> None:
    network = next(network for network in bench.NETWORKS if network.name == name)
    if missing := [path.name for path in bench.files(network) if not path.exists()]:
        pytest.skip(f"third-party files {missing} not found")
    assert bench.row(network, config, bench.run(network, config)) == committed(bench.TABLE)[name, config], "run `make bench`, and say why"


def test_the_page_of_dataflows_covers_every_network() -> None:
    text = dataflows.PAGE.read_text()
    assert text.startswith(dataflows.HEADER.format(base=dataflows.BASE))
    sections = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert sections == [model.removesuffix(".tflite") for model, _ in dataflows.NETWORKS]
    assert text.count("| network |") == text.count("| accumulator lines |") == len(dataflows.NETWORKS)


def test_the_page_of_large_networks_covers_every_row() -> None:
    assert list(committed(imagenet.PAGE)) == [(row.network, row.config) for row in imagenet.ROWS]
    assert imagenet.PAGE.read_text().startswith(imagenet.HEADER)


def test_nngen_example_has_its_count_of_multiplications(tmp_path) -> None:
    pytest.importorskip("ai_edge_litert.schema_py_generated", reason="ai-edge-litert writes this network")
    spec = importlib.util.spec_from_file_location("make_nngen", ROOT / "examples" / "nngen" / "make_network.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    model, inputs = make.write(tmp_path)
    graph = load(model)
    outputs = {node.output: graph.tensors[node.output].shape for node in graph.nodes}
    assert sum(node.weights.size * np.prod(outputs[node.output][:2]) for node in graph.nodes if isinstance(node, Conv)) == 15_403_520
    assert make.network(1)[0] == model.read_bytes() != make.network(2)[0]
    assert np.load(inputs)["x"].shape == (make.IMAGES, 1, 32, 32, 3)
