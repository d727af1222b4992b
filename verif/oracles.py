"""Third-party engines that results are compared with. Each is imported when it is used; `ToolError` if it is missing.

Arrays go in and come out as in the file: its types, layouts and batch axis, one sample at a time.
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.gen.errors import ToolError, install
from weft.gen.frontend.tflite_file import read_model

ARENA_BYTES = 1 << 24  # working memory for tflite-micro: enough for ImageNet networks


def _engine(module: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ToolError(f"package {package!r} is missing", why="the reference check runs the network on it",
                        fix=install("sim")) from error


class Tflm:
    """tflite-micro: two roundings in every rescaling."""

    def __init__(self, path: str | Path) -> None:
        runtime = _engine("tflite_micro", "tflite-micro")
        data = Path(path).read_bytes()
        self.interpreter = runtime.runtime.Interpreter.from_bytes(data, arena_size=ARENA_BYTES)
        self.outputs = len(read_model(data).outputs)  # the interpreter does not tell

    def run(self, x: NDArray[Any]) -> list[NDArray[Any]]:
        shape = tuple(self.interpreter.get_input_details(0)["shape"])
        self.interpreter.set_input(np.ascontiguousarray(x).reshape(shape), 0)
        self.interpreter.invoke()
        return [np.array(self.interpreter.get_output(index)) for index in range(self.outputs)]


class LitertReference:
    """LiteRT with its reference kernels: as tflite-micro, but FULLY_CONNECTED rounds once."""

    def __init__(self, path: str | Path) -> None:
        litert = _engine("ai_edge_litert.interpreter", "ai-edge-litert")
        self.interpreter = litert.Interpreter(str(path), experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
                                              experimental_preserve_all_tensors=True)
        self.interpreter.allocate_tensors()

    def run(self, x: NDArray[Any]) -> list[NDArray[Any]]:
        detail = self.interpreter.get_input_details()[0]
        self.interpreter.set_tensor(detail["index"], np.ascontiguousarray(x).reshape(detail["shape"]))
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(detail["index"]) for detail in self.interpreter.get_output_details()]

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Every tensor of the last run by its name in the file."""
        operators = self.interpreter._get_ops_details()  # the only way to the indices of intermediate tensors
        produced = {int(index) for operator in operators for index in operator["outputs"]}
        return {detail["name"]: self.interpreter.get_tensor(detail["index"]) for detail in self.interpreter.get_tensor_details()
                if detail["index"] in produced}


class OnnxRuntime:
    """onnxruntime on the CPU, one thread. `tensors` asks for every node's output too."""

    def __init__(self, path: str | Path, *, tensors: bool = False) -> None:
        runtime, onnx = _engine("onnxruntime", "onnxruntime"), _engine("onnx", "onnx")
        model = onnx.load(str(path))
        self.outputs = [output.name for output in model.graph.output]
        if tensors:
            known = set(self.outputs)
            model.graph.output.extend(onnx.ValueInfoProto(name=name) for node in model.graph.node for name in node.output
                                      if name and name not in known)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]

    def run(self, x: NDArray[Any]) -> list[NDArray[Any]]:
        everything = self.run_all(x)
        return [everything[name] for name in self.outputs]

    def run_all(self, x: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """All outputs by name."""
        source = self.session.get_inputs()[0]
        return dict(zip(self.names, self.session.run(None, {source.name: np.ascontiguousarray(x).reshape(source.shape)}), strict=True))


ENGINES: dict[str, type[Tflm] | type[LitertReference] | type[OnnxRuntime]] = {  # by `Graph.engine`
    "tflite-micro": Tflm, "litert-reference": LitertReference, "onnxruntime": OnnxRuntime}
