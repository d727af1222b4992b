"""The accumulation of graphics processors against its definition in exact fractions, and its difference from exact sums."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.gen.formats.element import ELEMENTS
from weft.gen.formats.operand import OPERANDS
from weft.verif.golden.formats.aligned import Alignment, aligned_gemm
from weft.verif.golden.formats.blocks import Matrix, quantise
from weft.verif.golden.formats.element import decode
from weft.verif.golden.formats.gemm import gemm

SCHEMES = {"ampere": Alignment(8, 24), "hopper": Alignment(16, 25), "ada_fp8": Alignment(16, 13, 13),
           "to nearest": Alignment(4, 24, nearest=True)}


def exponent(value: Fraction, smallest: int) -> int:
    power = abs(value).numerator.bit_length() - abs(value).denominator.bit_length()
    return max(power - (abs(value) < Fraction(2) ** power), smallest) if value else smallest


def cut(value: Fraction, unit: Fraction) -> Fraction:
    return math.trunc(value / unit) * unit


def step(c: Fraction, pairs: list[tuple[Fraction, Fraction]], smallest: int, scheme: Alignment) -> Fraction:
    """One fused step by the definition: elements are given without scales that could hide subnormals."""
    addends = [(c, exponent(c, -126)), *((x * y, exponent(x, smallest) + exponent(y, smallest)) for x, y in pairs)]
    top = max(power if value else -126 for value, power in addends)
    total = sum(cut(value, Fraction(2) ** (top - scheme.fraction)) for value, _ in addends)
    unit = Fraction(2) ** (exponent(total, -126) - scheme.result_bits)
    return round(total / unit) * unit if scheme.nearest else cut(total, unit)


@settings(deadline=None, max_examples=80)
@given(st.sampled_from(["e4m3", "e5m2", "e2m1", "bf16"]), st.sampled_from(sorted(SCHEMES)), st.integers(1, 40), st.integers(0, 1 << 32))
def test_steps_are_as_defined(name, scheme, k, seed):
    element, chance, each = ELEMENTS[name], np.random.default_rng(seed), SCHEMES[scheme]
    codes = chance.integers(0, 1 << element.bits, (3, k))
    if name == "bf16":
        codes = codes & 0x80FF | chance.integers(118, 136, codes.shape) << 7
    codes = np.where(np.isfinite(decode(element, codes)), codes, 0)
    matrix = Matrix(OPERANDS[name], codes, None, np.ones((1, 1), np.float32), k)
    found, values = aligned_gemm(matrix, matrix, each), decode(element, codes)
    for m, n in ((0, 1), (1, 2), (2, 2)):
        c = Fraction(0)
        for start in range(0, k, each.terms):
            part = slice(start, start + each.terms)
            c = step(c, [(Fraction(x), Fraction(y)) for x, y in zip(values[m, part], values[n, part], strict=True)],
                     element.smallest_exponent, each)
        assert Fraction(float(found[m, n])) == c


def test_small_addends_are_lost():
    """448 * 448 and then 2^-18: 36 bits apart."""
    codes = np.array([[0x7E, 0x01]])
    matrix = Matrix(OPERANDS["e4m3"], codes, None, np.ones((1, 1), np.float32), 2)
    assert aligned_gemm(matrix, matrix, Alignment(2, 25))[0, 0] == 448 * 448
    assert aligned_gemm(matrix, matrix, Alignment(2, 35))[0, 0] == 448 * 448


def test_difference_from_exact_sums():
    """On data like that of a network: 13 bits of fraction err a thousand times as much as 25; exact sums do not err."""
    chance = np.random.default_rng(7)
    a, b = (quantise(OPERANDS["mxfp8_e4m3"], chance.normal(size=(8, 512)).astype(np.float32)) for _ in range(2))
    exact = gemm(a, b)
    assert not (exact.overflow | exact.underflow).any()
    size = np.abs(exact.values()).max()
    errors = {name: np.abs(aligned_gemm(a, b, SCHEMES[name]) - exact.values()).max() / size for name in ("hopper", "ada_fp8")}
    assert 0 < errors["hopper"] < 2.0**-18 < 2.0**-13 < errors["ada_fp8"] < 2.0**-5
    np.testing.assert_allclose(exact.values(), a.values() @ b.values().T, rtol=2.0**-22, atol=2.0**-24)


def test_what_is_not_finite():
    matrix = Matrix(OPERANDS["e5m2"], np.array([[0x7C, 0x3C], [0xFC, 0x3C], [0x7F, 0]]), None, np.ones((1, 1), np.float32), 2)
    found = aligned_gemm(matrix, matrix, SCHEMES["hopper"])
    assert found[0, 0] == np.inf and found[0, 1] == -np.inf and np.isnan(found[2]).all()


def test_refusals():
    for name, text in (("int8", "floating point"), ("nvfp4", "powers of two")):
        matrix = quantise(OPERANDS[name], np.ones((1, 32)))
        with pytest.raises(ValueError, match=text):
            aligned_gemm(matrix, matrix, SCHEMES["hopper"])
    with pytest.raises(ValueError, match="fraction=36"):
        Alignment(4, 36)
