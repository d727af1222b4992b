"""Codes of single numbers: decode, and encode with one rounding to nearest even.

Arithmetic is in integers, or in double precision where nothing is lost. Arrays are int64 or, where a format's fixed-point values or a sum
need more bits, Python integers (dtype object); the same expressions serve both.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weft.gen.formats.element import Element, Specials

Integers = NDArray[np.int64]  # or of dtype object
Codes = NDArray[np.int64]
Float64 = NDArray[np.float64]


def fields(element: Element, codes: ArrayLike) -> tuple[Integers, Integers]:
    """Signed significands and exponents: value = significand * 2^exponent, 0 where a code is not finite. Exact for every format."""
    codes = np.asarray(codes, np.int64)
    if element.integer:
        sign = codes >> (element.bits - 1) & 1 if element.signed else 0
        return codes - (sign << element.bits), np.full_like(codes, element.lsb_exponent)
    mantissa, exponent = _split(element, codes)
    normal = exponent > 0 if element.subnormals else np.ones_like(exponent, bool)
    significand = mantissa + (normal.astype(np.int64) << element.mantissa_bits)
    shift = exponent - np.where(normal, int(element.subnormals), 0)
    return np.where(finite(element, codes), np.where(negative(element, codes), -significand, significand), 0), shift + element.lsb_exponent


def fixed(element: Element, codes: ArrayLike) -> Integers:
    """Fixed-point values, units of 2^lsb_exponent; 0 where a code is not finite. Python integers if int64 could not hold them."""
    significand, exponent = fields(element, codes)
    shift = exponent - element.lsb_exponent
    return significand.astype(object) << shift if element.fixed_bits > 63 else significand << shift


def decode(element: Element, codes: ArrayLike) -> Float64:
    """Values, NaN and infinities too. Exact: every format of the table is a subset of double precision."""
    significand, exponent = fields(element, codes)
    value = np.ldexp(significand.astype(np.float64), exponent)
    value = np.where((value == 0) & negative(element, codes), -0.0, value)
    if element.specials is Specials.NONE:
        return value
    infinite = is_infinite(element, codes)
    value = np.where(finite(element, codes) | infinite, value, np.nan)
    return np.where(infinite, np.where(negative(element, codes), -np.inf, np.inf), value)


def finite(element: Element, codes: ArrayLike) -> NDArray[np.bool_]:
    codes = np.asarray(codes, np.int64)
    if element.specials is Specials.NONE:
        return np.ones(codes.shape, bool)
    mantissa, exponent = _split(element, codes)
    special = exponent == (1 << element.exponent_bits) - 1
    if element.specials is Specials.NAN:
        special &= mantissa == (1 << element.mantissa_bits) - 1
    regular: NDArray[np.bool_] = ~special
    return regular


def is_infinite(element: Element, codes: ArrayLike) -> NDArray[np.bool_]:
    mantissa, _ = _split(element, np.asarray(codes, np.int64))
    found: NDArray[np.bool_] = ~finite(element, codes) & (mantissa == 0) & (element.specials is Specials.IEEE)
    return found


def negative(element: Element, codes: ArrayLike) -> NDArray[np.bool_]:
    """The sign bit of a floating-point code; integers have none of their own."""
    sign = np.asarray(codes, np.int64) >> (element.exponent_bits + element.mantissa_bits) & 1
    found: NDArray[np.bool_] = (sign == 1) & (element.signed and not element.integer)
    return found


def encode(element: Element, values: ArrayLike, *, saturate: bool = True) -> Codes:
    """Codes nearest to `values` (float32 or float64), ties to even; see `encode_integers` for what is out of range.

    NaN becomes the format's NaN, or 0 in formats that have none. Infinity is out of range. Negative values of an unsigned format
    become 0. Raises ValueError for formats without zero (scales that are powers of two).
    """
    if not element.subnormals:
        raise ValueError(f"encode element={element.name}: has no zero; form scales with `shared_exponents`")
    values = np.asarray(values, np.float64)
    usable = np.where(np.isfinite(values), values, 0)
    if element.integer:
        # A power of two scales exactly, and rint rounds ties to even.
        steps = np.clip(np.rint(np.ldexp(values, -element.lsb_exponent)), element.fixed_low, element.fixed_high)
        return np.where(np.isnan(values), 0, steps).astype(np.int64) & ((1 << element.bits) - 1)
    # The place of the result's least significant bit: by the leading bit, or that of subnormals.
    shift = np.maximum(np.frexp(usable)[1] - (element.mantissa_bits + 1) - element.lsb_exponent, 0).astype(np.int64)
    steps = np.rint(np.ldexp(np.abs(usable), -(shift + element.lsb_exponent))).astype(np.int64)
    codes = _assemble(element, steps, shift, saturate)
    codes = np.where(np.isinf(values), _overflow(element, saturate), codes)
    codes = np.where(np.signbit(values), codes | _sign_bit(element) if element.signed else 0, codes)
    return np.where(np.isnan(values), nan_code(element), codes)


def encode_integers(element: Element, integers: Integers, exponent: ArrayLike, *, saturate: bool = True) -> Codes:
    """Codes nearest to integers * 2^exponent, ties to even, -2^63 <= integers <= 2^63 unless Python integers.

    What rounds to something beyond the largest finite value becomes that value or, unless `saturate`, infinity (NaN in a format without
    infinity). Integer formats always saturate. A negative number that rounds to 0 becomes -0 where there is one.
    """
    if not element.subnormals:
        raise ValueError(f"encode element={element.name}: has no zero; form scales with `shared_exponents`")
    wide = integers.dtype == object
    below = np.asarray(integers < 0, bool)
    magnitude = np.where(below, -integers, integers) if wide else np.where(below, -integers, integers).astype(np.uint64)
    exponent = np.broadcast_to(np.asarray(exponent, np.int64), magnitude.shape)
    length = bit_length(magnitude)
    # Bits below the place of the result's least significant bit: fixed for integers and subnormals, by the leading bit otherwise.
    drop = element.lsb_exponent - exponent
    if not element.integer:
        drop = np.maximum(drop, length - (element.mantissa_bits + 1))
    shift = exponent + drop - element.lsb_exponent
    # Beyond the format by its length alone: nothing to shift, and shifting might not fit.
    huge = length - drop > max(element.significand_bits, 1) + 1
    rounded = shift_half_even(magnitude, np.where(huge, length, drop)).astype(np.int64)
    if element.integer:
        rounded = np.where(huge, 1 << element.bits, rounded)
        clipped = np.clip(np.where(below, -rounded, rounded), element.fixed_low, element.fixed_high)
        return clipped & ((1 << element.bits) - 1)
    code = _assemble(element, rounded, shift, saturate)
    return code | np.where(below, _sign_bit(element), 0) if element.signed else np.where(below, 0, code)


def shift_half_even(magnitude: NDArray[np.uint64], drop: Integers) -> NDArray[np.uint64]:
    """magnitude / 2^drop to the nearest integer, ties to even; to the left, without limit, for a negative `drop`.

    Magnitudes are at most 2^63 unless Python integers; those shifted to the left must fit.
    """
    wide = magnitude.dtype == object
    kind = object if wide else np.uint64
    # From 64 on a magnitude of 2^63 is at most a tie between 0 and 1.
    gone = (drop > 63) & (not wide)
    right = np.where(gone, 0, np.maximum(drop, 0)).astype(kind)
    left = np.maximum(-drop, 0).astype(kind)
    one = np.asarray(1, kind)
    floor = magnitude >> right
    rest = magnitude - (floor << right)
    half = np.where(right > 0, one << np.maximum(right, one) - one, one)
    up = (right > 0) & ((rest > half) | ((rest == half) & (floor & one == one)))
    rounded = np.where(right > 0, floor + up.astype(kind), magnitude << left)
    return np.where(gone, 0, rounded).astype(kind)


def bit_length(magnitude: NDArray[np.uint64]) -> Integers:
    """Of integers that are not negative."""
    if magnitude.dtype == object:
        return np.fromiter((int(value).bit_length() for value in magnitude.ravel()), np.int64, magnitude.size).reshape(magnitude.shape)
    # Above 2^53 the conversion may round up to the next power of two: then one too many.
    length = np.frexp(magnitude.astype(np.float64))[1].astype(np.int64)
    below = magnitude >> np.maximum(length - 1, 0).astype(np.uint64) == 0
    exact: Integers = length - ((length > 0) & below)
    return exact


def nan_code(element: Element) -> int:
    """A NaN without sign, of IEEE formats the quiet one; 0 if the format has none."""
    ones = ((1 << element.exponent_bits) - 1) << element.mantissa_bits
    return {Specials.NONE: 0, Specials.NAN: ones + (1 << element.mantissa_bits) - 1,
            Specials.IEEE: ones + (1 << element.mantissa_bits >> 1)}[element.specials]


def _assemble(element: Element, significand: Integers, shift: Integers, saturate: bool) -> Codes:
    """Codes, without sign, of significand << shift in fixed point; the significand may have just been rounded up to a power of two.

    The hidden bit, and such a carry, add into the exponent field by themselves.
    """
    code = (np.where(significand == 0, 0, np.minimum(shift, 1 << element.exponent_bits)) << element.mantissa_bits) + significand
    return np.where(code > _largest(element), _overflow(element, saturate), code)


def _split(element: Element, codes: Codes) -> tuple[Integers, Integers]:
    """Mantissa and exponent fields."""
    return codes & ((1 << element.mantissa_bits) - 1), codes >> element.mantissa_bits & ((1 << element.exponent_bits) - 1)


def _sign_bit(element: Element) -> int:
    return 1 << (element.exponent_bits + element.mantissa_bits) if element.signed and not element.integer else 0


def _overflow(element: Element, saturate: bool) -> int:
    """Code, without sign, of what exceeds the range of a floating-point format."""
    if saturate or element.specials is Specials.NONE:
        return _largest(element)
    return nan_code(element) if element.specials is Specials.NAN else ((1 << element.exponent_bits) - 1) << element.mantissa_bits


def _largest(element: Element) -> int:
    """Code of the largest finite value."""
    return (element.largest_shift << element.mantissa_bits) + (element.fixed_high >> element.largest_shift)
