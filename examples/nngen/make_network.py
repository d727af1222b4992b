"""Writes the example network of NNgen's documentation as an int8 .tflite file with random weights, and inputs for it.

    python examples/nngen/make_network.py build/nngen [--seed 1]

Convolution 3 x 3 from 3 to 64 channels at 32 x 32, max pooling, convolution 3 x 3 from 64 to 64 at 16 x 16, fully connected layers from
16,384 to 256 to 10: 15.40 million multiplications. The values do not matter for cycles, as long as they stay alive: scales follow from the
number of products in a sum. One seed always gives the same bytes.
"""

import argparse
from pathlib import Path

import numpy as np

from weft.verif.tflite_maker import TfliteMaker

NONE, RELU = 0, 1
SAME = 0
IMAGES = 3
WEIGHT_SPREAD, ACTIVATION_SPREAD = 73, 64  # standard deviations of uniform int8 values, and of those behind a relu, roughly


def network(seed: int) -> tuple[bytes, np.ndarray]:
    """The file, and images (N, 1, 32, 32, 3)."""
    chance, maker = np.random.default_rng(seed), TfliteMaker()
    grid = (1 / 128, 0)
    source = x = maker.tensor((1, 32, 32, 3), *grid, name="input")

    def weights(shape: tuple[int, ...], scale: float, name: str) -> list[int]:
        data = chance.integers(-127, 128, shape).astype(np.int8)
        bias = chance.integers(-2000, 2001, shape[0]).astype(np.int32)
        unit = np.float32(grid[0]) * np.float32(scale)
        return [maker.tensor(shape, scale, 0, "int8", data, name=f"{name}/weights"),
                maker.tensor(bias.shape, unit, 0, "int32", bias, name=f"{name}/bias")]

    def result(shape: tuple[int, ...], products: int, scale: float, activation: int, name: str) -> int:
        nonlocal grid
        spread = grid[0] * scale * WEIGHT_SPREAD * ACTIVATION_SPREAD * np.sqrt(products)  # real
        grid = (float(np.float32(3 * spread / (255 if activation == RELU else 127))), -128 if activation == RELU else 0)
        return maker.tensor(shape, *grid, name=name)

    convolution = {"padding": SAME, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1, "fusedActivationFunction": RELU}
    operands = weights((64, 3, 3, 3), 0.01, "conv1")
    x = maker.node("CONV_2D", [x, *operands], result((1, 32, 32, 64), 27, 0.01, RELU, "conv1"), "Conv2DOptions", **convolution)
    x = maker.node("MAX_POOL_2D", [x], maker.tensor((1, 16, 16, 64), *grid, name="pool1"), "Pool2DOptions", padding=SAME, strideH=2,
                   strideW=2, filterHeight=2, filterWidth=2)
    operands = weights((64, 3, 3, 64), 0.002, "conv2")
    x = maker.node("CONV_2D", [x, *operands], result((1, 16, 16, 64), 576, 0.002, RELU, "conv2"), "Conv2DOptions", **convolution)
    for name, shape, activation in (("dense1", (256, 16384), RELU), ("dense2", (10, 256), NONE)):
        operands = weights(shape, 0.001, name)
        y = result((1, shape[0]), shape[1], 0.001, activation, name)
        x = maker.node("FULLY_CONNECTED", [x, *operands], y, "FullyConnectedOptions", fusedActivationFunction=activation)
    return maker.bytes(source, x), chance.integers(-128, 128, (IMAGES, 1, 32, 32, 3)).astype(np.int8)


def write(folder: Path, seed: int = 1) -> tuple[Path, Path]:
    """Paths of the network and of its inputs, written now."""
    folder.mkdir(parents=True, exist_ok=True)
    model, inputs = folder / "nngen_example.tflite", folder / "nngen_inputs.npz"
    data, images = network(seed)
    model.write_bytes(data)
    np.savez_compressed(inputs, x=images)
    return model, inputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write nngen_example.tflite and nngen_inputs.npz")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for path in write(arguments.folder, arguments.seed):
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
