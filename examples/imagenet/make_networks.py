"""Writes ResNet-50 and MobileNetV1 as int8 .tflite files of the standard shapes, with random weights, and inputs for them.

    python examples/imagenet/make_networks.py build/imagenet [--seed 1] [--size 224]

For measuring an accelerator the values of the weights do not matter, as long as activations stay alive. So every layer is calibrated
as batch normalisation would: for a few random images the scale and the bias of each output channel are chosen so that its results
have the wanted mean and spread. One seed always gives the same bytes: sums are of integers, exact in float64 in any order, and
everything else is elementwise.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from weft.gen.frontend.windows import same_padding
from weft.gen.graph import Conv, Scale
from weft.verif.golden.reference import convolve, windows
from weft.verif.tflite_maker import TfliteMaker

IMAGES = 3  # that every layer is calibrated with, and that are written as inputs
INPUT_GRID = (0.0186, -14)  # roughly ImageNet's, normalised
NORMAL_SPREAD = 1.2533  # standard deviation over mean absolute deviation
NONE, RELU, RELU6 = 0, 1, 3  # TFLite's codes of fused activations
SAME = 0
CLASSES = 1000


class NetworkWriter:
    """A network under construction. Tensors are the maker's indices; `held` are their values for the calibration images."""

    def __init__(self, seed: int, size: int, width: float) -> None:
        self.chance, self.width = np.random.default_rng(seed), width
        self.maker, self.held, self.grid = TfliteMaker(), {}, {}
        coarse = self.chance.integers(-90, 91, (IMAGES, -(-size // 16), -(-size // 16), 3))
        images = coarse.repeat(16, axis=1).repeat(16, axis=2)[:, :size, :size] + self.chance.integers(-37, 38, (IMAGES, size, size, 3))
        self.input = self._tensor("input", images.astype(np.int8), INPUT_GRID)

    def _tensor(self, name: str, held: np.ndarray, grid: tuple[float, int]) -> int:
        index = self.maker.tensor((1, *held.shape[1:]), *grid, name=name)
        self.held[index], self.grid[index] = held, grid
        return index

    def _real(self, index: int) -> np.ndarray:
        scale, zero_point = self.grid[index]
        return (self.held[index].astype(np.float64) - zero_point) * scale

    def _quantised(self, name: str, values: np.ndarray, activation: int) -> int:
        """A tensor for real values, on a grid that their range asks for."""
        if activation != NONE:
            values = np.clip(values, 0, 6 if activation == RELU6 else None)
        low, high = min(0.0, float(values.min())), 6.0 if activation == RELU6 else float(values.max())
        scale = float(np.float32((high - low) / 255))
        zero_point = round(-128 - low / scale)
        return self._tensor(name, np.clip(np.rint(values / scale) + zero_point, -128, 127).astype(np.int8), (scale, zero_point))

    def channels(self, count: int) -> int:
        return max(8, int(count * self.width) // 8 * 8)

    def conv(self, x: int, outputs: int, kernel: int, stride: int = 1, activation: int = NONE, *, depthwise: bool = False,
             gain: int = 0, name: str) -> int:
        """A convolution with padding SAME, calibrated channel by channel; with a `gain`, to that spread over all channels."""
        scale, zero_point = self.grid[x]
        held = self.held[x]
        channels = held.shape[3]
        groups = channels if depthwise else 1
        weights = self._weights((outputs, kernel, kernel, channels // groups))
        padding = same_padding(held.shape[1:3], (kernel, kernel), (stride, stride), (1, 1))
        sums = convolve(Conv("", "", (), "", weights.astype(np.int16), Scale(), 0, 0, 0, (stride, stride), (1, 1), padding, groups),
                        zero_point, held)
        mean = sums.sum(axis=(0, 1, 2)) // sums[..., 0].size
        spread = np.maximum(np.abs(sums - mean).sum(axis=(0, 1, 2)) / sums[..., 0].size * NORMAL_SPREAD, 1)
        wanted_spread, wanted_mean = self.chance.integers(80, 160, outputs) / 100, self.chance.integers(-50, 100, outputs) / 100
        if gain:  # a few images do not tell the spread of one class
            spread, wanted_spread = np.full(outputs, spread.mean()), np.full(outputs, gain)
        weight_scales = (wanted_spread / (spread * scale)).astype(np.float32)
        unit = np.float32(scale) * weight_scales  # of the accumulator
        bias = np.rint(wanted_mean / unit).astype(np.int64) - mean
        y = self._quantised(name, (sums + bias) * unit.astype(np.float64), activation)
        stored = np.ascontiguousarray(weights.transpose(3, 1, 2, 0)) if depthwise else weights
        inputs = [x, self.maker.tensor(stored.shape, weight_scales, 0, "int8", stored, axis=3 if depthwise else 0, name=f"{name}/weights"),
                  self.maker.tensor((outputs,), unit, 0, "int32", bias.astype(np.int32), name=f"{name}/bias")]
        options = {"padding": SAME, "strideH": stride, "strideW": stride, "dilationHFactor": 1, "dilationWFactor": 1,
                   "fusedActivationFunction": activation}
        if depthwise:
            return self.maker.node("DEPTHWISE_CONV_2D", inputs, y, "DepthwiseConv2DOptions", depthMultiplier=1, **options)
        return self.maker.node("CONV_2D", inputs, y, "Conv2DOptions", **options)

    def _weights(self, shape: tuple[int, ...]) -> np.ndarray:
        """Triangular in -127 .. 127."""
        return (self.chance.integers(-63, 64, shape) + self.chance.integers(-64, 65, shape)).astype(np.int8)

    def add(self, a: int, b: int, name: str) -> int:
        y = self._quantised(name, self._real(a) + self._real(b), RELU)
        return self.maker.node("ADD", [a, b], y, "AddOptions", fusedActivationFunction=RELU)

    def max_pool(self, x: int, kernel: int, stride: int, name: str) -> int:
        padding = same_padding(self.held[x].shape[1:3], (kernel, kernel), (stride, stride), (1, 1))
        best = windows(self.held[x], (kernel, kernel), (stride, stride), padding, -128).max(axis=(4, 5))
        y = self._tensor(name, best, self.grid[x])
        return self.maker.node("MAX_POOL_2D", [x], y, "Pool2DOptions", padding=SAME, strideH=stride, strideW=stride, filterHeight=kernel,
                               filterWidth=kernel)

    def mean(self, x: int, name: str) -> int:
        real = self._real(x)
        y = self._quantised(name, real.sum(axis=(1, 2), keepdims=True) / (real.shape[1] * real.shape[2]), NONE)
        axes = self.maker.constant(np.array([1, 2], np.int32))
        return self.maker.node("MEAN", [x, axes], y, "ReducerOptions", keepDims=True)

    def classify(self, x: int) -> bytes:
        """1 x 1 convolution to the classes, softmax, and the file."""
        logits = self.conv(x, CLASSES, 1, gain=10, name="logits")  # so that softmax has favourites
        scale, zero_point = self.grid[logits]
        flat = self.maker.tensor((1, CLASSES), scale, zero_point, name="flat")
        self.maker.node("RESHAPE", [logits, self.maker.constant(np.array([1, CLASSES], np.int32))], flat, "ReshapeOptions",
                        newShape=[1, CLASSES])
        y = self.maker.tensor((1, CLASSES), 1 / 256, -128, name="probabilities")
        self.maker.node("SOFTMAX", [flat], y, "SoftmaxOptions", beta=1.0)
        return self.maker.bytes(self.input, y)


def resnet50(network: NetworkWriter, blocks: tuple[int, ...] = (3, 4, 6, 3)) -> bytes:
    """ResNet-50, version 1.5: the 3 x 3 convolution of a stage's first block has the stride. 4.09 GMAC at 224."""
    x = network.conv(network.input, network.channels(64), 7, 2, RELU, name="conv1")
    x = network.max_pool(x, 3, 2, "pool1")
    for stage, count in enumerate(blocks):
        inner = network.channels(64 << stage)
        for block in range(count):
            name, stride = f"stage{stage + 2}/block{block + 1}", 2 if stage and not block else 1
            shortcut = x if block else network.conv(x, 4 * inner, 1, stride, name=f"{name}/shortcut")
            y = network.conv(x, inner, 1, 1, RELU, name=f"{name}/reduce")
            y = network.conv(y, inner, 3, stride, RELU, name=f"{name}/conv")
            y = network.conv(y, 4 * inner, 1, name=f"{name}/expand")
            x = network.add(y, shortcut, f"{name}/add")
    return network.classify(network.mean(x, "mean"))


def mobilenet_v1(network: NetworkWriter, rest: tuple[int, ...] = (128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)) -> bytes:
    """MobileNetV1: after the first pair, pairs of a depthwise and a 1 x 1 convolution to `rest` channels; where the number grows, and
    in front of the first ones, the depthwise one has stride 2. 569 MMAC at 224."""
    x = network.conv(network.input, network.channels(32), 3, 2, RELU6, name="conv1")
    before = 32
    for index, outputs in enumerate((64, *rest), start=2):
        stride = 2 if outputs > before > 32 else 1
        x = network.conv(x, network.channels(before), 3, stride, RELU6, depthwise=True, name=f"conv{index}/depthwise")
        x = network.conv(x, network.channels(outputs), 1, 1, RELU6, name=f"conv{index}/pointwise")
        before = outputs
    return network.classify(network.mean(x, "mean"))


NETWORKS = {"resnet50": resnet50, "mobilenet_v1_224": mobilenet_v1}


def write(folder: Path, seed: int = 1, size: int = 224, names: Iterable[str] = tuple(NETWORKS)) -> None:
    """The networks, for images of `size` x `size` pixels, and imagenet_inputs.npz, which is the same for all of them, to `folder`."""
    for name in names:
        network = NetworkWriter(seed, size, 1.0)
        path = folder / f"{name}.tflite"
        path.write_bytes(NETWORKS[name](network))
        print(f"{path}: {path.stat().st_size:,} bytes")
    np.savez_compressed(folder / "imagenet_inputs.npz", x=network.held[network.input])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write the networks and imagenet_inputs.npz")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=224, help="height and width of the input")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    write(arguments.folder, arguments.seed, arguments.size)


if __name__ == "__main__":
    main()
