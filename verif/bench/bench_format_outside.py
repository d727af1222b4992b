"""FormatUnit with a small window in Verilator: terms that do not fit it, and terms that lose bits below it, against Python integers."""

import random
from collections import Counter
from fractions import Fraction

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock

from weft.gen.formats.element import ELEMENTS
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.gen.formats.window import Window
from weft.hdl.formats.array import Arrangement
from weft.hdl.formats.unit import FormatUnit
from weft.verif.bench import runner
from weft.verif.bench.format_draw import Gemm, draw
from weft.verif.bench.format_exact import exact, windowed
from weft.verif.bench.format_gemm import KINDS, LINES, Driver
from weft.verif.bench.format_tilings import Strip, anyhow, regular
from weft.verif.bench.nearest import nearest

SHAPES = [(13, 60, 9), (7, 100, 5), (12, 2, 9)]  # the last one for sums that lose nothing
WINDOW = Window(32, terms=128)


def arrangement(name: str, dataflow: str) -> Arrangement:
    return Arrangement(OperandPair(OPERANDS[name], OPERANDS[name]), 4, 2, window=WINDOW, dataflow=dataflow)


def expected(a: Arrangement, gemm: Gemm, strips: list[Strip], position: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums in units of the window, and what left it, of these tiles: products of a sum that stays are one term, or each is its own."""
    shape = len(gemm.activations), gemm.weights.shape[1]
    totals, lost = np.zeros(shape, object), np.zeros(shape, int)
    for strip in strips:
        terms = []
        for tiles in strip.sums:
            for together in [tiles] if a.stays else [[tile] for tile in tiles]:
                for segment in range(a.segments):
                    own = [k for tile in together for k in tile[segment]]
                    terms += [[k] for k in own] if a.element_window else [own] * bool(own)
        m, n = np.array(strip.lines), np.array(strip.columns)
        part = Gemm(gemm.activations[m], gemm.weights[:, n], gemm.activation_scales[m], gemm.weight_scales[:, n])
        totals[np.ix_(m, n)], lost[np.ix_(m, n)] = windowed(a.operands, part, terms, a.window, position)
    return totals, lost


@cocotb.test()
async def terms_outside_the_window(dut) -> None:
    """From positions at which nothing is lost below to those at which all is."""
    parameters = runner.bench_parameters()
    a, chance, seen = arrangement(*parameters["arrangement"]), random.Random(cocotb.RANDOM_SEED), Counter()
    Clock(dut.clk, 10, unit="ns").start()
    driver = Driver(dut, a)
    await driver.reset()
    for number, shape in enumerate(SHAPES):
        gemm = draw(np.random.default_rng([number, *shape]), a.operands, shape)
        _, _, lowest = exact(a.operands, gemm)
        for step in parameters["steps"]:
            position = max(lowest + step, 0)
            strips = (regular, anyhow)[number % 2](a, shape, LINES, chance)
            totals, lost = expected(a, gemm, strips, position)
            found, outside = await driver.multiply(gemm, position, strips)
            assert (outside == lost).all(), (shape, position, np.argwhere(outside != lost)[:4])
            unit = Fraction(2) ** (position + a.operands.lsb_exponent)
            usable = lost & 1 == 0
            wanted = np.array([nearest(total * unit, ELEMENTS["fp32"]) for total in totals[usable]])
            assert (found[usable] == wanted).all(), (shape, position)
            seen.update(lost.ravel().tolist())
    assert all(seen[kind] > 20 for kind in range(4)), seen


@pytest.mark.integration
@pytest.mark.parametrize(("name", "dataflow", "steps"), [
    ("mxfp8_e4m3", "output_stationary", (0, 6, 16, 28)), ("bf16", "weight_stationary", (0, 2, 9))], ids=str)
def test_terms_outside_the_window(name, dataflow, steps):
    parameters = name, dataflow
    runner.run(FormatUnit(arrangement(*parameters), ELEMENTS["fp32"], lines=LINES), "format_unit_outside",
               "weft.verif.bench.bench_format_outside", quick=True, kinds=KINDS, parameters={"arrangement": parameters, "steps": steps})
