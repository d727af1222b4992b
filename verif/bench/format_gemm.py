"""Matrix products in a pair of operand formats: random operands, the exact result in Python integers, and a driver of FormatUnit."""

import dataclasses
import random
from fractions import Fraction

import numpy as np
from cocotb.triggers import FallingEdge

from weft.gen.formats.element import ELEMENTS, Element, Specials
from weft.gen.formats.operand import Operand
from weft.hdl.formats.aligned_unit import format_unit
from weft.hdl.formats.array import Arrangement
from weft.hdl.formats.unit import FormatUnit
from weft.verif.bench.codes import fixed, floats, specials
from weft.verif.bench.nearest import nearest

LINES = 64


@dataclasses.dataclass
class Gemm:
    """Codes of activations (M, K) and weights (K, N), and of their scales by block: (M, blocks) and (blocks, N)."""

    activations: np.ndarray
    weights: np.ndarray
    activation_scales: np.ndarray
    weight_scales: np.ndarray


def draw(chance: np.random.Generator, arrangement: Arrangement, shape: tuple[int, int, int], special: float = 0.0) -> Gemm:
    """Random codes; a share `special` of them is not finite if the format has such. Where exact sums are wider than the window,
    exponents come from a part of the range, elsewhere from all of it."""
    rows, depth, columns = shape
    operands = arrangement.operands
    blocks = -(-depth // operands.block)
    narrow = arrangement.pair.accumulator_bits(depth) > 45
    return Gemm(
        _codes(chance, operands.activation.element, (rows, depth), narrow, special),
        _codes(chance, operands.weight.element, (depth, columns), narrow, special),
        _scales(chance, operands.activation, (rows, blocks), special), _scales(chance, operands.weight, (blocks, columns), special))


def _codes(chance: np.random.Generator, element: Element, shape: tuple[int, ...], narrow: bool, special: float) -> np.ndarray:
    codes = chance.integers(0, 1 << element.bits, shape)
    mantissa, exponents = element.mantissa_bits, (1 << element.exponent_bits) - 1
    if narrow and not element.integer:
        low = int(chance.integers(0, max(exponents - 7, 1)))
        codes = codes & ~(exponents << mantissa) | chance.integers(low, low + 7, shape) << mantissa
    full = exponents << mantissa
    infinite = (codes & full == full) & ((codes & (1 << mantissa) - 1 == (1 << mantissa) - 1) | (element.specials is Specials.IEEE))
    if element.specials is not Specials.NONE:
        codes = np.where(infinite, codes & ~(1 << mantissa), codes)  # finite again
        codes = np.where(chance.random(shape) < special, codes | full | ((1 << mantissa) - 1 if element.specials is Specials.NAN
                                                                         else 0), codes)
    return codes


def _scales(chance: np.random.Generator, operand: Operand, shape: tuple[int, int], special: float) -> np.ndarray:
    if not operand.scale:
        return np.zeros(shape, dtype=int)
    if operand.scale.mantissa_bits:
        codes = chance.integers(0, 127, shape)
        return np.where(chance.random(shape) < 0.5, codes | 128, codes)  # the ignored bit
    codes = int(chance.integers(10, 240)) + chance.integers(0, 5, shape)
    return np.where(chance.random(shape) < special, 255, codes)


def values(name: str, codes: np.ndarray) -> np.ndarray:
    return np.array(fixed(name), dtype=object)[codes]


def exact(arrangement: Arrangement, gemm: Gemm) -> tuple[np.ndarray, np.ndarray, int]:
    """Sums (M, N) in units of 2^operands.lsb_exponent, their special flags, and the highest position of a unit that divides all terms."""
    operands, pair = arrangement.operands, arrangement.pair
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
            flags |= ((codes & 255) == 255)[:, None]
        if operands.weight.scale:
            codes = gemm.weight_scales[block]
            scale = scale * values(operands.weight.scale.name, codes)[None, :]
            flags |= ((codes & 255) == 255)[None, :]
        flags |= np.bitwise_or.reduce(specials(reals[0][:, part, None], reals[1][None, part, :]), axis=1)
        terms = each * (scale[:, None, :] if isinstance(scale, np.ndarray) else 1)
        for term in terms.flat:
            units |= term
        total = total + terms.sum(axis=1)
    return total, flags, max((units & -units).bit_length() - 1, 0)


def rounded(arrangement: Arrangement, total: np.ndarray, flags: np.ndarray, target: Element) -> list[list[int]]:
    """The one rounding, and what is not finite."""
    unit = Fraction(2) ** arrangement.operands.lsb_exponent
    infinity = ((1 << target.exponent_bits) - 1) << target.mantissa_bits
    special = {0: None, 2: infinity, 4: infinity | 1 << target.bits - 1}
    return [[special.get(int(f), infinity | 1 << target.mantissa_bits - 1) if f else nearest(t * unit, target)
             for t, f in zip(*line, strict=True)] for line in zip(total, flags, strict=True)]


class Driver:
    """Feeds a FormatUnit tile by tile, the next tile's weights while the present one streams."""

    def __init__(self, dut, arrangement: Arrangement) -> None:
        self._dut, self._a = dut, arrangement
        self._latency = format_unit(arrangement, ELEMENTS["fp32"]).accumulate_latency
        self.stream_cycles = 0  # from the first vector of a pass over all tiles to the last

    async def multiply(self, gemm: Gemm, position: int, order: random.Random) -> tuple[np.ndarray, np.ndarray]:
        """Result codes (M, N), and what left the window on the way to each. `order` shuffles the tiles of a sum."""
        a, (rows, depth), columns = self._a, gemm.activations.shape, gemm.weights.shape[1]
        results, lost = np.zeros((rows, columns), dtype=np.int64), np.zeros((rows, columns), dtype=int)
        self._dut.position.value = self._dut.read_position.value = position
        for top in range(0, rows, LINES):
            for left in range(0, columns, a.width):
                lines = range(top, min(top + LINES, rows))
                starts = list(range(0, depth, a.depth))
                order.shuffle(starts)
                await self._pass(gemm, lines, left, starts)
                await self._read([(m, n) for m in lines for n in range(left, min(left + a.width, columns))], top, left, results, lost)
        return results, lost

    async def _read(self, places: list[tuple[int, int]], top: int, left: int, results: np.ndarray, lost: np.ndarray) -> None:
        """One result every cycle."""
        dut, latency = self._dut, FormatUnit.READ_LATENCY
        for cycle in range(len(places) + latency - 1):
            if cycle < len(places):
                m, n = places[cycle]
                dut.read_address.value, dut.part.value = m - top, n - left
            dut.read.value = int(cycle < len(places))
            await FallingEdge(dut.clk)
            if cycle >= latency - 1:
                place = places[cycle - latency + 1]
                results[place], lost[place] = int(dut.result.value), int(dut.outside.value)

    async def _pass(self, gemm: Gemm, lines: range, left: int, starts: list[int]) -> None:
        """All products of a strip of the result."""
        a, dut, events, start = self._a, self._dut, {}, 0
        for number, k in enumerate(starts):
            # Rows may be loaded when the swap before has passed all elements, and the swap come when all are loaded.
            loads = start + a.height + a.columns if number else 0
            start = max(loads + a.rows, start + len(lines) if number else 0)
            for r in range(a.rows):
                events.setdefault(loads + r, {}).update(load=1 << r, weights=self._row(gemm, k + r * a.products, left))
            for place, m in enumerate(lines):
                events.setdefault(start + place, {}).update(self._vector(gemm, m, k), valid=1, first=int(not number), address=place,
                                                            swap=int(not place))
            if a.operands.weight.scale:
                events.setdefault(start + a.latency, {}).update(weight_scales=self._weight_scales(gemm, k, left))
            if not number:
                first = start
        self.stream_cycles = start + len(lines) - first
        for cycle in range(start + len(lines) + self._latency + 1):
            for name, value in {"load": 0, "valid": 0, "swap": 0, **events.get(cycle, {})}.items():
                getattr(dut, name).value = value
            await FallingEdge(dut.clk)

    def _row(self, gemm: Gemm, k: int, left: int) -> int:
        a, word = self._a, 0
        for c in range(a.columns):
            for s in range(a.sums):
                for p in range(a.products):
                    n = left + c * a.sums + s
                    if k + p < gemm.weights.shape[0] and n < gemm.weights.shape[1]:
                        word |= int(gemm.weights[k + p, n]) << a.pair.weight.bits * ((c * a.sums + s) * a.products + p)
        return word

    def _vector(self, gemm: Gemm, m: int, start: int) -> dict[str, int]:
        a, bits = self._a, self._a.pair.activation.bits
        codes = gemm.activations[m, start:start + a.depth]
        found = {"activations": sum(int(code) << bits * k for k, code in enumerate(codes))}
        if a.operands.activation.scale:
            found["activation_scales"] = sum(
                int(gemm.activation_scales[m, block]) << a.operands.activation.scale.bits * s
                for s, block in enumerate(self._blocks(start, gemm.activation_scales.shape[1])))
        return found

    def _weight_scales(self, gemm: Gemm, start: int, left: int) -> int:
        a, word = self._a, 0
        for s, block in enumerate(self._blocks(start, gemm.weight_scales.shape[0])):
            for n, code in enumerate(gemm.weight_scales[block, left:left + a.width]):
                word |= int(code) << a.operands.weight.scale.bits * (s * a.width + n)
        return word

    def _blocks(self, start: int, count: int) -> range:
        first = start // self._a.operands.block
        return range(first, min(first + self._a.segments, count))
