"""One option of the configuration: what is legal, and the error that names field, value, rule and the nearest legal value."""

import dataclasses
import json
import math
from typing import Any

from weft.gen.errors import WeftError, nearest


def option(default: Any, doc: str, *, low: int | None = None, high: int | None = None, power: bool = False,
           choices: tuple[Any, ...] | None = None, extra: bool = False) -> Any:
    """A field of a section: an integer from `low` to `high` (a power of two with `power`), or one of `choices`. `extra`: the
    canonical form leaves it out at its default, so that a new option changes nothing for who does not use it."""
    return dataclasses.field(
        default=default, metadata={"doc": doc, "low": low, "high": high, "power": power, "choices": choices, "extra": extra})


def require(condition: bool, name: str, value: Any, rule: str, legal: Any) -> None:
    """Raise `WeftError` unless the condition holds: option `name` breaks `rule` with `value`, and `legal` would not."""
    if not condition:
        raise WeftError(f"{name} = {value!r}", why=rule, fix=f"use {legal!r}")


def check(name: str, value: Any, field: dataclasses.Field[Any]) -> None:
    """One option against its own rule."""
    meta, expected = field.metadata, field.type
    if type(value) is not expected:
        kind = getattr(expected, "__name__", str(expected))
        raise WeftError(f"{name} = {value!r}", why=f"{name} takes a value of type {kind}",
                        fix=f"use {json.dumps(_legal(value, field) if expected is int else field.default)}")
    if meta["choices"] is not None and value not in meta["choices"]:
        listed = ", ".join(repr(choice) for choice in meta["choices"])
        close = nearest(value, meta["choices"]) if isinstance(value, str) else f"use {_legal(value, field)!r}"
        raise WeftError(f"{name} = {value!r}", why=f"{name} is one of {listed}", fix=close)
    if meta["low"] is not None:
        low, high, legal = meta["low"], meta["high"], _legal(value, field)
        rule = f"{name} lies in {low} .. {high}" + (" and is a power of two" if meta["power"] else "")
        require(low <= value <= high and (not meta["power"] or _power_of_two(value)), name, value, rule, legal)


def _legal(value: Any, field: dataclasses.Field[Any]) -> int:
    """The legal value of an integer option that is nearest to a number, or to a number written as text; otherwise the default."""
    meta = field.metadata
    default: int = field.default  # type: ignore[assignment]
    try:
        number = value if type(value) is int else float(value) if isinstance(value, float | str) else math.nan
    except ValueError:
        return default
    if not (isinstance(number, int) or math.isfinite(number)):
        return default
    if meta["choices"] is not None:
        return min(meta["choices"], key=lambda choice: abs(choice - number))  # type: ignore[no-any-return]
    low, high = meta["low"], meta["high"]
    return _nearest_power(number, low, high) if meta["power"] else round(min(max(number, low), high))


def _power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


def _nearest_power(value: float, low: int, high: int) -> int:
    powers = [1 << n for n in range(low.bit_length() - 1, high.bit_length())]
    return min(powers, key=lambda power: abs(power - value))
