"""Terms moved into the fixed-point window of `weft.gen.formats.window`, and special values of sums."""

import numpy as np
from numpy.typing import NDArray

from weft.gen.formats.window import Window
from weft.verif.golden.formats.blocks import Matrix
from weft.verif.golden.formats.element import Integers, decode

Bools = NDArray[np.bool_]


def place(window: Window, value: Integers, shift: Integers) -> tuple[Integers, Bools, Bools]:
    """The term floor(value * 2^shift), whether it overflows `window.term_bits` (it wraps then), and whether the floor changed it.

    In int64 as long as values and window are; exact for all shifts.
    """
    if value.dtype == object or window.width > 64:
        value, shift = value.astype(object), shift.astype(object)
        right, left = np.maximum(-shift, 0), np.maximum(shift, 0)
    else:
        # A right shift by 63 leaves the sign alone, as any longer one; a left one by term_bits moves everything out but 0.
        right, left = np.minimum(np.maximum(-shift, 0), 63), np.minimum(np.maximum(shift, 0), window.term_bits)
    floor = value >> right
    underflow = np.asarray((floor << right) != value, bool)
    # floor << left fits exactly if -(2^(term_bits - 1) >> left) <= floor <= (2^(term_bits - 1) - 1) >> left.
    high = np.right_shift((1 << (window.term_bits - 1)) - 1, left)
    low = np.where(left < window.term_bits, -high - 1, 0)
    overflow = np.asarray((floor > high) | (floor < low), bool)
    moved: Integers = floor << left
    above = 64 - window.term_bits
    if moved.dtype == object:
        half = 1 << (window.term_bits - 1)
        return ((moved + half) & (2 * half - 1)) - half, overflow, underflow
    return (moved << above) >> above, overflow, underflow


def specials(a: Matrix, b: Matrix) -> tuple[Bools, Bools, Bools]:
    """Of the sums of products of each row of `a` with each row of `b`: not a number; plus infinity; minus infinity among the terms.

    A scale that is NaN makes its block NaN; an infinity times 0 is NaN.
    """
    shape = (len(a.codes), len(b.codes))
    left, right = (decode(side.operand.element, side.codes[:, :side.k]) for side in (a, b))
    nan = np.zeros(shape, bool)
    for side, values, axis in ((a, left, 1), (b, right, 0)):
        rows = np.isnan(values).any(1)
        if side.operand.scale is not None:
            assert side.scales is not None
            rows |= np.isnan(decode(side.operand.scale, side.scales)).any(1)
        nan |= np.expand_dims(rows, axis)
    plus, minus = np.zeros(shape, bool), np.zeros(shape, bool)
    if np.isinf(left).any() or np.isinf(right).any():
        def meet(x: Bools, y: Bools) -> Bools:
            """Whether x and y are true in the same place of a row of each."""
            found: Bools = x.astype(np.float32) @ y.astype(np.float32).T > 0
            return found

        infinite = np.isinf(left), np.isinf(right)
        nan |= meet(infinite[0], right == 0) | meet(left == 0, infinite[1])
        for x, y in ((infinite[0], np.ones_like(infinite[1])), (np.ones_like(infinite[0]), infinite[1])):
            plus |= meet(x & (left > 0), y & (right > 0)) | meet(x & (left < 0), y & (right < 0))
            minus |= meet(x & (left > 0), y & (right < 0)) | meet(x & (left < 0), y & (right > 0))
    return nan | (plus & minus), plus, minus
