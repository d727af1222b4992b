"""Random operators of .tflite that move elements."""

from typing import Any

import numpy as np

from weft.verif.random_files.draws import Draw, Node, chance, integer, one_of
from weft.verif.random_files.tflite_elementwise import is_int8
from weft.verif.random_files.tflite_windows import is_image
from weft.verif.random_files.tflite_writer import Activation, TfliteWriter

MOST_ELEMENTS = 60_000  # of an output


class Pad:
    """PAD and PADV2."""

    takes = staticmethod(is_int8)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        first = 1 if len(x.shape) > 2 else 0
        around = [[0, 0] if axis < first else [integer(draw, 0, 3), integer(draw, 0, 3)] for axis in range(len(x.shape))]
        return {"around": around, "value": integer(draw, -128, 127)}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x = inputs[0]
        operands = [x.index, writer.integers(node["around"])]
        if node["op"] == "PADV2":
            operands.append(writer.maker.constant(np.array([node["value"]], np.int8), *x.grid))
        shape = [size + before + after for size, (before, after) in zip(x.shape, node["around"], strict=True)]
        writer.node(node["op"], operands, writer.activation(shape, x.grid))


class Transpose:
    """Axes in another order; the batch stays."""

    @staticmethod
    def takes(x: Activation) -> bool:
        return is_int8(x) and len(x.shape) in (2, 4)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        orders = ([1, 0], [0, 1]) if len(x.shape) == 2 else ([0, 3, 1, 2], [0, 2, 1, 3], [0, 3, 2, 1], [0, 2, 3, 1], [0, 1, 3, 2])
        return {"order": one_of(draw, orders)}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x = inputs[0]
        shape = [x.shape[axis] for axis in node["order"]]
        writer.node("TRANSPOSE", [x.index, writer.integers(node["order"])], writer.activation(shape, x.grid), "TransposeOptions")


class ResizeNearest:
    takes = staticmethod(is_image)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        size = [integer(draw, 1, min(2 * side + 3, 60)) for side in x.shape[1:3]]
        return {"size": size, "mode": one_of(draw, ({}, {"alignCorners": True}, {"halfPixelCenters": True}))}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x = inputs[0]
        writer.node("RESIZE_NEAREST_NEIGHBOR", [x.index, writer.integers(node["size"])],
                    writer.activation((1, *node["size"], x.channels), x.grid), "ResizeNearestNeighborOptions", **node["mode"])


class ResizeBilinear:
    """By powers of two, which become convolutions, or to any size."""

    takes = staticmethod(is_image)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        if chance(draw):
            size = [integer(draw, 1, min(2 * side + 3, 30)) for side in x.shape[1:3]]
            return {"size": size, "mode": one_of(draw, ({}, {"alignCorners": True}, {"halfPixelCenters": True}))}
        size = [one_of(draw, [n for n in (side, 2 * side, 4 * side, side // 2, side // 4)
                              if n and (n >= side or side % n == 0) and n <= max(side, 30)]) for side in x.shape[1:3]]
        return {"size": size, "mode": one_of(draw, ({}, {"halfPixelCenters": True}))}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x = inputs[0]
        writer.node("RESIZE_BILINEAR", [x.index, writer.integers(node["size"])],
                    writer.activation((1, *node["size"], x.channels), x.grid), "ResizeBilinearOptions", **node["mode"])


def _first_axis(x: Activation) -> int:
    """The batch is not cut."""
    return 1 if len(x.shape) > 2 else 0


class Slice:
    takes = staticmethod(is_int8)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        begins, sizes = [], []
        for axis, size in enumerate(x.shape):
            begin = integer(draw, 0, size - 1) if axis >= _first_axis(x) else 0
            begins.append(begin)
            sizes.append(-1 if chance(draw) or axis < _first_axis(x) else integer(draw, 1, size - begin))
        return {"begins": begins, "sizes": sizes}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x = inputs[0]
        shape = [size - begin if part < 0 else part for size, begin, part in zip(x.shape, node["begins"], node["sizes"], strict=True)]
        writer.node("SLICE", [x.index, writer.integers(node["begins"]), writer.integers(node["sizes"])], writer.activation(shape, x.grid),
                    "SliceOptions")


class StridedSlice:
    """Forwards and backwards. Bounds lie inside the tensor, or its end is asked for by the mask."""

    takes = staticmethod(is_int8)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        node: Node = {"begins": [], "ends": [], "steps": [], "begin_mask": 0, "end_mask": 0}
        for axis, size in enumerate(x.shape):
            step, begin = 1, 0
            if axis >= _first_axis(x):
                step, begin = one_of(draw, (1, 2, 3, -1, -2)), integer(draw, 0, size - 1)
            to_end = axis < _first_axis(x) or begin == 0 or chance(draw)
            end = size if step > 0 else 0
            if not to_end:
                end = integer(draw, begin + 1, size) if step > 0 else integer(draw, 0, begin - 1)
            node["end_mask"] |= int(to_end) << axis
            node["begins"].append(begin)
            node["ends"].append(end)
            node["steps"].append(step)
        return node

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x, shape = inputs[0], []
        for axis, size in enumerate(x.shape):
            whole = range(size)
            end = None if node["end_mask"] >> axis & 1 else node["ends"][axis]
            shape.append(len(whole[node["begins"][axis]:end:node["steps"][axis]]))
        operands = [writer.integers(node[name]) for name in ("begins", "ends", "steps")]
        writer.node("STRIDED_SLICE", [x.index, *operands], writer.activation(shape, x.grid), "StridedSliceOptions",
                    beginMask=0, endMask=node["end_mask"], ellipsisMask=0, newAxisMask=0, shrinkAxisMask=0)


class Split:
    """Equal parts along one axis."""

    @staticmethod
    def takes(x: Activation) -> bool:
        return is_int8(x) and any(size > 1 for size in x.shape[_first_axis(x):])

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        axis = one_of(draw, [axis for axis in range(_first_axis(x), len(x.shape)) if x.shape[axis] > 1])
        return {"axis": axis, "parts": one_of(draw, [n for n in range(2, min(x.shape[axis], 8) + 1) if x.shape[axis] % n == 0] or [1])}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x, shape = inputs[0], list(inputs[0].shape)
        shape[node["axis"]] //= node["parts"]
        parts = [writer.activation(shape, x.grid) for _ in range(node["parts"])]
        writer.node("SPLIT", [writer.integers(node["axis"]), x.index], parts[0], "SplitOptions", numSplits=node["parts"])
        writer.maker.graph.operators[-1].outputs = [part.index for part in parts]


class Blocks:
    """DEPTH_TO_SPACE and SPACE_TO_DEPTH."""

    @staticmethod
    def takes(x: Activation) -> bool:
        return is_image(x)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        return {"choice": integer(draw, 0, 3)}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x = inputs[0]
        _, height, width, channels = x.shape
        deep = node["op"] == "DEPTH_TO_SPACE"
        sizes = [size for size in (1, 2, 3, 4) if (channels % size**2 == 0 if deep else height % size == width % size == 0)]
        size = sizes[-1 - node["choice"] % len(sizes)]
        shape = ((1, height * size, width * size, channels // size**2) if deep else (1, height // size, width // size, channels * size**2))
        writer.node(node["op"], [x.index], writer.activation(shape, x.grid), "DepthToSpaceOptions" if deep else "SpaceToDepthOptions",
                    blockSize=size)


class Concatenation:
    """Along any axis but the batch, of anything that fits, the same tensor twice too."""

    takes = staticmethod(is_int8)

    @staticmethod
    def fits(x: Activation, other: Activation, axis: int) -> bool:
        return (is_int8(other) and len(other.shape) == len(x.shape) and other.grid == x.grid
                and all(a == b or index == axis for index, (a, b) in enumerate(zip(x.shape, other.shape, strict=True))))

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        return {"axis": integer(draw, _first_axis(x), len(x.shape) - 1), "repeat": integer(draw, 1, 3)}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        operands = inputs * node["repeat"]
        shape = list(operands[0].shape)
        shape[node["axis"]] = sum(operand.shape[node["axis"]] for operand in operands)
        writer.node("CONCATENATION", [operand.index for operand in operands], writer.activation(shape, operands[0].grid),
                    "ConcatenationOptions", axis=node["axis"] - (len(shape) if node["repeat"] == 2 else 0))


class Reshape:
    """To one, two, three or four dimensions."""

    takes = staticmethod(is_int8)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        divisors = [size for size in range(1, 65) if x.size % size == 0]
        channels = one_of(draw, divisors)
        width = one_of(draw, [size for size in divisors if x.size // channels % size == 0])
        height = x.size // channels // width
        return {"shape": one_of(draw, ([1, height, width, channels], [1, height * width, channels], [height * width, channels]))}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x = inputs[0]
        writer.node("RESHAPE", [x.index, writer.integers(node["shape"])], writer.activation(node["shape"], x.grid), "ReshapeOptions",
                    newShape=node["shape"])


OPERATORS: dict[str, Any] = {
    "PAD": Pad, "PADV2": Pad, "TRANSPOSE": Transpose, "RESIZE_BILINEAR": ResizeBilinear, "RESIZE_NEAREST_NEIGHBOR": ResizeNearest,
    "SLICE": Slice, "STRIDED_SLICE": StridedSlice, "SPLIT": Split, "DEPTH_TO_SPACE": Blocks, "SPACE_TO_DEPTH": Blocks,
    "CONCATENATION": Concatenation, "RESHAPE": Reshape}
