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


def fused(addends: list[tuple[Fraction, int]], scheme: Alignment) -> Fraction:
    """Their sum by the definition."""
    top = max(power if value else -126 for value, power in addends)
    total = sum(cut(value, Fraction(2) ** (top - scheme.fraction)) for value, _ in addends)
    unit = Fraction(2) ** (exponent(total, -126) - scheme.result_bits)
    return round(total / unit) * unit if scheme.nearest else cut(total, unit)


def step(c: Fraction, pairs: list[tuple[Fraction, Fraction]], smallest: int, scheme: Alignment) -> Fraction:
    """One fused step by the definition: elements are given without scales that could hide subnormals."""
    return fused([(c, exponent(c, -126)), *((x * y, exponent(x, smallest) + exponent(y, smallest)) for x, y in pairs)], scheme)


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


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(["nvfp4", "mxfp4"]), st.integers(1, 100), st.integers(0, 1 << 32))
def test_groups_with_scales(name, k, seed):
    """Exact sums of 16 products, times both scales, count with the exponents of these."""
    operand, chance, scheme = OPERANDS[name], np.random.default_rng(seed), Alignment(32, 35, group=16)
    blocks = -(-k // operand.block)
    sides = []
    for _ in range(2):
        codes = chance.integers(0, 16, (2, blocks * operand.block))
        codes[:, k:] = 0
        scales = chance.integers(0, 127, (2, blocks)) if name == "nvfp4" else chance.integers(100, 140, (2, blocks))
        sides.append(Matrix(operand, codes, scales, np.ones((1, 1), np.float32), k))
    found = aligned_gemm(*sides, scheme)
    scales, values = ([decode(each, codes) for codes in own] for each, own in (
        (operand.scale, [side.scales for side in sides]), (operand.element, [side.codes for side in sides])))
    c = Fraction(0)
    for start in range(0, k, 32):
        addends = [(c, exponent(c, -126))]
        for first in range(start, min(start + 32, k), 16):
            factors = [Fraction(side[1, first // operand.block]) for side in scales]
            total = sum(Fraction(x) * Fraction(y) for x, y in zip(*(side[1, first:first + 16] for side in values), strict=True))
            addends.append((total * factors[0] * factors[1], sum(exponent(each, operand.scale.smallest_exponent) for each in factors)))
        c = fused(addends, scheme)
    assert Fraction(float(found[1, 1])) == c


def test_a_sum_goes_on_where_it_stopped():
    chance = np.random.default_rng(3)
    codes = chance.integers(0, 0x60, (3, 40)) | chance.integers(0, 2, (3, 40)) << 7
    whole, first, rest = (Matrix(OPERANDS["e4m3"], codes[:, part], None, np.ones((1, 1), np.float32), codes[:, part].shape[1])
                          for part in (slice(None), slice(16), slice(16, None)))
    scheme = SCHEMES["ampere"]
    assert (aligned_gemm(rest, rest, scheme, aligned_gemm(first, first, scheme)) == aligned_gemm(whole, whole, scheme)).all()


def test_beyond_the_range_a_sum_stays_infinite():
    """2^254 is more than an fp32; afterwards -2^254 changes nothing, but an infinity of the other sign does."""
    big, codes = 0xFE << 7, np.array([[0x7F00, 0, 0x7F00, 0], [0x7F00, 0, 0xFF00, 0], [0x7F00, 0, 0xFF80, 0]])
    assert big == 0x7F00
    matrix = Matrix(OPERANDS["bf16"], codes, None, np.ones((1, 1), np.float32), 4)
    found = aligned_gemm(matrix, matrix, Alignment(2, 24))
    assert found[0, 0] == found[0, 1] == np.inf and np.isnan(found[0, 2])


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
