"""An .onnx file in stages. The host's operators are those of the onnx package's numpy reference that have one exact result."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from weft.gen.frontend.builder import hold_shape
from weft.gen.frontend.onnx import ENGINE, LAYOUT, convert
from weft.gen.frontend.onnx_file import OnnxFile, OnnxNode, Port, read_onnx
from weft.gen.frontend.refusal import Refused, Unsupported, require
from weft.gen.host.partition import Group, Operator
from weft.gen.host.split import Cutter
from weft.gen.host.stages import AcceleratorStage, HostStage, SplitNetwork, Values

# What moves or compares elements, and what IEEE 754 defines to the last bit. Not Exp and the like, nor sums of many elements.
HOSTED = (
    "Abs", "Add", "ArgMax", "ArgMin", "Cast", "Ceil", "Clip", "Concat", "DequantizeLinear", "Div", "Equal", "Expand", "Flatten",
    "Floor", "Gather", "GatherElements", "GatherND", "Greater", "Identity", "Less", "Max", "Min", "Mul", "Neg", "Pad",
    "QuantizeLinear", "ReduceMax", "ReduceMin", "Relu", "Reshape", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Tile", "TopK", "Transpose",
    "Unsqueeze", "Where")
MOVABLE = "DequantizeLinear"


def split_onnx(data: bytes, path: str) -> SplitNetwork:
    """Stages of an .onnx file's bytes. Raises `WeftError` for what neither the accelerator nor the host can do exactly."""
    return SplitOnnx.of_bytes(data, path).split()


class SplitOnnx:
    """A file's nodes and, once their producers have been looked at, its tensors' types and shapes as zeros (`samples`)."""

    @classmethod
    def of_bytes(cls, data: bytes, path: str) -> "SplitOnnx":
        return cls(read_onnx(data, path), path)

    def __init__(self, file: OnnxFile, path: str) -> None:
        self.file, self.path = file, path
        source = file.inputs[0]
        self.samples: Values = {source.name: np.zeros(source.shape, source.type)}
        self.keys = [f"{node.name}@{index}" for index, node in enumerate(file.nodes)]
        self.operators = [Operator(key, self._activations(node), tuple(name for name in node.outputs if name), node.operator == MOVABLE)
                          for key, node in zip(self.keys, file.nodes, strict=True)]
        self.by_name = {node.name: key for key, node in zip(self.keys, file.nodes, strict=True)}

    def _activations(self, node: OnnxNode) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name in node.inputs if name and name not in self.file.constants))

    def split(self) -> SplitNetwork:
        outputs = tuple(port.name for port in self.file.outputs)
        stages = Cutter(self.operators, outputs, self._accelerator, self.host).stages()
        source = self.file.inputs[0]
        return SplitNetwork(self.file.name, ENGINE, LAYOUT, stages, source.name, source.type, source.shape, outputs,
                            tuple(self.file.notes) + tuple(note for stage in stages if isinstance(stage, AcceleratorStage)
                                                           for note in stage.graph.notes if note not in self.file.notes))

    def _port(self, name: str) -> Port:
        sample = self.samples[name]
        return Port(name, sample.dtype.name, sample.shape)

    def _foreign(self, name: str) -> str:
        """Why the accelerator cannot read a tensor from outside; "" if it can."""
        sample = self.samples.get(name)
        if sample is None:
            return f"what gives {name!r} is not supported"
        if sample.dtype not in (np.float32, np.int8, np.uint8):
            return f"{name!r} is {sample.dtype}"
        try:
            hold_shape(sample.shape, LAYOUT)
        except Unsupported as reason:
            return str(reason)
        return ""

    def _accelerator(self, group: Group) -> AcceleratorStage:
        nodes = [self.file.nodes[index] for index in group.operators]
        if bad := {self.keys[index]: why for index in group.operators for name in self.operators[index].inputs
                   if name in group.inputs and (why := self._foreign(name))}:
            raise Refused("inputs of a part that the accelerator cannot read", bad, where=self.path)
        part = dataclasses.replace(self.file, nodes=nodes, constants=dict(self.file.constants), notes=[],
                                   inputs=[self._port(name) for name in group.inputs],
                                   outputs=[Port(name, "", ()) for name in group.outputs])
        try:
            graph, entries = convert(part, self.path)
        except Refused as reason:
            found = {self._key(name): why for name, why in reason.reasons.items()}
            raise Refused(reason.what, found, where=reason.where, why=reason.why, fix=reason.fix) from reason
        stage = AcceleratorStage(graph, entries, group.outputs)
        tensors = [np.zeros(graph.tensors[name].shape, np.int8) for name in graph.outputs]
        self.samples |= stage.decode(tensors)
        return stage

    def _key(self, name: str) -> str:
        """Of the file's node that a node of the integer form stands for."""
        return self.by_name.get(name) or self.by_name.get(name.rsplit("#", 1)[0], name)

    def host(self, index: int, why: str) -> HostStage:
        node, operator = self.file.nodes[index], self.operators[index]
        if node.operator not in HOSTED or node.domain:
            raise Unsupported(f"{node.operator} is not among {', '.join(HOSTED)}")
        stage = HostStage(node.name, node.operator, operator.inputs, operator.outputs, why, self._compute(node, operator))
        if all(name in self.samples for name in stage.inputs):
            try:
                stage.run(self.samples)
            except Exception as error:  # whatever the evaluator raises
                raise Unsupported(f"the reference implementation says: {str(error).splitlines()[0] if str(error) else error!r}") from error
        return stage

    def _compute(self, node: OnnxNode, operator: Operator) -> Any:
        """A function of the node's activations. Constants are part of it."""
        if node.operator in OWN:
            return self._own(node, operator)
        given = list(node.inputs)
        while given and not given[-1]:
            given.pop()
        constants = {name: self.file.constants[name] for name in given if name in self.file.constants}
        for name, value in constants.items():
            require(value is not None, f"constant {name!r} cannot be read")
        proto = onnx.helper.make_node(node.operator, given, list(node.outputs), node.name, domain=node.domain, **node.attributes)
        ports = [onnx.ValueInfoProto(name=name) for name in dict.fromkeys(name for name in given if name)]
        graph = onnx.helper.make_graph([proto], "host", ports, [onnx.ValueInfoProto(name=name) for name in operator.outputs])
        evaluator = ReferenceEvaluator(onnx.helper.make_model(graph, opset_imports=self.file.opsets))

        def run(activations: list[np.ndarray]) -> list[np.ndarray]:
            feeds = constants | dict(zip(operator.inputs, activations, strict=True))
            with np.errstate(all="ignore"):  # infinity and NaN are results, too
                return [np.asarray(result) for result in evaluator.run(None, feeds)]

        return run

    def _own(self, node: OnnxNode, operator: Operator) -> Any:
        """As `_compute`, with a function of this module."""
        constants, attributes, function = self.file.constants, node.attributes, OWN[node.operator]

        def run(activations: list[np.ndarray]) -> list[np.ndarray]:
            known = dict(zip(operator.inputs, activations, strict=True))
            return [function(attributes, *(known.get(name, constants.get(name)) for name in node.inputs if name))]

        return run


def _axes(x: np.ndarray, parameter: np.ndarray, attributes: dict[str, Any]) -> np.ndarray:
    """A scale or zero point in a shape that broadcasts: one number, or one along an axis."""
    require(parameter.ndim == 0 or parameter.size == 1 or x.ndim, "a scale for each element of a scalar")
    if parameter.size == 1:
        return parameter.reshape(())
    shape = [1] * x.ndim
    shape[int(attributes.get("axis", 1))] = parameter.size
    return parameter.reshape(shape)


def _dequantize(attributes: dict[str, Any], x: np.ndarray, scale: np.ndarray, point: np.ndarray | None = None) -> np.ndarray:
    require(scale.dtype == np.float32 and x.dtype in (np.int8, np.uint8, np.int32), f"{x.dtype} and a scale of {scale.dtype}")
    shift = np.int32(0) if point is None else _axes(x, point, attributes).astype(np.int32)
    result: np.ndarray = (x.astype(np.int32) - shift).astype(np.float32) * _axes(x, scale, attributes)
    return result


def _quantize(attributes: dict[str, Any], x: np.ndarray, scale: np.ndarray, point: np.ndarray | None = None) -> np.ndarray:
    point = np.zeros((), np.uint8) if point is None else point
    require(x.dtype == scale.dtype == np.float32 and point.dtype in (np.int8, np.uint8), f"{x.dtype} to {point.dtype}")
    with np.errstate(all="ignore"):
        steps = np.rint(x / _axes(x, scale, attributes))
    low, high = np.iinfo(point.dtype).min, np.iinfo(point.dtype).max
    shift = _axes(x, point, attributes).astype(np.float32)
    result: np.ndarray = np.clip(np.clip(steps, -(1 << 20), 1 << 20) + shift, low, high).astype(point.dtype)
    return result


def _relu(attributes: dict[str, Any], x: np.ndarray) -> np.ndarray:
    """A negative zero stays one, as in onnxruntime."""
    return np.where(x < 0, x.dtype.type(0), x)


def _where(attributes: dict[str, Any], condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """onnxruntime's zeros are positive here."""
    result: np.ndarray = np.where(condition, x, y) + x.dtype.type(0)
    return result


# What the evaluator does not have for all versions, or where its zeros have another sign.
OWN: dict[str, Callable[..., np.ndarray]] = {"DequantizeLinear": _dequantize, "QuantizeLinear": _quantize, "Relu": _relu, "Where": _where}
