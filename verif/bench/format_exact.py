"""What a product of matrices in a pair of formats is: exact sums in Python integers, rounded once, and why some are no numbers.

Values of codes are those of ml_dtypes.
"""

from fractions import Fraction

import numpy as np

from weft.gen.formats.element import Element
from weft.gen.formats.operand import OperandPair
from weft.gen.formats.window import Window
from weft.verif.bench.codes import fixed, floats, specials
from weft.verif.bench.format_draw import Gemm
from weft.verif.bench.nearest import nearest


def values(name: str, codes: np.ndarray) -> np.ndarray:
    return np.array(fixed(name), dtype=object)[codes]


def exact(operands: OperandPair, gemm: Gemm) -> tuple[np.ndarray, np.ndarray, int]:
    """Sums (M, N) in units of 2^operands.lsb_exponent, their special flags, and the highest position of a unit that divides all terms."""
    pair = operands.elements
    (rows, depth), columns = gemm.activations.shape, gemm.weights.shape[1]
    a, w = values(pair.activation.name, gemm.activations), values(pair.weight.name, gemm.weights)
    reals = floats(pair.activation.name)[gemm.activations], floats(pair.weight.name)[gemm.weights]
    total, flags, units = np.zeros((rows, columns), dtype=object), np.zeros((rows, columns), dtype=int), 0
    for start in range(0, depth, operands.block):
        part = slice(start, min(start + operands.block, depth))
        each = a[:, part, None] * w[None, part, :]
        scale: object = 1
        block = start // operands.block
        if operands.activation.scale:
            codes = gemm.activation_scales[:, block]
            scale = scale * values(operands.activation.scale.name, codes)[:, None]
            flags |= np.isnan(floats(operands.activation.scale.name)[codes])[:, None]
        if operands.weight.scale:
            codes = gemm.weight_scales[block]
            scale = scale * values(operands.weight.scale.name, codes)[None, :]
            flags |= np.isnan(floats(operands.weight.scale.name)[codes])[None, :]
        flags |= np.bitwise_or.reduce(specials(reals[0][:, part, None], reals[1][None, part, :]), axis=1)
        terms = each * (scale[:, None, :] if isinstance(scale, np.ndarray) else 1)
        for term in terms.flat:
            units |= term
        total = total + terms.sum(axis=1)
    return total, flags, max((units & -units).bit_length() - 1, 0)


def rounded(operands: OperandPair, total: np.ndarray, flags: np.ndarray, target: Element) -> list[list[int]]:
    """The one rounding, and what is not finite."""
    unit = Fraction(2) ** operands.lsb_exponent
    infinity = ((1 << target.exponent_bits) - 1) << target.mantissa_bits
    special = {0: None, 2: infinity, 4: infinity | 1 << target.bits - 1}
    return [[special.get(int(f), infinity | 1 << target.mantissa_bits - 1) if f else nearest(t * unit, target)
             for t, f in zip(*line, strict=True)] for line in zip(total, flags, strict=True)]


def windowed(operands: OperandPair, gemm: Gemm, terms: list[list[int]], window: Window, position: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums (M, N) of terms that were floored to units of 2^(position + operands.lsb_exponent), and what left the window: 1 if a
    term does not fit, 2 if the floor changed one. `terms`: the k of each, of one block."""
    a, w = values(operands.activation.element.name, gemm.activations), values(operands.weight.element.name, gemm.weights)
    half, total, lost = 1 << window.term_bits - 1, 0, 0
    for own in terms:
        term, block = a[:, own] @ w[own], own[0] // operands.block
        if operands.activation.scale:
            term = term * values(operands.activation.scale.name, gemm.activation_scales[:, block])[:, None]
        if operands.weight.scale:
            term = term * values(operands.weight.scale.name, gemm.weight_scales[block])[None, :]
        floor = term >> position
        total = total + floor
        lost |= ((floor < -half) | (floor >= half)) * 1 | (floor << position != term) * 2
    return total, np.asarray(lost, int)


# What becomes of a result.
NUMBER, PLUS, MINUS, NAN = "number", "infinity", "-infinity", "NaN"
# Why it is NaN.
NAN_ELEMENTS, NAN_SCALES = ("NaN activation", "NaN weight"), ("NaN scale of activations", "NaN scale of weights")
BY_ZERO, BOTH = ("infinite activation x 0", "0 x infinite weight"), "infinities of both signs"


def causes(operands: OperandPair, gemm: Gemm) -> dict[str, int]:
    """Results that are numbers, that are infinities, and that are NaN for one reason alone: how many of each."""
    sides, elements = (operands.activation, operands.weight), (gemm.activations, gemm.weights)
    scales = gemm.activation_scales, gemm.weight_scales
    left, right = (floats(side.element.name)[codes] for side, codes in zip(sides, elements, strict=True))
    grid, found = specials(left[:, :, None], right[None, :, :]), {}
    for k, (name, values_, axis) in enumerate(zip(NAN_ELEMENTS, (left, right), (1, 0), strict=True)):
        own = scales[k] if (scale := sides[k].scale) else None
        found[name] = np.expand_dims(np.isnan(values_).any(axis), axis)
        found[NAN_SCALES[k]] = np.expand_dims(np.isnan(floats(scale.name)[own]).any(axis), axis) if scale else False
    invalid = (grid == 1) & ~np.isnan(left)[:, :, None] & ~np.isnan(right)[None, :, :]
    found[BY_ZERO[0]] = (invalid & np.isinf(left)[:, :, None]).any(1)
    found[BY_ZERO[1]] = (invalid & np.isinf(right)[None, :, :]).any(1)
    plus, minus = (grid == 2).any(1), (grid == 4).any(1)
    found[BOTH] = plus & minus
    reasons = sum(np.broadcast_to(where, plus.shape) * 1 for where in found.values())
    return {NUMBER: int(((reasons == 0) & ~plus & ~minus).sum()), PLUS: int(((reasons == 0) & plus).sum()),
            MINUS: int(((reasons == 0) & minus).sum()), **{name: int((where & (reasons == 1)).sum()) for name, where in found.items()}}


def possible(operands: OperandPair) -> set[str]:
    """Those of `causes` that these formats can have."""
    found = {NUMBER}
    for k, side in enumerate((operands.activation, operands.weight)):
        if np.isnan(floats(side.element.name)).any():
            found.add(NAN_ELEMENTS[k])
        if side.scale and np.isnan(floats(side.scale.name)).any():
            found.add(NAN_SCALES[k])
        if np.isinf(floats(side.element.name)).any():
            found |= {BY_ZERO[k], BOTH, PLUS, MINUS}
    return found


def kinds(codes: np.ndarray, target: Element) -> dict[str, int]:
    """How many codes of an IEEE format are numbers, infinities and NaN."""
    infinity, size = ((1 << target.exponent_bits) - 1) << target.mantissa_bits, codes & (1 << target.bits - 1) - 1
    sign = codes >> target.bits - 1
    return {NUMBER: int((size < infinity).sum()), PLUS: int(((size == infinity) & (sign == 0)).sum()),
            MINUS: int(((size == infinity) & (sign == 1)).sum()), NAN: int((size > infinity).sum())}
