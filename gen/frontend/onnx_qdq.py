"""QDQ files: DequantizeLinear -> operator -> QuantizeLinear becomes the operator on integers.

The rule. An operator whose activations all come from DequantizeLinear (per tensor) and whose only reader, directly or through one
Relu or Clip, is QuantizeLinear means its QLinear form; weights come from DequantizeLinear of an int8 or uint8 constant, a bias from
DequantizeLinear of an int32 constant with scale input scale * weight scale. Relu and Clip become limits of the quantised result, which
is the same thing because rounding never changes an order. onnxruntime applies the same fusions. Functions that it computes in float32
become tables. MaxPool and what only moves elements work on the integers; where the result has another scale, a requantisation follows.
"""

import dataclasses

import numpy as np

from weft.gen.frontend.ends import UNSIGNED_OFFSET, quantise
from weft.gen.frontend.onnx_file import OnnxFile, OnnxNode
from weft.gen.frontend.onnx_functions import FUNCTIONS

CONTRIB = "com.microsoft"
# operator -> (quantised operator, its domain, how many inputs carry scale and zero point)
QUANTISED = {
    "Conv": ("QLinearConv", "", 2), "MatMul": ("QLinearMatMul", "", 2), "Gemm": ("QGemm", CONTRIB, 2), "Add": ("QLinearAdd", CONTRIB, 2),
    "GlobalAveragePool": ("QLinearGlobalAveragePool", CONTRIB, 1), "AveragePool": ("QLinearAveragePool", CONTRIB, 1),
    "Mul": ("QLinearMul", CONTRIB, 2), "Sigmoid": ("QLinearSigmoid", CONTRIB, 1), "LeakyRelu": ("QLinearLeakyRelu", CONTRIB, 1),
    "Sub": ("quantised Sub", "", 2), "ReduceMean": ("quantised ReduceMean", "", 1),
    **{name: (f"quantised {name}", "", 1) for name in FUNCTIONS},
}
SPLIT = "Split part"  # operator that this pass makes of each output of a Split
SAME_GRID = ("MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Pad", "Resize", "Slice", SPLIT, "DepthToSpace",
             "SpaceToDepth")
JOIN = "Concat"
LIMITS = ("Relu", "Clip")
REQUANTISE = "Requantise"  # operator that this pass adds: to another scale, through limits
LIMITED = "limits"  # attribute that this pass adds: real lower and upper limit of the result
PLACE = "place"  # attribute that this pass adds: which output of a Split, of how many
FREE = (-np.inf, np.inf)


def integer_nodes(file: OnnxFile) -> list[OnnxNode]:
    """The file's nodes with every QDQ pattern replaced; what matches no pattern stays, and is refused later."""
    return _Rewriter(file).run()


def _parts(node: OnnxNode, read: set[str]) -> list[OnnxNode]:
    """A node for every output of a Split that something reads; any other node as it is."""
    if node.operator != "Split" or node.domain:
        return [node]
    count = len(node.outputs)
    return [OnnxNode(f"{node.name}#{index}", SPLIT, "", node.inputs, (name,), {**node.attributes, PLACE: (index, count)})
            for index, name in enumerate(node.outputs) if name in read]


class _Rewriter:
    def __init__(self, file: OnnxFile) -> None:
        self.file, self.constants = file, file.constants
        read = {name for node in file.nodes for name in node.inputs} | {port.name for port in file.outputs}
        self.nodes = [part for node in file.nodes for part in _parts(node, read)]
        self.producer = {name: node for node in self.nodes for name in node.outputs}
        self.readers: dict[str, list[OnnxNode]] = {}
        for node in self.nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)
        self.ends = {port.name for port in file.outputs}

    def run(self) -> list[OnnxNode]:
        replaced: dict[str, list[OnnxNode]] = {}  # first output of the pattern's QuantizeLinear -> the integer nodes
        swallowed: set[str] = set()
        for node in self.nodes:
            match = self._match(node)
            if match is not None:
                integer, inner = match
                replaced[integer[-1].outputs[0]] = integer
                swallowed.update(inner)
        nodes = [kept for node in self.nodes if node.outputs[0] not in swallowed for kept in replaced.get(node.outputs[0], [node])]
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

    def _match(self, node: OnnxNode) -> tuple[list[OnnxNode], list[str]] | None:
        """The integer nodes of the pattern that starts at `node`, and the outputs of the nodes that they replace."""
        if node.domain or node.operator not in (*QUANTISED, *SAME_GRID, *LIMITS, JOIN):
            return None
        inner, end = [node.outputs[0]], self._only_reader(node.outputs[0])
        limits: tuple[float, float] | None = FREE
        if node.operator in LIMITS:
            limits = self._limits(node)
        elif end is not None and end.operator in LIMITS and not end.domain:
            limits = self._limits(end)
            inner.append(end.outputs[0])
            end = self._only_reader(end.outputs[0])
        if end is None or end.operator != "QuantizeLinear" or limits is None:
            return None
        made = self._joined(node, end, limits) if node.operator == JOIN else self._integer(node, end, limits)
        return None if made is None else (made, inner)

    def _joined(self, node: OnnxNode, end: OnnxNode, limits: tuple[float, float]) -> list[OnnxNode] | None:
        operands = [self._quantised(name) for name in node.inputs if name]
        if None in operands:
            return None
        scale = [end.inputs[1], end.inputs[2]]
        inputs = scale + [name for operand in operands if operand for name in operand]
        join = OnnxNode(node.name, "QLinearConcat", CONTRIB, tuple(inputs), end.outputs, node.attributes)
        return [join] if limits == FREE else self._requantised(join, scale, end, limits)

    def _requantised(self, node: OnnxNode, scale: list[str], end: OnnxNode, limits: tuple[float, float]) -> list[OnnxNode]:
        """An integer node whose result has `scale`, and its way to the pattern's end."""
        before = f"{node.outputs[0]}#before"
        last = OnnxNode(f"{node.name}#requantised", REQUANTISE, "", (before, *scale, end.inputs[1], end.inputs[2]), end.outputs,
                        {LIMITED: limits})
        return [dataclasses.replace(node, outputs=(before,)), last]

    def _integer(self, node: OnnxNode, end: OnnxNode, limits: tuple[float, float]) -> list[OnnxNode] | None:
        first = self._quantised(node.inputs[0])
        if first is None:
            return None
        attributes, scale = {**node.attributes, LIMITED: limits}, [end.inputs[1], end.inputs[2]]
        if node.operator in SAME_GRID:
            same = limits == FREE and all(self._value(a) == self._value(b) for a, b in zip(first[1:], scale, strict=True))
            moved = dataclasses.replace(node, inputs=(first[0], *node.inputs[1:]), outputs=end.outputs)
            if node.operator == "Pad":
                value = self._pad_value(node, first, same)
                if value is None:
                    return None
                moved = dataclasses.replace(moved, inputs=(*moved.inputs[:2], value, *moved.inputs[3:]))
            return [moved] if same else self._requantised(moved, first[1:], end, limits)
        if node.operator in LIMITS:
            return [OnnxNode(node.name, REQUANTISE, "", (*first, *scale), end.outputs, attributes)]
        operator, domain, count = QUANTISED[node.operator]
        inputs = list(first)
        if count == 2:
            second = self._quantised(node.inputs[1])
            if second is None:
                return None
            inputs += second
        elif node.operator == "ReduceMean":
            return [OnnxNode(node.name, operator, domain, (*inputs, *scale, node.inputs[1]), end.outputs, attributes)]
        bias = []
        if node.inputs[2]:
            quantised = self._quantised(node.inputs[2])
            if quantised is None or not self._bias_scale(quantised[1], first[1], inputs[4]):
                return None
            bias = [quantised[0]]
        # QGemm takes its bias before the output's scale, QLinearConv after.
        inputs += (bias or [""]) + scale if operator == "QGemm" else scale + bias
        return [OnnxNode(node.name, operator, domain, tuple(inputs), end.outputs, attributes)]

    def _pad_value(self, node: OnnxNode, grid: list[str], same: bool) -> str | None:
        """Name of a constant: the padding's value on the operand's grid. None where that is not exact."""
        scale = self.constants.get(grid[1])
        point = self.constants.get(grid[2], np.uint8(0)) if grid[2] else np.uint8(0)
        if scale is None or (node.inputs[2] and node.inputs[2] not in self.constants):
            return None
        real = np.float32(self.constants[node.inputs[2]].reshape(-1)[0] if node.inputs[2] else node.attributes.get("value", 0.0))
        offset = UNSIGNED_OFFSET * (np.asarray(point).dtype == np.uint8)
        held = int(quantise(np.array([real]), float(scale), int(point) - offset, "half_even")[0])
        if not same and real:
            return None
        name = f"{node.name}#value"
        self.constants[name] = np.asarray(held + offset, np.asarray(point).dtype)
        return name

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
