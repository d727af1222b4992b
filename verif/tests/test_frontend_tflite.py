"""TensorFlow Lite front end and golden reference against tflite-micro and LiteRT's reference kernels, operator by operator."""

import math

import numpy as np
import pytest

from weft.gen.errors import WeftError
from weft.gen.frontend import load
from weft.gen.frontend.multiplier import half_away_scale, quantize_multiplier
from weft.verif.golden import numerics
from weft.verif.oracles import LitertReference, Tflm
from weft.verif.tests.engines import assert_equal_to, assert_equal_to_both, run_weft, samples_of
from weft.verif.tests.tflite_models import TfliteMaker

pytest.importorskip("tflite_micro", reason="tflite-micro is the oracle of these tests")
ACTIVATIONS = {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}
SAME, VALID = 0, 1


CONVOLUTIONS = [  # kernel, stride, dilation, padding, per channel, activation, output
    ((3, 3), (1, 1), (1, 1), SAME, True, "NONE", (9, 10)),
    ((3, 2), (2, 1), (1, 1), SAME, True, "RELU", (5, 10)),
    ((4, 4), (2, 3), (1, 1), VALID, False, "RELU6", (3, 3)),
    ((2, 3), (1, 1), (3, 2), SAME, True, "RELU_N1_TO_1", (9, 10)),
]


@pytest.mark.parametrize(("kernel", "stride", "dilation", "padding", "per_channel", "activation", "size"), CONVOLUTIONS)
def test_convolution(tmp_path, kernel, stride, dilation, padding, per_channel, activation, size):
    chance, maker = np.random.default_rng(1), TfliteMaker()
    x = maker.tensor((1, 9, 10, 3), 0.03, 11)
    scales = chance.uniform(0.002, 0.02, 6) if per_channel else 0.01
    weights = maker.constant(chance.integers(-127, 128, (6, *kernel, 3)).astype(np.int8), scales)
    bias = maker.constant(chance.integers(-3000, 3000, 6).astype(np.int32), np.float32(scales) * np.float32(0.03))
    y = maker.tensor((1, *size, 6), 0.05, -20)
    maker.node("CONV_2D", [x, weights, bias], y, "Conv2DOptions", padding=padding, strideH=stride[0], strideW=stride[1],
               dilationHFactor=dilation[0], dilationWFactor=dilation[1], fusedActivationFunction=ACTIVATIONS[activation])
    assert_equal_to_both(maker.save(tmp_path, x, y), samples_of(chance, (1, 9, 10, 3)))


DEPTHWISE = [  # kernel, stride (equal ones: the engines demand it), dilation, padding, channels, multiplier, per channel, ...
    ((3, 3), 1, (1, 1), SAME, 5, 1, True, "NONE", (9, 10)),
    ((3, 2), 2, (1, 1), SAME, 3, 2, True, "RELU6", (5, 5)),
    ((5, 4), 1, (1, 1), VALID, 1, 8, False, "RELU", (5, 7)),
    ((2, 3), 1, (3, 2), SAME, 4, 3, True, "NONE", (9, 10)),
]


@pytest.mark.parametrize("case", DEPTHWISE)
def test_depthwise_convolution(tmp_path, case):
    kernel, stride, dilation, padding, channels, multiplier, per_channel, activation, size = case
    chance, maker, outputs = np.random.default_rng(1), TfliteMaker(), channels * multiplier
    x = maker.tensor((1, 9, 10, channels), 0.03, 11)
    scales = chance.uniform(0.005, 0.05, outputs) if per_channel else 0.02
    values = chance.integers(-127, 128, (1, *kernel, outputs)).astype(np.int8)
    weights = maker.tensor(values.shape, scales, 0, "int8", values, axis=3)
    bias = maker.constant(chance.integers(-3000, 3000, outputs).astype(np.int32), np.float32(scales) * np.float32(0.03))
    y = maker.tensor((1, *size, outputs), 0.05, -20)
    maker.node("DEPTHWISE_CONV_2D", [x, weights, bias], y, "DepthwiseConv2DOptions", padding=padding, strideH=stride, strideW=stride,
               dilationHFactor=dilation[0], dilationWFactor=dilation[1], depthMultiplier=multiplier,
               fusedActivationFunction=ACTIVATIONS[activation])
    assert_equal_to_both(maker.save(tmp_path, x, y), samples_of(chance, (1, 9, 10, channels)))


@pytest.mark.parametrize("groups", [2, 3])
def test_grouped_convolution(tmp_path, groups):
    """tflite-micro has no groups: LiteRT alone."""
    chance, maker = np.random.default_rng(groups), TfliteMaker()
    x, y = maker.tensor((1, 6, 7, 6), 0.03, 11), maker.tensor((1, 6, 7, 12), 0.05, -20)
    weights = chance.integers(-127, 128, (12, 3, 3, 6 // groups)).astype(np.int8)
    scales = chance.uniform(0.005, 0.05, 12)
    maker.node("CONV_2D", [x, maker.constant(weights, scales), maker.constant(chance.integers(-99, 99, 12).astype(np.int32))], y,
               "Conv2DOptions", padding=SAME, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    assert_equal_to(LitertReference, "litert", maker.save(tmp_path, x, y), samples_of(chance, (1, 6, 7, 6)))


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_fully_connected_in_both_roundings(tmp_path, per_channel, seed):
    chance, maker = np.random.default_rng(seed), TfliteMaker()
    x = maker.tensor((1, 2, 3, 4), chance.uniform(0.01, 0.05), 5)
    scales = chance.uniform(0.002, 0.02, 40 if per_channel else ())
    weights = maker.constant(chance.integers(-127, 128, (40, 24)).astype(np.int8), scales)
    bias = maker.constant(chance.integers(-3000, 3000, 40).astype(np.int32), 1e-4)
    y = maker.tensor((1, 40), chance.uniform(0.05, 0.3), -7)
    maker.node("FULLY_CONNECTED", [x, weights, bias], y, "FullyConnectedOptions")
    path, samples = maker.save(tmp_path, x, y), samples_of(chance, (1, 2, 3, 4), 200)
    assert_equal_to(LitertReference, "litert", path, samples)
    assert_equal_to(Tflm, "tflm", path, samples)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_add_for_every_pair(tmp_path, activation):
    maker = TfliteMaker()
    x, y = maker.tensor((1, 256, 256, 2), 0.031, 17), maker.tensor((1, 256, 256, 1), 0.047, -50)
    ports = [maker.tensor((1, 256, 256, 1), *grid) for grid in ((0.021, 30), (0.055, -3))]
    for channel, port in enumerate(ports):  # one input with two channels, each cut out by a convolution
        weights = np.zeros((1, 1, 1, 2), np.int8)
        weights[..., channel] = 1
        maker.node("CONV_2D", [x, maker.constant(weights, np.float32(maker.graph.tensors[port].quantization.scale[0]) / np.float32(0.031)),
                               maker.constant(np.zeros(1, np.int32))], port, "Conv2DOptions", padding=VALID, strideH=1, strideW=1,
                   dilationHFactor=1, dilationWFactor=1)
    maker.node("ADD", ports, y, "AddOptions", fusedActivationFunction=ACTIVATIONS[activation])
    a, b = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
    assert_equal_to_both(maker.save(tmp_path, x, y), np.stack([a, b], axis=-1).astype(np.int8)[None, None])


@pytest.mark.parametrize("operator", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize("activation", ["NONE", "RELU6"])
def test_pooling(tmp_path, operator, padding, activation):
    chance, maker = np.random.default_rng(2), TfliteMaker()
    size = (5, 4) if padding == SAME else (4, 3)
    x, y = maker.tensor((1, 9, 10, 5), 0.04, 10), maker.tensor((1, *size, 5), 0.04, 10)
    maker.node(operator, [x], y, "Pool2DOptions", padding=padding, strideH=2, strideW=3, filterHeight=3, filterWidth=4,
               fusedActivationFunction=ACTIVATIONS[activation])
    assert_equal_to_both(maker.save(tmp_path, x, y), samples_of(chance, (1, 9, 10, 5)))


MEANS = [  # input, axes, output
    ((1, 5, 7, 3), [1, 2], (1, 3)), ((1, 5, 7, 3), [2, 1], (1, 1, 1, 3)), ((1, 11, 12, 3), [1, 2], (1, 3)),
    ((1, 5, 7, 3), [1], (1, 7, 3)), ((1, 5, 7, 3), [-2], (1, 5, 3)), ((1, 6, 4), [1], (1, 1, 4)),
]


@pytest.mark.parametrize("output", [(0.031, -9), (0.04, 10)])
@pytest.mark.parametrize(("shape", "axes", "result"), MEANS)
def test_mean(tmp_path, shape, axes, result, output):
    chance, maker = np.random.default_rng(6), TfliteMaker()
    x, y = maker.tensor(shape, 0.04, 10), maker.tensor(result, *output)
    maker.node("MEAN", [x, maker.constant(np.array(axes, np.int32))], y, "ReducerOptions", keepDims=len(shape) == len(result))
    assert_equal_to_both(maker.save(tmp_path, x, y), samples_of(chance, shape, 100))


@pytest.mark.parametrize(("operator", "output"), [("RELU", (0.023, -100)), ("RELU", (0.04, 10)), ("RELU6", (0.04, 10)),
                                                  ("RELU_N1_TO_1", (0.04, 10))])
def test_relu_of_every_value(tmp_path, operator, output):
    maker = TfliteMaker()
    x, y = maker.tensor((1, 256), 0.04, 10), maker.tensor((1, 256), *output)
    maker.node(operator, [x], y)
    path, samples = maker.save(tmp_path, x, y), np.arange(-128, 128, dtype=np.int8)[None, None]
    assert_equal_to(LitertReference, "litert", path, samples)
    if operator != "RELU_N1_TO_1":  # tflite-micro's Python package has no kernel for it
        assert_equal_to(Tflm, "tflm", path, samples)


@pytest.mark.parametrize(("source", "target"), [("int8", "int8"), ("uint8", "int8"), ("int8", "uint8"), ("uint8", "uint8")])
@pytest.mark.parametrize("same_scale", [False, True])
def test_quantize_of_every_value(tmp_path, source, target, same_scale):
    maker = TfliteMaker()
    points = {"int8": 4, "uint8": 132}
    x = maker.tensor((1, 256), 0.04, points[source], source)
    y = maker.tensor((1, 256), 0.04 if same_scale else 0.053, points[target], target)
    maker.node("QUANTIZE", [x], y)
    path, samples = maker.save(tmp_path, x, y), np.arange(256, dtype=np.uint8)[None, None].view(source)
    if (source, target) == ("uint8", "uint8"):  # the engines have no such kernel, the rule is the same
        ours = run_weft(path, samples, "tflm")[0][0]
        assert ours.dtype == np.uint8 and (not same_scale or np.array_equal(ours, samples[0]))
    else:
        assert_equal_to(LitertReference, "litert", path, samples)
        assert_equal_to(Tflm, "tflm", path, samples)


@pytest.mark.parametrize("seed", range(4))
def test_softmax(tmp_path, seed):
    chance, maker = np.random.default_rng(seed), TfliteMaker()
    classes = (2, 10, 33, 500)[seed]
    x, y = maker.tensor((3, classes), (0.02, 0.1, 0.2, 0.05)[seed], 7), maker.tensor((3, classes), 1 / 256, -128)
    maker.node("SOFTMAX", [x], y, "SoftmaxOptions", beta=(1.0, 0.5, 2.0, 1.0)[seed])
    assert_equal_to_both(maker.save(tmp_path, x, y), samples_of(chance, (3, classes), 200))


def test_float_ends_and_two_outputs(tmp_path):
    chance, maker = np.random.default_rng(3), TfliteMaker()
    x, q = maker.tensor((1, 300), kind="float32"), maker.tensor((1, 300), 0.037, -5)
    r, y = maker.tensor((1, 20, 15), 0.037, -5), maker.tensor((1, 20, 15), kind="float32")
    maker.node("QUANTIZE", [x], q)
    maker.node("RESHAPE", [q, maker.constant(np.array([1, 20, 15], np.int32))], r, "ReshapeOptions", newShape=[1, 20, 15])
    maker.node("DEQUANTIZE", [r], y)
    z = maker.node("RELU", [r], maker.tensor((1, 20, 15), 0.05, 0))
    halves = ((np.arange(300) - 150.5) * np.float32(0.037)).astype(np.float32)
    samples = np.concatenate([chance.normal(scale=3, size=(20, 1, 300)).astype(np.float32), halves[None, None]])
    assert_equal_to_both(maker.save(tmp_path, x, y, z), samples)


def _scales_with_ties(seed):
    """Decimal fractions and powers of two: their quotients hit halves, where float32 and double, and all roundings, part."""
    chance = np.random.default_rng(seed)
    return [float(scale) for scale in (2.0 ** chance.integers(-6, 0, 3) if seed % 4 == 0 else np.round(chance.uniform(0.005, 0.2, 3), 3))]


@pytest.mark.parametrize("operator", ["FULLY_CONNECTED", "FULLY_CONNECTED per channel", "CONV_2D", "ADD", "RELU", "QUANTIZE"])
def test_scales_whose_quotients_are_ties(tmp_path, operator):
    every = np.arange(-128, 128, dtype=np.int8)
    for seed in range(40):
        x_scale, w_scale, y_scale = _scales_with_ties(seed)
        maker = TfliteMaker()
        weights = np.random.default_rng(seed).integers(-127, 128, (8, 1)).astype(np.int8)
        bias = maker.constant(np.zeros(8, np.int32), np.float32(x_scale) * np.float32(w_scale))
        if operator.startswith("FULLY"):
            x, y = maker.tensor((256, 1), x_scale, 3), maker.tensor((256, 8), y_scale, -5)
            scales = [w_scale] * 8 if "per channel" in operator else w_scale
            maker.node("FULLY_CONNECTED", [x, maker.constant(weights, scales), bias], y, "FullyConnectedOptions")
        elif operator == "CONV_2D":
            x, y = maker.tensor((1, 16, 16, 1), x_scale, 3), maker.tensor((1, 16, 16, 8), y_scale, -5)
            maker.node("CONV_2D", [x, maker.constant(weights.reshape(8, 1, 1, 1), w_scale), bias], y, "Conv2DOptions", padding=VALID,
                       strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
        else:
            x, y = maker.tensor((1, 256), x_scale, 3), maker.tensor((1, 256), y_scale, -5)
            maker.node(operator, [x, x] if operator == "ADD" else [x], y, *(["AddOptions"] if operator == "ADD" else []))
        sample = every.reshape([int(size) for size in maker.graph.tensors[x].shape])
        assert_equal_to_both(maker.save(tmp_path, x, y), [sample])


def test_padding_folds_into_the_convolution(tmp_path):
    chance, maker = np.random.default_rng(4), TfliteMaker()
    x, p = maker.tensor((1, 6, 7, 2), 0.03, 11), maker.tensor((1, 9, 12, 2), 0.03, 11)
    y = maker.tensor((1, 4, 5, 3), 0.05, -20)
    maker.node("PAD", [x, maker.constant(np.array([[0, 0], [1, 2], [3, 2], [0, 0]], np.int32))], p)
    maker.node("CONV_2D", [p, maker.constant(chance.integers(-127, 128, (3, 3, 3, 2)).astype(np.int8), [0.01, 0.02, 0.005]),
                           maker.constant(chance.integers(-99, 99, 3).astype(np.int32))], y, "Conv2DOptions", padding=VALID, strideH=2,
               strideW=2, dilationHFactor=1, dilationWFactor=1)
    path = maker.save(tmp_path, x, y)
    assert_equal_to_both(path, samples_of(chance, (1, 6, 7, 2)))
    assert load(path).nodes[0].padding == (1, 3, 2, 2)


def test_half_away_multiplier_is_exact_on_every_border():
    chance = np.random.default_rng(5)
    for real in chance.uniform(1e-5, 0.9, 50):
        scale = half_away_scale(real, -255, 255)
        x = np.unique(((np.arange(-255, 255) + 0.5) / real).astype(np.int64)[:, None] + np.arange(-3, 4))
        products = [float(value) * real for value in x]
        assert numerics.scale(x, scale).tolist() == [int(math.copysign(math.floor(abs(p) + 0.5), p)) for p in products]


def test_multiplier_of_a_factor_that_rounds_up_to_a_power_of_two():
    assert quantize_multiplier(1 - 2.0**-40) == (1 << 30, 1)
    assert quantize_multiplier(0.75) == (3 << 29, 0)
    assert quantize_multiplier(2.0**-40) == (0, 0)


@pytest.mark.parametrize("seed", range(6))
def test_uint8_network_with_zero_points_of_weights(tmp_path, seed):
    """Every operator that networks of before int8 use; tflite-micro refuses them, so LiteRT's kernels are meant whatever is asked for."""
    chance, maker = np.random.default_rng(seed), TfliteMaker()

    def weights(shape, scale):
        return maker.constant(chance.integers(0, 256, shape).astype(np.uint8), scale, int(chance.integers(0, 256)))

    def bias(count, scale):
        return maker.constant(chance.integers(-2000, 2000, count).astype(np.int32), scale)

    def tensor(shape, scale, zero_point):
        return maker.tensor(shape, scale, zero_point, "uint8")

    window = {"padding": SAME, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    x = tensor((1, 8, 9, 3), 0.02, 120)
    conv = maker.node("CONV_2D", [x, weights((6, 3, 3, 3), 0.01), bias(6, 2e-4)], tensor((1, 8, 9, 6), 0.05, 100), "Conv2DOptions",
                      **window)
    depth = maker.node("DEPTHWISE_CONV_2D", [conv, weights((1, 3, 3, 6), 0.012), bias(6, 6e-4)], tensor((1, 8, 9, 6), 0.06, 140),
                       "DepthwiseConv2DOptions", depthMultiplier=1, fusedActivationFunction=ACTIVATIONS["RELU6"], **window)
    total = maker.node("ADD", [conv, depth], tensor((1, 8, 9, 6), 0.07, 128), "AddOptions")
    pools = [maker.node(kind, [total], tensor((1, 4, 5, 6), 0.07, 128), "Pool2DOptions", padding=SAME, strideH=2, strideW=2, filterHeight=4,
                        filterWidth=2) for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D")]
    fully = maker.node("FULLY_CONNECTED", [pools[0], weights((10, 120), 0.01), bias(10, 7e-4)], tensor((1, 10), 0.3, 90),
                       "FullyConnectedOptions")
    end = maker.node("SOFTMAX", [fully], tensor((1, 10), 1 / 256, 0), "SoftmaxOptions", beta=1.0)
    path = maker.save(tmp_path, x, end, *pools, depth, fully)
    samples = chance.integers(0, 256, (20, 1, 8, 9, 3)).astype(np.uint8)
    assert_equal_to(LitertReference, "tflm", path, samples)
    assert load(path).engine == "litert-reference" and "uint8" in load(path).notes[0]


def test_unsupported_operators_are_all_listed(tmp_path):
    maker = TfliteMaker()
    x, a, b = (maker.tensor((1, 4, 4, 2), 0.1, 0) for _ in range(3))
    maker.node("LOCAL_RESPONSE_NORMALIZATION", [x], a)
    maker.node("FLOOR", [a], b)
    with pytest.raises(WeftError) as caught:
        load(maker.save(tmp_path, x, b))
    for text in ("2 nodes", "'t1' (LOCAL_RESPONSE_NORMALIZATION)", "'t2' (FLOOR)", "supported: ABS, ADD"):
        assert text in str(caught.value)
