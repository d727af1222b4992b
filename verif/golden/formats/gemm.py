"""Products of matrices in any two operand formats: exact block sums, one wide fixed-point accumulator, one rounding."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from weft.gen.formats.element import ELEMENTS, Element, Specials
from weft.gen.formats.operand import OperandPair
from weft.gen.formats.window import Window
from weft.verif.golden.formats.blocks import Matrix
from weft.verif.golden.formats.element import Codes, Float64, Integers, decode, encode, encode_integers, fields, fixed
from weft.verif.golden.formats.window import Bools, place, specials

WINDOW, FP32 = Window(), ELEMENTS["fp32"]
WIDEST_SUM = 128  # bits; products whose exact sums need more go into the window one by one


@dataclasses.dataclass(frozen=True)
class Product:
    """Result codes [rows of a, rows of b] and sticky flags of each: a term did not fit the window; a term lost bits below it.

    With neither flag the result is the exact sum rounded once, whatever the order, the tiling and the position of the window.
    """

    target: Element
    codes: Codes
    overflow: Bools
    underflow: Bools

    def values(self) -> Float64:
        return self.codes.astype(np.uint32).view(np.float32).astype(np.float64) if self.target == FP32 else decode(self.target, self.codes)


@dataclasses.dataclass
class Sums:
    """Accumulators [rows of a, rows of b] and their sticky flags. `plus`, `minus`: an infinity among the terms."""

    total: Integers
    overflow: Bools
    underflow: Bools
    nan: Bools
    plus: Bools
    minus: Bools

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.total + other.total, self.overflow | other.overflow, self.underflow | other.underflow, self.nan | other.nan,
                    self.plus | other.plus, self.minus | other.minus)

    def rows(self, which: Integers) -> "Sums":
        """Some of the rows."""
        return Sums(self.total[which], self.overflow[which], self.underflow[which], self.nan[which], self.plus[which], self.minus[which])

    def put(self, which: Integers, new: "Sums") -> None:
        """Replace some of the rows."""
        self.total[which], self.overflow[which], self.underflow[which] = new.total, new.overflow, new.underflow
        self.nan[which], self.plus[which], self.minus[which] = new.nan, new.plus, new.minus

    def rounded(self, target: Element, unit: int) -> Codes:
        """Codes of the accumulators times 2^unit; to nearest even, to infinity beyond the largest number."""
        codes = _rounded(target, self.total, unit)
        for where, special in ((self.plus, np.inf), (self.minus, -np.inf), (self.nan | (self.plus & self.minus), np.nan)):
            if where.any():
                codes = np.where(where, encode(target, special, saturate=False), codes)
        return codes


def sums(a: Matrix, b: Matrix, *, window: Window = WINDOW, position: int, part: int) -> Sums:
    """The accumulators after a times b transposed: a term is the exact sum of `part` products of a block times its scales, moved into
    the window, whose unit is 2^(position + lsb_exponent of the formats), and floored there."""
    pair, shape = OperandPair(a.operand, b.operand), (len(a.codes), len(b.codes))
    block = pair.block if pair.block > 1 else max(a.k, 1)
    total: Integers = np.zeros(shape, object if window.width > 64 else np.int64)
    overflow, underflow = np.zeros(shape, bool), np.zeros(shape, bool)
    for value, exponent in _terms(a, b, pair, block, part):
        term, over, under = place(window, value, exponent - (position + pair.lsb_exponent))
        total, overflow, underflow = total + term.astype(total.dtype), overflow | over, underflow | under
    nan, plus, minus = np.zeros(shape, bool), np.zeros(shape, bool), np.zeros(shape, bool)
    if any(side.operand.element.specials is not Specials.NONE or side.operand.scale for side in (a, b)):
        nan, plus, minus = specials(a, b)
    return Sums(total, overflow, underflow, nan, plus, minus)


def in_window(pair: OperandPair, window: Window, part: int) -> bool:
    """Whether sums of `part` products are moved into the window; otherwise they have a unit of their own."""
    return bool(pair.scales) or part == 1 or pair.elements.accumulator_bits(part) > window.term_bits


def gemm(a: Matrix, b: Matrix, *, target: Element = FP32, window: Window = WINDOW, position: int | None = None,
         part: int | None = None) -> Product:
    """a times b transposed, the matrices' factors left out: sum over k of element * element * scale * scale, rounded once to `target`.

    Terms are those of `sums`. Formats without scales whose exact sums fit a term have a unit
    of their own, and position no effect. The result is rounded to nearest even, to infinity beyond the largest number; NaN and
    infinities among the terms, and scales that are NaN, give NaN or the infinity.

    Parameters
    ----------
    position: by default the lowest (`lowest_position`) at which no term of these matrices can overflow.
    part: divides the block; by default all of it (all of k without blocks), or 1 where exact sums are wider than `WIDEST_SUM`.

    Raises
    ------
    ValueError: for matrices of different k, or more terms than the window has room for.
    """
    pair = OperandPair(a.operand, b.operand)
    if a.k != b.k:
        raise ValueError(f"gemm k={a.k} and {b.k}: both matrices must have as many columns")
    block = pair.block if pair.block > 1 else max(a.k, 1)
    if part is None:
        part = 1 if pair.elements.accumulator_bits(block) > WIDEST_SUM else block
    terms = -(-a.k // part)
    if terms > window.terms:
        raise ValueError(f"gemm part={part}: {terms} terms where the window has room for {window.terms}; widen part or window.terms")
    if not in_window(pair, window, part):
        position = 0
    elif position is None:
        position = lowest_position(a, b, window, part)
    found = sums(a, b, window=window, position=position, part=part)
    return Product(target, found.rounded(target, position + pair.lsb_exponent), found.overflow, found.underflow)


def scaled(product: Product, a: Matrix, b: Matrix) -> NDArray[np.float32]:
    """Results times the matrices' factors: what is left of a linear layer, all in float32."""
    found: NDArray[np.float32] = product.values().astype(np.float32) * (a.factor * b.factor.T)
    return found


def _rounded(target: Element, total: Integers, unit: int) -> Codes:
    """total * 2^unit to nearest even. An int64 becomes float32 in one rounding (IEEE 754, convertFromInt), and times a power of two
    that is exact as long as no result is subnormal or beyond the range; else, and for other formats, in integers."""
    if target == FP32 and total.dtype == np.int64 and -126 <= unit <= 64:
        return np.ldexp(total.astype(np.float32), unit).view(np.uint32).astype(np.int64)
    return encode_integers(target, total, unit, saturate=False)


def lowest_position(a: Matrix, b: Matrix, window: Window, part: int) -> int:
    """The lowest position of the window at which no term of a times b overflows, whatever the signs: from the largest scales in each
    block, those of blocks of zeros left out, and the largest elements beside them."""
    pair, largest = OperandPair(a.operand, b.operand), 0
    sides = [_parts(side, pair.block, a.k) for side in (a, b)]
    for k in range(sides[0][0].shape[1]):
        bound = min(part, sides[0][0].shape[2])
        for elements, significands, exponents, unit in sides:
            present = elements[:, k].any(1)
            if not present.any():
                bound = 0
                break
            scales = significands[:, k].astype(object) << (exponents[:, k] - unit).astype(object)
            bound *= int(np.abs(elements[:, k]).max()) * int(scales[present].max())
        largest = max(largest, bound)
    return max(0, largest.bit_length() + 1 - window.term_bits)


def _parts(side: Matrix, block: int, k: int) -> tuple[Integers, Integers, Integers, int]:
    """Fixed-point elements [rows, blocks, block]; significands and exponents [rows, blocks] of the scales, and their least exponent."""
    size = block if block > 1 else max(k, 1)
    elements = fixed(side.operand.element, side.codes)
    elements = np.pad(elements, ((0, 0), (0, -elements.shape[1] % size))).reshape(len(elements), -1, size)
    if side.operand.scale is None:
        none = np.zeros(elements.shape[:2], np.int64)
        return elements, none + 1, none, 0
    assert side.scales is not None
    significands, exponents = fields(side.operand.scale, side.scales)
    return elements, significands, exponents, side.operand.scale.lsb_exponent


def _terms(a: Matrix, b: Matrix, pair: OperandPair, block: int, part: int) -> Iterator[tuple[Integers, Integers]]:
    """Every term as integers [rows of a, rows of b] and their exponents.

    Where `part` products stay within 2^53 they are summed in float64: every partial sum, in whatever order, fused or not, is an integer
    of that size and so exact. Beyond, in int64 up to 2^62, then in Python integers.
    """
    (left, a_scale, a_exponent, _), (right, b_scale, b_exponent, _) = (_parts(side, pair.block, a.k) for side in (a, b))
    if part == 1 and pair.elements.accumulator_bits(1) > 62:
        yield from _products(a, b, block, (a_scale, a_exponent), (b_scale, b_exponent))
        return
    bound = part * max(map(abs, pair.elements.product_range))
    kind: type = np.float64 if bound <= 1 << 53 else np.int64 if bound < 1 << 62 else object
    left, right = left.astype(kind), right.astype(kind)
    for k in range(left.shape[1]):
        scale = a_scale[:, k, None] * b_scale[None, :, k]
        exponent = a_exponent[:, k, None] + b_exponent[None, :, k] + pair.elements.lsb_exponent
        if bound * int(scale.max(initial=0)) >= 1 << 63:
            scale = scale.astype(object)
        for start in range(0, left.shape[2], part):
            total = left[:, k, start:start + part] @ right[:, k, start:start + part].T
            yield (total if kind is object else total.astype(np.int64)) * scale, exponent


def _products(a: Matrix, b: Matrix, block: int, *scales: tuple[Integers, Integers]) -> Iterator[tuple[Integers, Integers]]:
    """Every product as a term: significands of elements and scales together are short, however large the exponents."""
    sides = [fields(side.operand.element, side.codes) for side in (a, b)]
    for k in range(a.k):
        (x, x_exponent), (y, y_exponent) = (
            (significand[:, k] * scale[:, k // block], exponent[:, k] + power[:, k // block])
            for (significand, exponent), (scale, power) in zip(sides, scales, strict=True))
        yield x[:, None] * y[None, :], x_exponent[:, None] + y_exponent[None, :]
