"""Products of matrices as common graphics processors accumulate them: addends aligned to the largest exponent and cut off.

To study the difference from `weft.verif.golden.formats.gemm`; results depend on the order of k and on how it is grouped. The scheme and its
figures are those that MMA-Sim (arXiv 2511.10909) found to equal silicon.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from weft.gen.formats.alignment import Alignment as Scheme
from weft.gen.formats.element import ELEMENTS, Element
from weft.verif.golden.formats.blocks import Float32, Matrix
from weft.verif.golden.formats.element import Codes, Integers, bit_length, encode, encode_integers, fields, fixed
from weft.verif.golden.formats.window import Bools, specials

ZERO_EXPONENT = -126  # what an addend that is zero counts as
SMALLEST = -126  # exponent of the smallest normal result


@dataclasses.dataclass(frozen=True)
class Alignment:
    """One fused step: c' = c + `terms` products.

    An addend is a product, or the exact sum of `group` products that share their scales. All addends are aligned to the largest of their
    exponents E (of a product the sum of its operands' and scales' exponents, a subnormal's being the smallest; of several products that of
    their scales alone) and cut off towards zero to multiples of 2^(E - fraction). Their sum is exact. It is rounded to `result_bits` of
    mantissa, towards zero or with `nearest` to nearest even (float32 only).
    """

    terms: int
    fraction: int
    result_bits: int = 23
    nearest: bool = False
    group: int = 1

    def __post_init__(self) -> None:
        if self.terms < 1 or not 1 <= self.fraction <= 35:
            raise ValueError(f"Alignment terms={self.terms!r} fraction={self.fraction!r}: must be 1 or more, and 1 .. 35")
        if self.nearest and self.result_bits != 23:
            raise ValueError(f"Alignment result_bits={self.result_bits!r}: must be 23 to round to nearest")

    @classmethod
    def of(cls, scheme: Scheme, terms: int) -> "Alignment":
        """That of a configuration whose tiles have `terms` products."""
        return cls(terms, scheme.fraction, scheme.mantissa, group=min(scheme.group, terms))


@dataclasses.dataclass
class AlignedSums:
    """Accumulators [rows of a, rows of b], float32."""

    total: Float32

    @property
    def overflow(self) -> Bools:
        """There is no window that something could leave."""
        return np.zeros(self.total.shape, bool)

    underflow = overflow

    def rows(self, which: Integers) -> "AlignedSums":
        """Some of the rows."""
        return AlignedSums(self.total[which])

    def put(self, which: Integers, new: "AlignedSums") -> None:
        """Replace some of the rows."""
        self.total[which] = new.total

    def rounded(self, target: Element) -> Codes:
        """Codes in `target`, to nearest even; to infinity beyond the largest number."""
        return encode(target, self.total, saturate=False)


def aligned_gemm(a: Matrix, b: Matrix, alignment: Alignment, start: Float32 | None = None) -> Float32:
    """a times b transposed, step by step from c = `start` or 0, factors left out; [rows of a, rows of b].

    An infinity among the addends makes the sum one, from there on; infinities of both signs, and what is not a number, make it NaN. Raises
    ValueError for integers, for scales that are no powers of two unless products are grouped, and for matrices of different k.
    """
    if a.k != b.k:
        raise ValueError(f"aligned_gemm k={a.k} and {b.k}: both matrices must have as many columns")
    for side in (a, b):
        if side.operand.element.integer:
            raise ValueError(f"aligned_gemm operand={side.operand.name}: elements must be floating point")
        if side.operand.scale and side.operand.scale.mantissa_bits and alignment.group == 1:
            raise ValueError(f"aligned_gemm operand={side.operand.name}: scales must be powers of two")
    shape = (len(a.codes), len(b.codes))
    total = np.zeros(shape, np.float32) if start is None else start
    nan, plus, minus = np.isnan(total), total == np.inf, total == -np.inf
    for first in range(0, a.k, alignment.terms):
        total = np.where(np.isfinite(total), total, np.float32(0))
        steps = range(first, min(first + alignment.terms, a.k))
        # Addends: significand, exponent of its last bit, exponent for the alignment.
        own = np.maximum(np.frexp(total)[1].astype(np.int64) - 1, SMALLEST)
        addends = [(np.ldexp(total.astype(np.float64), 23 - own).astype(np.int64), own - 23, own),
                   *(_products(a, b, steps) if alignment.group == 1 else _groups(a, b, steps, alignment.group))]
        largest = np.max([np.where(significand == 0, ZERO_EXPONENT, exponent) for significand, _, exponent in addends], axis=0)
        unit = largest - alignment.fraction
        total = _rounded(sum((_cut(significand, last - unit) for significand, last, _ in addends), np.zeros_like(unit)), unit, alignment)
        seen = specials(_columns(a, steps), _columns(b, steps))
        nan, plus, minus = nan | seen[0], plus | seen[1], minus | seen[2]
        finite = ~(nan | plus | minus)
        plus, minus = plus | (finite & (total == np.inf)), minus | (finite & (total == -np.inf))
    return np.where(nan | (plus & minus), np.nan, np.where(plus, np.inf, np.where(minus, -np.inf, total))).astype(np.float32)


def _products(a: Matrix, b: Matrix, steps: range) -> Iterator[tuple[Integers, Integers, Integers]]:
    (x, x_exponent), (y, y_exponent) = (fields(side.operand.element, side.codes[:, steps.start:steps.stop]) for side in (a, b))
    (_, x_scale), (_, y_scale) = (_scales(side) for side in (a, b))
    below = a.operand.element.mantissa_bits + b.operand.element.mantissa_bits
    for place, k in enumerate(steps):
        left, right = x_exponent[:, place] + x_scale[:, k // a.operand.block], y_exponent[:, place] + y_scale[:, k // b.operand.block]
        last = left[:, None] + right[None, :]
        yield x[:, place, None] * y[None, :, place], last, last + below


def _groups(a: Matrix, b: Matrix, steps: range, group: int) -> Iterator[tuple[Integers, Integers, Integers]]:
    (x_factor, x_scale), (y_factor, y_scale) = (_scales(side) for side in (a, b))
    unit = a.operand.element.lsb_exponent + b.operand.element.lsb_exponent
    below = sum(side.operand.scale.mantissa_bits for side in (a, b) if side.operand.scale)
    for k in range(steps.start, steps.stop, group):
        left, right = (fixed(side.operand.element, side.codes[:, k:min(k + group, steps.stop)]) for side in (a, b))
        i, j = k // a.operand.block, k // b.operand.block
        last = x_scale[:, i, None] + y_scale[None, :, j]
        yield (left @ right.T) * (x_factor[:, i, None] * y_factor[None, :, j]), last + unit, last + below


def _scales(side: Matrix) -> tuple[Integers, Integers]:
    """Significands of the block scales and exponents of their last bits [rows, blocks]; of elements without, 1 and 0 for every element."""
    if side.operand.scale is None or side.scales is None:
        return np.ones(side.codes.shape, np.int64), np.zeros(side.codes.shape, np.int64)
    return fields(side.operand.scale, side.scales)


def _columns(side: Matrix, steps: range) -> Matrix:
    """Of one step."""
    block = side.operand.block
    scales = None if side.scales is None else side.scales[:, steps.start // block:(steps.stop - 1) // block + 1]
    return Matrix(side.operand, side.codes[:, steps.start:steps.stop], scales, side.factor, len(steps))


def _cut(significand: Integers, shift: Integers) -> Integers:
    """significand * 2^shift towards zero. No shift to the left exceeds the fraction, and products have 20 bits, c 24: they fit."""
    magnitude = np.abs(significand)
    moved = np.where(shift < 0, magnitude >> np.minimum(np.maximum(-shift, 0), 63), magnitude << np.minimum(np.maximum(shift, 0), 40))
    return np.where(significand < 0, -moved, moved)


def _rounded(total: Integers, unit: Integers, alignment: Alignment) -> Float32:
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
