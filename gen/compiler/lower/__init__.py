"""Lowering: one file for each kind of operator, from a node and its layouts to steps."""

from collections.abc import Callable, Iterator
from typing import Any

from weft.gen.compiler.lower.arrange import lower_arrange
from weft.gen.compiler.lower.choice import lower_conv
from weft.gen.compiler.lower.context import Band, Context
from weft.gen.compiler.lower.elementwise import (
    lower_add,
    lower_extremum,
    lower_multiply,
    lower_prelu,
    lower_rescale,
    lower_table,
)
from weft.gen.compiler.lower.interpolation import lower_interpolate
from weft.gen.compiler.lower.pooling import lower_average_pool, lower_max_pool
from weft.gen.compiler.lower.softmax import lower_softmax
from weft.gen.compiler.lower.steps import Step
from weft.gen.graph import (
    Add,
    Arrange,
    AveragePool,
    Conv,
    Extremum,
    Interpolate,
    MaxPool,
    Multiply,
    Node,
    Prelu,
    Rescale,
    Softmax,
    Table,
)

LOWERINGS: dict[type[Node], Callable[[Context, Any, Band], Iterator[Step]]] = {
    Conv: lower_conv,
    Add: lower_add,
    Arrange: lower_arrange,
    Extremum: lower_extremum,
    Interpolate: lower_interpolate,
    Multiply: lower_multiply,
    Prelu: lower_prelu,
    Rescale: lower_rescale,
    Table: lower_table,
    MaxPool: lower_max_pool,
    AveragePool: lower_average_pool,
    Softmax: lower_softmax,
}

__all__ = ["LOWERINGS", "Context"]
