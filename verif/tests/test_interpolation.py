"""Interpolation: any weights, several tiles, channels that are no multiple of the lanes; on the RTL as tflite-micro computes it."""

import numpy as np
import pytest

from weft.gen.compiler.lower.interpolation import runs
from weft.gen.graph import Graph, Interpolate, Tensor
from weft.verif.random_files import compare
from weft.verif.tests.test_compiler_networks import check, configuration


def network(height: int, width: int, channels: int, seed: int) -> Graph:
    rng = np.random.default_rng(seed)

    def weights(count: int) -> tuple[tuple[int, int], ...]:
        second = rng.choice([0, 1, 341, 512, 1023], count) if seed % 2 else rng.integers(0, 1024, count)
        return tuple((1024 - int(weight), int(weight)) for weight in second)
    source, result = (2 * height, 2 * width, channels), (height, width, channels)
    node = Interpolate("y", "RESIZE_BILINEAR", ("x",), "y", (2, 2), (2, 2), (0, 0, 0, 0), rows=weights(height), columns=weights(width))
    return Graph("bilinear", {"x": Tensor("x", source, 0.1, 5), "y": Tensor("y", result, 0.1, 5)}, (node,), "x", ("y",), (1, *source),
                 ((1, *result),), "nhwc", "tflite-micro", output_float=(False,))


@pytest.mark.parametrize("name", ["tiny4", "edge16"])
@pytest.mark.parametrize(("height", "width", "channels", "seed"), [(1, 1, 1, 0), (7, 5, 3, 1), (6, 9, 18, 2), (3, 90, 5, 3), (40, 3, 4, 4)])
def test_interpolation(name: str, height: int, width: int, channels: int, seed: int) -> None:
    graph = network(height, width, channels, seed)
    check(graph, np.random.default_rng(seed).integers(-128, 128, graph.tensors["x"].shape).astype(np.int8), configuration(name))


def test_spilled() -> None:
    """Little scratchpad: both tensors pass in bands."""
    graph = network(24, 16, 20, 5)
    compiled = check(graph, np.random.default_rng(5).integers(-128, 128, (48, 32, 20)).astype(np.int8), configuration("tiny4", kib=16))
    assert compiled.spilled


def test_runs_are_arithmetic_progressions() -> None:
    a, b = (1024, 0), (1, 1023)
    assert list(runs([a, b, a, b, a, a])) == [(a, (0, 2, 3)), (a, (5, 1, 1)), (b, (1, 2, 2))]


@pytest.mark.integration
@pytest.mark.parametrize("name", ["tiny4", "edge16"])
def test_on_the_rtl(name: str) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro is the oracle")
    recipe = {"format": "tflite", "seed": 1, "input": {"shape": [1, 5, 9, 19], "grid": [0.05, -7], "kind": "int8"},
              "nodes": [{"op": "RESIZE_BILINEAR", "from": [0], "size": [13, 22], "mode": {"halfPixelCenters": True}}]}
    assert compare.compare_recipe(recipe, name).with_engine == 2 * 13 * 22 * 19
