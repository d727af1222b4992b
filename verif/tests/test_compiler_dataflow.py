"""Either dataflow: the same bits, sums that stay where the cost model says so, and refusals."""

import dataclasses

import numpy as np
import pytest

from weft.gen import isa
from weft.gen.compiler import compile_network
from weft.gen.compiler.builder import Emitted
from weft.gen.compiler.dataflow import stationary_sums
from weft.gen.config import FOLDS_IN_PLACE, Config
from weft.gen.errors import WeftError
from weft.gen.sections import Array, Axi
from weft.verif.golden import reference
from weft.verif.random_networks import RandomNetwork
from weft.verif.tests.test_compiler_networks import check, configuration, run

OPCODES = {name: isa.BY_NAME[name].opcode for name in ("MATMUL", "MATMUL_OS")}


def with_dataflow(name: str, dataflow: str, **options: bool) -> Config:
    config = configuration(name)
    return dataclasses.replace(config, array=dataclasses.replace(config.array, dataflow=dataflow, **options))


def count(program: list[int]) -> dict[str, int]:
    return {name: sum(word & 0xFF == opcode for word in program) for name, opcode in OPCODES.items()}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("name", "dataflow"), [("tiny4", "output_stationary"), ("edge8", "output_stationary"), ("tiny4", "both"),
                                                ("edge16", "both")])
def test_random_network(name: str, dataflow: str, seed: int) -> None:
    network = RandomNetwork(seed)
    options = {"depthwise": False} if dataflow == "output_stationary" else {}
    compiled = check(network.graph, network.sample(), with_dataflow(name, dataflow, **options))
    if dataflow == "output_stationary":
        assert count(compiled.program)["MATMUL"] == 0


def test_one_dataflow_for_all_layers() -> None:
    network, config = RandomNetwork(4), with_dataflow("edge8", "both")
    held = network.sample()
    expected = reference.run(network.graph, held)[network.graph.outputs[0]]
    counts = []
    for dataflow in ("weight_stationary", "output_stationary"):
        compiled = compile_network(network.graph, config, dataflow=dataflow)
        counts.append(count(compiled.program))
        np.testing.assert_array_equal(compiled.unpack_outputs(run(compiled, held)[2])[0], expected)
    assert counts[0]["MATMUL"] > 0 == counts[0]["MATMUL_OS"] and counts[1]["MATMUL_OS"] > 0 == counts[1]["MATMUL"]


def matmul(positions: int, folds: int, *, sums: bool, layer: int = 0, accumulate: int = 0) -> list[Emitted]:
    shape = Emitted("MATRIX_SHAPE", {"x_count": positions, "y_count": 1, "inner_count": folds, "outer_count": 1}, layer)
    return [shape, Emitted("MATMUL_OS" if sums else "MATMUL", {"accumulate": accumulate}, layer)]


@pytest.mark.parametrize(("positions", "folds", "stays"), [
    (256, FOLDS_IN_PLACE, True), (1, FOLDS_IN_PLACE, True), (25, FOLDS_IN_PLACE, False), (256, FOLDS_IN_PLACE - 1, False)],
    ids=["whole blocks", "fully connected", "half a block", "few folds"])
def test_choice(positions: int, folds: int, stays: bool) -> None:
    config = with_dataflow("edge16", "both")
    programs = ([*matmul(positions, folds, sums=sums), *matmul(17, 1, sums=sums, layer=1)] for sums in (False, True))
    assert stationary_sums(*programs, config) == (frozenset({0}) if stays else frozenset())


def test_what_is_added_to_a_tile_has_no_say() -> None:
    """Few weights of nine bits: a second MATMUL of one fold."""
    def program(sums: bool) -> list[Emitted]:
        return matmul(256, FOLDS_IN_PLACE, sums=sums) + matmul(256, 1, sums=sums, accumulate=1)
    assert stationary_sums(program(False), program(True), configuration("edge16")) == {0}


def test_sums_stay_if_other_tiles_take_fewer_cycles() -> None:
    config = with_dataflow("edge16", "both")
    assert stationary_sums(matmul(50, 1, sums=False), matmul(48, 1, sums=True), config) == {0}


def test_a_dataflow_that_the_array_has_not() -> None:
    with pytest.raises(WeftError, match="output_stationary"):
        compile_network(RandomNetwork(1).graph, configuration("edge8"), dataflow="output_stationary")


def test_stationary_sums_have_no_depthwise_path() -> None:
    with pytest.raises(WeftError) as caught:
        Config(array=Array(dataflow="output_stationary", depthwise=True), axi=Axi())
    assert "array.depthwise = True" in str(caught.value) and "DEPTHWISE" in str(caught.value)
