"""Codes, packing and block quantisation of the golden model, against ml_dtypes and against definitions in exact fractions."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.gen.formats.element import ELEMENTS, Specials
from weft.gen.formats.operand import OPERANDS
from weft.verif.bench.codes import hard_cases
from weft.verif.golden.formats import blocks, packing
from weft.verif.golden.formats.blocks import ScaleRule, quantise
from weft.verif.golden.formats.element import bit_length, decode, encode, encode_integers, fields, fixed, shift_half_even

THEIRS = {"e4m3": ml_dtypes.float8_e4m3fn, "e5m2": ml_dtypes.float8_e5m2, "e2m3": ml_dtypes.float6_e2m3fn, "e3m2": ml_dtypes.float6_e3m2fn,
          "e2m1": ml_dtypes.float4_e2m1fn, "bf16": ml_dtypes.bfloat16, "fp16": np.float16, "ue4m3": ml_dtypes.float8_e4m3fn,
          "e8m0": ml_dtypes.float8_e8m0fnu, "int8": np.int8, "uint8": np.uint8, "int4": ml_dtypes.int4, "int2": ml_dtypes.int2}
FLOATS = [name for name in THEIRS if not ELEMENTS[name].integer and name != "e8m0"]
INTEGERS = [name for name, each in ELEMENTS.items() if each.integer]
MX = [name for name, each in OPERANDS.items() if each.scale is ELEMENTS["e8m0"]]


def codes_of(name: str) -> np.ndarray:
    return np.arange(1 << ELEMENTS[name].bits)


def theirs(name: str, codes: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # signalling NaNs
        return codes.astype(np.uint16 if ELEMENTS[name].bits > 8 else np.uint8).view(THEIRS[name]).astype(np.float64)


@pytest.mark.parametrize("name", THEIRS)
def test_every_code_decodes(name):
    found, expected = decode(ELEMENTS[name], codes_of(name)), theirs(name, codes_of(name))
    if name == "ue4m3":
        expected = theirs(name, codes_of(name) & 127)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found) & ~np.isnan(found), np.signbit(expected) & ~np.isnan(expected))


@pytest.mark.parametrize("name", ELEMENTS)
def test_fixed_point_and_fields_are_the_value(name):
    element, chance = ELEMENTS[name], np.random.default_rng(1)
    codes = codes_of(name) if element.bits <= 8 else chance.integers(0, 1 << element.bits, 3000)
    significand, exponent = fields(element, codes)
    for value, whole, s, e in zip(decode(element, codes), fixed(element, codes), significand, exponent, strict=True):
        exact = Fraction(value) if np.isfinite(value) else 0
        assert exact == int(whole) * element.smallest_subnormal == int(s) * Fraction(2) ** int(e)


@pytest.mark.parametrize("name", FLOATS)
def test_encodes_as_ml_dtypes_after_clipping(name):
    element, values = ELEMENTS[name], hard_cases(name)
    largest = float(element.largest)
    if not element.signed:
        values = values[values > 0]
    np.testing.assert_array_equal(encode(element, values), cast(name, np.clip(values, -largest, largest)))
    unsaturated = cast(name, values)
    if element.specials is not Specials.NONE:
        got = encode(element, values, saturate=False)
        beyond = ~np.isfinite(theirs(name, unsaturated))
        np.testing.assert_array_equal(got[~beyond], unsaturated[~beyond])
        np.testing.assert_array_equal(decode(element, got[beyond]), theirs(name, unsaturated[beyond]))
        assert beyond.any()


def cast(name: str, values: np.ndarray) -> np.ndarray:
    """The codes of ml_dtypes or numpy."""
    with np.errstate(over="ignore"):
        return values.astype(THEIRS[name]).view(np.uint16 if ELEMENTS[name].bits > 8 else np.uint8).astype(np.int64)


@pytest.mark.parametrize("name", FLOATS)
def test_neighbours_in_double_precision_round_once(name):
    """They are nearer to the midpoint than those in single precision, and on the same side."""
    single, double = hard_cases(name), hard_cases(name, np.float64)
    np.testing.assert_array_equal(encode(ELEMENTS[name], double), encode(ELEMENTS[name], single))
    assert (double != single).any()


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_round_to_even_and_saturate(name):
    element, values = ELEMENTS[name], hard_cases(name)
    unit = float(element.smallest_subnormal)
    expected = np.clip(np.rint(values / unit), element.fixed_low, element.fixed_high) * unit
    np.testing.assert_array_equal(decode(element, encode(element, values)), expected)


@pytest.mark.parametrize("name", [name for name in ELEMENTS if name != "e8m0"])
def test_values_that_are_not_finite(name):
    element = ELEMENTS[name]
    nan, up, down = decode(element, encode(element, [np.nan, np.inf, -np.inf]))
    assert np.isnan(nan) if element.specials is not Specials.NONE else nan == 0
    assert up == element.largest and down == (element.fixed_low * element.smallest_subnormal if element.signed else 0)
    if element.specials is Specials.IEEE:
        np.testing.assert_array_equal(decode(element, encode(element, [np.inf, -np.inf], saturate=False)), [np.inf, -np.inf])


def nearest(element, value: Fraction) -> Fraction:
    """By search among all values of a small format, ties to the even code; saturating."""
    codes = np.arange(1 << element.bits)
    values = decode(element, codes)
    return min((abs(Fraction(v) - value), code & 1, Fraction(v)) for v, code in zip(values, codes, strict=True) if np.isfinite(v))[2]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(["int8", "int4", "e4m3", "e5m2", "e2m3", "e3m2", "e2m1"]), st.integers(-(1 << 63), 1 << 63), st.integers(-80, 20))
def test_integers_times_powers_encode_to_the_nearest(name, integer, exponent):
    """Ties to the even code: of two neighbours one code is odd, and of equal values (both zeros) either will do."""
    element, exact = ELEMENTS[name], integer * Fraction(2) ** exponent
    expected = nearest(element, exact)
    for kind in [np.int64, object] if -(1 << 63) <= integer < 1 << 63 else [object]:
        assert Fraction(decode(element, encode_integers(element, np.array([integer], kind), exponent))[0]) == expected


@settings(deadline=None, max_examples=200)
@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(-240, 80))
def test_sums_round_to_float32_once(integer, exponent):
    exact = integer * Fraction(2) ** exponent
    code = encode_integers(ELEMENTS["fp32"], np.array([integer]), exponent, saturate=False)
    np.testing.assert_array_equal(code, encode_integers(ELEMENTS["fp32"], np.array([integer], object), exponent, saturate=False))
    found = float(decode(ELEMENTS["fp32"], code)[0])
    if np.isinf(found):
        assert abs(exact) >= (1 << 128) - (1 << 103)
        return
    lower, upper = (Fraction(float(np.nextafter(np.float32(found), np.float32(side)))) if np.isfinite(
        np.nextafter(np.float32(found), np.float32(side))) else None for side in (-np.inf, np.inf))
    for other in (lower, upper):
        if other is not None:
            here, there = abs(Fraction(found) - exact), abs(other - exact)
            assert here < there or (here == there and int(code[0]) % 2 == 0)


def test_shift_and_length_at_the_ends():
    for value in (0, 1, (1 << 53) - 1, 1 << 53, (1 << 54) - 1, (1 << 63) - 1, 1 << 63):
        whole = np.array([value], np.uint64)
        assert bit_length(whole)[0] == value.bit_length()
        for drop in (1, 52, 62, 63, 64, 65, 200):
            assert int(shift_half_even(whole, np.array([drop]))[0]) == round(Fraction(value, 1 << drop))


# --- memory


@pytest.mark.parametrize("name", ["int8", "int4", "int2", "e4m3", "e2m3", "e2m1", "bf16"])
def test_codes_are_packed_without_gaps(name):
    element = ELEMENTS[name]
    codes = np.random.default_rng(2).integers(0, 1 << element.bits, (3, 37))
    data = packing.pack(element, codes)
    assert data.shape == (3, -(-37 * element.bits // 8))
    np.testing.assert_array_equal(packing.unpack(element, data, 37), codes)
    row = int.from_bytes(data[1].tobytes(), "little")
    assert [row >> (i * element.bits) & ((1 << element.bits) - 1) for i in range(37)] == codes[1].tolist()


def test_bytes_of_small_codes():
    assert packing.pack(ELEMENTS["e2m1"], np.array([1, 2, 3])).tolist() == [0x21, 0x03]
    assert packing.pack(ELEMENTS["e2m3"], np.array([1, 2, 3, 63])).tolist() == [0x81, 0x30, 0xFC]
    with pytest.raises(ValueError, match="3 codes of 4 bits do not fit 1 bytes"):
        packing.unpack(ELEMENTS["e2m1"], np.zeros(1, np.uint8), 3)


@pytest.mark.parametrize("name", OPERANDS)
def test_matrices_in_memory(name):
    operand = OPERANDS[name]
    matrix = quantise(operand, np.random.default_rng(3).normal(size=(5, 70)).astype(np.float32))
    elements, scales = matrix.pack()
    again = blocks.from_bytes(operand, elements, scales, matrix.factor, 70)
    np.testing.assert_array_equal(again.values(), matrix.values())
    whole = quantise(operand, np.ones((2, 96)))
    assert sum(part.size for part in whole.pack()) == 2 * 96 * operand.bits_per_element / 8


# --- blocks


def numbers() -> st.SearchStrategy[list[float]]:
    largest = float(np.finfo(np.float32).max) / 2.0**127
    parts = st.tuples(st.floats(-largest, largest, width=32), st.integers(-149, 127))
    scaled = parts.map(lambda pair: float(np.float32(np.ldexp(*pair))))
    return st.lists(st.one_of(scaled, st.floats(-3, 3, width=32), st.just(0.0)).filter(np.isfinite), min_size=1, max_size=40)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(MX), numbers(), st.sampled_from(ScaleRule))
def test_microscaling_blocks_are_as_defined(name, values, rule):
    """In exact fractions: the largest power of two not above the largest magnitude, over that of the format."""
    operand = OPERANDS[name]
    matrix = quantise(operand, [values], rule=rule)
    for block in range(0, len(values), 32):
        exact = [Fraction(value) for value in values[block:block + 32]]
        largest = max(map(abs, exact))
        exponent = -127
        if rule is ScaleRule.FLOOR:
            while exponent < 127 and Fraction(2) ** (exponent + 1 + operand.element.largest_exponent) <= largest:
                exponent += 1
        else:
            while exponent < 127 and operand.element.largest * Fraction(2) ** exponent < largest:
                exponent += 1
        assert matrix.scales[0, block // 32] == exponent + 127
        for place, value in enumerate(exact):
            code = matrix.codes[0, block + place]
            assert Fraction(decode(operand.element, code).item()) == nearest(operand.element, value / Fraction(2) ** exponent)


@settings(deadline=None, max_examples=100)
@given(numbers())
def test_nvfp4_blocks_are_as_defined(values):
    operand = OPERANDS["nvfp4"]
    matrix = quantise(operand, [values])
    largest = max(abs(np.float32(value)) for value in values)
    factor = max(np.float32(largest) / np.float32(6 * 448), np.float32(2.0**-126)) if largest else 1
    assert matrix.factor == np.float32(factor)
    factor = Fraction(float(factor))
    for block in range(0, len(values), 16):
        exact = [Fraction(value) for value in values[block:block + 16]]
        scale = nearest(operand.scale, max(map(abs, exact)) / 6 / factor)
        assert Fraction(decode(operand.scale, matrix.scales[0, block // 16]).item()) == scale
        for place, value in enumerate(exact):
            expected = nearest(operand.element, value / (scale * factor)) if scale else 0
            assert Fraction(decode(operand.element, matrix.codes[0, block + place]).item()) == expected


@pytest.mark.parametrize("name", [*MX, "nvfp4"])
def test_a_block_with_a_value_that_is_not_finite_is_nan(name):
    operand = OPERANDS[name]
    values = np.ones((1, 3 * operand.block), np.float32)
    values[0, 1], values[0, -1] = np.inf, np.nan
    found = quantise(operand, values).values()[0].reshape(3, -1)
    assert np.isnan(found[[0, 2]]).all() and np.isfinite(found[1]).all()


@pytest.mark.parametrize("name", [*MX, "nvfp4"])
def test_blocks_of_zeros(name):
    operand = OPERANDS[name]
    matrix = quantise(operand, np.zeros((1, 40)))
    assert (matrix.scales == 0).all() and (matrix.codes == 0).all() and (matrix.values() == 0).all()


def test_rows_of_integers():
    matrix = quantise(OPERANDS["int8"], np.array([[1, -2, 0.5], [0, 0, 0]], np.float32))
    assert matrix.codes.tolist() == [[64, 256 - 127, 32], [0, 0, 0]] and matrix.factor[1] == 1
