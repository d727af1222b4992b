"""Whole random networks: the compiled program, run by the golden machine, against the network reference.

The machine runs strictly: a missing semaphore between two units that touch the same bytes is an error even where it does no harm.
"""

import dataclasses

import numpy as np
import pytest

from weft.gen.compiler import CompiledNetwork, compile_network
from weft.gen.config import Config
from weft.gen.graph import Graph
from weft.verif.golden import reference
from weft.verif.golden.machine import Machine
from weft.verif.random_networks import RandomNetwork
from weft.verif.tests.test_house import ROOT


def configuration(name: str, **changes: int) -> Config:
    """A named configuration, with a smaller scratchpad if `kib` is given."""
    config = Config.load(ROOT / "configs" / f"{name}.toml")
    return dataclasses.replace(config, scratchpad=dataclasses.replace(config.scratchpad, **changes))


def run(network: CompiledNetwork, held: np.ndarray) -> dict[int, np.ndarray]:
    """Contents of the windows after one inference on the golden machine."""
    images = [network.image, network.pack_input(held), bytes(network.window_bytes[2]), bytes(network.window_bytes[3])]
    windows = [np.frombuffer(image, dtype=np.uint8).copy() for image in images]
    machine = Machine(network.config, list(zip(windows, network.WINDOW_READ, network.WINDOW_WRITE, strict=True)), strict=True)
    outcome = machine.run(0, len(network.program))
    assert outcome.error is None
    return dict(enumerate(windows))


def check(graph: Graph, held: np.ndarray, config: Config) -> CompiledNetwork:
    """Every tensor that the compiler can name equals the reference's."""
    network = compile_network(graph, config, dump=True)
    expected, windows = reference.run(graph, held), run(network, held)
    for name in network.tensors:
        np.testing.assert_array_equal(network.unpack_tensor(name, windows), expected[name], err_msg=name)
    assert set(graph.outputs) <= set(network.tensors)
    return network


@pytest.mark.parametrize("name", ["tiny4", "edge8", "edge16", "edge32"])
@pytest.mark.parametrize("seed", range(12))
def test_random_network(name: str, seed: int) -> None:
    network = RandomNetwork(seed)
    check(network.graph, network.sample(), configuration(name))


@pytest.mark.parametrize("seed", range(100, 108))
def test_spilled_network(seed: int) -> None:
    """Little scratchpad: tensors go through DRAM in row bands."""
    network = RandomNetwork(seed, size=40, nodes=5, head=False)
    check(network.graph, network.sample(), configuration("tiny4", kib=16))


def test_spilling_does_happen() -> None:
    spilled = sum(bool(compile_network(RandomNetwork(seed, size=40, nodes=5, head=False).graph, configuration("tiny4", kib=16)).spilled)
                  for seed in range(100, 108))
    assert spilled >= 3, "the seeds no longer exercise spilling"


@pytest.mark.parametrize("seed", range(200, 206))
def test_program_without_dump_gives_the_same_outputs(seed: int) -> None:
    network, config = RandomNetwork(seed), configuration("edge8")
    held = network.sample()
    compiled = compile_network(network.graph, config)
    name = network.graph.outputs[0]
    result = compiled.unpack_outputs(run(compiled, held)[2])[0]
    np.testing.assert_array_equal(result, reference.run(network.graph, held)[name])


def test_same_network_gives_the_same_program() -> None:
    first, second = (compile_network(RandomNetwork(3).graph, configuration("edge16")) for _ in range(2))
    assert first.image == second.image


def test_layers_cover_the_program() -> None:
    network = compile_network(RandomNetwork(3).graph, configuration("edge16"))
    assert len(network.layer_of_pc) == len(network.program)
    assert {layer for layer in network.layer_of_pc if layer >= 0} == set(range(len(network.layers)))
    assert network.layer_of_pc[-1] == -1, "HALT belongs to no layer"
