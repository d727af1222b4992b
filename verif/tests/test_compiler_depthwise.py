"""Depthwise layers as streams: programs run by the golden machine, strictly, and the arithmetic of folds and tiles."""

import dataclasses

import numpy as np
import pytest

from weft.gen import isa
from weft.gen.compiler import compile_network
from weft.gen.compiler.lower.depthwise import _folds
from weft.gen.config import Config
from weft.gen.graph import Conv, Graph, Scale, Tensor
from weft.gen.isa import Rounding
from weft.gen.sections import Array, Axi
from weft.verif.random_networks import DepthwiseNetwork
from weft.verif.tests.test_compiler_networks import check, configuration

EIGHT = Config(name="eight", array=Array(rows=8, columns=8, depthwise=True), axi=Axi(data_bits=64))


def layer(shape: tuple[int, int, int], kernel: tuple[int, int], *, stride: int = 1, padding: tuple[int, int, int, int] = (1, 1, 1, 1),
          dilation: tuple[int, int] = (1, 1), most: int = 127) -> tuple[Graph, np.ndarray]:
    """One depthwise convolution and an input."""
    random, channels = np.random.default_rng(sum(shape) + stride), shape[2]
    reach = [(kernel[axis] - 1) * dilation[axis] + 1 for axis in range(2)]
    out = [(shape[axis] + padding[axis] + padding[axis + 2] - reach[axis]) // stride + 1 for axis in range(2)]
    node = Conv(name="depthwise", source="DEPTHWISE_CONV_2D", inputs=("x",), output="y",
                weights=random.integers(-most, most + 1, (channels, *kernel, 1)).astype(np.int16),
                scale=Scale(multiplier=np.full(channels, 1 << 30, np.int32), right=np.full(channels, 38), left=np.zeros(channels, np.int32),
                            rounding=Rounding.DOUBLE, pre=random.integers(-500, 500, channels).astype(np.int32)),
                zero_point=3, low=-128, high=127, stride=(stride, stride), dilation=dilation, padding=padding, groups=channels)
    tensors = {"x": Tensor("x", shape, 0.1, -7), "y": Tensor("y", (out[0], out[1], channels), 0.1, 3)}
    graph = Graph(name="layer", tensors=tensors, nodes=(node,), input="x", outputs=("y",), input_shape=(1, *shape),
                  output_shapes=((1, *out, channels),), layout="nhwc", engine="tflite-micro", output_float=(False,))
    return graph, random.integers(-128, 128, shape).astype(np.int8)


def vectors(program: list[int]) -> dict[str, int]:
    """Activation vectors that MATMULs and DEPTHWISEs stream."""
    count, shape = {"MATMUL": 0, "DEPTHWISE": 0}, {}
    for decoded in map(isa.decode, program):
        if decoded.instruction.name == "MATRIX_SHAPE":
            shape = decoded.values
        elif decoded.instruction.name in count:
            count[decoded.instruction.name] += (shape["x_count"] * shape["y_count"] * shape["inner_count"] * shape["outer_count"])
    return count


@pytest.mark.parametrize(("shape", "kernel", "options"), [
    ((9, 11, 20), (3, 3), {}), ((8, 8, 16), (3, 3), {"stride": 2, "padding": (0, 0, 1, 1)}),
    ((9, 9, 5), (3, 3), {"stride": 2}), ((9, 9, 33), (3, 3), {"stride": 2, "padding": (1, 1, 0, 0)}),
    ((12, 10, 7), (5, 5), {"padding": (2, 2, 2, 2)}), ((12, 10, 7), (2, 4), {"padding": (0, 2, 1, 1)}),
    ((11, 9, 16), (3, 3), {"padding": (0, 0, 0, 0)}), ((11, 13, 18), (3, 2), {"dilation": (2, 3), "padding": (2, 3, 2, 3)}),
    ((30, 40, 17), (3, 3), {}), ((9, 9, 12), (1, 3), {"padding": (0, 1, 0, 1)}), ((9, 9, 12), (3, 1), {"padding": (1, 0, 1, 0)}),
    ((20, 9, 16), (3, 3), {"most": 255}),
])
@pytest.mark.parametrize("config", [configuration("edge16"), configuration("edge32"), EIGHT], ids=lambda config: config.name)
def test_layer(config, shape, kernel, options):
    graph, held = layer(shape, kernel, **options)
    network = check(graph, held, config)
    if kernel == (3, 3) and config is not EIGHT:
        assert vectors(network.program)["MATMUL"] == 0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("config", [configuration("edge16"), EIGHT, dataclasses.replace(configuration("edge16", kib=16), name="small")],
                         ids=lambda config: config.name)
def test_random_networks(config, seed):
    network = DepthwiseNetwork(seed)
    check(network.graph, network.sample(), config)


def test_tensor_in_bands():
    """An image that does not fit the scratchpad goes through it in bands of rows, each a stream that begins inside the image."""
    graph, held = layer((60, 40, 20), (3, 3))
    network = check(graph, held, configuration("edge16", kib=16))
    assert network.spilled
    assert vectors(network.program)["MATMUL"] == 0


def test_stream_is_as_short_as_can_be():
    """48 x 48 pixels with a shared column of padding between rows, and one row of padding below; nothing twice."""
    graph, _ = layer((48, 48, 8), (3, 3))
    assert vectors(compile_network(graph, configuration("edge16")).program) == {"MATMUL": 0, "DEPTHWISE": 49 * 49}


def test_without_the_option():
    graph, held = layer((9, 11, 20), (3, 3))
    config = configuration("edge16")
    network = check(graph, held, dataclasses.replace(config, array=dataclasses.replace(config.array, depthwise=False)))
    assert vectors(network.program)["DEPTHWISE"] == 0


@pytest.mark.parametrize("height", [4, 20])
def test_padding_may_be_longer_than_what_a_load_writes_before_a_row(height):
    """A pixel of 1,100 channels is 275 lines of padding; the higher image comes in bands."""
    graph, held = layer((height, 3, 1100), (3, 3))
    assert bool(check(graph, held, configuration("tiny4")).spilled) == (height > 4)


def test_wide_images_take_diagonal_tiles():
    """A line of more pixels than the line memories delay."""
    graph, held = layer((4, 236, 4), (3, 3))
    assert vectors(check(graph, held, configuration("edge16")).program)["DEPTHWISE"] == 0


@pytest.mark.parametrize("segments", [1, 2, 3])
@pytest.mark.parametrize("height", range(1, 12))
def test_folds_cover_a_kernel(height, segments):
    """Folds of `segments` rows, equally far apart, from the first row to the last."""
    count, step = _folds(height, segments)
    rows = {fold * step + row for fold in range(count) for row in range(segments)}
    assert rows >= set(range(height))
    assert count == 1 or max(rows) == height - 1
