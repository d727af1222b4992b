"""What exact sums are rounded to, and how rows of results lie in memory."""

import dataclasses

from weft.gen.formats.element import ELEMENTS, Element
from weft.gen.formats.operand import OPERANDS, Operand

# Numbers of one rounding; and formats with block scales, whose elements are rounded from fp32.
RESULTS = {"fp32": Operand("fp32", ELEMENTS["fp32"]), "bf16": OPERANDS["bf16"],
           **{name: operand for name, operand in OPERANDS.items() if operand.scale}}
SCALE_RULES = ("floor", "up")  # how the shared power of two of a block is formed


@dataclasses.dataclass(frozen=True)
class ResultRows:
    """A *row* of results is `width` of them: those of an accumulator line, or of the `folds` lines that make a block.

    Its elements are bits without gaps, its scales bytes in another place.
    """

    operand: Operand
    line: int  # results of an accumulator line

    @property
    def rounded(self) -> Element:
        """What a sum is rounded to; blocks are formed of that."""
        return ELEMENTS["fp32"] if self.blocked else self.operand.element

    @property
    def blocked(self) -> bool:
        return self.operand.scale is not None

    @property
    def width(self) -> int:
        return max(self.line, self.operand.block)

    @property
    def folds(self) -> int:
        return self.width // self.line

    @property
    def row_bytes(self) -> int:
        return self.width * self.operand.element.bits // 8

    @property
    def row_scales(self) -> int:
        """Bytes of the scales of a row."""
        return self.width // self.operand.block if self.blocked else 0

    @property
    def block_bytes(self) -> int:
        """Elements of a block; 0 without."""
        return self.operand.block * self.operand.element.bits // 8 if self.blocked else 0
