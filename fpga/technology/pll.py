"""Clock generation: settings of a PLL for a wanted frequency, computed exactly."""

import dataclasses
from fractions import Fraction

from weft.gen.errors import WeftError

MHZ = 1_000_000


@dataclasses.dataclass(frozen=True)
class Range:
    """Legal frequencies in MHz, ends included."""

    low: float
    high: float

    def __contains__(self, hertz: Fraction) -> bool:
        return self.low * MHZ <= hertz <= self.high * MHZ


@dataclasses.dataclass(frozen=True)
class Setting:
    """One way to make a clock: its exact frequency in Hz and the dividers, by the names of the primitive's parameters."""

    hertz: Fraction
    dividers: dict[str, int]


def closest(settings: list[Setting], wanted_mhz: float, input_hz: Fraction, legal: Range, where: str) -> Setting:
    """The setting nearest to `wanted_mhz`; among equals the first.

    Raises `WeftError` if the frequency is outside `legal` or no setting exists for this input.
    """
    wanted = Fraction(str(wanted_mhz)) * MHZ
    if wanted not in legal:
        edge = legal.low if wanted < legal.low * MHZ else legal.high
        raise WeftError(f"--freq {wanted_mhz:g}", where=where, why=f"its PLL makes {legal.low:g} to {legal.high:g} MHz",
                        fix=f"use {edge:g}, or {float(input_hz) / MHZ:g} for the board's own clock without a PLL")
    if not settings:
        raise WeftError(f"no PLL setting for a clock of {float(input_hz) / MHZ:g} MHz", where=where,
                        why="its input frequency is outside the legal range", fix="choose another clock of the board")
    return min(settings, key=lambda setting: abs(setting.hertz - wanted))
