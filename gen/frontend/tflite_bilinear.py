"""RESIZE_BILINEAR as depthwise convolutions, or where their weights are too fine or too many as an interpolation.

Formulas: the reference kernel's fixed point, ten fractional bits along each axis.
"""

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from weft.gen.frontend.refusal import require
from weft.gen.frontend.tflite_file import FileOperator
from weft.gen.frontend.tflite_shape import arrange, everything, piece
from weft.gen.graph import Conv, Interpolate, Piece, Scale, Tensor
from weft.gen.isa import Rounding

if TYPE_CHECKING:
    from weft.gen.frontend.tflite import TfliteContext

BITS = 10
ONE = 1 << BITS
MOST_WEIGHT = 255
MOST_CONVOLUTIONS = 64

Taps = tuple[int, int]


@dataclasses.dataclass
class Phase:
    """Outputs along one axis whose two neighbours have the same weights, out of `ONE`."""

    weights: Taps
    targets: list[int]
    sources: list[int]  # the two neighbours of each target, one after the other


def neighbours(size: int, results: int, corners: bool, centers: bool) -> list[tuple[Taps, Taps]]:
    """The kernel's ComputeInterpolationValuesInteger for every output: its two neighbours and their weights."""
    step = (ONE * size + results // 2) // results
    if corners and results > 1:
        step = (ONE * (size - 1) + (results - 1) // 2) // (results - 1)
    found = []
    for target in range(results):
        place = target * step + (step // 2 - ONE // 2) * centers
        lower = max(int(place / ONE), 0)
        upper = min(int((place + ONE - 1) / ONE), size - 1)
        weights = (ONE, 0) if lower == upper else (ONE - (place - lower * ONE), place - lower * ONE)
        found.append(((lower, upper), weights))
    return found


def phases(places: list[tuple[Taps, Taps]]) -> list[Phase]:
    """The outputs grouped by weights."""
    found: dict[Taps, Phase] = {}
    for target, (pair, weights) in enumerate(places):
        phase = found.setdefault(weights, Phase(weights, [], []))
        phase.targets.append(target)
        phase.sources += pair
    return list(found.values())


def resize_bilinear(context: "TfliteContext", operator: FileOperator) -> None:
    """For every pair of phases: gather the four neighbours of each output, sum them weighted, put the sums in their places.

    The sum of products of two ten-bit weights is divided by 2**20, halves away from zero, without regard to the zero point.
    """
    x, y = context.activation(context.input(operator, 0)), context.activation(context.output(operator))
    require((x.scale, x.zero_point) == (y.scale, y.zero_point), "input and output are quantised differently")
    require(not x.unsigned, "uint8, which the engine interpolates in floating point")
    require(x.shape[2] == y.shape[2], f"{x.shape[2]} channels become {y.shape[2]}")
    corners, centers = (bool(operator.option(slot, "bool", 0)) for slot in (2, 3))
    places = [neighbours(x.shape[axis], y.shape[axis], corners, centers) for axis in (0, 1)]
    rows, columns = map(phases, places)
    fine = any(_weights(row.weights, column.weights)[0].max() > MOST_WEIGHT for row in rows for column in columns)
    if fine or len(rows) * len(columns) > MOST_CONVOLUTIONS:
        _interpolate(context, operator, x, y, places)
        return
    results: list[Tensor] = []
    pieces: list[Piece] = []
    for row in rows:
        for column in columns:
            weights, shift = _weights(row.weights, column.weights)
            result = _weighted(context, operator, x, y, (row, column), weights, shift)
            target = [row.targets, column.targets, range(y.shape[2])]
            pieces.append(piece(len(results), target, everything(result)))
            results.append(result)
    arrange(context, operator, tuple(results), y, pieces)


def _interpolate(context: "TfliteContext", operator: FileOperator, x: Tensor, y: Tensor, places: list[list[tuple[Taps, Taps]]]) -> None:
    """Gather the four neighbours of each output, then weigh them."""
    rows, columns = ([index for pair, _ in axis for index in pair] for axis in places)
    near = context.builder.tensor(dataclasses.replace(x, name=f"{y.name}#near", shape=(len(rows), len(columns), x.shape[2])))
    arrange(context, operator, (x,), near, [piece(0, everything(near), [rows, columns, range(x.shape[2])])])
    weights = [tuple(pair for _, pair in axis) for axis in places]
    context.builder.node(Interpolate(operator.name, operator.operator, (near.name,), y.name, (2, 2), (2, 2), (0, 0, 0, 0),
                                     rows=weights[0], columns=weights[1]))


def _weights(row: Taps, column: Taps) -> tuple[np.ndarray, int]:
    """The four weights (2, 2) less their common power of two, and the power of two that they are out of."""
    weights = np.outer(row, column).astype(np.int64)
    common = math.gcd(2 ** (2 * BITS), *weights.reshape(-1).tolist())
    weights //= common
    return weights.astype(np.int32), 2 * BITS - common.bit_length() + 1


def _weighted(context: "TfliteContext", operator: FileOperator, x: Tensor, y: Tensor, pair: tuple[Phase, Phase], weights: np.ndarray,
              shift: int) -> Tensor:
    row, column = pair
    label = f"{y.name}#{row.targets[0]},{column.targets[0]}"
    channels = x.shape[2]
    near = context.builder.tensor(dataclasses.replace(x, name=f"{label}#near", shape=(len(row.sources), len(column.sources), channels)))
    arrange(context, operator, (x,), near, [piece(0, everything(near), [row.sources, column.sources, range(channels)])])
    shape = (len(row.targets), len(column.targets), channels)
    result = context.builder.tensor(dataclasses.replace(y, name=label, shape=shape))
    taps = np.ascontiguousarray(np.broadcast_to(weights.astype(np.int16)[None, :, :, None], (channels, 2, 2, 1)))
    scale = Scale(right=shift, pre=x.zero_point << shift, rounding=Rounding.HALF_AWAY)
    context.builder.node(Conv(result.name, operator.operator, (near.name,), result.name, taps, scale, 0, -128, 127, stride=(2, 2),
                              groups=channels))
    return result
