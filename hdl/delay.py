"""A value as it was some cycles ago."""

from typing import Any

from amaranth import Module, Signal


def delayed(m: Module, value: Any, cycles: int, *, name: str, reset_less: bool = False) -> Any:
    """`value`, a signal or a view, as it was `cycles` ago, in the same shape: registers `name`_0, `name`_1 ...; itself for 0 cycles."""
    for cycle in range(cycles):
        before, value = value, Signal(value.shape(), name=f"{name}_{cycle}", reset_less=reset_less)
        m.d.sync += value.eq(before)
    return value
