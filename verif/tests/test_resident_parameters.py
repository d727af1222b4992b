"""Networks whose parameter sets all stay in the vector unit fetch them twice at most; others layer by layer."""

import dataclasses
import itertools

import numpy as np
import pytest

from weft.gen import isa
from weft.gen.compiler.constants import ParameterSets, parameter_sets
from weft.gen.graph import Conv, Graph, Scale, Tensor
from weft.gen.isa import Destination, Rounding
from weft.verif.tests.test_compiler_networks import check, configuration


def network(layers: int, *, uniform: bool) -> Graph:
    """1 x 1 convolutions with 24 channels, 6 sets on `tiny4`; every second one has the same factor for all channels, if `uniform`."""
    rng = np.random.default_rng(5)
    names = ["input", *(f"t{index}" for index in range(layers))]
    tensors = {name: Tensor(name, (4, 4, 24), 0.1, int(rng.integers(-100, 100))) for name in names}
    nodes = []
    for index, (source, name) in enumerate(itertools.pairwise(names)):
        same = uniform and index % 2
        scale = Scale(multiplier=np.full(24, 1 << 30) if same else rng.integers(1 << 30, (1 << 31) - 1, 24),
                      right=np.full(24, 40) if same else rng.integers(39, 42, 24), left=np.zeros(24, int),
                      pre=rng.integers(-4000, 4000, 24), rounding=Rounding.DOUBLE)
        nodes.append(Conv(name, "CONV_2D", (source,), name, rng.integers(-127, 128, (24, 1, 1, 24)).astype(np.int16), scale,
                          tensors[name].zero_point, -128, 127))
    return Graph("chain", tensors, tuple(nodes), "input", (names[-1],), (1, 4, 4, 24), ((1, 4, 4, 24),), "nhwc", "tflite-micro",
                 output_float=(False,))


def parameter_loads(program: list[int]) -> int:
    """VECTORs that write biases."""
    decoded = [isa.decode(word) for word in program]
    return sum(item.instruction.name == "VECTOR" and item.values["destination_kind"] == Destination.PARAMETER_PRE for item in decoded)


@pytest.mark.parametrize("uniform", [False, True])
@pytest.mark.parametrize(("layers", "loads"), [(5, 2), (6, 6)])
def test_loads_of_parameters(layers: int, loads: int, uniform: bool) -> None:
    config = configuration("tiny4")
    config = dataclasses.replace(config, vector=dataclasses.replace(config.vector, parameter_sets=32))
    held = np.random.default_rng(2).integers(-128, 128, (4, 4, 24)).astype(np.int8)
    assert parameter_loads(check(network(layers, uniform=uniform), held, config).program) == loads


def test_joined_sets_keep_every_value() -> None:
    first = parameter_sets(Scale(np.array([5, 6]), np.array([33, 34]), np.array([0, 0]), 0, Rounding.DOUBLE), np.array([1, -300]), 2, 4)
    second = parameter_sets(Scale(7, 33, 0, 0, Rounding.DOUBLE), np.array([70_000, 0]), 2, 4)
    joined = ParameterSets.joined([first, second])
    assert [(field.kind, field.planes) for field in joined.fields] == [
        (Destination.PARAMETER_PRE, 3), (Destination.PARAMETER_MULTIPLIER, 1), (Destination.PARAMETER_SHIFT, 1)]
    lines = np.frombuffer(joined.data, dtype=np.uint8).reshape(2, 5, 4)
    assert lines[0, :, 0].tolist() == [0, 0, 1, 5, 33] and lines[0, :3, 1].tolist() == [255, 254, 212]
    assert lines[1, :, 0].tolist() == [1, 17, 112, 0, 0] and joined.count == 2
