"""TensorFlow Lite operators that compare elements: where the largest is, the largest few, the largest along axes."""

from collections.abc import Callable

import numpy as np

from weft.gen.frontend.refusal import require
from weft.gen.host.tflite_parts import NUMBERS, Call, Compute

Reduction = Callable[..., np.ndarray]


def _place(call: Call, of: Reduction) -> Compute:
    """The first of equal elements, as the engines' loops."""
    require(call.input(0).type in NUMBERS, f"operand is {call.input(0).type}")
    axis = call.axis(call.integers(1)[0])
    return call.first(lambda x: of(x, axis))


def _top(call: Call) -> Compute:
    """Of equal elements those with smaller indices come first."""
    source, (values, places) = call.input(0), call.outputs
    call.same_grid(source, values)
    count = call.integers(1)[0]
    require(source.type in NUMBERS and source.data is None, f"operand is {source.type}, or a constant")

    def run(given: list[np.ndarray]) -> list[np.ndarray]:
        keys = given[0].astype(np.float64)
        order = np.argsort(-keys, axis=-1, kind="stable")[..., :count]
        return [np.take_along_axis(given[0], order, -1).reshape(values.shape), order.astype(places.type).reshape(places.shape)]

    require(source.type != "int64", "operand is int64")
    return run


def _reduce(call: Call, of: Reduction) -> Compute:
    call.one_type()
    axes = tuple(call.axis(value) for value in call.integers(1))
    return call.first(lambda x: of(x, axes))


PICKS: dict[str, Callable[[Call], Compute]] = {
    "ARG_MAX": lambda call: _place(call, np.argmax), "ARG_MIN": lambda call: _place(call, np.argmin), "TOPK_V2": _top,
    "REDUCE_MAX": lambda call: _reduce(call, np.max), "REDUCE_MIN": lambda call: _reduce(call, np.min),
}
