"""Two element formats that are multiplied: their products and the exact sums of those."""

import dataclasses
from itertools import product

from weft.gen.formats.element import ELEMENTS, Element, width


@dataclasses.dataclass(frozen=True)
class Pair:
    """Activations of one element format times weights of another.

    The product of two finite values is exactly a * b * 2^`lsb_exponent`, with a and b their fixed-point values.
    """

    activation: Element
    weight: Element

    @property
    def name(self) -> str:
        return self.activation.name if self.activation == self.weight else f"{self.activation.name} x {self.weight.name}"

    @property
    def lsb_exponent(self) -> int:
        return self.activation.lsb_exponent + self.weight.lsb_exponent

    @property
    def product_range(self) -> tuple[int, int]:
        """Least and largest product of fixed-point values. A product of two intervals has its extremes at corners."""
        corners = [a * b for a, b in product(*((side.fixed_low, side.fixed_high) for side in (self.activation, self.weight)))]
        return min(corners), max(corners)

    @property
    def product_bits(self) -> int:
        """Width of any product (`width`)."""
        return width(*self.product_range)

    def accumulator_bits(self, depth: int) -> int:
        """Width in which `depth` products add up exactly, in any order and in any grouping.

        Proof. Let every product lie in low .. high with low <= 0 <= high (products of these formats do: each has the value 0 or
        both signs, and where it does not, 0 is put in). A sum of n products lies in n * low .. n * high, so a sum of any n <= depth of
        them in depth * low .. depth * high. Every intermediate value of every order and grouping is such a sum, and the returned width
        holds that interval. So no addition wraps, and integer addition is associative: the result does not depend on the order.
        The width is the least: depth products that are all `high`, or all `low`, reach the interval's ends, and no narrower width
        holds both ends. (With wrapping addition intermediate values need no room at all, only the end result; it may reach the
        same ends.) No term is ever lost below the least significant bit, because the least product is a multiple of it.
        """
        if depth < 1:
            raise ValueError(f"Pair.accumulator_bits depth={depth!r}: must be 1 or more")
        low, high = self.product_range
        return width(depth * min(low, 0), depth * max(high, 0))


def pair(activation: str, weight: str | None = None) -> Pair:
    """The pair of two elements by name; one name is a format times itself. Raises KeyError for an unknown name."""
    return Pair(ELEMENTS[activation], ELEMENTS[weight or activation])
