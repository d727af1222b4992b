"""QDQ files: DequantizeLinear -> operator -> QuantizeLinear becomes the operator on integers.

The rule. An operator whose activations all come from DequantizeLinear (per tensor) and whose only reader, directly or through one
Relu or Clip, is QuantizeLinear means its QLinear form; weights come from DequantizeLinear of an int8 or uint8 constant, a bias from
DequantizeLinear of an int32 constant with scale input scale * weight scale. Relu and Clip become limits of the quantised result, which
is the same thing because rounding never changes an order. onnxruntime applies the same fusions.
"""

import dataclasses

import numpy as np

from weft.gen.frontend.onnx_file import OnnxFile, OnnxNode

CONTRIB = "com.microsoft"
# operator -> (quantised operator, its domain, how many inputs carry scale and zero point)
QUANTISED = {
    "Conv": ("QLinearConv", "", 2), "MatMul": ("QLinearMatMul", "", 2), "Gemm": ("QGemm", CONTRIB, 2), "Add": ("QLinearAdd", CONTRIB, 2),
    "GlobalAveragePool": ("QLinearGlobalAveragePool", CONTRIB, 1), "AveragePool": ("QLinearAveragePool", CONTRIB, 1),
}
SAME_GRID = ("MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze")
LIMITS = ("Relu", "Clip")
REQUANTISE = "Requantise"  # operator that this pass adds: to another scale, through limits
LIMITED = "limits"  # attribute that this pass adds: real lower and upper limit of the result


def integer_nodes(file: OnnxFile) -> list[OnnxNode]:
    """The file's nodes with every QDQ pattern replaced; what matches no pattern stays, and is refused later."""
    return _Rewriter(file).run()


class _Rewriter:
    def __init__(self, file: OnnxFile) -> None:
        self.file, self.constants = file, file.constants
        self.producer = {name: node for node in file.nodes for name in node.outputs}
        self.readers: dict[str, list[OnnxNode]] = {}
        for node in file.nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)
        self.ends = {port.name for port in file.outputs}

    def run(self) -> list[OnnxNode]:
        replaced: dict[str, OnnxNode] = {}  # first output of the pattern's QuantizeLinear -> the integer node
        swallowed: set[str] = set()
        for node in self.file.nodes:
            match = self._match(node)
            if match is not None:
                integer, inner = match
                replaced[integer.outputs[0]] = integer
                swallowed.update(inner)
        nodes = [replaced.get(node.outputs[0], node) for node in self.file.nodes if node.outputs[0] not in swallowed]
        needed = {name for node in nodes if node.operator != "DequantizeLinear" for name in node.inputs} | self.ends
        return [node for node in nodes if node.operator != "DequantizeLinear" or node.outputs[0] in needed]

    def _only_reader(self, name: str) -> OnnxNode | None:
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.ends else None

    def _dequantised(self, name: str) -> OnnxNode | None:
        node = self.producer.get(name)
        return node if node is not None and node.operator == "DequantizeLinear" else None

    def _quantised(self, name: str) -> list[str] | None:
        """The quantised tensor, scale and zero point behind a dequantised name."""
        node = self._dequantised(name)
        return None if node is None else [node.inputs[0], node.inputs[1], node.inputs[2]]

    def _match(self, node: OnnxNode) -> tuple[OnnxNode, list[str]] | None:
        """The integer node of the pattern that starts at `node`, and the outputs of the nodes that it replaces."""
        if node.domain or node.operator not in (*QUANTISED, *SAME_GRID, *LIMITS):
            return None
        inner, end = [node.outputs[0]], self._only_reader(node.outputs[0])
        limits: tuple[float, float] | None = (-np.inf, np.inf)
        if node.operator in LIMITS:
            limits = self._limits(node)
        elif end is not None and end.operator in LIMITS and not end.domain:
            limits = self._limits(end)
            inner.append(end.outputs[0])
            end = self._only_reader(end.outputs[0])
        if end is None or end.operator != "QuantizeLinear" or limits is None:
            return None
        return self._integer(node, end, limits, inner)

    def _integer(self, node: OnnxNode, end: OnnxNode, limits: tuple[float, float], inner: list[str]) -> tuple[OnnxNode, list[str]] | None:
        first = self._quantised(node.inputs[0])
        if first is None:
            return None
        attributes, scale = {**node.attributes, LIMITED: limits}, [end.inputs[1], end.inputs[2]]
        if node.operator in SAME_GRID:
            same = all(self._value(a) == self._value(b) for a, b in zip(first[1:], scale, strict=True)) and limits == (-np.inf, np.inf)
            return (dataclasses.replace(node, inputs=(first[0], *node.inputs[1:]), outputs=end.outputs), inner) if same else None
        if node.operator in LIMITS:
            return OnnxNode(node.name, REQUANTISE, "", (*first, *scale), end.outputs, attributes), inner
        operator, domain, count = QUANTISED[node.operator]
        inputs = list(first)
        if count == 2:
            second = self._quantised(node.inputs[1])
            if second is None:
                return None
            inputs += second
        bias = []
        if node.inputs[2]:
            quantised = self._quantised(node.inputs[2])
            if quantised is None or not self._bias_scale(quantised[1], first[1], inputs[4]):
                return None
            bias = [quantised[0]]
        # QGemm takes its bias before the output's scale, QLinearConv after.
        inputs += (bias or [""]) + scale if operator == "QGemm" else scale + bias
        return OnnxNode(node.name, operator, domain, tuple(inputs), end.outputs, attributes), inner

    def _bias_scale(self, bias: str, x: str, w: str) -> bool:
        """Whether the bias counts in units of the accumulator."""
        unit, of_x, of_w = (self.constants.get(name) for name in (bias, x, w))
        return unit is not None and of_x is not None and of_w is not None and np.allclose(unit, of_x * of_w, rtol=1e-5, atol=0)

    def _value(self, name: str) -> object:
        return self.constants[name].tolist() if name in self.constants else name

    def _limits(self, node: OnnxNode) -> tuple[float, float] | None:
        if node.operator == "Relu":
            return 0.0, np.inf
        values = []
        for position, (key, default) in enumerate((("min", -np.inf), ("max", np.inf)), 1):
            name = node.inputs[position]
            if name and name not in self.constants:
                return None
            values.append(float(self.constants[name]) if name else float(node.attributes.get(key, default)))
        return values[0], values[1]
