"""The committed tables of cycles are what compiler and hardware do: a change of either shows here, and asks for `make bench`, or `make
imagenet`, and its reason in CHANGELOG.md.

Rows that take up to a few seconds are measured again. Of the others the fingerprint is compared, so their program is compiled: on the same
hardware it takes the same cycles; ResNet-50's takes a minute. NNgen's example network is the one of its documentation.
"""

import importlib.util
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from weft.gen import isa
from weft.gen.frontend import load
from weft.gen.graph import Conv
from weft.sim import bench, dataflows, imagenet
from weft.sim.docs_page import PHOTOGRAPHS, Key, committed, figures
from weft.sim.fingerprint import compiled
from weft.sim.one_sample import named
from weft.verif.tests import third_party
from weft.verif.tests.test_house import ROOT

LARGE = {"nngen_example", "mobilenet_v1_025_128_uint8"}
LONG = {(name, config) for name in LARGE for config in ("tiny4", "edge8")} | {
    (network.name, "mini4") for network in bench.NETWORKS if network.name not in ("digits", "tflm_hello_world", "tflm_micro_speech")}
MEASURED = [key for key in bench.ROWS if key not in LONG]


def network_of(key: Key) -> bench.Network:
    """Skips the test where its files are missing."""
    network, _ = bench.ROWS[key]
    if missing := [path.name for path in bench.files(network) if not path.exists()]:
        pytest.skip(f"third-party files {missing} not found")
    return network


def modes(program: Iterable[int]) -> set[tuple[str, str, int]]:
    """Instructions, and what their fields that choose something choose."""
    words = [isa.decode(word) for word in program]
    return {(word.instruction.name, field.name, word.values[field.name]) for word in words for field in word.instruction.fields
            if field.kind} | {(word.instruction.name, "", 0) for word in words}


def measured_modes(config: str, folder: Path) -> Iterable[set[tuple[str, str, int]]]:
    """Of rows that are measured on a configuration, the shortest first."""
    cycles = {key: int(cells["cycles"]) for key, cells in figures(bench.TABLE).items()}
    for key in sorted((key for key in MEASURED if key[1] == config), key=lambda key: cycles[key]):
        yield modes(compiled(named(config), *bench.prepared(network_of(key), folder))[0].program)


def compare_program(page: Path, key: Key, model: Path, inputs: Path, folder: Path) -> None:
    network, found = compiled(named(key[1]), model, inputs)
    assert found == figures(page)[key]["fingerprint"], "measure the row again (`--only`, `--config`), and say why"
    rest = modes(network.program)
    for used in measured_modes(key[1], folder):
        rest -= used
        if not rest:
            break
    assert not rest, "no row that is measured runs these: a change of the hardware would not show"


def test_the_table_covers_every_network_and_configuration() -> None:
    assert list(committed(bench.TABLE)) == list(bench.ROWS) == [(network.name, config) for network in bench.NETWORKS
                                                                for config in bench.CONFIGS]
    assert bench.TABLE.read_text().startswith(bench.HEADER)


@pytest.mark.integration
@pytest.mark.parametrize(("name", "config"), MEASURED)
def test_the_table_is_what_the_hardware_does(name: str, config: str) -> None:
    network = network_of((name, config))
    assert bench.row(network, config, bench.run(network, config)) == committed(bench.TABLE)[name, config], "run `make bench`, and say why"


@pytest.mark.integration
@pytest.mark.parametrize(("name", "config"), sorted(LONG))
def test_a_long_row_is_of_the_program_that_is_compiled(tmp_path: Path, name: str, config: str) -> None:
    compare_program(bench.TABLE, (name, config), *bench.prepared(network_of((name, config)), tmp_path), tmp_path)


@pytest.mark.integration
@pytest.mark.parametrize(("name", "config"), imagenet.ROWS)
def test_a_large_row_is_of_the_program_that_is_compiled(tmp_path: Path, name: str, config: str) -> None:
    if name == "mobilenet_v2_224":
        third_party.model(f"{name}.tflite")
        third_party.data_path(PHOTOGRAPHS)
    else:
        pytest.importorskip("ai_edge_litert.schema_py_generated", reason="ai-edge-litert writes this network")
    compare_program(imagenet.PAGE, (name, config), *imagenet.files(name, tmp_path), tmp_path)


def test_the_page_of_dataflows_covers_every_network() -> None:
    text = dataflows.PAGE.read_text()
    assert text.startswith(dataflows.HEADER.format(base=dataflows.BASE))
    sections = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert sections == [model.removesuffix(".tflite") for model, _ in dataflows.NETWORKS]
    assert text.count("| network |") == text.count("| accumulator lines |") == len(dataflows.NETWORKS)


def test_the_page_of_large_networks_covers_every_row() -> None:
    assert list(committed(imagenet.PAGE)) == list(imagenet.ROWS)
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
