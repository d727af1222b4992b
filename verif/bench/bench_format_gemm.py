"""FormatUnit in Verilator: matrix products of odd shapes against Python integers that are rounded once.

Every size of array, dataflow and tiling gets the same matrices and must give the same bits.
"""

import hashlib
import json
import os
import random
from collections import Counter
from pathlib import Path

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock

from weft.fpga.format_compared import RECORDS, SEVERAL
from weft.gen.formats.element import ELEMENTS
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.gen.formats.selection import OPERAND_PAIRS
from weft.hdl.formats.array import Arrangement
from weft.hdl.formats.unit import FormatUnit
from weft.verif.bench import runner
from weft.verif.bench.format_draw import Gemm, draw, landmarks
from weft.verif.bench.format_exact import NUMBER, causes, exact, kinds, possible, rounded
from weft.verif.bench.format_gemm import KINDS, LINES, Driver
from weft.verif.bench.format_tilings import anyhow, regular

CHANCE = random.Random(os.environ.get(runner.SEED, "1"))
SHAPES = [(1, 1, 1), (5, 33, 7), (13, 100, 21), (70, 47, 18),  # M, K, N: of nothing a multiple
          *((CHANCE.randint(1, 40), CHANCE.randint(1, 120), CHANCE.randint(1, 40)) for _ in range(2))]
TILINGS = 2  # of each shape: the usual one and any others
MOVES, STAYS = "weight_stationary", "output_stationary"


def arrangement(names, rows: int, columns: int, packing: int = 1, dataflow: str = MOVES) -> Arrangement:
    return Arrangement(OperandPair(*(OPERANDS[name] for name in names)), rows, columns, packing, dataflow=dataflow)


async def driver_of(dut, parameters) -> Driver:
    Clock(dut.clk, 10, unit="ns").start()
    driver = Driver(dut, arrangement(*parameters["arrangement"]))
    await driver.reset()
    return driver


@cocotb.test()
async def products_of_odd_shapes(dut) -> None:
    """Each in several tilings, all of which must give the bits of the exact sum, rounded once."""
    parameters = runner.bench_parameters()
    a, target, chance = arrangement(*parameters["arrangement"]), ELEMENTS[parameters["target"]], random.Random(cocotb.RANDOM_SEED)
    driver = await driver_of(dut, parameters)
    shapes, results, wrong = [tuple(shape) for shape in parameters["shapes"]], 0, []
    digest, planted, given, drawn = hashlib.sha256(), Counter(), Counter(), []
    for number, shape in enumerate(shapes):
        special = number if number % 2 else 0
        gemm = draw(np.random.default_rng([number, *shape]), a.operands, shape, special)  # the same for every size of array
        total, flags, position = exact(a.operands, gemm)
        wanted = rounded(a.operands, total, flags, target)
        reasons = causes(a.operands, gemm)
        assert reasons[NUMBER] > 0.5 * total.size if special else reasons[NUMBER] == total.size, (shape, reasons)
        planted.update(reasons)
        drawn += [gemm] * bool(special)
        for tiling in (regular, *(anyhow,) * (parameters["tilings"] - 1)):
            found, lost = await driver.multiply(gemm, position, tiling(a, shape, LINES, chance))
            assert not lost[flags == 0].any(), (shape, "all terms fit the window, but something was lost")
            given.update(kinds(found, target))
            wrong += [(shape, tiling.__name__, m, n, hex(found[m, n]), hex(wanted[m][n])) for m in range(shape[0]) for n in range(shape[2])
                      if found[m, n] != wanted[m][n]]
            results += found.size
            if tiling is regular:
                digest.update(found.astype("<i8").tobytes())
    assert results == parameters["tilings"] * sum(m * n for m, _, n in shapes)
    if parameters["complete"]:
        check_all_was_there(a.operands, planted, drawn)
    Path(parameters["record"]).write_text(json.dumps({
        "arrangement": parameters["arrangement"], "target": target.name, "shapes": shapes, "tilings": parameters["tilings"],
        "results": results, "kinds": given, "differences": len(wrong), "digest": digest.hexdigest()}))
    assert not wrong, (len(wrong), wrong[:4])


def check_all_was_there(operands: OperandPair, planted: Counter[str], drawn: list[Gemm]) -> None:
    """Each way in which results of these formats may be no numbers in several of them; and each landmark of elements and scales."""
    missing = {cause: planted[cause] for cause in possible(operands) if planted[cause] < SEVERAL}
    assert not missing, f"results of these kinds are few: {missing}"
    for side, codes, scales in ((operands.activation, "activations", "activation_scales"), (operands.weight, "weights", "weight_scales")):
        for element, name in ((side.element, codes), *(((side.scale, scales),) if side.scale else ())):
            present = np.concatenate([getattr(gemm, name).ravel() for gemm in drawn])
            assert np.isin(landmarks(element), present).all(), f"{name}: no {set(landmarks(element).tolist()) - set(present.tolist())}"


@cocotb.test()
async def throughput(dut) -> None:
    """Products a cycle while a large matrix streams: tiles follow each other without a gap, but for those that weights wait for."""
    parameters = runner.bench_parameters()
    a, driver = arrangement(*parameters["arrangement"]), await driver_of(dut, parameters)
    shape, order = (LINES, 4 * a.depth, a.width), random.Random(1)
    gemm = draw(np.random.default_rng(1), a.operands, shape)
    total, flags, position = exact(a.operands, gemm)
    found, _ = await driver.multiply(gemm, position, regular(a, shape, LINES, order))
    assert found.tolist() == rounded(a.operands, total, flags, ELEMENTS[parameters["target"]])
    waits = 0 if a.stays else 3 * max(0, a.height + a.columns + a.rows - LINES)
    assert driver.stream_cycles == shape[0] * shape[1] * shape[2] / (a.rows * a.columns * a.packing) + waits


def run(names, rows: int, columns: int, packing: int = 1, dataflow: str = MOVES, *, target: str = "fp32",
        shapes=SHAPES, tilings: int = TILINGS) -> None:
    """Differences and results that were compared go to build/formats, for docs/formats.md."""
    parameters = (list(names), rows, columns, packing, dataflow)
    record = RECORDS / f"{'-'.join(map(str, (*names, rows, columns, packing, dataflow, target, tilings)))}.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)
    runner.run(FormatUnit(arrangement(*parameters), ELEMENTS[target], lines=LINES), f"format_unit_{rows}x{columns}",
               "weft.verif.bench.bench_format_gemm", quick=True, kinds=KINDS,
               parameters={"arrangement": parameters, "target": target, "shapes": shapes, "tilings": tilings, "complete": shapes is SHAPES,
                           "record": str(record)})


# What differs in the hardware: exact sums, wide ones, windows, both kinds of scales, flags, one-sided scales, segments, packing.
FEW = [(names, rows, columns, packing, dataflow) for dataflow, cases in (
    (MOVES, ((("uint8", "uint8"), 4, 4, 1), (("e5m2", "e5m2"), 4, 4, 1), (("bf16", "bf16"), 4, 4, 1), (("nvfp4", "nvfp4"), 32, 2, 1),
             (("mxfp8_e5m2", "mxfp8_e5m2"), 4, 4, 1), (("int8", "mxfp4"), 4, 4, 1), (("mxfp4", "mxfp4"), 16, 16, 4))),
    (STAYS, ((("uint8", "uint8"), 4, 4, 1), (("bf16", "bf16"), 4, 4, 1), (("mxfp8_e5m2", "mxfp8_e5m2"), 4, 4, 1),
             (("mxfp4", "mxfp4"), 16, 4, 4), (("nvfp4", "nvfp4"), 32, 2, 1)))) for names, rows, columns, packing in cases]
PACKED = [(names, size, size, packing) for size in (16, 8, 32) for names in (("int4", "int4"), ("mxfp4", "mxfp4"), ("nvfp4", "nvfp4"))
          for packing in (2, 4)]
EVERY = [*((names, size, size, 1) for size in (16, 8, 4, 32) for names in OPERAND_PAIRS), *PACKED]
ALL = [*((*case, dataflow) for case in EVERY for dataflow in (MOVES, STAYS)), *FEW]


def pytest_generate_tests(metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = dict.fromkeys(ALL if metafunc.config.getoption("--all-formats") else FEW)
        metafunc.parametrize("case", cases, ids=lambda case: "-".join(map(str, (*case[0], *case[1:]))))


@pytest.mark.integration
def test_products(case):
    run(*case)


@pytest.mark.integration
@pytest.mark.parametrize("dataflow", [MOVES, STAYS])
@pytest.mark.parametrize("name", ["uint8", "mxfp8_e5m2"])
def test_any_tiling(name, dataflow):
    run((name, name), 4, 4, dataflow=dataflow, shapes=[(9, 70, 11), (3, 37, 5)], tilings=8)


@pytest.mark.integration
def test_rounding_to_bf16():
    run(("mxfp8_e4m3", "mxfp8_e4m3"), 4, 4, target="bf16")


def test_blocks_that_do_not_fit_the_rows_are_refused():
    with pytest.raises(ValueError, match="12 products of a column and blocks of 32"):
        arrangement(("mxfp4", "mxfp4"), 12, 4)
    with pytest.raises(ValueError, match="packing=3"):
        arrangement(("mxfp4", "mxfp4"), 4, 4, 3)


def test_an_unknown_dataflow_is_refused():
    with pytest.raises(ValueError, match="dataflow='both': must be weight_stationary or output_stationary"):
        arrangement(("mxfp4", "mxfp4"), 4, 4, dataflow="both")
