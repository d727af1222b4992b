"""Weights beyond int8: a second pass over the activations, only where it adds something."""

import numpy as np
import pytest

from weft.gen.compiler.constants import FILLING, split_weights, weight_tiles
from weft.gen.compiler.lower.grouped import Strip
from weft.gen.compiler.lower.pieces import pieces_within
from weft.gen.graph import Conv, Graph, Scale, Tensor
from weft.gen.isa import Rounding
from weft.verif.tests.test_compiler_networks import check, configuration

LANES = 16


def layer(shape: tuple[int, int, int], weights: np.ndarray, groups: int = 1) -> Graph:
    """A convolution with padding that keeps height and width."""
    outputs, height, width, _ = weights.shape
    scale = Scale(multiplier=1, right=int(np.log2(weights[0].size)) // 2 + 9, pre=0, rounding=Rounding.HALF_UP)
    padding = (height // 2, width // 2) * 2
    node = Conv("layer", "CONV_2D", ("x",), "y", weights, scale, 0, -128, 127, padding=padding, groups=groups)
    tensors = {"x": Tensor("x", shape, 1.0, 4), "y": Tensor("y", (*shape[:2], outputs), 1.0, 0)}
    return Graph("nine bits", tensors, (node,), "x", ("y",), (1, *shape), ((1, *shape[:2], outputs),), "nhwc", "tflite-micro")


def weights(shape: tuple[int, ...], *large: tuple[int, ...]) -> np.ndarray:
    """Random int8 ones, and 200, -255 or 255 at the places of `large`; 255 takes three parts."""
    values = np.random.default_rng(len(shape) + shape[0]).integers(-127, 128, shape).astype(np.int16)
    for index, place in enumerate(large):
        values[place] = (200, -255, 255)[index % 3]
    return values


def test_later_parts_leave_out_folds_of_zeros() -> None:
    whole = weights((40, 3, 1, 80), (20, 1, 0, 33), (20, 1, 0, 50))
    whole[39, 2, 0, 0] = 200
    parts = split_weights(whole)
    assert len(parts) == 2
    strips = [[Strip(0, LANES, weight_tiles(part, LANES))] for part in parts]
    pieces = pieces_within(strips, 3, 100)
    assert [[(piece.ky, piece.offset, piece.folds) for piece in own] for own in pieces] == [
        [(0, 0, 15)], [(0, 0, 15), (1, 32, 2)], [(0, 0, 15), (2, 0, 1)]]
    for group, own in enumerate(pieces):
        total = np.zeros((3, 5, LANES, LANES), dtype=int)
        for piece in own:
            first = piece.offset // LANES
            total[piece.ky:piece.ky + piece.rows, first:first + piece.across] += piece.tiles
        assert np.array_equal(total, sum(weight_tiles(part, LANES)[group].astype(int) for part in parts))


def test_few_folds_of_zeros_are_fetched_where_that_is_less_than_another_instruction() -> None:
    whole = weights((4, 1, 1, 40), (0, 0, 0, 0), (1, 0, 0, 12), (2, 0, 0, 27))  # folds 0, 3 and 6 of 4 x 4
    parts = split_weights(np.clip(whole, -255, 254))
    (_, *rest), = pieces_within([[Strip(0, 4, weight_tiles(part, 4))] for part in parts], 1, 100)
    assert [(piece.offset // 4, piece.folds) for piece in rest] == [(0, 7)]
    parts = split_weights(weights((16, 1, 1, 48), (0, 0, 0, 0), (1, 0, 0, 47)))  # folds 0 and 2 of 16 x 16
    (_, *rest), = pieces_within([[Strip(0, LANES, weight_tiles(part, LANES))] for part in parts], 1, 100)
    assert [(piece.offset // LANES, piece.folds) for piece in rest] == [(0, 1), (2, 1)]


def test_runs_are_no_longer_than_a_block() -> None:
    parts = split_weights(np.full((16, 1, 1, 160), 130, dtype=np.int16))
    pieces, = pieces_within([[Strip(0, LANES, weight_tiles(part, LANES))] for part in parts], 1, 4)
    assert [(piece.offset // LANES, piece.folds) for piece in pieces] == [(0, 4), (4, 4), (8, 2)] * 2


@pytest.mark.parametrize("name", ["tiny4", "edge8", "edge16"])
@pytest.mark.parametrize(("shape", "values", "groups", "passes"), [
    ((6, 7, 32), weights((40, 3, 3, 32), (17, 1, 2, 20), (39, 0, 0, 0)), 1, 1.2),
    ((6, 7, 24), weights((20, 1, 1, 24), (3, 0, 0, 23)), 1, 1.3),
    ((6, 7, 48), weights((48, 1, 1, 48), (3, 0, 0, 2), (3, 0, 0, 4), (3, 0, 0, 3)), 1, 1.3),
    ((8, 8, 48), weights((48, 3, 3, 1), (30, 2, 2, 0)), 48, 1.6),
    ((40, 12, 48), weights((48, 3, 3, 1), (30, 2, 2, 0)), 48, 1.6),
    ((5, 5, 3), weights((8, 5, 5, 3), (0, 0, 0, 0), (7, 4, 4, 2)), 1, 1.6),
    ((6, 6, 32), weights((64, 3, 3, 4), (50, 1, 1, 3)), 8, 1.6),
], ids=["dense", "pointwise", "three parts", "depthwise", "streams that go on", "thin", "grouped"])
def test_results(name: str, shape: tuple[int, int, int], values: np.ndarray, groups: int, passes: float) -> None:
    held = np.random.default_rng(1).integers(-128, 128, shape).astype(np.int8)
    compiled = check(layer(shape, values, groups), held, configuration(name))
    once = check(layer(shape, np.clip(values, -128, 127), groups), held, configuration(name))

    tiles, tiles_once = (values.size + network.constant_kinds[FILLING] for network in (compiled, once))
    assert tiles_once < tiles <= passes * tiles_once
