"""Operand formats: elements, and the scales that blocks and tensors of them share."""

import dataclasses
from fractions import Fraction

from weft.gen.formats.element import ELEMENTS, Element, width
from weft.gen.formats.pair import Pair


@dataclasses.dataclass(frozen=True)
class Operand:
    """A tensor's format: value of an element = element * scale of its block * scale of the tensor.

    Blocks are `block` consecutive elements along the dimension that a product sums over. A format without block scales has
    `scale` None and `block` 1. A scale that is NaN makes its whole block NaN.
    """

    name: str
    element: Element
    block: int = 1
    scale: Element | None = None
    tensor_scale: Element | None = None

    @property
    def bits_per_element(self) -> Fraction:
        """Bits in memory, block scales counted."""
        return self.element.bits + Fraction(self.scale.bits if self.scale else 0, self.block)


@dataclasses.dataclass(frozen=True)
class OperandPair:
    """Activations and weights of two operand formats. Raises ValueError if both have blocks and these differ."""

    activation: Operand
    weight: Operand

    def __post_init__(self) -> None:
        if len({self.activation.block, self.weight.block} - {1}) > 1:
            raise ValueError(f"OperandPair {self.activation.name} x {self.weight.name}: blocks of {self.activation.block} and "
                             f"{self.weight.block} elements do not share their scales; both must be equal, or one of them 1")

    @property
    def elements(self) -> Pair:
        return Pair(self.activation.element, self.weight.element)

    @property
    def block(self) -> int:
        """Products that share both scales; 1 if there are no scales."""
        return max(self.activation.block, self.weight.block)

    @property
    def scales(self) -> tuple[Element, ...]:
        """Formats of the block scales that a block sum is multiplied by."""
        return tuple(side.scale for side in (self.activation, self.weight) if side.scale)

    @property
    def lsb_exponent(self) -> int:
        """Of the exact sum, tensor scales left out."""
        return self.elements.lsb_exponent + sum(scale.lsb_exponent for scale in self.scales)

    def accumulator_bits(self, depth: int) -> int:
        """Width of the exact sum of `depth` products with all their block scales, whatever these are.

        A block's sum is n * low .. n * high (`Pair.accumulator_bits`) and is multiplied by at most the largest scales; blocks add
        up like products do, so that depth products with all scales at their largest bound every intermediate value.
        """
        low, high = self.elements.product_range
        factor = 1
        for scale in self.scales:
            factor *= scale.fixed_high
        return width(depth * min(low, 0) * factor, depth * max(high, 0) * factor)


OPERANDS = {operand.name: operand for operand in (
    *(Operand(name, ELEMENTS[name]) for name in ("int8", "int4", "int2", "uint8", "e4m3", "e5m2", "e2m3", "e3m2", "e2m1", "bf16")),
    Operand("mxint8", ELEMENTS["int8q6"], 32, ELEMENTS["e8m0"]),
    Operand("mxfp8_e4m3", ELEMENTS["e4m3"], 32, ELEMENTS["e8m0"]),
    Operand("mxfp8_e5m2", ELEMENTS["e5m2"], 32, ELEMENTS["e8m0"]),
    Operand("mxfp6_e2m3", ELEMENTS["e2m3"], 32, ELEMENTS["e8m0"]),
    Operand("mxfp6_e3m2", ELEMENTS["e3m2"], 32, ELEMENTS["e8m0"]),
    Operand("mxfp4", ELEMENTS["e2m1"], 32, ELEMENTS["e8m0"]),
    Operand("nvfp4", ELEMENTS["e2m1"], 16, ELEMENTS["ue4m3"], ELEMENTS["fp32"]),
)}
