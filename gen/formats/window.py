"""Fixed point of limited width: a window on sums whose exact width is impractical."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Window:
    """Two's complement of `width` bits to which at most `terms` terms are added, each of which fits `term_bits`.

    A term is an exact integer in some unit. It is moved to the window's unit, floored there, and added. A term that needs more than
    `term_bits` sets the sticky flag overflow (the result is then of no use); one that the floor changes sets underflow (the result is
    then too small, by less than one unit for each such term). As long as both flags are 0, the sum is exact. No sum of `terms` terms
    wraps, in whatever order they come, so that neither the result nor the flags depend on the order of the terms.
    """

    width: int = 64
    terms: int = 256

    @property
    def term_bits(self) -> int:
        """Of a term: `terms` times -2^(term_bits - 1) is at least -2^(width - 1)."""
        return self.width - (self.terms - 1).bit_length()
