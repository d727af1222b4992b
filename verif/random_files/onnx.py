"""Hypothesis strategies for .onnx recipes, and their files: QOperator networks as onnxruntime's quantiser writes them."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from weft.verif.onnx_maker import CONTRIB, OnnxMaker
from weft.verif.random_files.draws import Draw, Node, chance, grid, grid_near, image, integer, one_of

KINDS = {"int8": np.int8, "uint8": np.uint8}
MOST_MACS = 1_500_000


class OnnxWriter:
    """A chain of nodes. `shape` and `grid` are those of the last one's output."""

    def __init__(self, shape: list[int], source: list[Any], kind: str, seed: int) -> None:
        self.maker, self.shape, self.grid, self.kind, self.seed = OnnxMaker(shape, KINDS[kind]), list(shape), source, KINDS[kind], seed
        self.rng = np.random.default_rng(seed)

    def pair(self, grid: list[Any]) -> tuple[Any, Any]:
        """Scale and zero point as the file holds them."""
        return np.float32(grid[0]), self.kind(grid[1] + 128 * (self.kind is np.uint8))

    def weights(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def scales(self, node: Node, outputs: int) -> tuple[np.ndarray, np.ndarray]:
        """Scales and zero points of weights."""
        factors = node["weights"] * self.rng.uniform(0.3, 1.5, outputs) if node["per_channel"] else np.array(node["weights"])
        return factors.astype(np.float32), np.zeros(factors.shape, np.int8)


def _grid_of_products(draw: Draw, writer: OnnxWriter, taps: int) -> Node:
    weights = draw(st.floats(0.001, 0.1))
    return {"weights": weights, "per_channel": chance(draw), "grid": grid_near(draw, writer.grid[0] * weights * 70 * np.sqrt(taps))}


class QLinearConv:
    rank = 4

    @staticmethod
    def draw(draw: Draw, writer: OnnxWriter) -> Node:
        _, channels, *sides = writer.shape
        kernel = [integer(draw, 1, min(5, side)) for side in sides]
        node: Node = {"kernel": kernel, "strides": [integer(draw, 1, 3) for _ in sides], "pads": [integer(draw, 0, kernel[axis % 2] - 1)
                                                                                              for axis in range(4)]}
        depth = one_of(draw, [depth for depth in range(channels, 0, -1) if channels % depth == 0]) if chance(draw) else channels
        groups, taps = channels // depth, depth * int(np.prod(kernel))
        most = max(1, min(40, MOST_MACS // (int(np.prod(sides)) * taps * 4)) // groups)
        return node | {"groups": groups, "outputs": groups * integer(draw, 1, most)} | _grid_of_products(draw, writer, taps)

    @staticmethod
    def build(writer: OnnxWriter, node: Node) -> None:
        outputs, channels = node["outputs"], writer.shape[1]
        shape = (outputs, channels // node["groups"], *node["kernel"])
        sides = [(side + node["pads"][axis] + node["pads"][axis + 2] - node["kernel"][axis]) // node["strides"][axis] + 1
                 for axis, side in enumerate(writer.shape[2:])]
        bias = (writer.rng.integers(-3000, 3000, outputs) * np.sqrt(np.prod(shape[1:]))).astype(np.int32)
        writer.maker.node("QLinearConv", None, *writer.pair(writer.grid), writer.weights(shape), *writer.scales(node, outputs),
                          *writer.pair(node["grid"]), bias, group=node["groups"], pads=node["pads"], strides=node["strides"])
        writer.shape, writer.grid = [1, outputs, *sides], node["grid"]


class Dense:
    """QGemm and QLinearMatMul, after Flatten where there is an image."""

    rank = 0

    @staticmethod
    def draw(draw: Draw, writer: OnnxWriter) -> Node:
        size = int(np.prod(writer.shape))
        return {"outputs": integer(draw, 1, max(1, min(50, 40_000 // size)))} | _grid_of_products(draw, writer, size)

    @staticmethod
    def build(writer: OnnxWriter, node: Node) -> None:
        size, outputs = int(np.prod(writer.shape)), node["outputs"]
        if len(writer.shape) > 2:
            writer.maker.node("Flatten", None)
        operands = (None, *writer.pair(writer.grid), writer.weights((size, outputs)), *writer.scales(node, outputs))
        if node["op"] == "QGemm":
            writer.maker.node("QGemm", *operands, writer.rng.integers(-3000, 3000, outputs).astype(np.int32), *writer.pair(node["grid"]),
                              domain=CONTRIB)
        else:
            writer.maker.node("QLinearMatMul", *operands, *writer.pair(node["grid"]))
        writer.shape, writer.grid = [1, outputs], node["grid"]


class WithConstant:
    """QLinearAdd and QLinearMul with a constant for each channel, or one number. Sums of two activations are not always exact."""

    rank = 4

    @staticmethod
    def draw(draw: Draw, writer: OnnxWriter) -> Node:
        constant = grid(draw)
        return {"single": chance(draw), "swap": chance(draw), "constant": constant, "grid": grid_near(draw, writer.grid[0]),
                "product": grid_near(draw, writer.grid[0] * constant[0] * 64)}

    @staticmethod
    def build(writer: OnnxWriter, node: Node) -> None:
        shape = () if node["single"] else (writer.shape[1], 1, 1)
        constant = writer.rng.integers(-128, 128, shape).astype(np.int8).astype(writer.kind)
        operands = [(None, *writer.pair(writer.grid)), (constant, *writer.pair(node["constant"]))]
        first, second = operands[::-1] if node["swap"] else operands
        writer.grid = node["grid" if node["op"] == "QLinearAdd" else "product"]
        writer.maker.node(node["op"], *first, *second, *writer.pair(writer.grid), domain=CONTRIB)


class MaxPool:
    rank = 4

    @staticmethod
    def draw(draw: Draw, writer: OnnxWriter) -> Node:
        kernel = [integer(draw, 1, min(5, side)) for side in writer.shape[2:]]
        return {"kernel": kernel, "strides": [integer(draw, 1, 3) for _ in kernel], "pads": [integer(draw, 0, kernel[axis % 2] // 2)
                                                                                         for axis in range(4)]}

    @staticmethod
    def build(writer: OnnxWriter, node: Node) -> None:
        sides = [(side + node["pads"][axis] + node["pads"][axis + 2] - node["kernel"][axis]) // node["strides"][axis] + 1
                 for axis, side in enumerate(writer.shape[2:])]
        writer.maker.node("MaxPool", None, kernel_shape=node["kernel"], strides=node["strides"], pads=node["pads"])
        writer.shape = [*writer.shape[:2], *sides]


class GlobalAveragePool:
    rank = 4

    @staticmethod
    def draw(draw: Draw, writer: OnnxWriter) -> Node:
        return {"grid": grid_near(draw, writer.grid[0] / 4)}

    @staticmethod
    def build(writer: OnnxWriter, node: Node) -> None:
        writer.maker.node("QLinearGlobalAveragePool", None, *writer.pair(writer.grid), *writer.pair(node["grid"]), domain=CONTRIB)
        writer.shape, writer.grid = [*writer.shape[:2], 1, 1], node["grid"]


class Function:
    """QLinearSigmoid and QLinearLeakyRelu."""

    rank = 4

    @staticmethod
    def draw(draw: Draw, writer: OnnxWriter) -> Node:
        return {"grid": grid_near(draw, writer.grid[0]), "alpha": integer(draw, 0, 100) / 100}

    @staticmethod
    def build(writer: OnnxWriter, node: Node) -> None:
        attributes = {"alpha": node["alpha"]} if node["op"] == "QLinearLeakyRelu" else {}
        result = node["grid"] if attributes else [1 / 256, node["grid"][1]]
        writer.maker.node(node["op"], None, *writer.pair(writer.grid), *writer.pair(result), domain=CONTRIB, **attributes)
        writer.grid = result


class Concat:
    """The same activation several times, on another grid."""

    rank = 4

    @staticmethod
    def draw(draw: Draw, writer: OnnxWriter) -> Node:
        result = grid_near(draw, writer.grid[0]) if chance(draw) else writer.grid
        return {"grid": result, "axis": integer(draw, 1, 3), "parts": integer(draw, 1, 3)}

    @staticmethod
    def build(writer: OnnxWriter, node: Node) -> None:
        operand = (None, *writer.pair(writer.grid))
        writer.maker.node("QLinearConcat", *writer.pair(node["grid"]), *(operand * node["parts"]), domain=CONTRIB, axis=node["axis"])
        writer.shape[node["axis"]] *= node["parts"]
        writer.grid = node["grid"]


class Pad:
    rank = 4

    @staticmethod
    def draw(draw: Draw, writer: OnnxWriter) -> Node:
        return {"pads": [0, *(integer(draw, 0, 3) for _ in range(3)), 0, *(integer(draw, 0, 3) for _ in range(3))],
                "value": integer(draw, 0, 127)}

    @staticmethod
    def build(writer: OnnxWriter, node: Node) -> None:
        writer.maker.node("Pad", None, np.array(node["pads"]), writer.kind(node["value"]))
        writer.shape = [size + node["pads"][axis] + node["pads"][axis + 4] for axis, size in enumerate(writer.shape)]


class Resize:
    rank = 4

    @staticmethod
    def draw(draw: Draw, writer: OnnxWriter) -> Node:
        return {"size": [integer(draw, 1, min(2 * side + 3, 40)) for side in writer.shape[2:]],
                "origin": one_of(draw, ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners")),
                "nearest": one_of(draw, ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"))}

    @staticmethod
    def build(writer: OnnxWriter, node: Node) -> None:
        writer.shape = [*writer.shape[:2], *node["size"]]
        empty = np.array([], np.float32)
        writer.maker.node("Resize", None, empty, empty, np.array(writer.shape), mode="nearest", nearest_mode=node["nearest"],
                          coordinate_transformation_mode=node["origin"])


class Between:
    """An operator between DequantizeLinear and QuantizeLinear, maybe with a Relu behind it."""

    rank = 4

    @staticmethod
    def draw(draw: Draw, writer: OnnxWriter) -> Node:
        _, channels, height, width = writer.shape
        cut = [integer(draw, 0, side - 1) for side in (height, width)]
        blocks = [size for size in (1, 2, 3) if not channels % size ** 2]
        return {"grid": grid_near(draw, writer.grid[0]), "relu": chance(draw), "cut": cut, "blocks": one_of(draw, blocks),
                "part": integer(draw, 1, channels)}

    @staticmethod
    def build(writer: OnnxWriter, node: Node) -> None:
        name, constants, attributes = node["op"].removeprefix("quantised "), [], {}
        _, channels, height, width = writer.shape
        if name == "Slice":
            constants = [np.array([*node["cut"], 0]), np.array([height, width, node["part"]]), np.array([2, 3, 1])]
            writer.shape = [1, node["part"], height - node["cut"][0], width - node["cut"][1]]
        elif name == "DepthToSpace":
            size = node["blocks"]
            attributes, writer.shape = {"blocksize": size}, [1, channels // size ** 2, height * size, width * size]
        writer.maker.node("DequantizeLinear", None, *writer.pair(writer.grid))
        writer.maker.node(name, None, *constants, **attributes)
        if node["relu"]:
            writer.maker.node("Relu", None)
        writer.grid = node["grid"]
        writer.maker.node("QuantizeLinear", None, *writer.pair(writer.grid))


class Transpose:
    rank = 4

    @staticmethod
    def draw(draw: Draw, writer: OnnxWriter) -> Node:
        return {"order": one_of(draw, ([0, 1, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3], [0, 2, 3, 1], [0, 3, 1, 2], [0, 3, 2, 1]))}

    @staticmethod
    def build(writer: OnnxWriter, node: Node) -> None:
        writer.maker.node("Transpose", None, perm=node["order"])
        writer.shape = [writer.shape[axis] for axis in node["order"]]


OPERATORS: dict[str, Any] = {
    "QLinearConv": QLinearConv, "QLinearMatMul": Dense, "QGemm": Dense, "QLinearAdd": WithConstant, "QLinearMul": WithConstant,
    "MaxPool": MaxPool, "QLinearGlobalAveragePool": GlobalAveragePool, "QLinearSigmoid": Function, "QLinearLeakyRelu": Function,
    "QLinearConcat": Concat, "Pad": Pad, "Resize": Resize, "Transpose": Transpose,
    **{f"quantised {name}": Between for name in ("Tanh", "HardSwish", "Slice", "DepthToSpace")}}


def _append(writer: OnnxWriter, node: Node) -> None:
    writer.rng = np.random.default_rng([writer.seed, len(writer.maker.nodes)])
    OPERATORS[node["op"]].build(writer, node)


def _writer(recipe: dict[str, Any]) -> OnnxWriter:
    source = recipe["input"]
    return OnnxWriter(source["shape"], source["grid"], source["kind"], recipe["seed"])


def build(recipe: dict[str, Any]) -> bytes:
    """The file of a recipe: {"input": {shape, grid, kind}, "seed", "nodes": [{"op", ...}]}, each node reading the one before."""
    writer = _writer(recipe)
    for node in recipe["nodes"]:
        _append(writer, node)
    return writer.maker.model().SerializeToString()


@st.composite
def recipes(draw: Any, nodes: int, first: str = "") -> dict[str, Any]:
    """A chain of 2 to `nodes` operators, or of one if that is one; the first one is `first`, if it is given."""
    height, width, channels = image(draw, large=False)
    recipe: dict[str, Any] = {"format": "onnx", "seed": integer(draw, 0, 1000), "nodes": [], "input": {
        "shape": [1, channels, height, width], "grid": grid(draw), "kind": one_of(draw, KINDS)}}
    writer = _writer(recipe)
    for step in range(integer(draw, min(2, nodes), nodes)):
        names = [name for name, kind in OPERATORS.items() if kind.rank in (0, len(writer.shape))]
        operator = first if first and not step else one_of(draw, names)
        node = {"op": operator, **OPERATORS[operator].draw(draw, writer)}
        _append(writer, node)
        recipe["nodes"].append(node)
    return recipe
