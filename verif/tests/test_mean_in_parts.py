"""Means over tensors that do not fit the scratchpad: rows come in parts, sums stay in accumulators."""

import numpy as np
import pytest

from weft.gen.compiler import compile_network
from weft.gen.errors import WeftError
from weft.gen.graph import AveragePool, Graph, Rescale, Scale, Tensor
from weft.gen.isa import Rounding
from weft.verif.random_files import compare
from weft.verif.tests.test_compiler_networks import check, configuration

MEAN = Scale(multiplier=1_234_567_890, right=40, pre=17, rounding=Rounding.DOUBLE)


def network(shape: tuple[int, int, int], kernel: tuple[int, int], scale: Scale | None, rounding: Rounding) -> Graph:
    """A copy, so that the tensor is spilled by the network itself, then the mean."""
    result = (1, shape[1] // kernel[1], shape[2])
    copy = Rescale("a", "copy", ("x",), "a", Scale(), Scale(), 0, -120, 120)
    node = AveragePool("y", "MEAN", ("a",), "y", kernel, kernel, (0, 0, 0, 0), scale=scale, zero_point=3 * (scale is not None),
                       rounding=rounding)
    tensors = {"x": Tensor("x", shape, 0.1, 5), "a": Tensor("a", shape, 0.1, 5), "y": Tensor("y", result, 0.1, 5)}
    return Graph("mean", tensors, (copy, node), "x", ("y",), (1, *shape), ((1, *result),), "nhwc", "tflite-micro", output_float=(False,))


CASES = [((24, 24, 40), (24, 24), MEAN, Rounding.HALF_AWAY), ((25, 31, 23), (25, 31), None, Rounding.HALF_AWAY),
         ((60, 14, 21), (60, 14), None, Rounding.HALF_UP), ((40, 9, 67), (40, 1), MEAN, Rounding.HALF_AWAY),
         ((33, 28, 20), (33, 7), None, Rounding.HALF_AWAY)]


@pytest.mark.parametrize(("shape", "kernel", "scale", "rounding"), CASES)
def test_mean(shape: tuple[int, int, int], kernel: tuple[int, int], scale: Scale | None, rounding: Rounding) -> None:
    graph = network(shape, kernel, scale, rounding)
    compiled = check(graph, np.random.default_rng(1).integers(-128, 128, shape).astype(np.int8), configuration("tiny4", kib=16))
    assert "a" in compiled.spilled


def test_sums_that_do_not_fit_are_refused_by_name() -> None:
    with pytest.raises(WeftError, match=r"'y' \(MEAN\)"):
        compile_network(network((30, 20, 60), (30, 1), MEAN, Rounding.HALF_AWAY), configuration("tiny4", kib=16))


@pytest.mark.integration
@pytest.mark.parametrize("axes", [[1, 2], [1]])
def test_on_the_rtl(axes: list[int]) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro is the oracle")
    recipe = {"format": "tflite", "seed": 1, "input": {"shape": [1, 200, 10, 35], "grid": [0.05, -7], "kind": "int8"},
              "nodes": [{"op": "MEAN", "from": [0], "axes": axes, "keep": True, "grid": [0.02, 9]}]}
    assert compare.compare_recipe(recipe, "tiny4").with_engine == 2 * 35 * (1 if len(axes) == 2 else 10)
