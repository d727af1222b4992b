"""Layers with few outputs: partial sums side by side in the array's columns give the same results, with less DRAM traffic."""

import contextlib
import dataclasses

import numpy as np
import pytest

from weft.gen.compiler import compile_network
from weft.gen.compiler.constants import FILLING
from weft.gen.compiler.lower.narrow import Runs
from weft.gen.config import Config
from weft.gen.graph import Conv, Graph, Scale, Tensor
from weft.gen.isa import Rounding
from weft.sim.docs_page import ROOT
from weft.sim.execute import DramTiming, Executor
from weft.verif.golden import reference
from weft.verif.tests.test_compiler_dataflow import with_dataflow
from weft.verif.tests.test_compiler_networks import check


def graph(shape: tuple[int, int, int], outputs: int, largest: int = 127) -> Graph:
    """A fully connected layer over all of `shape`, with weights of magnitude `largest` and less, after a zero point of 5."""
    chance = np.random.default_rng(outputs)
    weights = chance.integers(-largest, largest + 1, (outputs, *shape)).astype(np.int16)
    bias = chance.integers(-500, 500, outputs).astype(np.int32)
    right = 15
    scale = Scale(multiplier=max(1, round(40 / (0.58 * 73.6 * largest * weights[0].size**0.5) * 2**right)), right=right, pre=bias,
                  rounding=Rounding.HALF_UP)
    node = Conv("layer", "FULLY_CONNECTED", ("x",), "y", weights, scale, 3, -128, 127)
    tensors = {"x": Tensor("x", shape, 1.0, 5), "y": Tensor("y", (1, 1, outputs), 1.0, 3)}
    return Graph("narrow", tensors, (node,), "x", ("y",), (1, *shape), ((1, 1, 1, outputs),), "nhwc", "tflite-micro")


def config(name: str) -> Config:
    return Config.load(ROOT / "configs" / f"{name}.toml")


CASES = [
    ("tiny4", (1, 1, 384), 1, 127), ("tiny4", (1, 1, 700), 2, 127),
    ("edge16", (1, 1, 512), 1, 127),  # as many runs as columns
    ("edge16", (1, 1, 1000), 3, 127),  # columns that belong to no run, and a last run that reaches beyond the inputs
    ("edge16", (25, 20, 8), 4, 127),  # rows that begin on lines
    ("edge16", (9, 7, 10), 5, 127),  # rows with a gap behind them: runs of whole rows, the last one with fewer
    ("edge16", (1, 1, 700), 8, 255),  # weights of nine bits: two passes
    ("edge16", (4, 64, 80), 2, 127),  # more weights than a block holds
    ("edge16", (1, 1, 70_000), 8, 127),  # runs further apart than the stride of a pixel can be
]


@pytest.mark.integration
@pytest.mark.parametrize(("name", "shape", "outputs", "largest"), CASES)
def test_results_are_those_of_the_reference(name: str, shape: tuple[int, int, int], outputs: int, largest: int,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    whole = graph(shape, outputs, largest)
    network = compile_network(whole, config(name))
    monkeypatch.setattr(Runs, "of", lambda *_: None)
    assert network.constant_kinds[FILLING] < compile_network(whole, config(name)).constant_kinds[FILLING], "it has no runs"
    results = set()
    executor = Executor(network, DramTiming())
    with contextlib.closing(executor.simulator):
        for sample in range(2):
            held = np.random.default_rng(sample).integers(-128, 128, shape).astype(np.int8)
            found = executor.run(sample, network.pack_input(held))
            expected = reference.run(whole, held)["y"]
            assert found.mismatches == []
            assert network.unpack_outputs(found.output)[0].tolist() == expected.tolist()
            results.update(expected.ravel().tolist())
    assert len(results) > outputs, "results that hardly differ would hide errors"


@pytest.mark.parametrize(("name", "shape", "outputs"), [("tiny4", (7, 11, 3), 1), ("edge8", (9, 7, 10), 3), ("edge16", (1, 1, 760), 3)])
def test_what_is_read_behind_the_inputs_is_waited_for(name: str, shape: tuple[int, int, int], outputs: int) -> None:
    """The layer's output lies there, with padding for the next one, which is written early."""
    whole, chance = graph(shape, outputs), np.random.default_rng(outputs)
    scale = Scale(multiplier=1, right=8, pre=0, rounding=Rounding.HALF_UP)
    after = Conv("after", "CONV_2D", ("y",), "z", chance.integers(-127, 128, (6, 3, 3, outputs)).astype(np.int16), scale, 0, -128, 127,
                 padding=(1, 1, 1, 1))
    tensors = whole.tensors | {"z": Tensor("z", (1, 1, 6), 1.0, 0)}
    chain = dataclasses.replace(whole, tensors=tensors, nodes=(*whole.nodes, after), outputs=("z",), output_shapes=((1, 1, 1, 6),))
    check(chain, chance.integers(-128, 128, shape).astype(np.int8), config(name))


@pytest.mark.parametrize("dataflow", ["output_stationary", "both"])
@pytest.mark.parametrize(("shape", "outputs", "largest"), [((1, 1, 512), 1, 127), ((9, 7, 10), 5, 127), ((1, 1, 700), 8, 255)])
def test_sums_may_stay_in_the_array(dataflow: str, shape: tuple[int, int, int], outputs: int, largest: int,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"depthwise": False} if dataflow == "output_stationary" else {}
    held = np.random.default_rng(outputs).integers(-128, 128, shape).astype(np.int8)
    whole, machine = graph(shape, outputs, largest), with_dataflow("edge16", dataflow, **options)
    compiled = check(whole, held, machine)
    monkeypatch.setattr(Runs, "of", lambda *_: None)
    assert compiled.constant_kinds[FILLING] < compile_network(whole, machine).constant_kinds[FILLING], "it has no runs"


def test_runs_are_taken_only_where_they_save_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def filling(shape: tuple[int, int, int], outputs: int, name: str = "edge16") -> int:
        return compile_network(graph(shape, outputs), config(name)).constant_kinds[FILLING]

    assert filling((1, 1, 512), 8) == 0, "two runs fill all columns"
    assert filling((1, 1, 512), 9) == 512 * 7, "there is room for no second run"
    assert filling((1, 1, 64), 1) == 64 * 15, "the additions would take longer than the weights"
    with_runs = filling((1, 1, 1024), 4)
    monkeypatch.setattr(Runs, "of", lambda *_: None)
    assert with_runs == 0 < filling((1, 1, 1024), 4) == 1024 * 12
