"""Random convolutions, fully connected layers, pooling and means of .tflite."""

from typing import Any

import numpy as np

from weft.verif.random_files.draws import Draw, Node, chance, grid_near, integer, one_of, scale
from weft.verif.random_files.tflite_writer import Activation, TfliteWriter

MOST_MACS = 1_500_000
SAME, VALID = 0, 1
ACTIVATIONS = (0, 1, 3)  # none, RELU, RELU6


def is_image(x: Activation) -> bool:
    return len(x.shape) == 4 and x.kind == "int8"


def extent(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    reach = (kernel - 1) * dilation + 1
    return -(-size // stride) if padding == SAME else (size - reach) // stride + 1


def _kernel(draw: Draw, x: Activation, largest: int, dilated: bool, square: bool) -> Node:
    """Window, stride, dilation, padding."""
    padding = integer(draw, 0, 1)
    node: Node = {"padding": padding, "kernel": [], "stride": [], "dilation": []}
    for size in x.shape[1:3]:
        most = largest if padding == SAME else min(largest, size)
        kernel = integer(draw, 1, most)
        gap = integer(draw, 1, 3) if dilated and kernel > 1 and (kernel - 1) * 3 < size else 1
        node["kernel"].append(kernel)
        node["dilation"].append(gap)
        node["stride"].append(integer(draw, 1, 3))
    if square:
        node["stride"][1] = node["stride"][0]
    return node


def _result(x: Activation, node: Node, channels: int) -> tuple[int, ...]:
    sides = [extent(x.shape[axis + 1], node["kernel"][axis], node["stride"][axis], node.get("dilation", [1, 1])[axis], node["padding"])
             for axis in range(2)]
    return (1, *sides, channels)


def _options(node: Node) -> dict[str, Any]:
    return {"padding": node["padding"], "strideH": node["stride"][0], "strideW": node["stride"][1],
            "dilationHFactor": node["dilation"][0], "dilationWFactor": node["dilation"][1], "fusedActivationFunction": node["activation"]}


def _scales(writer: TfliteWriter, node: Node, outputs: int) -> Any:
    """One scale of weights, or one for each output channel."""
    return node["weights"] * writer.rng.uniform(0.3, 1.5, outputs) if node["per_channel"] else node["weights"]


class Convolution:
    """CONV_2D, with groups too: each channel of the input belongs to one."""

    @staticmethod
    def takes(x: Activation) -> bool:
        return is_image(x)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        node = _kernel(draw, x, 5, True, False)
        depths = [depth for depth in range(x.channels, 0, -1) if x.channels % depth == 0]
        depth = one_of(draw, depths) if integer(draw, 0, 2) == 2 else x.channels
        groups, taps = x.channels // depth, depth * int(np.prod(node["kernel"]))
        pixels = int(np.prod(_result(x, node, 1)))
        most = max(1, min(40, MOST_MACS // (pixels * taps)) // groups)
        node |= {"groups": groups, "outputs": groups * integer(draw, 1, most), "per_channel": chance(draw), "weights": scale(draw),
                 "activation": one_of(draw, ACTIVATIONS), "bias": chance(draw)}
        return node | {"grid": grid_near(draw, x.grid[0] * node["weights"] * 70 * np.sqrt(taps))}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x, outputs = inputs[0], node["outputs"]
        shape = (outputs, *node["kernel"], x.channels // node["groups"])
        operands = [x.index, writer.weights(shape, _scales(writer, node, outputs))]
        operands += [writer.bias(outputs, 3000 * np.sqrt(np.prod(shape[1:])))] if node["bias"] else []
        writer.node("CONV_2D", operands, writer.activation(_result(x, node, outputs), node["grid"]), "Conv2DOptions", **_options(node))


class Depthwise:
    """DEPTHWISE_CONV_2D. The engines demand equal strides along both axes."""

    @staticmethod
    def takes(x: Activation) -> bool:
        return is_image(x)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        node = _kernel(draw, x, 5, True, True)
        taps = int(np.prod(node["kernel"]))
        node |= {"multiplier": integer(draw, 1, max(1, min(4, 60 // x.channels))), "per_channel": chance(draw), "weights": scale(draw),
                 "activation": one_of(draw, ACTIVATIONS), "bias": chance(draw)}
        return node | {"grid": grid_near(draw, x.grid[0] * node["weights"] * 70 * np.sqrt(taps))}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x = inputs[0]
        outputs = x.channels * node["multiplier"]
        shape = (1, *node["kernel"], outputs)
        operands = [x.index, writer.weights(shape, _scales(writer, node, outputs), 3)]
        operands += [writer.bias(outputs, 3000 * np.sqrt(np.prod(shape[1:3])))] if node["bias"] else []
        writer.node("DEPTHWISE_CONV_2D", operands, writer.activation(_result(x, node, outputs), node["grid"]), "DepthwiseConv2DOptions",
                    depthMultiplier=node["multiplier"], **_options(node))


class FullyConnected:
    """Over all elements, or over the last axis."""

    @staticmethod
    def takes(x: Activation) -> bool:
        return x.kind == "int8"

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        flat = chance(draw) and x.size <= 4096
        node = {"depth": x.size if flat else x.channels, "weights": scale(draw), "per_channel": chance(draw), "bias": chance(draw),
                "activation": one_of(draw, ACTIVATIONS), "outputs": integer(draw, 1, 50)}
        return node | {"grid": grid_near(draw, x.grid[0] * node["weights"] * 70 * np.sqrt(node["depth"]))}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x, outputs, depth = inputs[0], node["outputs"], node["depth"]
        operands = [x.index, writer.weights((outputs, depth), _scales(writer, node, outputs))]
        operands += [writer.bias(outputs, 3000 * np.sqrt(depth))] if node["bias"] else []
        writer.node("FULLY_CONNECTED", operands, writer.activation((x.size // depth, outputs), node["grid"]), "FullyConnectedOptions",
                    fusedActivationFunction=node["activation"])


class Pool:
    """MAX_POOL_2D and AVERAGE_POOL_2D."""

    @staticmethod
    def takes(x: Activation) -> bool:
        return is_image(x)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        return _kernel(draw, x, 6, False, False) | {"activation": one_of(draw, ACTIVATIONS)}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x = inputs[0]
        writer.node(node["op"], [x.index], writer.activation(_result(x, node, x.channels), x.grid), "Pool2DOptions",
                    padding=node["padding"], strideH=node["stride"][0], strideW=node["stride"][1], filterHeight=node["kernel"][0],
                    filterWidth=node["kernel"][1], fusedActivationFunction=node["activation"])


class Mean:
    """Over height, width or both."""

    @staticmethod
    def takes(x: Activation) -> bool:
        return is_image(x)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        grid = x.grid if chance(draw) else grid_near(draw, x.grid[0] / 4)
        return {"axes": one_of(draw, ([1, 2], [2, 1], [1], [2])), "keep": chance(draw), "grid": grid}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x = inputs[0]
        shape = [1 if axis in node["axes"] else size for axis, size in enumerate(x.shape) if node["keep"] or axis not in node["axes"]]
        writer.node("MEAN", [x.index, writer.integers(node["axes"])], writer.activation(shape, node["grid"]), "ReducerOptions",
                    keepDims=node["keep"])


OPERATORS: dict[str, Any] = {"CONV_2D": Convolution, "DEPTHWISE_CONV_2D": Depthwise, "FULLY_CONNECTED": FullyConnected,
                             "MAX_POOL_2D": Pool, "AVERAGE_POOL_2D": Pool, "MEAN": Mean}
