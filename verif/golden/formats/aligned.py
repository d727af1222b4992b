"""Products of matrices as common graphics processors accumulate them: addends aligned to the largest exponent and cut off.

To study the difference from `weft.verif.golden.formats.gemm`; results depend on the order of k and on how it is grouped. The scheme and its
figures are those that MMA-Sim (arXiv 2511.10909) found to equal silicon.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from weft.gen.formats.element import ELEMENTS
from weft.verif.golden.formats.blocks import Matrix
from weft.verif.golden.formats.element import Integers, bit_length, encode_integers, fields
from weft.verif.golden.formats.window import specials

ZERO_EXPONENT = -126  # what an addend that is zero counts as
SMALLEST = -126  # exponent of the smallest normal result


@dataclasses.dataclass(frozen=True)
class Alignment:
    """One fused step: c' = c + `terms` products.

    All addends are aligned to the largest of their exponents E (of a product the sum of its operands' exponents, a subnormal's being the
    smallest) and cut off towards zero to multiples of 2^(E - fraction). Their sum is exact. It is rounded to `result_bits` of mantissa,
    towards zero or with `nearest` to nearest even (float32 only).
    """

    terms: int
    fraction: int
    result_bits: int = 23
    nearest: bool = False

    def __post_init__(self) -> None:
        if self.terms < 1 or not 1 <= self.fraction <= 35:
            raise ValueError(f"Alignment terms={self.terms!r} fraction={self.fraction!r}: must be 1 or more, and 1 .. 35")
        if self.nearest and self.result_bits != 23:
            raise ValueError(f"Alignment result_bits={self.result_bits!r}: must be 23 to round to nearest")


def aligned_gemm(a: Matrix, b: Matrix, alignment: Alignment) -> NDArray[np.float32]:
    """a times b transposed, step by step from c = 0, factors left out; [rows of a, rows of b].

    The exponents of block scales, which must be powers of two, count as the elements' own. Raises ValueError for other scales, for
    integers, and for matrices of different k.
    """
    if a.k != b.k:
        raise ValueError(f"aligned_gemm k={a.k} and {b.k}: both matrices must have as many columns")
    (x, x_exponent, x_below), (y, y_exponent, y_below) = _parts(a), _parts(b)
    total = np.zeros((len(x), len(y)), np.float32)
    for start in range(0, a.k, alignment.terms):
        steps = range(start, min(start + alignment.terms, a.k))
        # Addends: significand, exponent of its last bit, exponent for the alignment.
        own = np.maximum(np.frexp(total)[1].astype(np.int64) - 1, SMALLEST)
        addends = [(np.ldexp(total.astype(np.float64), 23 - own).astype(np.int64), own - 23, own)]
        for k in steps:
            last = x_exponent[:, k, None] + y_exponent[None, :, k]
            addends.append((x[:, k, None] * y[None, :, k], last, last + (x_below + y_below)))
        largest = np.max([np.where(significand == 0, ZERO_EXPONENT, exponent) for significand, _, exponent in addends], axis=0)
        unit = largest - alignment.fraction
        total = _rounded(sum((_cut(significand, last - unit) for significand, last, _ in addends), np.zeros_like(unit)), unit, alignment)
    nan, plus, minus = specials(a, b)
    return np.where(nan, np.nan, np.where(plus, np.inf, np.where(minus, -np.inf, total))).astype(np.float32)


def _parts(side: Matrix) -> tuple[Integers, Integers, int]:
    """Significands, exponents of their last bits with the scales' in them, and the bits of a significand below its first."""
    element, scale = side.operand.element, side.operand.scale
    if element.integer:
        raise ValueError(f"aligned_gemm operand={side.operand.name}: elements must be floating point")
    significand, exponent = fields(element, side.codes)
    if scale is not None:
        if scale.mantissa_bits or side.scales is None:
            raise ValueError(f"aligned_gemm operand={side.operand.name}: scales must be powers of two")
        exponent = exponent + np.repeat(fields(scale, side.scales)[1], side.operand.block, 1)
    return significand, exponent, element.mantissa_bits


def _cut(significand: Integers, shift: Integers) -> Integers:
    """significand * 2^shift towards zero. No shift to the left exceeds the fraction, and products have 16 bits, c 24: they fit."""
    magnitude = np.abs(significand)
    moved = np.where(shift < 0, magnitude >> np.minimum(np.maximum(-shift, 0), 63), magnitude << np.minimum(np.maximum(shift, 0), 40))
    return np.where(significand < 0, -moved, moved)


def _rounded(total: Integers, unit: Integers, alignment: Alignment) -> NDArray[np.float32]:
    """total * 2^unit; beyond the range infinity."""
    if alignment.nearest:
        return encode_integers(ELEMENTS["fp32"], total, unit, saturate=False).astype(np.uint32).view(np.float32)
    magnitude = np.abs(total)
    bits = alignment.result_bits
    drop = np.maximum(bit_length(magnitude.astype(np.uint64)) - (bits + 1), SMALLEST - bits - unit)
    drop = np.clip(drop, 0, 63)
    kept = magnitude >> drop << drop
    with np.errstate(over="ignore"):
        return np.ldexp(np.where(total < 0, -kept, kept).astype(np.float64), unit).astype(np.float32)
