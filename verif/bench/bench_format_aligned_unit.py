"""AlignedUnit in Verilator: matrix products of odd shapes against the golden model, which has the steps in the same order.

Tiles of a sum come in random order, which changes results; with the exact accumulators of `bench_format_gemm` it does not.
"""

import random

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock

from weft.gen.formats.alignment import ALIGNMENTS
from weft.gen.formats.element import ELEMENTS
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.hdl.formats.aligned_unit import AlignedUnit
from weft.hdl.formats.array import Arrangement
from weft.verif.bench import runner
from weft.verif.bench.format_draw import Gemm, draw
from weft.verif.bench.format_gemm import LINES, Driver
from weft.verif.bench.format_tilings import ordered
from weft.verif.golden.formats.aligned import AlignedSums, Alignment, aligned_gemm
from weft.verif.golden.formats.blocks import Matrix

SHAPES = [(1, 1, 1), (1, 133, 5), (13, 100, 21), (33, 70, 18)]  # M, K, N; one row is a line that every tile touches


def arrangement(kind: str, names, rows: int, columns: int, packing: int = 1) -> Arrangement:
    return Arrangement(OperandPair(*(OPERANDS[name] for name in names)), rows, columns, packing, ALIGNMENTS[kind])


def wanted(a: Arrangement, gemm: Gemm, tiles: list[int], target) -> np.ndarray:
    """Codes of the results with the tiles of the sum in this order; scales of 0 beyond the last block."""
    depth, block = a.depth, a.operands.block
    size = max(depth, block)
    k = -(-gemm.activations.shape[1] // size) * size
    order = np.concatenate([np.arange(tile * depth, (tile + 1) * depth) for tile in tiles])
    sides = []
    for operand, codes, scales in ((a.operands.activation, gemm.activations, gemm.activation_scales),
                                   (a.operands.weight, gemm.weights.T, gemm.weight_scales.T)):
        filled = np.pad(codes, ((0, 0), (0, k - codes.shape[1])))
        own = np.repeat(np.pad(scales, ((0, 0), (0, k // operand.block - scales.shape[1]))), operand.block, 1)[:, order]
        sides.append((operand, filled[:, order], own if operand.scale else None))
    total = np.zeros((len(gemm.activations), gemm.weights.shape[1]), np.float32)
    for start in range(0, len(order), depth):  # a step, as a product of its own: blocks need not be whole in this order
        parts = [Matrix(operand, codes[:, start:start + depth], None if own is None else own[:, start:start + depth:operand.block],
                        np.ones((1, 1), np.float32), depth) for operand, codes, own in sides]
        total = aligned_gemm(*parts, Alignment.of(a.alignment, depth), total)
    return AlignedSums(total).rounded(target)


@cocotb.test()
async def products_of_odd_shapes(dut) -> None:
    parameters = runner.bench_parameters()
    a, target = arrangement(*parameters["arrangement"]), ELEMENTS[parameters["target"]]
    Clock(dut.clk, 10, unit="ns").start()
    driver, by_order = Driver(dut, a), 0
    await driver.reset()
    for number, shape in enumerate(SHAPES):
        gemm = draw(np.random.default_rng([number, *shape]), a.operands, shape, number if number % 2 else 0)
        order = list(range(-(-shape[1] // a.depth)))
        random.Random(cocotb.RANDOM_SEED).shuffle(order)
        found, lost = await driver.multiply(gemm, 0, ordered(a, shape, LINES, order))
        due = wanted(a, gemm, order, target)
        assert not lost.any() and (found == due).all(), (shape, np.argwhere(found != due)[:4])
        sums = ELEMENTS["fp32"]  # a shorter target hides most of it
        by_order += int((wanted(a, gemm, order, sums) != wanted(a, gemm, sorted(order), sums)).sum())
    assert by_order, "results that the order of the tiles changes"


def run(kind: str, names, rows: int, columns: int, packing: int = 1, target: str = "fp32") -> None:
    parameters = (kind, list(names), rows, columns, packing)
    runner.run(AlignedUnit(arrangement(*parameters), ELEMENTS[target], lines=LINES), f"aligned_unit_{rows}x{columns}",
               "weft.verif.bench.bench_format_aligned_unit", parameters={"arrangement": parameters, "target": target})


FEW = [("aligned25", ("e4m3", "e4m3"), 4, 4), ("aligned13", ("e5m2", "e5m2"), 8, 4), ("aligned25", ("mxfp8_e4m3", "mxfp4"), 8, 4),
       ("aligned24", ("bf16", "bf16"), 4, 4, 1, "bf16"), ("aligned35", ("nvfp4", "nvfp4"), 16, 2, 2)]


@pytest.mark.integration
@pytest.mark.parametrize("case", FEW, ids=lambda case: "-".join(map(str, (case[0], *case[1], *case[2:]))))
def test_products(case):
    run(*case)


def test_arrays_whose_tiles_come_too_fast_are_refused():
    with pytest.raises(ValueError, match="must take 7 cycles or more"):
        type("Unused", (AlignedUnit,), {"_MustUse__silence": True})(arrangement("aligned25", ("e4m3", "e4m3"), 2, 4), ELEMENTS["fp32"])
