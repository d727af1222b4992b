"""Writes .tflite files with the schema classes that LiteRT ships: for tests and for example networks."""

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

TYPES = {"float32": 0, "int32": 2, "uint8": 3, "int64": 4, "int16": 7, "int8": 9}


class TfliteMaker:
    """Collects tensors and operators. Tensors without a name of their own are named t0, t1, ..."""

    def __init__(self) -> None:
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.buffers, self.model.operatorCodes = 3, [schema.BufferT()], []
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, shape: Any, scale: Any = None, zero_point: Any = 0, kind: str = "int8", data: np.ndarray | None = None,
               axis: int = 0, name: str = "") -> int:
        """Append a tensor and return its index. With `data` it is a constant."""
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.name, tensor.buffer = list(shape), TYPES[kind], name or f"t{len(self.graph.tensors)}", 0
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.atleast_1d(np.float32(scale))
            tensor.quantization.zeroPoint = np.broadcast_to(np.int64(zero_point), tensor.quantization.scale.shape)
            tensor.quantization.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, data: np.ndarray, scale: Any = None, zero_point: Any = 0) -> int:
        return self.tensor(data.shape, scale, zero_point, data.dtype.name, data)

    def node(self, operator: str, inputs: list[int], output: int | list[int], options: str = "", **fields: Any) -> int:
        """Append an operator and return its first output; `options` names its table of the schema, `fields` that table's members."""
        outputs = output if isinstance(output, list) else [output]
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, operator)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
        node = schema.OperatorT()
        node.opcodeIndex, node.inputs, node.outputs = len(self.model.operatorCodes), inputs, outputs
        self.model.operatorCodes.append(code)
        if options:
            node.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            node.builtinOptions = getattr(schema, options + "T")()
            for name, value in fields.items():
                setattr(node.builtinOptions, name, value)
        self.graph.operators.append(node)
        return outputs[0]

    def bytes(self, source: int, *outputs: int) -> bytes:
        """The file, with these tensors as the network's ends."""
        self.graph.inputs, self.graph.outputs = [source], list(outputs)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def save(self, folder: Path, source: int, *outputs: int) -> Path:
        path = folder / "test.tflite"
        path.write_bytes(self.bytes(source, *outputs))
        return path
