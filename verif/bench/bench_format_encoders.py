"""RoundElement and CompareElement in Verilator against ml_dtypes: bf16 exhaustively, fp32 on and beside every value and midpoint."""

import random
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import cocotb
import numpy as np
import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from weft.gen.formats.element import ELEMENTS
from weft.gen.formats.operand import OPERANDS
from weft.hdl.formats.compare_element import CompareElement
from weft.hdl.formats.round_element import RoundElement
from weft.verif.bench import runner
from weft.verif.bench.codes import cast, fixed, floats, hard_cases

SOURCES = ("bf16", "fp32")
TARGETS = (*dict.fromkeys(each.element.name for each in OPERANDS.values() if each.scale), "ue4m3")
SCALES = (127, 1, 254)  # of fp32
ABOVE = range(-34, 17)  # exponents of bf16 above those of their scales: from where all is rounded to 0 to where nothing fits
SMALLEST = 2.0**-126  # normal number of both sources
FACTORS = (1.5 * 2.0**-30, float(np.nextafter(np.float32(2.0**41), np.float32(0))))


class Encoders(wiring.Component):
    """All of them side by side: of each source one value for all targets."""

    def __init__(self) -> None:
        self._units = {(source, target): RoundElement(ELEMENTS[source], ELEMENTS[target]) for source in SOURCES for target in TARGETS}
        self._compares = {source: CompareElement(ELEMENTS[source]) for source in SOURCES}
        super().__init__({
            "step": In(1), "factor": In(32), "divisor": In(8),
            **{f"{source}_{part}": In(bits) for source in SOURCES for part, bits in (("value", ELEMENTS[source].bits), ("scale", 8))},
            **{f"{source}_{target}": Out(ELEMENTS[target].bits) for source, target in self._units},
            **{f"{source}_compared": Out(4) for source in SOURCES}})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        for (source, target), unit in self._units.items():
            m.submodules[f"{source}_{target}"] = unit
            m.d.comb += [unit.value.eq(getattr(self, f"{source}_value")), unit.scale.eq(getattr(self, f"{source}_scale")),
                         unit.step.eq(self.step), getattr(self, f"{source}_{target}").eq(unit.code)]
        for source, unit in self._compares.items():
            m.submodules[f"{source}_compared"] = unit
            m.d.comb += [unit.value.eq(getattr(self, f"{source}_value")), unit.scale.eq(self.divisor), unit.factor.eq(self.factor),
                         unit.step.eq(self.step), getattr(self, f"{source}_compared").eq(unit.code)]
        return m


def values_of(source: str, codes: np.ndarray) -> np.ndarray:
    """In float32, subnormal numbers as zeros with their sign."""
    values = (codes << 16 if source == "bf16" else codes).astype(np.uint32).view(np.float32)
    return np.where(np.abs(values) < SMALLEST, np.copysign(np.float32(0), values), values)


def some_bf16(chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales: all that a rounding depends on, elsewhere in the range each time; and every code without a hidden bit."""
    above, rest = (grid.ravel() for grid in np.meshgrid(ABOVE, np.arange(256), indexing="ij"))
    low, high = np.maximum(above, 1), np.minimum(254 + above, 254)
    exponents = chance.integers(low, high + 1)
    normal = rest >> 7 << 15 | exponents << 7 | rest & 127
    below = np.arange(256) >> 7 << 15 | np.arange(256) & 127
    return np.concatenate([normal, below]), np.concatenate([exponents - above, chance.integers(0, 255, 256)])


async def stream(dut, inputs: dict[str, np.ndarray], outputs: list[str]) -> dict[str, np.ndarray]:
    """What follows each cycle of inputs `LATENCY` steps later, with pauses in which nothing may move."""
    chance, length = random.Random(cocotb.RANDOM_SEED), len(next(iter(inputs.values())))
    found: dict[str, list[int]] = {name: [] for name in outputs}
    words = {name: values.tolist() for name, values in inputs.items()}
    for number in range(length + RoundElement.LATENCY - 1):
        while chance.random() < 0.02:
            dut.step.value = 0
            for name in words:
                getattr(dut, name).value = words[name][chance.randrange(length)]
            await FallingEdge(dut.clk)
        dut.step.value = 1
        for name, own in words.items():
            getattr(dut, name).value = own[min(number, length - 1)]
        await FallingEdge(dut.clk)
        if number >= RoundElement.LATENCY - 1:
            for name in outputs:
                found[name].append(int(getattr(dut, name).value))
    return {name: np.array(codes) for name, codes in found.items()}


@cocotb.test()
async def codes_under_powers_of_two(dut) -> None:
    """Every mantissa of bf16 with every distance of exponents, and its subnormals; in fp32 the hard cases of every target. As far as a
    quantiser can give them."""
    Clock(dut.clk, 10, unit="ns").start()
    dut.factor.value, dut.divisor.value = 0x3F800000, 1
    every, scales = some_bf16(np.random.default_rng(cocotb.RANDOM_SEED))
    hard = np.unique(np.concatenate([hard_cases(target) for target in TARGETS]).view(np.uint32)).view(np.float32)
    with np.errstate(over="ignore"):
        fp32 = np.concatenate([np.ldexp(hard, scale - 127) for scale in SCALES])
    powers = np.repeat(SCALES, len(hard))[np.isfinite(fp32)]
    fp32 = fp32[np.isfinite(fp32)].view(np.uint32).astype(np.int64)
    length = max(len(every), len(fp32))
    inputs = {name: np.resize(values, length) for name, values in (
        ("bf16_value", every), ("bf16_scale", scales), ("fp32_value", fp32), ("fp32_scale", powers))}
    found = await stream(dut, inputs, [f"{source}_{target}" for source in SOURCES for target in TARGETS])
    for source in SOURCES:
        values = values_of(source, inputs[f"{source}_value"]).astype(np.float64)
        with np.errstate(over="ignore"):
            quotients = np.ldexp(values, 127 - inputs[f"{source}_scale"])
        for target in TARGETS:
            element = ELEMENTS[target]
            given = np.abs(quotients) < 2.0 ** (element.largest_exponent + 1)  # by how the quantiser forms scales
            given &= element.signed | ~np.signbit(quotients)
            own = quotients[given]
            # What float32 cannot hold is far below the smallest value.
            wanted = cast(target, np.where(np.abs(own) < 1e-30, np.copysign(np.float32(0), own), own).astype(np.float32))
            got = found[f"{source}_{target}"][given]
            wrong = np.flatnonzero(got != wanted)
            assert not len(wrong), (source, target, [(float(own[n]), hex(got[n]), hex(wanted[n])) for n in wrong[:4]])
            used = np.flatnonzero(np.isfinite(floats(target)))
            missing = np.setdiff1d(used if element.signed else used[used < 128], got)
            assert not len(missing), (source, target, missing)


@cocotb.test()
async def codes_under_any_scale(dut) -> None:
    """E2M1: midpoints and values times every scale of UE4M3 times several factors, and their neighbours in both sources."""
    Clock(dut.clk, 10, unit="ns").start()
    steps, seen = sorted({abs(value) for value in floats("e2m1")}), Counter()
    points = [*steps, *((low + high) / 2 for low, high in pairwise(steps)), 9.0]
    for factor in map(np.float32, FACTORS):
        dut.factor.value = int(factor.view(np.uint32))
        cases: dict[str, list[int]] = {"divisor": [], "bf16_value": [], "fp32_value": []}
        for number, point in enumerate(point for code in range(128) if code != 127 for point in points):
            code = number // len(points)
            exact = np.float64(factor) * floats("ue4m3")[code] * point  # 24 + 4 + 4 bits: exact
            near = int(np.float32(min(exact, 3e38)).view(np.uint32))
            for beside in (-1, 0, 1):
                sign = number + code & 1
                cases["divisor"].append(code | (number >> 1 & 1) << 7)  # the ignored bit
                cases["fp32_value"].append(max(near + beside, 0) | sign << 31)
                cases["bf16_value"].append(max((near >> 16) + beside, 0) | sign << 15)
        inputs = {name: np.array(values) for name, values in cases.items()}
        found = await stream(dut, inputs, [f"{source}_compared" for source in SOURCES])
        for source in SOURCES:
            values = values_of(source, inputs[f"{source}_value"])
            for value, divisor, got in zip(values.tolist(), inputs["divisor"].tolist(), found[f"{source}_compared"].tolist(), strict=True):
                wanted, tie = quotient(value, divisor, factor)
                assert got == wanted, (source, value, divisor, float(factor), got, wanted)
                seen.update([wanted, *["tie"] * tie])
    assert len(seen) == 17 and seen["tie"] > 1000, seen


def quotient(value: float, divisor: int, factor: np.float32) -> tuple[int, bool]:
    """Code of E2M1 nearest to value / (divisor * factor), exactly; and whether two are."""
    scale = Fraction(float(floats("ue4m3")[divisor])) * Fraction(float(factor))
    if not scale:
        return 0, False
    exact = abs(Fraction(value)) / scale * 2  # in units of the smallest value
    distance = sorted((abs(own - exact), code & 1, code) for code, own in enumerate(fixed("e2m1")[:8]))
    return distance[0][2] | (8 if np.signbit(value) else 0), distance[0][0] == distance[1][0]


@pytest.mark.integration
def test_encoders():
    runner.run(Encoders(), "format_encoders", "weft.verif.bench.bench_format_encoders")
