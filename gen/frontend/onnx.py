"""ONNX front end: QOperator and QDQ files with the arithmetic of onnxruntime's CPU kernels."""

import dataclasses
from typing import Any

import numpy as np

from weft.gen.errors import WeftError
from weft.gen.frontend.builder import GraphBuilder, file_order, hold_shape
from weft.gen.frontend.ends import UNSIGNED_OFFSET, Entry
from weft.gen.frontend.onnx_file import OnnxFile, OnnxNode, Port, read_onnx
from weft.gen.frontend.onnx_ops import CONVERTERS
from weft.gen.frontend.onnx_qdq import JOIN, LIMITS, QUANTISED, REQUANTISE, SPLIT, integer_nodes
from weft.gen.frontend.refusal import Refusals, Refused, Unsupported, require
from weft.gen.graph import Arrange, Graph, Piece, Reshape, Tensor

ENGINE, LAYOUT = "onnxruntime", "nchw"
FLOAT = "float32 operator, not in a pattern DequantizeLinear -> it -> QuantizeLinear that has an exact integer form"
PATTERNS = (*QUANTISED, *LIMITS, JOIN)
SUPPORTED = {"Split", *CONVERTERS, *(f"quantised {name}" for name in PATTERNS)} - {REQUANTISE, SPLIT}


@dataclasses.dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the file: which graph tensor holds it, its shape in the file, and for each of its elements in the file's order
    the index in the held tensor. `real`: float32 in the file, so that only views and conversions may touch it; `raw`: the network's
    float32 input, which the host quantises, or a view of it."""

    held: str
    shape: tuple[int, ...]
    order: np.ndarray
    real: bool = False
    raw: bool = False


class OnnxContext:
    """What converters see: the file's values and constants, and the graph so far."""

    def __init__(self, file: OnnxFile) -> None:
        self.file, self.constants, self.builder = file, file.constants, GraphBuilder()
        self.values: dict[str, Value] = {}
        self.real_constants: set[str] = set()  # dequantised weights that no pattern took in
        self.unknown = {port.name for port in file.inputs}  # held tensors whose scale no node has told yet
        for port in file.inputs:
            self._admit(port)

    def _admit(self, port: Port) -> None:
        real = port.type == "float32"
        require(real or port.type in ("int8", "uint8"), f"input {port.name!r} is {port.type}, not float32, int8 or uint8")
        tensor = Tensor(port.name, hold_shape(port.shape, LAYOUT), 1.0, 0, port.type == "uint8")
        self.builder.tensor(tensor)
        self.values[port.name] = Value(port.name, port.shape, file_order(port.shape, LAYOUT), real, real)

    def constant(self, name: str, what: str) -> np.ndarray:
        require(name in self.constants, f"{what} {name!r} must be a constant" if name else f"{what} is missing")
        return self.constants[name]

    def scalar(self, name: str, what: str) -> Any:
        """The one element of a constant."""
        value = self.constant(name, what)
        require(value.size == 1, f"{what} {name!r} has {value.size} elements: activations are quantised per tensor")
        return value.reshape(-1)[0]

    def grid(self, scale: str, zero_point: str) -> tuple[float, int, bool]:
        """(scale, zero point in the held domain, unsigned) of an activation."""
        step = float(np.float32(self.scalar(scale, "scale")))
        require(np.isfinite(step) and step > 0, f"scale {scale!r} is {step:g}")
        # Left out, a zero point is 0 of type uint8.
        point = self.scalar(zero_point, "zero point") if zero_point else np.uint8(0)
        require(point.dtype in (np.int8, np.uint8), f"zero point {zero_point!r} is {point.dtype}, not int8 or uint8")
        unsigned = point.dtype == np.uint8
        return step, int(point) - UNSIGNED_OFFSET * unsigned, unsigned

    def value(self, name: str) -> Value:
        require(name, "an input is missing")
        require(name in self.values, f"{name!r} is a constant")
        return self.values[name]

    def read(self, name: str, grid: tuple[float, int, bool] | None = None) -> Tensor:
        """The graph tensor that holds an integer value in H, W, C order. `grid`: the scale and zero point that the reader states."""
        value = self.value(name)
        require(not value.real, FLOAT)
        return self.canonical(name, value, grid)

    def canonical(self, name: str, value: Value, grid: tuple[float, int, bool] | None) -> Tensor:
        """As `read`; adds a Reshape where elements or meaning differ from the tensor that holds the value."""
        tensor = self.builder.tensors[value.held]
        if grid is not None:
            if value.held in self.unknown:
                self.unknown.discard(value.held)
                tensor = self.builder.tensors[value.held] = dataclasses.replace(tensor, scale=grid[0], zero_point=grid[1])
            require(tensor.unsigned == grid[2], f"{name!r} is {'uint8' if tensor.unsigned else 'int8'}, its zero point is not")
        scale, zero_point, _ = grid or (tensor.scale, tensor.zero_point, False)
        shape = hold_shape(value.shape, LAYOUT)
        moved = np.empty_like(value.order)
        moved[file_order(value.shape, LAYOUT)] = value.order
        straight = bool(np.array_equal(moved, np.arange(moved.size)))
        if straight and (tensor.shape, tensor.scale, tensor.zero_point) == (shape, scale, zero_point):
            return tensor
        suffix = "" if (tensor.scale, tensor.zero_point) == (scale, zero_point) else f"#{scale:g},{zero_point}"
        view = dataclasses.replace(tensor, name=(name if name != value.held else f"{name}#view") + suffix, shape=shape, scale=scale,
                                   zero_point=zero_point)
        if view.name not in self.builder.tensors:
            self.builder.node(self._transposition(tensor, view, moved)
                              or Reshape(view.name, "Reshape", (value.held,), view.name, None if straight else moved))
        return self.builder.tensor(view)

    @staticmethod
    def _transposition(tensor: Tensor, view: Tensor, moved: np.ndarray) -> Arrange | None:
        """The node that moves elements if they do no more than change the order of the three axes."""
        whole = np.arange(moved.size).reshape(tensor.shape)
        for axes in ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
            turned = whole.transpose(axes)
            if turned.shape == view.shape and np.array_equal(turned.reshape(-1), moved) and not np.array_equal(moved, whole.reshape(-1)):
                positions = tuple(range(view.shape[0])), tuple(range(view.shape[1])), tuple(range(view.shape[2]))
                return Arrange(view.name, "Transpose", (tensor.name,), view.name, (Piece(0, positions, positions, axes),))
        return None

    def write(self, node: OnnxNode, shape: tuple[int, ...], grid: tuple[float, int, bool]) -> Tensor:
        """Declare the node's output, an integer tensor of this file shape."""
        name = node.outputs[0]
        self.values[name] = Value(name, shape, file_order(shape, LAYOUT))
        return self.builder.tensor(Tensor(name, hold_shape(shape, LAYOUT), *grid))


def load_onnx(data: bytes, path: str) -> Graph:
    """Graph of a .onnx file's bytes. `path` is for messages."""
    return convert(read_onnx(data, path), path)[0]


def convert(file: OnnxFile, path: str) -> tuple[Graph, tuple[Entry, ...]]:
    """Graph of a file or of a part of one, and its inputs, packed if there are several. Raises `Refused`."""
    refusals = Refusals(path, SUPPORTED)
    try:
        context = OnnxContext(file)
    except Unsupported as reason:
        raise WeftError(f"input {file.inputs[0].name!r} is not supported", where=path, why=str(reason),
                        fix="export a quantised network") from reason
    for node in integer_nodes(file):
        _convert(context, node, refusals)
    refusals.raise_if_any()
    try:
        return _finish(context, file, path)
    except Unsupported as reason:
        raise Refused("the network's outputs are not supported", {}, where=path, why=str(reason),
                      fix="end it with quantised tensors") from reason


def _convert(context: OnnxContext, node: OnnxNode, refusals: Refusals) -> None:
    """Run the node's converter, or put the reason why not on the list."""
    if node.operator == "DequantizeLinear" and node.inputs[0] in context.constants:
        context.real_constants.update(node.outputs)
        return
    known = context.constants.keys() | context.values.keys() | context.real_constants
    orphan = any(name and name not in known for name in node.inputs)
    converter = CONVERTERS.get((node.domain + "." if node.domain else "") + node.operator)
    if orphan and converter is not None:
        return  # it reads what an unsupported node should have given, which is on the list already
    try:
        if converter is None:
            raise Unsupported(FLOAT if not node.domain and node.operator in PATTERNS else "operator not supported")
        require(node.outputs and node.outputs[0] and not any(node.outputs[1:]), "more than one output")
        converter(context, node)
    except Unsupported as reason:
        refusals.add(node.name, node.operator, reason)


def _stored(context: OnnxContext, name: str, tensor: Tensor) -> str:
    """An output of its own where the network gives its input back."""
    if all(tensor.name != port.name for port in context.file.inputs):
        return tensor.name
    result = context.builder.tensor(dataclasses.replace(tensor, name=f"{name}#output"))
    context.builder.node(Reshape(result.name, "Identity", (tensor.name,), result.name))
    return result.name


def _finish(context: OnnxContext, file: OnnxFile, path: str) -> tuple[Graph, tuple[Entry, ...]]:
    outputs, shapes, real = [], [], []
    for port in file.outputs:
        require(port.name in context.values, f"nothing computes {port.name!r}")  # a constant, say
        value = context.values[port.name]
        require(not value.real or value.held not in context.unknown, f"{port.name!r} is float32 and not quantised")
        outputs.append(_stored(context, port.name, context.canonical(port.name, value, None)))
        shapes.append(value.shape)
        real.append(value.real)
    context.builder.notes[:0] = file.notes
    tensors, names = context.builder.tensors, [port.name for port in file.inputs]
    real_input = [context.values[name].real for name in names]
    entries = tuple(Entry(port.name, tensors[port.name], port.shape, LAYOUT, "half_even" * is_real, file.name)
                    for port, is_real in zip(file.inputs, real_input, strict=True))
    source = context.builder.packed(names)
    graph = context.builder.finish(
        name=file.name, input=source, outputs=tuple(outputs),
        input_shape=file.inputs[0].shape if len(names) == 1 else tensors[source].shape,
        output_shapes=tuple(shapes), layout=LAYOUT, engine=ENGINE, input_float=real_input == [True], output_float=tuple(real),
        input_rounding="half_even" if real_input == [True] else "")
    return graph, entries
