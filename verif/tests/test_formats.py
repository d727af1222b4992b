"""The format tables against ml_dtypes' own enumeration of every code, and against widths computed elsewhere."""

from fractions import Fraction
from itertools import product

import ml_dtypes
import numpy as np
import pytest

from weft.gen.formats.element import ELEMENTS, Specials, width
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.gen.formats.pair import pair
from weft.verif.bench.codes import EXHAUSTIVE

THEIRS = {
    "int8": np.int8, "uint8": np.uint8, "int4": ml_dtypes.int4, "int2": ml_dtypes.int2, "e4m3": ml_dtypes.float8_e4m3fn,
    "e5m2": ml_dtypes.float8_e5m2, "e2m3": ml_dtypes.float6_e2m3fn, "e3m2": ml_dtypes.float6_e3m2fn, "e2m1": ml_dtypes.float4_e2m1fn,
    "bf16": ml_dtypes.bfloat16, "fp16": np.float16, "e8m0": ml_dtypes.float8_e8m0fnu}


def values(name: str) -> np.ndarray:
    """What ml_dtypes or numpy make of every code, in double precision, which holds all of them."""
    codes = np.arange(1 << ELEMENTS[name].bits, dtype=np.uint16 if ELEMENTS[name].bits > 8 else np.uint8)
    with np.errstate(invalid="ignore"):  # signalling NaNs
        return codes.view(THEIRS[name]).astype(np.float64)


@pytest.mark.parametrize("name", THEIRS)
def test_range_is_that_of_every_code(name):
    element, found = ELEMENTS[name], values(name)
    finite = [Fraction(value) for value in found[np.isfinite(found)]]
    assert max(finite) == element.largest
    assert min(finite) == element.fixed_low * element.smallest_subnormal
    assert min(value for value in finite if value > 0) == element.smallest_subnormal
    assert all((value / element.smallest_subnormal).denominator == 1 for value in finite)
    assert any(value / element.smallest_subnormal % 2 for value in finite), "the unit is the largest that all are multiples of"


@pytest.mark.parametrize("name", THEIRS)
def test_specials_are_those_of_every_code(name):
    element, found = ELEMENTS[name], values(name)
    signs = 1 + element.signed
    nans = {Specials.NONE: 0, Specials.NAN: signs, Specials.IEEE: signs * ((1 << element.mantissa_bits) - 1)}
    assert np.isnan(found).sum() == nans[element.specials]
    assert np.isinf(found).sum() == (2 if element.specials is Specials.IEEE else 0)


@pytest.mark.parametrize("name", THEIRS)
def test_fields_give_the_value(name):
    """The definition in `Element`'s docstring, code by code."""
    element = ELEMENTS[name]
    mantissa, exponent = element.mantissa_bits, element.exponent_bits
    for code, value in enumerate(values(name)):
        if not np.isfinite(value):
            continue
        m, e, sign = code % (1 << mantissa), code >> mantissa & ((1 << exponent) - 1), code >> (mantissa + exponent)
        if element.integer:
            fixed = code - (1 << element.bits) if element.signed and sign else code
        else:
            hidden = e > 0 or not element.subnormals
            shift = e - (element.subnormals if hidden else 0)
            fixed = ((hidden << mantissa) + m) * (-1 if element.signed and sign else 1) << shift
            assert 0 <= shift <= element.largest_shift and element.fixed_low <= fixed <= element.fixed_high
        assert fixed * element.smallest_subnormal == Fraction(value)


# name: bias, largest, smallest normal, smallest subnormal, fixed-point range, its bits
KNOWN = {
    "e2m1": (1, 6, Fraction(1), Fraction(1, 2), 12, 5),
    "e2m3": (1, Fraction(15, 2), Fraction(1), Fraction(1, 8), 60, 7),
    "e3m2": (3, 28, Fraction(1, 4), Fraction(1, 16), 448, 10),
    "e4m3": (7, 448, Fraction(1, 64), Fraction(1, 512), 229_376, 19),
    "e5m2": (15, 57_344, Fraction(1, 1 << 14), Fraction(1, 1 << 16), 3_758_096_384, 33),
}


@pytest.mark.parametrize("name", KNOWN)
def test_published_figures(name):
    element = ELEMENTS[name]
    assert (element.bias, element.largest, element.smallest_normal, element.smallest_subnormal, element.fixed_high,
            element.fixed_bits) == KNOWN[name]
    assert element.fixed_low == -element.fixed_high


def test_largest_exponents_are_those_of_the_microscaling_formats():
    assert {name: ELEMENTS[name].largest_exponent for name in ("e4m3", "e5m2", "e3m2", "e2m3", "e2m1", "int8q6")} == {
        "e4m3": 8, "e5m2": 15, "e3m2": 4, "e2m3": 2, "e2m1": 2, "int8q6": 0}
    assert ELEMENTS["int8q6"].largest == Fraction(127, 64) and ELEMENTS["int8q6"].smallest_subnormal == Fraction(1, 64)


# pair: product bits, then accumulator bits for a depth of 32, 256, 1024, 4096, 65536
WIDTHS = {
    ("int8", "int8"): (16, 21, 24, 26, 28, 32),
    ("e2m1", "e2m1"): (9, 14, 17, 19, 21, 25),
    ("e2m3", "e2m3"): (13, 18, 21, 23, 25, 29),
    ("e3m2", "e3m2"): (19, 24, 27, 29, 31, 35),
    ("e4m3", "e4m3"): (37, 42, 45, 47, 49, 53),
    ("e5m2", "e5m2"): (65, 70, 73, 75, 77, 81),
    ("e4m3", "e5m2"): (51, 56, 59, 61, 63, 67),
    ("e2m1", "e4m3"): (23, 28, 31, 33, 35, 39),
    ("e2m1", "e5m2"): (37, 42, 45, 47, 49, 53),
}


@pytest.mark.parametrize("names", WIDTHS)
def test_exact_widths(names):
    found = pair(*names)
    assert (found.product_bits, *(found.accumulator_bits(depth) for depth in (32, 256, 1024, 4096, 65536))) == WIDTHS[names]


def test_other_exact_widths():
    assert pair("int4").product_bits == 8 and [pair("int4").accumulator_bits(depth) for depth in (32, 256, 4096)] == [13, 16, 20]
    assert pair("fp16").product_bits == 81 and pair("fp32").product_bits == 555
    assert pair("uint8").product_range == (0, 255 * 255) and pair("uint8").product_bits == 16


@pytest.mark.parametrize("each", EXHAUSTIVE, ids=lambda each: each.name)
def test_product_range_is_that_of_every_product(each):
    sides = []
    for element in (each.activation, each.weight):
        found = values({"int8q6": "int8"}.get(element.name, element.name))
        unit = float(ELEMENTS[{"int8q6": "int8"}.get(element.name, element.name)].smallest_subnormal)
        sides.append([int(value / unit) for value in found[np.isfinite(found)]])
    products = [a * b for a, b in product(*sides)]
    assert each.product_range == (min(products), max(products))


@pytest.mark.parametrize(("low", "high", "bits"), [
    (0, 0, 1), (0, 1, 1), (0, 255, 8), (-1, 0, 1), (-1, 1, 2), (-128, 127, 8), (-128, 128, 9)])
def test_width(low, high, bits):
    assert width(low, high) == bits


def test_bits_in_memory():
    assert {name: float(OPERANDS[name].bits_per_element) for name in ("int8", "mxint8", "mxfp8_e4m3", "mxfp6_e2m3", "mxfp4", "nvfp4")} == {
        "int8": 8, "mxint8": 8.25, "mxfp8_e4m3": 8.25, "mxfp6_e2m3": 6.25, "mxfp4": 4.25, "nvfp4": 4.5}


@pytest.mark.parametrize(("name", "depth", "bits"), [
    ("mxfp4", 4096, 529), ("mxfp8_e4m3", 4096, 557), ("mxfp8_e5m2", 4096, 585), ("nvfp4", 16, 48), ("nvfp4", 1024, 54),
    ("nvfp4", 4096, 56), ("int8", 4096, 28)])
def test_exact_widths_with_scales(name, depth, bits):
    assert OperandPair(OPERANDS[name], OPERANDS[name]).accumulator_bits(depth) == bits


def test_units_with_scales():
    assert OperandPair(OPERANDS["nvfp4"], OPERANDS["nvfp4"]).lsb_exponent == -20
    assert OperandPair(OPERANDS["int8"], OPERANDS["mxfp4"]).block == 32


def test_blocks_that_differ_are_refused():
    with pytest.raises(ValueError, match="blocks of 32 and 16"):
        OperandPair(OPERANDS["mxfp4"], OPERANDS["nvfp4"])


def test_names_are_keys():
    for table in (ELEMENTS, OPERANDS):
        assert all(entry.name == name for name, entry in table.items())
