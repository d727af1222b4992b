"""How an array of R x C elements works through a product of matrices in two operand formats, and how its operands lie in memory."""

import dataclasses
from math import gcd

from weft.gen.formats.alignment import Alignment
from weft.gen.formats.operand import OperandPair
from weft.gen.formats.pair import Pair
from weft.gen.formats.window import Window

PACKINGS = {1: (1, 1), 2: (2, 1), 4: (2, 2)}  # packing: products of one sum, sums
WINDOW = Window()
EXACT_LIMIT = 128  # bits: sums that need more are kept in the window


@dataclasses.dataclass(frozen=True)
class Tiling:
    """An element holds `products` products of each of its `sums` sums. Rows that sum beyond a block make a second array with the
    same columns beside the first, and so on: `segments` arrays of `height` rows, one block or less each.

    A *tile* is what the array multiplies vectors with: `depth` rows of a weight matrix and `width` of its columns. A *group* is the
    least number of tiles below each other that make whole blocks: `folds` tiles, `group_depth` rows.

    Sums are exact or in the window; with an `alignment`, in its steps instead, one for each tile.
    """

    operands: OperandPair
    rows: int
    columns: int
    packing: int = 1
    alignment: Alignment | None = None

    def __post_init__(self) -> None:
        if self.packing not in PACKINGS:
            raise ValueError(f"{type(self).__name__} packing={self.packing!r}: must be one of {', '.join(map(str, PACKINGS))}")
        block = self.operands.block
        if block > 1 and block % self.depth and self.depth % block:
            raise ValueError(f"{type(self).__name__} rows={self.rows!r}: {self.depth} products of a column and blocks of {block} do not "
                             f"divide each other; the nearest is a power of two")

    @property
    def products(self) -> int:
        return PACKINGS[self.packing][0]

    @property
    def sums(self) -> int:
        return PACKINGS[self.packing][1]

    @property
    def depth(self) -> int:
        """Products that a column sums in one pass."""
        return self.rows * self.products

    @property
    def width(self) -> int:
        """Results of one pass."""
        return self.columns * self.sums

    @property
    def segments(self) -> int:
        return max(1, self.depth // self.operands.block) if self.operands.block > 1 else 1

    @property
    def height(self) -> int:
        """Rows of a segment."""
        return self.rows // self.segments

    @property
    def pair(self) -> Pair:
        return self.operands.elements

    @property
    def folds(self) -> int:
        """Tiles that share block scales."""
        return max(1, self.operands.block // self.depth)

    @property
    def group_depth(self) -> int:
        return self.folds * self.depth

    @property
    def exact(self) -> bool:
        """A segment's sums are exact; otherwise every product goes into the window by itself."""
        return self.pair.accumulator_bits(self.height * self.products) <= EXACT_LIMIT

    @property
    def part(self) -> int:
        """Products that are summed exactly before they go into the window as one term."""
        return min(self.operands.block, self.depth) if self.operands.block > 1 and self.exact else self.depth if self.exact else 1

    # -- memory: lines of `rows` bytes ----------------------------------------------------------------
    @property
    def vector_bytes(self) -> int:
        """Of the activations that a tile is multiplied with."""
        return self.depth * self.pair.activation.bits // 8

    @property
    def vector_reads(self) -> int:
        """Lines that hold them."""
        return -(-self.vector_bytes // self.rows)

    @property
    def tile_lines(self) -> int:
        return self.pair.weight.bits * self.packing * self.columns // 8

    @property
    def scale_lines(self) -> int:
        """Of the scales of a group of tiles; one byte for each of `segments` * `width` blocks."""
        return self.segments * self.sums if self.operands.weight.scale else 0

    @property
    def group_lines(self) -> int:
        """Of a group: its scales, then its tiles."""
        return self.scale_lines + self.folds * self.tile_lines

    @property
    def gear(self) -> tuple[int, int]:
        """(rows, lines): the least number of array rows whose weights fill whole lines."""
        bits = self.pair.weight.bits * self.packing
        return 8 // gcd(8, bits), bits // gcd(8, bits)
