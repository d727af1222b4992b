"""FormatUnit in Verilator: matrix products of odd shapes against Python integers that are rounded once.

Every size of array gets the same matrices and must give the same bits; tiles of a sum come in random order.
"""

import os
import random

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from weft.gen.formats.element import ELEMENTS
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.hdl.formats.array import Arrangement
from weft.hdl.formats.unit import FormatUnit
from weft.verif.bench import runner
from weft.verif.bench.format_gemm import LINES, Driver, draw, exact, rounded

CHANCE = random.Random(os.environ.get(runner.SEED, "1"))
SHAPES = [(1, 1, 1), (5, 33, 7), (13, 100, 21), (70, 47, 18),  # M, K, N: of nothing a multiple
          *((CHANCE.randint(1, 40), CHANCE.randint(1, 120), CHANCE.randint(1, 40)) for _ in range(2))]
SAME = [(name, name) for name in OPERANDS]
MIXED = [("int8", "int4"), ("e4m3", "e2m1"), ("e4m3", "e5m2"), ("mxfp8_e4m3", "mxfp4"), ("int8", "mxfp4")]


def arrangement(names, rows: int, columns: int, packing: int = 1) -> Arrangement:
    return Arrangement(OperandPair(*(OPERANDS[name] for name in names)), rows, columns, packing)


@cocotb.test()
async def products_of_odd_shapes(dut) -> None:
    parameters = runner.bench_parameters()
    a, target, order = arrangement(*parameters["arrangement"]), ELEMENTS[parameters["target"]], random.Random(cocotb.RANDOM_SEED)
    Clock(dut.clk, 10, unit="ns").start()
    for name in ("load", "swap", "valid", "read", "first", "rst"):
        getattr(dut, name).value = 0
    await FallingEdge(dut.clk)
    driver, results = Driver(dut, a), 0
    for number, shape in enumerate(parameters["shapes"]):
        chance = np.random.default_rng([number, *shape])  # the same for every size of array
        special = 0.004 if number % 2 else 0.0
        gemm = draw(chance, a, shape, special)
        total, flags, position = exact(a, gemm)
        wanted = rounded(a, total, flags, target)
        found, lost = await driver.multiply(gemm, position, order)
        assert special or not lost.any(), (shape, "all terms fit the window, but something was lost")
        wrong = [(m, n, hex(found[m, n]), hex(wanted[m][n])) for m in range(shape[0]) for n in range(shape[2])
                 if found[m, n] != wanted[m][n]]
        assert not wrong, (shape, len(wrong), wrong[:4])
        results += found.size
    assert results == sum(m * n for m, _, n in parameters["shapes"])


@cocotb.test()
async def throughput(dut) -> None:
    """Products a cycle while a large matrix streams: tiles follow each other without a gap."""
    parameters = runner.bench_parameters()
    a = arrangement(*parameters["arrangement"])
    Clock(dut.clk, 10, unit="ns").start()
    for name in ("load", "swap", "valid", "read", "first", "rst"):
        getattr(dut, name).value = 0
    await FallingEdge(dut.clk)
    driver, shape = Driver(dut, a), (LINES, 4 * a.depth, a.width)
    gemm = draw(np.random.default_rng(1), a, shape)
    total, flags, position = exact(a, gemm)
    found, _ = await driver.multiply(gemm, position, random.Random(1))
    assert found.tolist() == rounded(a, total, flags, ELEMENTS[parameters["target"]])
    assert shape[0] * shape[1] * shape[2] / driver.stream_cycles == a.rows * a.columns * a.packing


def run(names, rows: int, columns: int, packing: int = 1, target: str = "fp32", shapes=SHAPES) -> None:
    parameters = (list(names), rows, columns, packing)
    runner.run(FormatUnit(arrangement(*parameters), ELEMENTS[target], lines=LINES), f"format_unit_{rows}x{columns}",
               "weft.verif.bench.bench_format_gemm", parameters={"arrangement": parameters, "target": target, "shapes": shapes},
               quick=rows * columns > 64)


FEW = [  # what differs in the hardware: exact sums, wide ones, windows, both kinds of scales, flags, one-sided scales, segments, packing
    (("uint8", "uint8"), 4, 4), (("e5m2", "e5m2"), 4, 4), (("bf16", "bf16"), 4, 4), (("nvfp4", "nvfp4"), 32, 2),
    (("mxfp8_e5m2", "mxfp8_e5m2"), 4, 4), (("int8", "mxfp4"), 4, 4), (("mxfp4", "mxfp4"), 16, 16, 4)]
ALL = [*FEW, *((names, 4, 4) for names in SAME + MIXED), *((names, size, size) for names in SAME + MIXED for size in (8, 16, 32)),
       *((names, 16, 16, packing) for names in (("int4", "int4"), ("mxfp4", "mxfp4"), ("nvfp4", "nvfp4")) for packing in (2, 4))]


def pytest_generate_tests(metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = list(dict.fromkeys(ALL if metafunc.config.getoption("--all-formats") else FEW))
        metafunc.parametrize("case", cases, ids=lambda case: "-".join(map(str, (*case[0], *case[1:]))))


@pytest.mark.integration
def test_products(case):
    run(*case)


@pytest.mark.integration
def test_rounding_to_bf16():
    run(("mxfp8_e4m3", "mxfp8_e4m3"), 4, 4, target="bf16")


def test_blocks_that_do_not_fit_the_rows_are_refused():
    with pytest.raises(ValueError, match="12 products of a column and blocks of 32"):
        arrangement(("mxfp4", "mxfp4"), 12, 4)
    with pytest.raises(ValueError, match="packing=3"):
        arrangement(("mxfp4", "mxfp4"), 4, 4, 3)
