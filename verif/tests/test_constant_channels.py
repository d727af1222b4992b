"""Channels that do not depend on the input are left out of the program, and come back when a tensor is read."""

import dataclasses

import numpy as np
import pytest

from weft.gen.compiler.constant_channels import scaled, without_constant_channels
from weft.gen.graph import AveragePool, Conv, Graph, Node, Scale, Tensor
from weft.gen.isa import Rounding
from weft.verif.golden import numerics
from weft.verif.random_networks import RandomNetwork
from weft.verif.tests.test_compiler_networks import check, configuration

HELD = {"input": ((6, 5, 3), 3), "a": ((6, 5, 40), -128), "b": ((6, 5, 40), -5), "c": ((6, 5, 24), 7), "d": ((1, 1, 24), 7),
        "e": ((1, 1, 10), 0)}
DEAD = 30  # of a's channels; every second of them has the zero point that pads b's windows


def conv(name: str, source: str, weights: np.ndarray, pre: np.ndarray, **others: object) -> Conv:
    return Conv(name, "CONV_2D", (source,), name, weights=weights.astype(np.int16),
                scale=Scale(multiplier=1 << 30, right=39, pre=pre, rounding=Rounding.DOUBLE), zero_point=HELD[name][1], low=-128, high=127,
                **others)  # type: ignore[arg-type]


def network(*, padding: int = 1) -> Graph:
    """1 x 1 with dead outputs, depthwise 3 x 3, 1 x 1, pooling over everything, fully connected."""
    rng = np.random.default_rng(7)

    def some(*shape: int) -> np.ndarray:
        return rng.integers(-127, 128, shape)
    first, pre = some(40, 1, 1, 3), rng.integers(1000, 9000, 40)
    dead = rng.permutation(40)[:DEAD]
    first[dead] = 0
    pre[dead[::2]] = -20_000
    held = HELD | ({} if padding else {"b": ((4, 3, 40), -5), "c": ((4, 3, 24), 7)})
    tensors = {name: Tensor(name, shape, 0.1, zero) for name, (shape, zero) in held.items()}
    nodes: tuple[Node, ...] = (
        conv("a", "input", first, pre),
        conv("b", "a", some(40, 3, 3, 1), rng.integers(-900, 900, 40), padding=(padding,) * 4, groups=40),
        conv("c", "b", some(24, 1, 1, 40), rng.integers(-900, 900, 24)),
        AveragePool("d", "MEAN", ("c",), "d", held["c"][0][:2], (1, 1), (0, 0, 0, 0)),
        conv("e", "d", some(10, 1, 1, 24), rng.integers(-900, 900, 10)))
    return Graph("dead", tensors, nodes, "input", ("e",), (1, 6, 5, 3), ((1, 10),), "nhwc", "tflite-micro", output_float=(False,))


@pytest.mark.parametrize(("padding", "left"), [(1, 25), (0, 10)])
def test_channels_go_if_padding_cannot_be_told_from_them(padding: int, left: int) -> None:
    reduced, kept = without_constant_channels(network(padding=padding), 1)
    assert {name: reduced.tensors[name].shape[2] for name in HELD} == {"input": 3, "a": left, "b": left, "c": 24, "d": 24, "e": 10}
    assert set(kept) == {"a", "b"} and reduced.nodes[1].groups == left  # type: ignore[attr-defined]


def test_no_more_channels_go_than_save_a_vector() -> None:
    reduced, _ = without_constant_channels(network(), 16)
    assert reduced.tensors["a"].shape[2] == 32
    assert without_constant_channels(network(), 32)[1] == {}


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("name", ["tiny4", "edge8", "edge16"])
def test_every_tensor_is_whole_when_it_is_read(name: str, padding: int) -> None:
    graph = network(padding=padding)
    compiled = check(graph, np.random.default_rng(1).integers(-128, 128, (6, 5, 3)).astype(np.int8), configuration(name))
    assert compiled.kept and compiled.macs < sum(
        int(np.prod(graph.tensors[node.output].shape[:2])) * node.weights.size for node in graph.nodes if isinstance(node, Conv))


def test_a_network_whose_convolutions_are_all_zero() -> None:
    graph = network()
    nodes = tuple(dataclasses.replace(node, weights=node.weights * 0) if isinstance(node, Conv) else node for node in graph.nodes)
    check(dataclasses.replace(graph, nodes=nodes), np.zeros((6, 5, 3), np.int8), configuration("tiny4"))


def pruned(seed: int) -> tuple[Graph, np.ndarray]:
    """A random network, six in ten of whose convolutions' outputs are dead, and a sample."""
    made, rng = RandomNetwork(seed, nodes=8), np.random.default_rng(seed)
    nodes = tuple(dataclasses.replace(node, weights=node.weights * (rng.random((len(node.weights), 1, 1, 1)) < 0.4))
                  if isinstance(node, Conv) else node for node in made.graph.nodes)
    return dataclasses.replace(made.graph, nodes=nodes), made.sample()


@pytest.mark.parametrize("seed", [309, 311, 312, 325, 326, 329, 334, 341, 364, 389])
def test_random_network_with_dead_channels(seed: int) -> None:
    graph, sample = pruned(seed)
    assert check(graph, sample, configuration("tiny4")).kept, "the seeds no longer exercise this"


@pytest.mark.parametrize("rounding", list(Rounding))
def test_scaling_equals_the_golden_model(rounding: Rounding) -> None:
    rng = np.random.default_rng(int(rounding))
    count = 4000
    x = rng.integers(-(1 << 31), 1 << 31, count) >> rng.integers(0, 31, count)
    bits = 24 if rounding is Rounding.FLOAT32 else 31
    multiplier = rng.integers(-(1 << bits) + 1, 1 << bits, count)
    right = rng.integers(31 if rounding is Rounding.DOUBLE else 0, 64, count)
    scale = Scale(multiplier, right, rng.integers(0, 3, count), rng.integers(-5000, 5000, count), rounding)
    np.testing.assert_array_equal(scaled(x, scale), numerics.scale(x, scale))
