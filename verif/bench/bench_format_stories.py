"""FormatUnit in Verilator on real data: every linear layer of stories260K over the tokens of a story, against the golden model."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from weft.gen.formats.element import ELEMENTS
from weft.gen.formats.operand import OPERANDS
from weft.hdl.formats.unit import FormatUnit
from weft.verif.bench import runner
from weft.verif.bench.bench_format_gemm import arrangement
from weft.verif.bench.format_gemm import LINES, Driver, Gemm
from weft.verif.golden.formats.blocks import Matrix, quantise
from weft.verif.golden.formats.gemm import WINDOW, gemm, lowest_position, scaled
from weft.verif.stories import checkpoint, tokenizer
from weft.verif.stories.model import Model
from weft.verif.tests import third_party

TOKENS = 24
LAYERS = 36


class Recorder:
    """A `Make` for `Model`: golden layers in one operand format that keep what they were given."""

    def __init__(self, operand) -> None:
        self._operand, self.layers = operand, {}

    def __call__(self, name, weights):
        matrix = quantise(self._operand, weights)

        def layer(x):
            given = quantise(self._operand, x)
            self.layers[name] = given, matrix
            return scaled(gemm(given, matrix), given, matrix)

        return layer


def _codes(a: Matrix, b: Matrix) -> Gemm:
    none = np.zeros((1, 1), dtype=int)
    return Gemm(a.codes, b.codes.T, none if a.scales is None else a.scales, none if b.scales is None else b.scales.T)


@cocotb.test()
async def layers_of_a_story(dut) -> None:
    parameters = runner.bench_parameters()
    a, order = arrangement(*parameters["arrangement"]), random.Random(cocotb.RANDOM_SEED)
    weights = checkpoint.load(third_party.model("stories260K.bin"))
    words = tokenizer.load(third_party.model("tok512.bin"), weights.vocabulary)
    text = tokenizer.stories(third_party.data_path("tinystories_valid10.txt").read_text())[0]
    recorder = Recorder(a.operands.weight)
    Model(weights, recorder).logits([[tokenizer.BEGIN, *words.encode(text)][:TOKENS]])
    assert len(recorder.layers) == LAYERS

    Clock(dut.clk, 10, unit="ns").start()
    for name in ("load", "swap", "valid", "read", "first", "rst"):
        getattr(dut, name).value = 0
    await FallingEdge(dut.clk)
    driver, results, lossless = Driver(dut, a), 0, 0
    # The golden model rounds below the window what the array sums before it scales.
    part = min(a.operands.block, a.height * a.products) if a.operands.block > 1 else None
    for name, (given, matrix) in recorder.layers.items():
        position = lowest_position(given, matrix, WINDOW, part) if part else 0
        wanted = gemm(given, matrix, part=part, position=position)
        found, lost = await driver.multiply(_codes(given, matrix), position, order)
        assert (found == wanted.codes).all(), (name, int((found != wanted.codes).sum()))
        assert (lost == wanted.overflow * 1 + wanted.underflow * 2).all(), name
        results, lossless = results + found.size, lossless + int((lost == 0).sum())
    assert results == TOKENS * (LAYERS // 7 * (64 + 32 + 32 + 64 + 172 + 64 + 172) + 512)
    assert lossless > 0.99 * results


def pytest_generate_tests(metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = [("mxfp4", 4)]
        if metafunc.config.getoption("--all-formats"):
            cases += [("int8", 1), ("mxfp8_e4m3", 1), ("mxfp6_e2m3", 1), ("nvfp4", 1)]
        metafunc.parametrize("case", cases, ids=lambda case: "-".join(map(str, case)))


@pytest.mark.integration
def test_linear_layers(case):
    name, packing = case
    third_party.model("stories260K.bin")  # skips where there is none
    third_party.data_path("tinystories_valid10.txt")
    parameters = ([OPERANDS[name].name] * 2, 16, 16, packing)
    runner.run(FormatUnit(arrangement(*parameters), ELEMENTS["fp32"], lines=LINES), "format_unit_16x16",
               "weft.verif.bench.bench_format_stories", parameters={"arrangement": parameters})
