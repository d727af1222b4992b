"""Operators that move elements, against tflite-micro and LiteRT."""

import numpy as np
import pytest

from weft.gen.frontend import load
from weft.gen.graph import Arrange, Conv, Interpolate
from weft.verif.oracles import LitertReference, Tflm
from weft.verif.tests.engines import assert_equal_to, assert_equal_to_both, samples_of
from weft.verif.tests.tflite_models import TfliteMaker

pytest.importorskip("tflite_micro", reason="tflite-micro is the oracle of these tests")
GRID = (0.04, 10)


def constant(maker, *values):
    return maker.constant(np.array(values, np.int32))


CASES = {  # operator: input shape, operands after the input, output shape, options
    "pad": ("PAD", (1, 4, 5, 6), [[[0, 0], [1, 2], [3, 0], [0, 0]]], (1, 7, 8, 6), "", {}),
    "pad channels": ("PAD", (1, 4, 5, 6), [[[0, 0], [0, 0], [1, 0], [2, 3]]], (1, 4, 6, 11), "", {}),
    "pad of three dimensions": ("PAD", (1, 5, 6), [[[0, 0], [2, 0], [0, 1]]], (1, 7, 7), "", {}),
    "transpose": ("TRANSPOSE", (1, 4, 5, 6), [[0, 3, 1, 2]], (1, 6, 4, 5), "TransposeOptions", {}),
    "transpose height and width": ("TRANSPOSE", (1, 4, 5, 6), [[0, 2, 1, 3]], (1, 5, 4, 6), "TransposeOptions", {}),
    "transpose a matrix": ("TRANSPOSE", (7, 20), [[1, 0]], (20, 7), "TransposeOptions", {}),
    "nearest": ("RESIZE_NEAREST_NEIGHBOR", (1, 4, 5, 6), [[8, 10]], (1, 8, 10, 6), "ResizeNearestNeighborOptions", {}),
    "nearest, fractions": ("RESIZE_NEAREST_NEIGHBOR", (1, 4, 5, 3), [[7, 13]], (1, 7, 13, 3), "ResizeNearestNeighborOptions", {}),
    "nearest, smaller": ("RESIZE_NEAREST_NEIGHBOR", (1, 9, 10, 3), [[4, 3]], (1, 4, 3, 3), "ResizeNearestNeighborOptions", {}),
    "nearest, corners": ("RESIZE_NEAREST_NEIGHBOR", (1, 4, 5, 3), [[9, 9]], (1, 9, 9, 3), "ResizeNearestNeighborOptions",
                         {"alignCorners": True}),
    "nearest, centers": ("RESIZE_NEAREST_NEIGHBOR", (1, 4, 5, 3), [[9, 7]], (1, 9, 7, 3), "ResizeNearestNeighborOptions",
                         {"halfPixelCenters": True}),
    "slice": ("SLICE", (1, 4, 5, 6), [[0, 1, 0, 2], [1, 2, 5, -1]], (1, 2, 5, 4), "SliceOptions", {}),
    "strided slice": ("STRIDED_SLICE", (1, 6, 7, 6), [[0, 1, 6, 0], [1, 6, 0, 6], [1, 2, -2, 1]], (1, 3, 3, 6), "StridedSliceOptions",
                      {"beginMask": 1, "endMask": 8}),
    "strided slice of one row": ("STRIDED_SLICE", (1, 6, 7, 6), [[0, 2, 0, 0], [1, 3, 7, 6], [1, 1, 1, 1]], (1, 7, 6),
                                 "StridedSliceOptions", {"shrinkAxisMask": 2}),
    "squeeze": ("SQUEEZE", (1, 1, 5, 6), [], (1, 5, 6), "SqueezeOptions", {"squeezeDims": [1]}),
    "expand": ("EXPAND_DIMS", (1, 5, 6), [1], (1, 1, 5, 6), "ExpandDimsOptions", {}),
    "depth to space": ("DEPTH_TO_SPACE", (1, 4, 5, 12), [], (1, 8, 10, 3), "DepthToSpaceOptions", {"blockSize": 2}),
    "space to depth": ("SPACE_TO_DEPTH", (1, 6, 9, 2), [], (1, 2, 3, 18), "SpaceToDepthOptions", {"blockSize": 3}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_move(tmp_path, case):
    operator, shape, operands, result, options, fields = case
    chance, maker = np.random.default_rng(1), TfliteMaker()
    x, y = maker.tensor(shape, *GRID), maker.tensor(result, *GRID)
    maker.node(operator, [x, *(maker.constant(np.array(value, np.int32)) for value in operands)], y, *([options] if options else []),
               **fields)
    assert_equal_to_both(maker.save(tmp_path, x, y), samples_of(chance, shape, 4))


def test_padding_with_another_value(tmp_path):
    chance, maker = np.random.default_rng(1), TfliteMaker()
    x, y = maker.tensor((1, 4, 5, 3), *GRID), maker.tensor((1, 5, 7, 3), *GRID)
    maker.node("PADV2", [x, maker.constant(np.array([[0, 0], [1, 0], [1, 1], [0, 0]], np.int32)),
                         maker.constant(np.array([-77], np.int8), *GRID)], y)
    assert_equal_to_both(maker.save(tmp_path, x, y), samples_of(chance, (1, 4, 5, 3)))


def test_padding_for_a_pooling_stays_and_for_a_convolution_folds(tmp_path):
    """Pooling must not see padding as padding, it is data there."""
    chance, maker = np.random.default_rng(1), TfliteMaker()
    x, p = maker.tensor((1, 4, 5, 3), *GRID), maker.tensor((1, 6, 7, 3), *GRID)
    amounts = maker.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    maker.node("PAD", [x, amounts], p)
    pooled = maker.node("MAX_POOL_2D", [p], maker.tensor((1, 3, 3, 3), *GRID), "Pool2DOptions", padding=1, strideH=2, strideW=2,
                        filterHeight=2, filterWidth=2)
    q = maker.node("PAD", [x, amounts], maker.tensor((1, 6, 7, 3), *GRID))
    weights = chance.integers(-127, 128, (1, 3, 3, 3)).astype(np.int8)
    deep = maker.node("DEPTHWISE_CONV_2D", [q, maker.tensor(weights.shape, [0.01] * 3, 0, "int8", weights, axis=3),
                                            maker.constant(np.zeros(3, np.int32))], maker.tensor((1, 4, 5, 3), 0.1, 0),
                      "DepthwiseConv2DOptions", padding=1, strideH=1, strideW=1, depthMultiplier=1, dilationHFactor=1, dilationWFactor=1)
    path = maker.save(tmp_path, x, pooled, deep)
    assert_equal_to_both(path, samples_of(chance, (1, 4, 5, 3)))
    nodes = load(path).nodes
    assert [type(node) for node in nodes if isinstance(node, Arrange | Conv)] == [Arrange, Conv] and nodes[-1].padding == (1, 1, 1, 1)


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_concatenation(tmp_path, axis):
    chance, maker, shape = np.random.default_rng(1), TfliteMaker(), [1, 4, 5, 6]
    x = maker.tensor(shape, *GRID)
    other = maker.node("HARD_SWISH", [x], maker.tensor(shape, *GRID))
    total = list(shape)
    total[axis] *= 3
    y = maker.node("CONCATENATION", [x, other, x], maker.tensor(total, *GRID), "ConcatenationOptions", axis=axis)
    assert_equal_to_both(maker.save(tmp_path, x, y), samples_of(chance, shape))


def test_concatenation_of_uint8_rescales(tmp_path):
    for seed in range(12):
        chance, maker = np.random.default_rng(seed), TfliteMaker()
        grids = [(chance.uniform(0.01, 0.1) if seed % 2 else 2.0 ** chance.integers(-6, -2), int(chance.integers(0, 256)))
                 for _ in range(2)]
        x = maker.tensor((1, 1, 16, 16), *grids[0], "uint8")
        other = maker.node("MAX_POOL_2D", [x], maker.tensor((1, 1, 16, 16), *grids[0], "uint8"), "Pool2DOptions", padding=0, strideH=1,
                           strideW=1, filterHeight=1, filterWidth=1)
        y = maker.node("CONCATENATION", [x, other], maker.tensor((1, 1, 16, 32), *grids[1], "uint8"), "ConcatenationOptions", axis=3)
        every = np.arange(256, dtype=np.uint8).reshape(1, 1, 1, 16, 16)
        assert_equal_to(LitertReference, "litert", maker.save(tmp_path, x, y), every)


def test_split(tmp_path):
    chance, maker = np.random.default_rng(1), TfliteMaker()
    x = maker.tensor((1, 4, 5, 6), *GRID)
    parts = [maker.tensor((1, 4, 5, 2), *GRID) for _ in range(3)]
    maker.node("SPLIT", [maker.constant(np.array(3, np.int32)), x], parts[0], "SplitOptions", numSplits=3)
    maker.graph.operators[-1].outputs = parts
    path = maker.save(tmp_path, x, *parts)
    assert_equal_to(Tflm, "tflm", path, samples_of(chance, (1, 4, 5, 6)))
    assert_equal_to(LitertReference, "litert", path, samples_of(chance, (1, 4, 5, 6)))


FINE = [  # fractions for which convolutions have too few bits, or that are too many
    ((4, 5), (7, 11), {}), ((16, 16), (17, 17), {}), ((5, 9), (7, 4), {"halfPixelCenters": True}),
    ((9, 7), (5, 14), {"alignCorners": True}), ((3, 3), (10, 1), {"halfPixelCenters": True})]
BILINEAR = [  # size, result, mode
    ((4, 5), (8, 10), {"halfPixelCenters": True}), ((4, 5), (8, 10), {}), ((3, 2), (12, 16), {"halfPixelCenters": True}),
    ((8, 12), (4, 3), {"halfPixelCenters": True}), ((8, 12), (4, 6), {}), ((5, 9), (9, 3), {"alignCorners": True}),
    ((1, 1), (6, 4), {"halfPixelCenters": True}), ((6, 4), (6, 8), {"halfPixelCenters": True}), ((7, 5), (1, 1), {}),
]


@pytest.mark.parametrize(("size", "result", "mode"), BILINEAR + FINE)
def test_bilinear(tmp_path, size, result, mode):
    for zero_point in (10, -77):
        chance, maker = np.random.default_rng(1), TfliteMaker()
        x, y = maker.tensor((1, *size, 3), 0.04, zero_point), maker.tensor((1, *result, 3), 0.04, zero_point)
        maker.node("RESIZE_BILINEAR", [x, constant(maker, *result)], y, "ResizeBilinearOptions", **mode)
        path = maker.save(tmp_path, x, y)
        assert_equal_to_both(path, samples_of(chance, (1, *size, 3), 50))
        assert any(isinstance(node, Interpolate) for node in load(path).nodes) == ((size, result, mode) in FINE)
