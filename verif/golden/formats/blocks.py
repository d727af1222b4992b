"""Matrices in operand formats: elements, block scales, one more factor per row or tensor."""

import dataclasses
import enum
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weft.gen.formats.element import Element
from weft.gen.formats.operand import Operand
from weft.verif.golden.formats.element import Codes, Float64, decode, encode, nan_code
from weft.verif.golden.formats.packing import pack, unpack

Float32 = NDArray[np.float32]
SMALLEST_FACTOR = np.float32(2.0**-126)  # factors are never subnormal


class ScaleRule(enum.Enum):
    """How the shared power of two of a block is formed from its largest magnitude."""

    FLOOR = enum.auto()  # 2^floor(log2 largest) / 2^emax: microscaling formats 1.0; the largest element may saturate
    UP = enum.auto()  # the least power of two with which nothing saturates


@dataclasses.dataclass(frozen=True)
class Matrix:
    """value[r, k] = element[r, k] * scale[r, k // block] * factor[r].

    Members
    -------
    codes: [rows, k], k filled with zeros to whole blocks. scales: codes [rows, blocks], None without block scales.
    factor: float32 [rows, 1], or [1, 1] for one of the whole tensor. k: columns in use.
    """

    operand: Operand
    codes: Codes
    scales: Codes | None
    factor: Float32
    k: int

    def values(self) -> Float64:
        """[rows, k]. Rounded, where element, scale and factor together exceed 53 bits: for looking at, not for exact arithmetic."""
        found = decode(self.operand.element, self.codes)
        if self.operand.scale is not None:
            assert self.scales is not None
            found = found * np.repeat(decode(self.operand.scale, self.scales), self.operand.block, 1)
        found = found * self.factor
        return found[:, :self.k]

    def pack(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Bytes of the elements and of the scales, each row from a byte of its own."""
        scales = np.zeros((len(self.codes), 0), np.uint8)
        if self.operand.scale is not None and self.scales is not None:
            scales = pack(self.operand.scale, self.scales)
        return pack(self.operand.element, self.codes), scales


def from_bytes(operand: Operand, elements: NDArray[np.uint8], scales: NDArray[np.uint8], factor: Float32, k: int) -> Matrix:
    """Inverse of `Matrix.pack`."""
    blocks = -(-k // operand.block)
    codes = unpack(operand.element, elements, blocks * operand.block)
    return Matrix(operand, codes, unpack(operand.scale, scales, blocks) if operand.scale else None, factor, k)


def quantise(operand: Operand, values: ArrayLike, *, rule: ScaleRule = ScaleRule.FLOOR, factor: ArrayLike | None = None) -> Matrix:
    """Values [rows, k] (float32) in a format; every rounding to nearest even, of the exact quotient, what exceeds a format saturates.

    - Block scale E8M0: a power of two by `rule`. Exponents out of its range are clamped: values of a block too small for the least scale
      become small elements or 0, values too large (possible with UP only) saturate. A block of zeros has the least scale.
    - Block scale of other formats: largest magnitude / (largest element * factor), rounded; elements are divided by the rounded scale
      and are 0 if that is 0. `factor` is by default what makes the largest scale of the tensor the largest of its format, if the
      format has such a factor, else 1.
    - No block scale: `factor` is by default, for each row, what makes its largest magnitude the largest element.

    A block with a value that is not finite has the scale NaN and elements 0, which makes all of it NaN; such values do not
    count for factors. Without block scales they are encoded as `encode` does.

    Raises ValueError if a scale is needed that its format cannot express.
    """
    values = np.asarray(values, np.float64)  # float32 exactly
    element, scale = operand.element, operand.scale
    usable = np.where(np.isfinite(values), np.abs(values), 0)
    if scale is None:
        if factor is None:
            factor = _factor(usable.max(1, keepdims=True, initial=0), element)
        factor = np.asarray(factor, np.float32)
        return Matrix(operand, encode(element, values / factor), None, factor, values.shape[1])
    rows, k = values.shape
    blocks = np.pad(values, ((0, 0), (0, -k % operand.block))).reshape(rows, -1, operand.block)
    invalid = ~np.isfinite(blocks).all(2)
    blocks = np.where(invalid[:, :, None], 0, blocks)
    largest = np.abs(blocks).max(2, initial=0)
    if factor is None:
        factor = _factor(usable.max(initial=0).reshape(1, 1), element, scale) if operand.tensor_scale else np.ones((1, 1))
    factor = np.asarray(factor, np.float32)
    if scale.mantissa_bits == 0:
        exponents = shared_exponents(element, largest, rule)
        scales = exponents - scale.lsb_exponent
    else:
        # Both quotients here are of at most 24 by 32 significant bits, and 2^-32 or more away from a midpoint unless on it: rounding
        # them first to 53 bits, as the division does, changes no result.
        scales = encode(scale, largest / (float(element.largest) * factor.astype(np.float64)))
    divisor = decode(scale, scales) * factor
    quotients = blocks / np.where(divisor == 0, 1, divisor)[:, :, None]
    codes = encode(element, np.where((divisor == 0)[:, :, None], 0, quotients))
    if invalid.any():
        scales = np.where(invalid, nan_code(scale), scales)
    return Matrix(operand, codes.reshape(rows, -1), scales, factor, k)


def shared_exponents(element: Element, largest: Float64, rule: ScaleRule) -> Codes:
    """Exponents of E8M0 scales for blocks whose largest magnitudes are given, clamped to -127 .. 127.

    By the exponent field of the numbers (frexp), never by a logarithm, which errs just below powers of two.
    """
    exponent = np.frexp(largest)[1].astype(np.int64) - 1 - element.largest_exponent
    if rule is ScaleRule.UP:
        # The fraction that still fits: at the same scale, up to the largest element.
        exponent += np.ldexp(largest, -exponent) > float(element.largest)
    return np.where(largest == 0, -127, np.clip(exponent, -127, 127))


def _factor(largest: Float64, *formats: Element) -> Float32:
    """Largest magnitude over the product of the formats' largest values, a normal float32; 1 where all are 0."""
    quotient = largest.astype(np.float32) / np.float32(math.prod(float(element.largest) for element in formats))
    return np.where(largest == 0, np.float32(1), np.maximum(quotient, SMALLEST_FACTOR)).astype(np.float32)
