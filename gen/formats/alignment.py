"""Sums as the tensor cores of graphics processors keep them, beside the exact ones: addends aligned to the largest and cut off."""

import dataclasses

from weft.gen.formats.element import Element, Specials
from weft.gen.formats.operand import OperandPair

EXACT = "exact"
GROUP_ELEMENT_BITS = 4  # elements whose products may be added up before they are aligned


@dataclasses.dataclass(frozen=True)
class Alignment:
    """One step adds the products of a tile to a sum c.

    An addend is `group` products of a block, added up exactly; c is one, too. The exponent of a product is the sum of its operands', a
    subnormal's being the smallest, and of its block scales'; that of several products is that of their scales alone. An addend that is 0
    counts as -126. All addends are cut off towards zero to multiples of 2^(E - fraction), E the largest exponent; their sum is
    exact, and is cut off to `mantissa` bits: the next c.

    The scheme and the figures below are those of the MMA-Sim project (arXiv 2511.10909), which compared them with silicon.
    """

    fraction: int
    mantissa: int = 23
    group: int = 1

    @property
    def sums(self) -> Element:
        """The format of c, which lies in the upper bits of an fp32."""
        return Element(f"e8m{self.mantissa}", 9 + self.mantissa, True, 8, self.mantissa, 127, Specials.IEEE)

    def refusal(self, operands: OperandPair) -> str | None:
        """Why sums of these operands are not kept so; None if they are."""
        sides = operands.activation, operands.weight
        if any(side.element.integer for side in sides):
            return "integers are added exactly there, too"
        if self.group > 1:
            wide = any(side.element.bits > GROUP_ELEMENT_BITS for side in sides)
            return f"{self.group} products are added up before only where elements have {GROUP_ELEMENT_BITS} bits" if wide else None
        return None if all(scale.mantissa_bits == 0 for scale in operands.scales) else "scales are no powers of two"


# Turing, Ampere and Ada; Hopper, and Blackwell with any element; FP8 on Ada and Hopper; Blackwell with two operands of 4 bits.
ALIGNMENTS = {"aligned24": Alignment(24), "aligned25": Alignment(25), "aligned13": Alignment(13, mantissa=13),
              "aligned35": Alignment(35, group=16)}
