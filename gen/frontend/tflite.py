"""TensorFlow Lite front end: int8 networks, with the arithmetic of tflite-micro or of LiteRT's reference kernels."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from weft.gen.errors import WeftError
from weft.gen.frontend.builder import GraphBuilder, hold_shape
from weft.gen.frontend.ends import UNSIGNED_OFFSET, Entry
from weft.gen.frontend.flatbuffer import Damaged
from weft.gen.frontend.refusal import Refusals, Refused, Unsupported, damaged, require
from weft.gen.frontend.tflite_file import FileModel, FileOperator, FileTensor, read_model
from weft.gen.frontend.tflite_ops import CONVERTERS
from weft.gen.frontend.windows import Padding
from weft.gen.graph import Graph, Reshape, Tensor

ENGINES = {"tflm": "tflite-micro", "litert": "litert-reference"}
LAYOUT = "nhwc"
CONVERSIONS = ("DEQUANTIZE", "QUANTIZE", "RESHAPE")


class TfliteContext:
    """What converters see: the file's tensors, the graph so far, and PADs that wait for their convolution."""

    def __init__(self, model: FileModel, rounding: str) -> None:
        self.model, self.rounding, self.builder = model, rounding, GraphBuilder()
        self.kinds = ("int8", "uint8") if rounding == "litert" else ("int8",)
        self.alias: dict[str, str] = {}  # float ends: the quantised tensor that stands for a float one
        self.padded: dict[str, tuple[FileTensor, Padding]] = {}

    def input(self, operator: FileOperator, position: int) -> FileTensor:
        """The operator's input tensor; raises `Unsupported` where it was left out."""
        require(position < len(operator.inputs) and operator.inputs[position] >= 0, f"input {position} is missing")
        return self.model.tensors[operator.inputs[position]]

    def optional(self, operator: FileOperator, position: int) -> FileTensor | None:
        present = position < len(operator.inputs) and operator.inputs[position] >= 0
        return self.model.tensors[operator.inputs[position]] if present else None

    def outputs(self, operator: FileOperator) -> list[FileTensor]:
        return [self.model.tensors[index] for index in operator.outputs]

    def output(self, operator: FileOperator) -> FileTensor:
        require(len(operator.outputs) == 1, f"{len(operator.outputs)} outputs")
        return self.model.tensors[operator.outputs[0]]

    def constant_activation(self, source: FileTensor) -> tuple[Tensor, np.ndarray | None]:
        """As `activation`, but a constant is allowed too: its description, and its held values in H, W, C order."""
        if source.data is None:
            return self.activation(source), None
        described = self.describe(source, self.kinds)
        return described, source.data.reshape(-1).astype(np.int64) - UNSIGNED_OFFSET * described.unsigned

    def activation(self, source: FileTensor, kinds: tuple[str, ...] | None = None) -> Tensor:
        """The graph's tensor for an activation of one of the types `kinds`, by default those that the engine computes with."""
        kinds = kinds or self.kinds
        require(source.data is None, f"operand {source.name!r} is a constant")
        return self.builder.tensor(self.describe(source, kinds))

    @staticmethod
    def describe(source: FileTensor, kinds: tuple[str, ...]) -> Tensor:
        """Shape and quantisation of a tensor of one of the types `kinds`."""
        require(source.type in kinds, f"tensor {source.name!r} is {source.type}, not {' or '.join(kinds)}: quantise the network to int8")
        require(source.scales.size == 1, f"tensor {source.name!r} has {source.scales.size} scales, an activation has one")
        require(source.scales[0] > 0, f"tensor {source.name!r} has scale {source.scales[0]:g}")
        require(not source.dynamic, f"tensor {source.name!r} has a dynamic shape")
        unsigned = source.type == "uint8"
        zero_point = int(source.zero_points[0]) - UNSIGNED_OFFSET * unsigned
        require(-128 <= zero_point <= 127, f"tensor {source.name!r} has zero point {int(source.zero_points[0])}")
        return Tensor(source.name, hold_shape(source.shape, LAYOUT), float(source.scales[0]), zero_point, unsigned)

    def channels(self, source: FileTensor) -> int:
        """Of an activation, or of one that PAD has grown."""
        return self.padded_activation(source)[0].shape[2]

    def padded_activation(self, source: FileTensor) -> tuple[Tensor, Padding]:
        """The graph's tensor, and the padding that a PAD in front of a convolution adds to it."""
        inner, extra = self.padded.get(source.name, (source, (0, 0, 0, 0)))
        return self.activation(inner), extra

    def before_view(self, result: Tensor, shape: tuple[int, int, int]) -> Tensor:
        """A tensor of this shape for an operator to write, of which `result` is a view; see `view`."""
        if result.shape == shape:
            return result
        require(np.prod(shape) == np.prod(result.shape), f"output shape {list(result.shape)} is not {list(shape)}")
        return self.builder.tensor(dataclasses.replace(result, name=f"{result.name}#{'x'.join(map(str, shape))}", shape=shape))

    def view(self, source: Tensor, result: Tensor) -> None:
        """Make `result` the view of a tensor that `before_view` gave and that is written now."""
        if source.name != result.name:
            self.builder.node(Reshape(result.name, "RESHAPE", (source.name,), result.name))

    def reshaped(self, source: Tensor, shape: tuple[int, int, int]) -> Tensor:
        """The same elements under another shape."""
        if source.shape == shape:
            return source
        result = dataclasses.replace(source, name=f"{source.name}#{'x'.join(map(str, shape))}", shape=shape)
        if result.name not in self.builder.tensors:
            self.builder.node(Reshape(result.name, "RESHAPE", (source.name,), result.name))
        return self.builder.tensor(result)


def load_tflite(data: bytes, path: str, rounding: str) -> Graph:
    """Graph of a .tflite file's bytes. `path` is for messages; `rounding` as in `load`."""
    model = checked_model(data, path)
    if len(model.inputs) != 1 or not model.outputs:
        raise WeftError(f"network with {len(model.inputs)} inputs and {len(model.outputs)} outputs", where=path,
                        why="the accelerator takes one input and gives one output or more", fix="export it with a single input")
    return convert(model, path, arithmetic(model, rounding), legacy_notes(model))[0]


def checked_model(data: bytes, path: str) -> FileModel:
    """Parse a file. Raises `WeftError` for what no network has."""
    try:
        model = read_model(data)
    except Damaged as error:
        raise damaged(path, error) from error
    if model.subgraphs > 1:
        raise WeftError(f"network with {model.subgraphs} subgraphs", where=path, why="control flow needs a processor",
                        fix="export it without control flow")
    names = [tensor.name for tensor in model.tensors]
    if len(set(names)) != len(names):
        raise damaged(path, f"tensors share the name {next(name for name in names if names.count(name) > 1)!r}")
    return model


def arithmetic(model: FileModel, rounding: str) -> str:
    """Whose rounding the file means, given what was asked for."""
    return "litert" if _computes_in_uint8(model) else rounding


def legacy_notes(model: FileModel) -> list[str]:
    legacy = "computes in uint8, which tflite-micro does not: the bits are those of LiteRT's reference kernels"
    return [legacy] * _computes_in_uint8(model)


def convert(model: FileModel, path: str, rounding: str, notes: Iterable[str] = ()) -> tuple[Graph, tuple[Entry, ...]]:
    """Graph of a model or of a part of one, and its inputs, packed if there are several. Raises `Refused`."""
    context, refusals = TfliteContext(model, rounding), Refusals(path, CONVERTERS)
    context.builder.notes += notes
    for operator in model.operators:
        try:
            converter = CONVERTERS.get(operator.operator)
            require(converter is not None, "operator not supported")
            _one_kind(model, operator)
            converter(context, operator)  # type: ignore[misc]
        except Unsupported as reason:
            refusals.add(operator.name, operator.operator, reason)
    refusals.raise_if_any()
    try:
        return _finish(context, model, path)
    except Unsupported as reason:
        raise Refused("the network's ends are not supported", {}, where=path, why=str(reason), fix="export an int8 network") from reason


def _one_kind(model: FileModel, operator: FileOperator) -> None:
    """No kernel but a conversion mixes int8 and uint8."""
    tensors = [model.tensors[index] for index in (*operator.inputs, *operator.outputs) if index >= 0]
    kinds = {tensor.type for tensor in tensors} & {"int8", "uint8"}
    require(operator.operator in CONVERSIONS or len(kinds) < 2,
            f"mixes int8 and uint8: {', '.join(f'{tensor.name!r} is {tensor.type}' for tensor in tensors if tensor.type in kinds)}")


def _computes_in_uint8(model: FileModel) -> bool:
    """Whether it is a network of the years before int8, and not one that only has uint8 at its ends."""
    return any(model.tensors[index].type == "uint8" for operator in model.operators if operator.operator not in CONVERSIONS
               for index in operator.inputs if index >= 0)


def _finish(context: TfliteContext, model: FileModel, path: str) -> tuple[Graph, tuple[Entry, ...]]:
    name = path.rsplit("/", 1)[-1].removesuffix(".tflite")
    inputs, outputs = ([model.tensors[index] for index in end] for end in (model.inputs, model.outputs))
    held = [context.alias.get(end.name, end.name) for end in (*inputs, *outputs)]
    for end, tensor in zip((*inputs, *outputs), held, strict=True):
        if tensor == end.name:
            context.activation(end, ("int8", "uint8"))
    real = [end.type == "float32" for end in inputs]
    entries = tuple(Entry(end.name, context.builder.tensors[tensor], end.shape, LAYOUT, "half_away" * is_real, name)
                    for end, tensor, is_real in zip(inputs, held, real, strict=False))
    source = context.builder.packed(held[:len(inputs)])
    graph = context.builder.finish(
        name=name, input=source, outputs=tuple(held[len(inputs):]),
        input_shape=inputs[0].shape if len(inputs) == 1 else context.builder.tensors[source].shape,
        output_shapes=tuple(end.shape for end in outputs), layout=LAYOUT, engine=ENGINES[context.rounding],
        input_float=real == [True], output_float=tuple(end.type == "float32" for end in outputs),
        input_rounding="half_away" if real == [True] else "")
    return graph, entries
