"""What every random file is drawn from: sizes, grids, factors. Hypothesis shrinks all of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Grid = list[Any]  # [scale, zero point]
Node = dict[str, Any]  # an operator with its parameters, as JSON holds it


def single(value: float) -> float:
    """The nearest float32: what a file holds."""
    return float(np.float32(value))


def integer(draw: Draw, low: int, high: int) -> int:
    """low .. high, both included; shrinks to low."""
    return int(draw(st.integers(low, high)))


def chance(draw: Draw) -> bool:
    return bool(draw(st.booleans()))


def one_of(draw: Draw, values: Any) -> Any:
    return draw(st.sampled_from(list(values)))


def scale(draw: Draw) -> float:
    """Three decimals and powers of two give quotients that are ties, where roundings part; or anything."""
    kind = integer(draw, 0, 2)
    if kind == 0:
        return single(integer(draw, 1, 300) / 1000)
    return 2.0 ** -integer(draw, 1, 9) if kind == 1 else single(draw(st.floats(0.001, 0.3)))


def grid(draw: Draw) -> Grid:
    return [scale(draw), integer(draw, -128, 127)]


def grid_near(draw: Draw, natural: float) -> Grid:
    """A grid on which values of about 64 * `natural` neither vanish nor all saturate."""
    return [single(natural * draw(st.floats(0.25, 4))), integer(draw, -128, 127)]


def image(draw: Draw, *, large: bool) -> tuple[int, int, int]:
    """Height, width, channels. `large`: more than small scratchpads hold."""
    side = 40 if large else 13
    return integer(draw, 1, side), integer(draw, 1, side), integer(draw, 1, 24 if large else 40)
