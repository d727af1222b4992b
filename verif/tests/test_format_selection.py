"""Every pair of formats that a product of matrices on the RTL uses has an element all of whose inputs were tried."""

import inspect

import pytest

from weft.fpga import format_units
from weft.gen.config import Config
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.gen.formats.selection import OPERAND_PAIRS, PAIRS
from weft.sim.docs_page import ROOT
from weft.verif.bench import bench_format_aligned_unit, bench_format_gemm
from weft.verif.bench.codes import EXHAUSTIVE
from weft.verif.tests import test_gemm

CONFIGS = [Config.load(path) for path in sorted((ROOT / "configs").glob("*.toml"))]


def configurations(module) -> list[Config]:
    """Those that are parameters of a module's tests."""
    marks = [mark for _, each in inspect.getmembers(module, inspect.isfunction) for mark in getattr(each, "pytestmark", [])
             if mark.name == "parametrize"]
    return [part for mark in marks for values in mark.args[1] for part in (values if isinstance(values, tuple) else (values,))
            if isinstance(part, Config)]


USED = {
    "bench_format_gemm": [OperandPair(*(OPERANDS[name] for name in case[0])) for case in bench_format_gemm.ALL],
    "bench_format_aligned_unit": [OperandPair(*(OPERANDS[name] for name in case[1])) for case in bench_format_aligned_unit.FEW],
    "test_gemm": [config.tiling.operands for config in configurations(test_gemm)],
    "configs": [config.tiling.operands for config in CONFIGS if config.array.formats],
    "format_units": [OperandPair(OPERANDS[name], OPERANDS[name]) for name, _ in format_units.UNITS]}


@pytest.mark.parametrize("where", USED)
def test_pairs_of_products_are_tried_exhaustively(where):
    """All but bf16 with itself, which has ten million random pairs of codes instead."""
    pairs = {operands.elements for operands in USED[where]}
    assert pairs and pairs - set(EXHAUSTIVE) <= {OperandPair(OPERANDS["bf16"], OPERANDS["bf16"]).elements}


def test_the_selection():
    assert {activations for activations, weights in OPERAND_PAIRS if activations == weights} == set(OPERANDS)
    assert len(set(OPERAND_PAIRS)) == len(OPERAND_PAIRS) and len(set(PAIRS)) == len(PAIRS)
    assert [each.name for each in PAIRS if each not in EXHAUSTIVE] == ["bf16"]
