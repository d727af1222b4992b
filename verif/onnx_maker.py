"""Writes small .onnx files, for tests."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CONTRIB = "com.microsoft"
TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.uint8): TensorProto.UINT8, np.dtype(np.int8): TensorProto.INT8}


class OnnxMaker:
    """Collects nodes and constants; every array given as an input becomes an initializer."""

    def __init__(self, shape: list[Any], dtype: Any = np.uint8) -> None:
        self.input = helper.make_tensor_value_info("x", TYPES[np.dtype(dtype)], shape)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.last = "x"

    def node(self, operator: str, *inputs: Any, domain: str = "", output: str = "", **attributes: Any) -> str:
        """Append a node that reads `inputs` (None: the previous node's output) and return its output's name."""
        names = []
        for value in inputs:
            if isinstance(value, np.ndarray | np.generic):
                self.constants.append(numpy_helper.from_array(np.asarray(value), f"c{len(self.constants)}"))
                names.append(self.constants[-1].name)
            else:
                names.append(self.last if value is None else value)
        self.last = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [self.last], f"{operator}_{len(self.nodes)}", domain=domain, **attributes))
        return self.last

    def model(self, *outputs: str, dtype: Any = None) -> onnx.ModelProto:
        kind = TYPES[np.dtype(dtype)] if dtype is not None else self.input.type.tensor_type.elem_type
        values = [helper.make_tensor_value_info(name, kind, None) for name in outputs or (self.last,)]
        graph = helper.make_graph(self.nodes, "test", [self.input], values, self.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def save(self, folder: Path, *outputs: str, dtype: Any = None) -> Path:
        path = folder / "test.onnx"
        onnx.save(self.model(*outputs, dtype=dtype), path)
        return path


def grid(scale: float, zero_point: int, dtype: Any = np.uint8) -> tuple[np.float32, np.generic]:
    """A scale and a zero point as scalars of the types that ONNX wants."""
    return np.float32(scale), np.dtype(dtype).type(zero_point)


def random_integers(chance: np.random.Generator, shape: Any, dtype: Any) -> np.ndarray:
    bounds = np.iinfo(dtype)
    return chance.integers(bounds.min, bounds.max + 1, shape).astype(dtype)
