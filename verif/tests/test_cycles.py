"""The committed table of cycles has a row for every network and configuration; NNgen's example network is the one of its documentation."""

import importlib.util

import numpy as np
import pytest

from weft.gen.frontend import load
from weft.gen.graph import Conv
from weft.sim import bench, dataflows
from weft.verif.tests.test_house import ROOT


def test_the_table_covers_every_network_and_configuration() -> None:
    assert list(bench.committed()) == [(network.name, config) for network in bench.NETWORKS for config in network.configs]


def test_the_page_of_dataflows_covers_every_network() -> None:
    text = dataflows.PAGE.read_text()
    assert text.startswith(dataflows.HEADER.format(base=dataflows.BASE))
    sections = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert sections == [model.removesuffix(".tflite") for model, _ in dataflows.NETWORKS]
    assert text.count("| network |") == text.count("| accumulator lines |") == len(dataflows.NETWORKS)


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
