"""ONNX windows (convolution and pooling attributes) and the pooling operators on quantised tensors."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from weft.gen.frontend.multiplier import float32_scale
from weft.gen.frontend.onnx_file import OnnxNode
from weft.gen.frontend.refusal import require
from weft.gen.frontend.windows import Padding, Pair, output_size, same_padding
from weft.gen.graph import AveragePool, MaxPool, Tensor

if TYPE_CHECKING:
    from weft.gen.frontend.onnx import OnnxContext


@dataclasses.dataclass(frozen=True)
class Window:
    """Resolved attributes. `padding` is top, left, bottom, right; with ceil_mode it reaches as far as the last window."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: Padding
    output: Pair


def _pair(node: OnnxNode, name: str, default: Pair) -> Pair:
    values = tuple(int(value) for value in node.attributes.get(name, default))
    require(len(values) == 2 and min(values) > 0, f"{name} {list(values)}")
    return values[0], values[1]


def window(node: OnnxNode, kernel: Pair, size: Pair) -> Window:
    """Stride, dilation, padding and output size of a convolution or pooling over (height, width) `size`."""
    kernel = _pair(node, "kernel_shape", kernel)
    stride, dilation = _pair(node, "strides", (1, 1)), _pair(node, "dilations", (1, 1))
    auto = node.attributes.get("auto_pad", b"NOTSET")
    auto = auto.decode() if isinstance(auto, bytes) else auto
    require(auto in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"), f"auto_pad {auto}")
    if auto.startswith("SAME"):
        padding = same_padding(size, kernel, stride, dilation, lower=auto == "SAME_LOWER")
    else:
        pads = [int(pad) for pad in node.attributes.get("pads", (0, 0, 0, 0))] if auto == "NOTSET" else [0] * 4
        require(len(pads) == 4 and min(pads) >= 0, f"pads {pads}")
        padding = (pads[0], pads[1], pads[2], pads[3])
    if node.attributes.get("ceil_mode", 0):
        padding = _reach(size, kernel, stride, padding, dilation)
    output = output_size(size, kernel, stride, padding, dilation)
    require(min(output) > 0, f"a window of {kernel[0]} x {kernel[1]} does not fit {size[0]} x {size[1]}")
    return Window(kernel, stride, dilation, padding, output)


def _reach(size: Pair, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Padding:
    """Padding at the end that makes room for the last, incomplete window, unless that would start outside the image."""
    ends = []
    for axis in (0, 1):
        room = size[axis] + padding[axis] + padding[axis + 2] - (kernel[axis] - 1) * dilation[axis] - 1
        steps = -(-room // stride[axis])
        if steps * stride[axis] >= size[axis] + padding[axis]:
            steps -= 1
        ends.append(padding[axis + 2] + max(0, steps * stride[axis] - room))
    return padding[0], padding[1], ends[0], ends[1]


def _source(context: "OnnxContext", node: OnnxNode, grid: tuple[float, int, bool] | None = None) -> tuple[Tensor, int]:
    x, shape = context.read(node.inputs[0], grid), context.value(node.inputs[0]).shape
    require(len(shape) == 4, f"operand has {len(shape)} dimensions, not 4")
    require(not node.attributes.get("channels_last", 0), "channels_last")
    return x, shape[1]


def max_pool(context: "OnnxContext", node: OnnxNode) -> None:
    x, channels = _source(context, node)
    frame = window(node, (0, 0), x.shape[:2])
    require(frame.dilation == (1, 1), f"dilations {list(frame.dilation)}")
    y = context.write(node, (1, channels, *frame.output), (x.scale, x.zero_point, x.unsigned))
    context.builder.node(MaxPool(node.name, node.operator, (x.name,), y.name, frame.kernel, frame.stride, frame.padding))


def _average(context: "OnnxContext", node: OnnxNode, x: Tensor, channels: int, frame: Window, factor: np.float32,
             grid: tuple[float, int, bool]) -> None:
    y = context.write(node, (1, channels, *frame.output), grid)
    taps = frame.kernel[0] * frame.kernel[1]
    context.builder.node(AveragePool(node.name, node.operator, (x.name,), y.name, frame.kernel, frame.stride, frame.padding,
                                     scale=float32_scale(factor, -x.zero_point * taps), zero_point=y.zero_point))


def global_average_pool(context: "OnnxContext", node: OnnxNode) -> None:
    """One integer sum, one float32 rescaling by x scale / (y scale * count)."""
    grid, y_grid = context.grid(*node.inputs[1:3]), context.grid(*node.inputs[3:5])
    x, channels = _source(context, node, grid)
    size = x.shape[:2]
    factor = np.float32(grid[0]) / (np.float32(y_grid[0]) * np.float32(size[0] * size[1]))
    _average(context, node, x, channels, Window(size, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)), factor, y_grid)


def reduce_mean(context: "OnnxContext", node: OnnxNode) -> None:
    """Over height, width or both. As `average_pool`, onnxruntime works in float32."""
    grid, y_grid = context.grid(*node.inputs[1:3]), context.grid(*node.inputs[3:5])
    x, channels = _source(context, node, grid)
    given = context.constant(node.inputs[5], "axes").reshape(-1).tolist() if node.inputs[5] else node.attributes.get("axes", ())
    axes = {int(axis) % 4 for axis in given}
    require(axes and axes <= {2, 3}, f"means over axes {sorted(axes)}: only height and width (2 and 3)")
    kernel = (x.shape[0] if 2 in axes else 1, x.shape[1] if 3 in axes else 1)
    frame = Window(kernel, kernel, (1, 1), (0, 0, 0, 0), (x.shape[0] // kernel[0], x.shape[1] // kernel[1]))
    factor = np.float32(grid[0]) / (np.float32(y_grid[0]) * np.float32(kernel[0] * kernel[1]))
    context.builder.notes.append(f"{node.name}: onnxruntime averages in float32; means halfway between two results may differ by 1")
    _average(context, node, x, channels, frame, factor, y_grid)
    if not node.attributes.get("keepdims", 1):
        name = node.outputs[0]
        value = context.values[name]
        context.values[name] = dataclasses.replace(value, shape=tuple(size for axis, size in enumerate(value.shape) if axis not in axes))


def average_pool(context: "OnnxContext", node: OnnxNode) -> None:
    """onnxruntime adds dequantised float32 values, whose sum depends on their order: exact but for near ties, and the graph says so."""
    grid, y_grid = context.grid(*node.inputs[1:3]), context.grid(*node.inputs[3:5])
    x, channels = _source(context, node, grid)
    frame = window(node, (0, 0), x.shape[:2])
    require(frame.padding == (0, 0, 0, 0), f"padding {list(frame.padding)}: averages over part of a window")
    require(frame.dilation == (1, 1), f"dilations {list(frame.dilation)}")
    factor = np.float32(grid[0]) / (np.float32(y_grid[0]) * np.float32(frame.kernel[0] * frame.kernel[1]))
    context.builder.notes.append(f"{node.name}: onnxruntime averages in float32; means halfway between two results may differ by 1")
    _average(context, node, x, channels, frame, factor, y_grid)
