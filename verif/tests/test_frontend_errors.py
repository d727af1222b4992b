"""Broken, foreign and unsupported files: one clear `WeftError`, never a traceback."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from weft.gen.errors import WeftError
from weft.gen.frontend import decode_output, encode_input, load
from weft.gen.graph import Graph
from weft.verif.onnx_maker import CONTRIB, OnnxMaker, grid
from weft.verif.tests.tflite_models import TfliteMaker


def refusal(path, **options):
    """The text of the error that `load` raises."""
    with pytest.raises(WeftError) as caught:
        load(path, **options)
    assert caught.value.exit_code == 2 and caught.value.fix
    return str(caught.value)


def onnx_network():
    """A quantised convolution and a fully connected layer."""
    chance, maker = np.random.default_rng(0), OnnxMaker([1, 2, 4, 4])
    weights = chance.integers(-128, 128, (3, 2, 3, 3)).astype(np.int8)
    maker.node("QLinearConv", "x", *grid(0.1, 3), weights, np.float32(0.02), np.int8(0), *grid(0.1, 3))
    maker.node("Flatten", None)
    maker.node("QLinearMatMul", None, *grid(0.1, 3), np.ones((12, 2), np.int8), np.float32(0.02), np.int8(0), *grid(0.1, 3))
    return maker


def tflite_network(folder, **changes):
    """A fully connected layer; `changes` replace what is good about it."""
    good = {"x": {}, "weights": {"scale": 0.01}, "bias": np.zeros(3, np.int32), "y": {}, "data": np.ones((3, 5), np.int8), "shape": (1, 5)}
    good.update(changes)
    maker = TfliteMaker()
    x = maker.tensor(good["shape"], **{"scale": 0.1, **good["x"]})
    weights, bias = maker.constant(good["data"], **good["weights"]), maker.constant(good["bias"], 1e-3)
    y = maker.tensor((1, 3), **{"scale": 0.2, **good["y"]})
    maker.node("FULLY_CONNECTED", [x, weights, bias], y, "FullyConnectedOptions", **good.get("options", {}))
    return maker.save(folder, x, y)


FOREIGN = {
    "empty.onnx": (b"", "is empty"),
    "empty.tflite": (b"", "is empty"),
    "words.onnx": (b"this is not a network at all, it is a sentence", "damaged or foreign"),
    "words.tflite": (b"this is not a network at all, it is a sentence", "not a TensorFlow Lite file"),
    "zeros.onnx": (bytes(1000), "damaged or foreign"),
    "zeros.tflite": (bytes(1000), "damaged or foreign"),
    "short.tflite": (b"\x08\0\0", "damaged or foreign"),
    "network.pb": (b"\x08\x07", "neither .tflite nor .onnx"),
    "ending": (bytes(range(64)), "neither .tflite nor .onnx"),
}


@pytest.mark.parametrize(("name", "content", "text"), [(name, *rest) for name, rest in FOREIGN.items()])
def test_foreign_file(tmp_path, name, content, text):
    (tmp_path / name).write_bytes(content)
    assert text in refusal(tmp_path / name)


def test_truncated_tflite_says_where_it_ends(tmp_path):
    data = tflite_network(tmp_path).read_bytes()
    (tmp_path / "cut.tflite").write_bytes(data[: len(data) // 2])
    message = refusal(tmp_path / "cut.tflite")
    assert f"the file ends at byte {len(data) // 2} but refers to byte " in message and "truncated download?" in message


def test_missing_file_and_folder(tmp_path):
    assert "cannot read" in refusal(tmp_path / "missing.onnx")
    assert "cannot read" in refusal(tmp_path)


def test_unknown_rounding(tmp_path):
    assert "did you mean 'litert'" in refusal(tflite_network(tmp_path), rounding="litrt")


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_every_truncation_and_many_bit_flips_load_or_are_refused(tmp_path, kind):
    chance = np.random.default_rng(1)
    data = (tflite_network(tmp_path) if kind == "tflite" else onnx_network().save(tmp_path)).read_bytes()
    path, refused = tmp_path / f"broken.{kind}", 0
    flips = []
    for _ in range(600):
        flipped = bytearray(data)
        for position in chance.integers(0, len(data), 3):
            flipped[position] ^= 1 << int(chance.integers(8))
        flips.append(bytes(flipped))
    for broken in [data[:size] for size in range(1, len(data), 3)] + flips:
        path.write_bytes(broken)
        try:
            assert isinstance(load(path), Graph)
        except WeftError as error:
            refused += 1
            assert "not" in str(error) or error.why
    assert refused > len(data) // 6


TFLITE = {
    "float": ({"x": {"kind": "float32", "scale": None}}, "float32, not int8"),
    "no scale": ({"y": {"scale": None}}, "0 scales"),
    "scale zero": ({"y": {"scale": 0.0}}, "scale 0"),
    "zero point": ({"x": {"zero_point": 300}}, "zero point 300"),
    "uint8": ({"x": {"kind": "uint8"}}, "mixes int8 and uint8"),
    "int8 bias": ({"bias": np.zeros(3, np.int8)}, "'t2' is int8, not int32"),
    "short bias": ({"bias": np.zeros(2, np.int32)}, "shape [2] for 3"),
    "weights": ({"data": np.ones((3, 4), np.int8)}, "weights for 4 inputs, 5 given"),
    "scales": ({"weights": {"scale": [0.1, 0.2]}}, "2 scales for 3"),
    "batch": ({"shape": (2, 1, 1, 5)}, "batch of 2"),
    "dimensions": ({"shape": (1, 1, 1, 1, 5)}, "more than 4 dimensions"),
    "activation": ({"options": {"fusedActivationFunction": 4}}, "fused activation TANH"),
    "nothing": ({"shape": (1, 0)}, "empty"),
    "too much": ({"shape": (1, 1 << 15, 1 << 15)}, "more than"),
}


@pytest.mark.parametrize(("changes", "text"), TFLITE.values(), ids=TFLITE)
def test_tflite_node_that_cannot_be_exact(tmp_path, changes, text):
    message = refusal(tflite_network(tmp_path, **changes))
    assert text in message and "(FULLY_CONNECTED)" in message


def test_tflite_two_inputs(tmp_path):
    maker = TfliteMaker()
    a, b, y = (maker.tensor((1, 4), 0.1) for _ in range(3))
    maker.node("ADD", [a, b], y, "AddOptions")
    path = maker.save(tmp_path, a, y)
    assert "nothing computes 't1'" in refusal(path)
    maker.graph.inputs = [a, b]
    import flatbuffers  # noqa: PLC0415 (only here)

    builder = flatbuffers.Builder(64)
    builder.Finish(maker.model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    assert "2 inputs" in refusal(path)


def _onnx(shape=(1, 2, 4, 4), dtype=np.uint8):
    return OnnxMaker(list(shape), dtype)


def _conv(maker, **changes):
    weights = np.ones((3, 2, 3, 3), np.int8)
    parts = {"xg": grid(0.1, 3), "w": weights, "ws": np.float32(0.1), "wz": np.int8(0), "yg": grid(0.1, 3), **changes}
    inputs = ["x", *parts["xg"], parts["w"], parts["ws"], parts["wz"], *parts["yg"]]
    maker.node("QLinearConv", *inputs, **parts.get("attributes", {}))
    return maker


def _node(operator, maker, **options):
    maker.node(operator, "x", **options)
    return maker


def _float_conv():
    maker = _onnx(dtype=np.float32)
    maker.node("Conv", "x", np.ones((3, 2, 3, 3), np.float32))
    return maker


def _gemm_to_float():
    maker = _onnx((1, 4))
    maker.node("QGemm", "x", *grid(0.1, 3), np.ones((4, 2), np.int8), np.float32(0.1), np.int8(0), domain=CONTRIB)
    return maker


def _reshape():
    maker = _conv(_onnx())
    maker.node("Reshape", None, np.array([1, 7]))
    return maker


def _add_image():
    maker = _onnx()
    maker.node("QLinearAdd", "x", *grid(0.1, 3), np.zeros((1, 2, 4, 4), np.uint8), *grid(0.1, 3), *grid(0.1, 3), domain=CONTRIB)
    return maker


ONNX = {
    "groups": (lambda: _conv(_onnx(), w=np.ones((2, 1, 3, 3), np.int8), attributes={"group": 3}), "3 groups"),
    "channels": (lambda: _conv(_onnx((1, 5, 4, 4))), "weights for 2 of 5"),
    "window": (lambda: _conv(_onnx((1, 2, 2, 2))), "does not fit"),
    "one-dimensional": (lambda: _conv(_onnx((1, 2, 4)), w=np.ones((3, 2, 3), np.int8)), "1-dimensional"),
    "scale": (lambda: _conv(_onnx(), yg=(np.float32(0), np.uint8(0))), "is 0"),
    "not a number": (lambda: _conv(_onnx(), ws=np.float32(np.nan)), "not a finite positive number"),
    "activation per channel": (lambda: _conv(_onnx(), xg=(np.ones(2, np.float32), np.zeros(2, np.uint8))), "per tensor"),
    "scale from the network": (lambda: _conv(_onnx(), w="x"), "must be a constant"),
    "types differ": (lambda: _conv(_onnx(dtype=np.int8)), "its zero point is not"),
    "weights' zero point": (lambda: _conv(_onnx(), wz=np.uint8(3)), "uint8, weights int8"),
    "float": (_float_conv, "(Conv): float32 operator"),
    "float output": (_gemm_to_float, "gives float32"),
    "reshape": (_reshape, "does not hold"),
    "sum with an image": (_add_image, "neither one number"),
    "unknown operator": (lambda: _node("Softplus", _onnx(dtype=np.float32)), "(Softplus): operator not supported"),
    "contrib without inputs": (lambda: _node("QLinearAdd", _onnx(), domain=CONTRIB), "is missing"),
}


@pytest.mark.parametrize(("make", "text"), ONNX.values(), ids=ONNX)
def test_onnx_node_that_cannot_be_exact(tmp_path, make, text):
    assert text in refusal(make().save(tmp_path))


@pytest.mark.parametrize(("shape", "text"), [([1, 2, "H", 4], "dynamic shape [1, 2, 'H', 4]"), ([3, 2, 4, 4], "batch of 3"),
                                            ([], "dynamic")])
def test_onnx_input_shape(tmp_path, shape, text):
    assert text in refusal(_node("Flatten", OnnxMaker(shape, np.uint8)).save(tmp_path))


def test_onnx_input_type(tmp_path):
    model = _node("Flatten", _onnx()).model()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT32
    onnx.save(model, tmp_path / "int32.onnx")
    assert "is int32" in refusal(tmp_path / "int32.onnx")


def test_onnx_two_inputs_external_data_and_wrong_order(tmp_path):
    path = tmp_path / "changed.onnx"
    model = onnx_network().model()
    model.graph.input.append(helper.make_tensor_value_info("other", TensorProto.UINT8, [1]))
    onnx.save(model, path)
    assert "2 inputs" in refusal(path)
    model = onnx_network().model()
    first = model.graph.node.pop(0)
    model.graph.node.append(first)
    onnx.save(model, path)
    assert "damaged or foreign" in refusal(path)
    model = onnx_network().model()
    onnx.save(model, path, save_as_external_data=True, size_threshold=0)
    assert "another file" in refusal(path)


def test_float_tensor_that_is_never_quantised(tmp_path):
    maker = _onnx(dtype=np.float32)
    maker.node("Flatten", "x")
    assert "not quantised" in refusal(maker.save(tmp_path))


def test_samples_that_do_not_fit_the_network(tmp_path):
    graph = load(onnx_network().save(tmp_path))
    for sample, text in ((np.zeros((1, 4, 4, 2), np.uint8), "takes [1, 2, 4, 4]"), (np.zeros((1, 2, 4, 4), np.float32), "takes uint8"),
                         (np.full((2, 4, 4), -1), "takes uint8")):
        with pytest.raises(WeftError) as caught:
            encode_input(graph, sample)
        assert text in str(caught.value)


def test_ends_are_inverse_to_each_other(tmp_path):
    maker = _onnx((1, 3, 4, 5))
    maker.node("Identity", "x")
    graph = load(maker.save(tmp_path))
    sample = np.arange(60, dtype=np.uint8).reshape(1, 3, 4, 5)
    held = encode_input(graph, sample)
    assert held.shape == (4, 5, 3) and held[1, 2, 0] == int(sample[0, 0, 1, 2]) - 128
    assert np.array_equal(decode_output(graph, 0, held), sample)
