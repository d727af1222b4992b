"""Reads .onnx: a checked main graph with constants folded."""

import dataclasses
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from weft.gen.errors import WeftError
from weft.gen.frontend.refusal import damaged

# Not DequantizeLinear: a dequantised constant shows which operators a QDQ file means to be quantised.
FOLDED = ("Cast", "Concat", "Constant", "Flatten", "Identity", "QuantizeLinear", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
MOST_INPUTS = 9  # of the operators that weft reads
DEFAULT_DOMAINS = ("", "ai.onnx")


@dataclasses.dataclass(frozen=True)
class OnnxNode:
    """One node: `operator` with its attributes. `name` is never empty; `inputs` ends with "" for every input left out."""

    name: str
    operator: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", (*self.inputs, *[""] * (MOST_INPUTS - len(self.inputs))))


@dataclasses.dataclass(frozen=True)
class Port:
    """An input or output of the network: numpy type name and shape."""

    name: str
    type: str
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class OnnxFile:
    """The nodes that remain after constant folding, in execution order. A part of a network may have several inputs."""

    name: str
    nodes: list[OnnxNode]
    constants: dict[str, np.ndarray]
    inputs: list[Port]
    outputs: list[Port]
    notes: list[str]
    opsets: list[onnx.OperatorSetIdProto]


def read_onnx(data: bytes, path: str) -> OnnxFile:
    """Parse, check and fold. Raises `WeftError` for damaged files, more than one input, and dynamic shapes."""
    model = _parse(data, path)
    constants = _initializers(model, path)
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1 or not model.graph.output:
        raise WeftError(f"network with {len(inputs)} inputs and {len(model.graph.output)} outputs", where=path,
                        why="the accelerator takes one input and gives one output or more", fix="export it with a single input")
    notes: list[str] = []
    source = _port(inputs[0], path, notes)
    outputs = [_port(value, path, [], shaped=False) for value in model.graph.output]
    nodes = _fold(model, constants, path)
    return OnnxFile(path.rsplit("/", 1)[-1].removesuffix(".onnx"), nodes, constants, [source], outputs, notes,
                    list(model.opset_import))


def _parse(data: bytes, path: str) -> onnx.ModelProto:
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise damaged(path, f"not an ONNX protocol buffer: {error}") from error
    if not model.graph.node:
        raise damaged(path, "it has no graph with nodes")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise WeftError("weights are in another file", where=path, why="external data is not read", fix="save the model in one file")
    try:
        for value in model.graph.output:  # the checker wants a shape there, onnxruntime does not
            value.type.tensor_type.shape.SetInParent()
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise damaged(path, str(error).strip().splitlines()[0]) from error
    return model


def _initializers(model: onnx.ModelProto, path: str) -> dict[str, np.ndarray]:
    constants = {}
    for tensor in model.graph.initializer:
        try:
            constants[tensor.name] = numpy_helper.to_array(tensor)
        except (ValueError, TypeError) as error:
            raise damaged(path, f"constant {tensor.name!r}: {error}") from error
    return constants


def _port(value: onnx.ValueInfoProto, path: str, notes: list[str], shaped: bool = True) -> Port:
    """Type and shape. A free batch dimension is taken as 1; any other free dimension is an error (`shaped`)."""
    kind = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name if kind.elem_type else "unknown"
    sizes = [dimension.dim_value if dimension.HasField("dim_value") else 0 for dimension in kind.shape.dim]
    if shaped and len(sizes) > 1 and sizes[0] == 0:
        sizes[0] = 1
        notes.append(f"batch dimension of input {value.name!r} is free in the file: taken as 1")
    if shaped and (not sizes or 0 in sizes):
        free = [size or dimension.dim_param or "?" for dimension, size in zip(kind.shape.dim, sizes, strict=True)]
        raise WeftError(f"input {value.name!r} has the dynamic shape {free}", where=path, why="memory is planned before the run",
                        fix="export the network with fixed sizes")
    return Port(value.name, dtype, tuple(sizes))


def _fold(model: onnx.ModelProto, constants: dict[str, np.ndarray], path: str) -> list[OnnxNode]:
    nodes = []
    opsets = list(model.opset_import)
    for index, node in enumerate(model.graph.node):
        if node.op_type in FOLDED and node.domain in DEFAULT_DOMAINS and all(not name or name in constants for name in node.input):
            _evaluate(node, constants, opsets, path)
            continue
        name = node.name or (node.output[0] if node.output else f"node {index}")
        attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        nodes.append(OnnxNode(name, node.op_type, "" if node.domain in DEFAULT_DOMAINS else node.domain, tuple(node.input),
                              tuple(node.output), attributes))
    return nodes


def _evaluate(node: onnx.NodeProto, constants: dict[str, np.ndarray], opsets: list[onnx.OperatorSetIdProto], path: str) -> None:
    graph = onnx.helper.make_graph([node], "constant", [onnx.ValueInfoProto(name=name) for name in dict.fromkeys(node.input) if name],
                                   [onnx.ValueInfoProto(name=name) for name in node.output])
    try:
        evaluator = ReferenceEvaluator(onnx.helper.make_model(graph, opset_imports=opsets))
        results = evaluator.run(None, {name: constants[name] for name in node.input if name})
    except Exception as error:  # the evaluator raises whatever numpy does
        raise damaged(path, f"constant {node.output[0]!r} ({node.op_type}) cannot be computed: {error}") from error
    constants.update(zip(node.output, (np.asarray(result) for result in results), strict=True))
