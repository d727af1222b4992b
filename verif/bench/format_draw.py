"""Random operands of products of matrices in a pair of formats, special values among them."""

import dataclasses

import numpy as np

from weft.gen.formats.element import Element
from weft.gen.formats.operand import Operand, OperandPair
from weft.verif.bench.codes import floats

WIDEST = 45  # bits of exact sums whose elements come from all of the range: with what scales add they fit a term of the window
NARROW, ALIKE, SHARED = 7, 5, 8  # exponents of elements of wider ones, and of scales that are powers of two; bits of these
LOW, HIGH = "low", "high"
ENDS = ((HIGH, LOW), (LOW, HIGH), ("", ""))  # of the range, where these come from: of activations and weights


@dataclasses.dataclass
class Gemm:
    """Codes of activations (M, K) and weights (K, N), and of their scales by block: (M, blocks) and (blocks, N)."""

    activations: np.ndarray
    weights: np.ndarray
    activation_scales: np.ndarray
    weight_scales: np.ndarray


def draw(chance: np.random.Generator, operands: OperandPair, shape: tuple[int, int, int], special: int = 0) -> Gemm:
    """Random codes of finite numbers. Where exact sums are wider than the window, exponents come from a part of the range.

    With `special`, not 0, every eighth element and scale is one of `landmarks`, and a quarter at most of the rows of activations and of the
    columns of weights has what is not finite: a NaN; an infinity; two of them; a scale that is NaN. Infinities are at the same places
    of all rows and columns, and there each fourth of the others has a zero. Other numbers of `special` begin with others of
    these, and take what is narrow from other `ENDS`.
    """
    rows, depth, columns = shape
    narrow = operands.elements.accumulator_bits(depth) > WIDEST
    ends = ENDS[special % len(ENDS)] if special else ENDS[-1]
    places = chance.permutation(depth)[:2]
    powers = _powers(chance, operands, ends, special)
    sides = [_side(chance, operand, (lanes, depth, -(-depth // operands.block)), narrow, end, special, places, power)
             for operand, lanes, end, power in zip((operands.activation, operands.weight), (rows, columns), ends, powers, strict=True)]
    return Gemm(sides[0][0], sides[1][0].T, sides[0][1], sides[1][1].T)


def landmarks(element: Element, exponents: range | None = None) -> np.ndarray:
    """Codes of the zeros, of the smallest and the largest subnormals, of the smallest normal and the largest numbers, with either sign; as
    far as there are any, with these exponent fields (zeros in any case)."""
    codes, values = np.arange(1 << element.bits), floats(element.name)
    size = np.abs(values)
    below = size[(size > 0) & (size < float(element.smallest_normal))]
    marks = np.isin(size, [0, size[size > 0].min(), *below[below == below.max(initial=0)], float(element.smallest_normal)])
    marks |= np.isin(values, [values[np.isfinite(values)].min(), values[np.isfinite(values)].max()])
    if exponents is not None and not element.integer:
        marks &= np.isin(_exponents(element, codes), exponents) | (values == 0)
    return codes[marks]


def _powers(chance: np.random.Generator, operands: OperandPair, ends: tuple[str, str], special: int) -> list[int]:
    """The least exponent fields of scales that are powers of two: such that most results are in the range of fp32, whatever the scales of
    one side are. Of one side alone, from an end of the range in a small product only."""
    last, given = (1 << SHARED) - 1 - ALIKE, [side.scale is not None and not side.scale.mantissa_bits for side in (
        operands.activation, operands.weight)]
    if not any(given):
        return [0, 0]
    if not all(given):
        return [(last // 2 + int(chance.integers(-50, 51)), 0, last)[special % 3 if special else 0]] * 2
    first = {LOW: 0, HIGH: last}.get(ends[0], int(chance.integers(0, last + 1)))
    return [first, int(np.clip(last - first + chance.integers(-50, 51), 0, last)) if not ends[0] else last - first]


def _side(chance: np.random.Generator, operand: Operand, shape: tuple[int, int, int], narrow: bool, end: str, special: int,
          places: np.ndarray, power: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes [lanes, depth] and scales [lanes, blocks] of a lane for each row or column of the results."""
    lanes, depth, blocks = shape
    codes = _numbers(chance, operand.element, (lanes, depth), NARROW if narrow else 0, end, special)
    scales = np.zeros((lanes, blocks), int)
    if operand.scale:
        alike = range(power, power + ALIKE) if operand.scale.mantissa_bits == 0 else None
        scales = _numbers(chance, operand.scale, scales.shape, 0, end, special, alike)
    if not special:
        return codes, scales
    values = floats(operand.element.name)
    zeros, nans, infinities = (np.flatnonzero(of(values)) for of in (lambda v: v == 0, np.isnan, np.isinf))
    codes[:, places[0]] = np.where(chance.random(lanes) < 0.25, chance.choice(zeros, lanes), codes[:, places[0]])
    bad = np.flatnonzero(np.isnan(floats(operand.scale.name))) if operand.scale else ()
    kinds = [*(["nan"] if len(nans) else []), *(["infinity", "infinities"] if len(infinities) else []), *(["scale"] if len(bad) else [])]
    for number, lane in enumerate(chance.permutation(lanes)[:min(lanes // 4, 2 * len(kinds))]):
        match kinds[(special + number) % len(kinds)]:
            case "nan":
                codes[lane, chance.integers(depth)] = chance.choice(nans)
            case "infinity":
                codes[lane, places[0]] = chance.choice(infinities)
            case "infinities":
                codes[lane, places] = chance.choice(infinities, len(places))
            case "scale":
                scales[lane, chance.integers(blocks)] = chance.choice(bad)
    return codes, scales


def _numbers(chance: np.random.Generator, element: Element, shape: tuple[int, int], span: int, end: str, special: int,
             only: range | None = None) -> np.ndarray:
    """Codes of finite numbers; with `span` of so many exponents at that end of the range, or anywhere; or with `only` these."""
    codes, exponents = chance.integers(0, 1 << element.bits, shape), only or range(element.largest_shift + element.subnormals + 1)
    if not element.integer:
        if span:
            last = max(len(exponents) - span, 0)
            low = {LOW: 0, HIGH: last}.get(end, int(chance.integers(0, last + 1)))
            exponents = exponents[low:low + span]
        codes ^= (_exponents(element, codes) ^ chance.integers(exponents.start, exponents.stop, shape)) << element.mantissa_bits
        codes = np.where(np.isfinite(floats(element.name)[codes]), codes, codes ^ 1)
    if special and len(marks := landmarks(element, exponents)):
        planted = chance.permutation(codes.size)[:max(len(marks), codes.size // 8)]
        codes.flat[planted] = np.resize(chance.permutation(marks), len(planted))
    return codes


def _exponents(element: Element, codes: np.ndarray) -> np.ndarray:
    """Fields of the codes."""
    return codes >> element.mantissa_bits & (1 << element.exponent_bits) - 1
