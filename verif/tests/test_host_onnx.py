"""Operators of ONNX on the host, of random shapes and attributes, against onnxruntime."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from weft.gen.host.onnx import HOSTED, SplitOnnx
from weft.verif.oracles import OnnxRuntime

OPSET = 17


class Drawn:
    """One node whose first input is the network's: `x` is its shape, `kind` its type."""

    def __init__(self, draw, kind=None, ranks=(1, 4)):
        self.draw, self.kind = draw, kind or draw(st.sampled_from(["float32", "uint8", "int8"]))
        self.shape = [self.integer(1, 5) for _ in range(self.integer(*ranks))]
        self.constants, self.outputs = [], 1

    def integer(self, low, high):
        return self.draw(st.integers(low, high))

    def one_of(self, values):
        return self.draw(st.sampled_from(values))

    @property
    def rank(self):
        return len(self.shape)

    @property
    def axis(self):
        return self.integer(-self.rank, self.rank - 1)

    @property
    def values(self):
        """Another operand, random."""
        return np.random.default_rng(self.integer(0, 99)).integers(-90, 90, self.shape).astype(self.kind)

    def axes(self):
        return np.array(sorted({self.axis % self.rank for _ in range(2)}), np.int64)

    def node(self, operator, *constants, outputs=1, **attributes):
        """The node as a file; "" for an operand left out, "x" for the input once more."""
        names, tensors = ["x"], []
        for index, constant in enumerate(constants):
            if isinstance(constant, str):
                names.append(constant)
            else:
                tensors.append(numpy_helper.from_array(np.asarray(constant), f"c{index}"))
                names.append(f"c{index}")
        results = [f"y{index}" for index in range(outputs)]
        node = helper.make_node(operator, names, results, "node", **attributes)
        source = helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(np.dtype(self.kind)), self.shape)
        graph = helper.make_graph([node], "one", [source], [onnx.ValueInfoProto(name=name) for name in results], tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        inferred = onnx.shape_inference.infer_shapes(model)
        return inferred


def _plain(operator, kind=None):
    return lambda draw: Drawn(draw, kind).node(operator)


def _binary(operator, kind="float32"):
    def case(draw):
        drawn = Drawn(draw, kind)
        return drawn.node(operator, drawn.one_of(["x", drawn.values, drawn.values.reshape(-1)[:1]]))
    return case


def _arg(operator):
    def case(draw):
        drawn = Drawn(draw)
        return drawn.node(operator, axis=drawn.axis, keepdims=drawn.integer(0, 1), select_last_index=drawn.integer(0, 1))
    return case


def cast(draw):
    drawn = Drawn(draw, draw(st.sampled_from(["uint8", "int8"])))
    return drawn.node("Cast", to=drawn.one_of([onnx.TensorProto.FLOAT, onnx.TensorProto.INT32, onnx.TensorProto.INT64]))


def clip(draw):
    drawn = Drawn(draw, "float32")
    return drawn.node("Clip", np.float32(drawn.integer(-50, 0)), np.float32(drawn.integer(0, 50)))


def concat(draw):
    drawn = Drawn(draw)
    return drawn.node("Concat", drawn.values, "x", axis=drawn.axis)


def dequantize(draw):
    drawn = Drawn(draw, draw(st.sampled_from(["uint8", "int8"])))
    return drawn.node("DequantizeLinear", np.float32(drawn.integer(1, 9999) / 7919), np.dtype(drawn.kind).type(drawn.integer(0, 127)))


def quantize(draw):
    drawn = Drawn(draw, "float32")
    return drawn.node("QuantizeLinear", np.float32(drawn.one_of([0.5, 0.25, drawn.integer(1, 9999) / 7919])),
                      drawn.one_of([np.uint8, np.int8])(drawn.integer(0, 127)))


def expand(draw):
    drawn = Drawn(draw)
    return drawn.node("Expand", np.array([drawn.integer(1, 3), *(size if size > 1 else drawn.integer(1, 4) for size in drawn.shape)]))


def flatten(draw):
    drawn = Drawn(draw)
    return drawn.node("Flatten", axis=drawn.integer(0, drawn.rank))


def gather(draw):
    drawn = Drawn(draw)
    axis = drawn.axis
    size = drawn.shape[axis]
    places = [drawn.integer(-size, size - 1) for _ in range(drawn.integer(1, 6))]
    return drawn.node("Gather", np.array(places, np.int64), axis=axis)


def gather_elements(draw):
    drawn = Drawn(draw)
    axis = drawn.axis
    places = np.random.default_rng(drawn.integer(0, 99)).integers(0, drawn.shape[axis], drawn.shape)
    return drawn.node("GatherElements", places, axis=axis)


def gather_nd(draw):
    drawn = Drawn(draw)
    depth = drawn.integer(1, drawn.rank)
    return drawn.node("GatherND", np.array([[drawn.integer(0, size - 1) for size in drawn.shape[:depth]] for _ in range(3)]))


def pad(draw):
    drawn = Drawn(draw)
    mode = drawn.one_of(["constant", "reflect", "edge"])
    most = [size - 1 if mode == "reflect" else 3 for size in drawn.shape]
    return drawn.node("Pad", np.array([drawn.integer(0, size) for size in most * 2]), np.dtype(drawn.kind).type(drawn.integer(0, 99)),
                      mode=mode)


def _reduce(operator):
    def case(draw):
        drawn = Drawn(draw)
        return drawn.node(operator, axes=drawn.axes().tolist(), keepdims=drawn.integer(0, 1))
    return case


def reshape(draw):
    drawn = Drawn(draw)
    return drawn.node("Reshape", np.array(drawn.one_of([[-1], drawn.shape[::-1], [1, *drawn.shape, 1], [0, -1]])))


def slice_(draw):
    drawn = Drawn(draw)
    axes = drawn.axes()
    starts = [drawn.integer(0, drawn.shape[axis] - 1) for axis in axes]
    steps = [drawn.one_of([1, 2, -1]) for _ in axes]
    ends = [-(1 << 40) if step < 0 else drawn.one_of([start + 1, 1 << 40]) for start, step in zip(starts, steps, strict=True)]
    return drawn.node("Slice", np.array(starts), np.array(ends), axes, np.array(steps))


def split(draw):
    drawn = Drawn(draw)
    axis = drawn.axis
    first = drawn.integer(0, drawn.shape[axis] - 1)
    sizes = [first, drawn.shape[axis] - first] if first else [drawn.shape[axis]]
    return drawn.node("Split", np.array(sizes), outputs=len(sizes), axis=axis)


def squeeze(draw):
    drawn = Drawn(draw)
    drawn.shape = [1, *drawn.shape, 1]
    return drawn.node("Squeeze", np.array(drawn.one_of([[0], [-1], [0, -1]])))


def unsqueeze(draw):
    drawn = Drawn(draw, ranks=(1, 3))
    return drawn.node("Unsqueeze", np.array(drawn.one_of([[0], [-1], [0, 2]])))


def tile(draw):
    drawn = Drawn(draw)
    return drawn.node("Tile", np.array([drawn.integer(1, 3) for _ in drawn.shape]))


def top(draw):
    drawn = Drawn(draw, draw(st.sampled_from(["float32", "uint8"])))
    axis = drawn.axis
    return drawn.node("TopK", np.array([drawn.integer(1, drawn.shape[axis])]), outputs=2, axis=axis, largest=drawn.integer(0, 1), sorted=1)


def transpose(draw):
    drawn = Drawn(draw, ranks=(2, 5))
    return drawn.node("Transpose", perm=drawn.draw(st.permutations(range(drawn.rank))))


def where(draw):
    drawn = Drawn(draw, draw(st.sampled_from(["float32", "uint8"])))
    condition = drawn.values.astype(np.int32) > 10
    graph = drawn.node("Where", "x", drawn.values)
    graph.graph.initializer.append(numpy_helper.from_array(condition, "condition"))
    graph.graph.node[0].input[:] = ["condition", "x", "c1"]
    return graph


CASES = {
    "Abs": _plain("Abs", "float32"), "Add": _binary("Add"), "ArgMax": _arg("ArgMax"), "ArgMin": _arg("ArgMin"), "Cast": cast,
    "Ceil": _plain("Ceil", "float32"), "Clip": clip, "Concat": concat, "DequantizeLinear": dequantize, "Div": _binary("Div"),
    "Equal": _binary("Equal"), "Expand": expand, "Flatten": flatten, "Floor": _plain("Floor", "float32"), "Gather": gather,
    "GatherElements": gather_elements, "GatherND": gather_nd, "Greater": _binary("Greater"), "Identity": _plain("Identity"),
    "Less": _binary("Less"), "Max": _binary("Max"), "Min": _binary("Min"), "Mul": _binary("Mul"), "Neg": _plain("Neg", "float32"),
    "Pad": pad, "QuantizeLinear": quantize, "ReduceMax": _reduce("ReduceMax"), "ReduceMin": _reduce("ReduceMin"),
    "Relu": _plain("Relu", "float32"), "Reshape": reshape, "Slice": slice_, "Split": split, "Sqrt": _plain("Sqrt", "float32"),
    "Squeeze": squeeze, "Sub": _binary("Sub"), "Tile": tile, "TopK": top, "Transpose": transpose, "Unsqueeze": unsqueeze, "Where": where,
}


def test_every_operator_on_the_host_has_a_case():
    assert CASES.keys() == set(HOSTED)


def _samples(drawn_seed, port, operator):
    chance = np.random.default_rng(drawn_seed)
    for _ in range(3):
        if port.type == "float32":
            values = (chance.normal(size=port.shape) * chance.choice([1, 10, 1000])).astype(np.float32)
            values = np.where(chance.integers(0, 2, port.shape) == 1, np.round(values * 2) / 2, values).astype(np.float32)
            values += np.float32(0)  # no -0: which of two zeros a minimum keeps depends on the order
            yield np.abs(values) if operator == "Sqrt" else values
        else:
            low, high = np.iinfo(port.type).min, np.iinfo(port.type).max
            yield (chance.integers(low, high + 1, port.shape) // chance.choice([1, 40])).astype(port.type)


@pytest.mark.parametrize("operator", CASES)
def test_operator_equals_onnxruntime(operator):
    compared = 0

    @settings(max_examples=10, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(st.data())
    def run(data):
        nonlocal compared
        model = CASES[operator](data.draw)
        file = SplitOnnx.of_bytes(model.SerializeToString(), "one.onnx")
        stage = file.host(0, "")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "one.onnx"
            onnx.save(model, path)
            engine = OnnxRuntime(path)
        for sample in _samples(data.draw(st.integers(0, 1 << 16)), file.file.inputs[0], operator):
            values = {"x": sample}
            stage.run(values)
            for name, theirs in zip(stage.outputs, engine.run(sample), strict=True):
                mine = values[name]
                assert mine.dtype == theirs.dtype and mine.shape == theirs.shape
                assert mine.tobytes() == theirs.tobytes(), f"{mine} is not {theirs}"
                compared += mine.size

    run()
    assert compared
