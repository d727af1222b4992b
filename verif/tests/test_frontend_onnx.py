"""ONNX front end and golden reference against onnxruntime: every output equal, operator by operator and in small networks."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from weft.gen.errors import WeftError
from weft.gen.frontend import decode_output, encode_input, load
from weft.gen.frontend.fit import HELD, fit_binary, fit_unary
from weft.gen.frontend.mlas import add_table, requantise_table
from weft.gen.frontend.refusal import Unsupported
from weft.gen.graph import Reshape, Tensor
from weft.verif.golden import numerics, reference
from weft.verif.onnx_maker import CONTRIB, OnnxMaker, grid, random_integers
from weft.verif.oracles import OnnxRuntime

pytest.importorskip("onnxruntime", reason="onnxruntime is the oracle of these tests")
KINDS = [np.uint8, np.int8]


def assert_equal_to_onnxruntime(path, samples, wrong_allowed=0):
    """Every node's output that both sides have; returns the graph."""
    graph, engine, wrong = load(path), OnnxRuntime(path), 0
    for sample in samples:
        tensors = reference.run(graph, encode_input(graph, sample))
        for index, theirs in enumerate(engine.run(sample)):
            ours = decode_output(graph, index, tensors[graph.outputs[index]])
            assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
            difference = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
            wrong += np.count_nonzero(difference)
    assert wrong <= wrong_allowed
    return graph


CONVOLUTIONS = {
    "pads": {"pads": [2, 0, 1, 3], "strides": [2, 1]},
    "dilated": {"dilations": [2, 3], "pads": [1, 1, 1, 1]},
    "same_upper": {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    "same_lower": {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
    "valid": {"auto_pad": "VALID"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attributes", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolution(tmp_path, kind, attributes):
    chance, maker = np.random.default_rng(3), OnnxMaker([1, 3, 9, 12], kind)
    weights = random_integers(chance, (5, 3, 4, 2), kind)
    points = random_integers(chance, 5, kind) if kind is np.int8 else np.uint8(131)
    if kind is np.int8:
        points = np.zeros(5, np.int8)  # onnxruntime has no kernel for signed weights with other zero points
    maker.node("QLinearConv", "x", *grid(0.02, 100, kind), weights, chance.uniform(0.001, 0.02, 5).astype(np.float32)
               if kind is np.int8 else np.float32(0.01), points, *grid(0.3, 7, kind),
               chance.integers(-5000, 5000, 5).astype(np.int32), **attributes)
    assert_equal_to_onnxruntime(maker.save(tmp_path), [random_integers(chance, (1, 3, 9, 12), kind) for _ in range(8)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("groups", "outputs"), [(6, 6), (6, 12), (2, 4)])
def test_grouped_convolution(tmp_path, kind, groups, outputs):
    chance, maker = np.random.default_rng(groups), OnnxMaker([1, 6, 9, 8], kind)
    weights = chance.integers(-127, 128, (outputs, 6 // groups, 3, 3)).astype(np.int8)
    maker.node("QLinearConv", "x", *grid(0.02, 100, kind), weights, chance.uniform(0.001, 0.02, outputs).astype(np.float32),
               np.zeros(outputs, np.int8), *grid(0.05, 7, kind), chance.integers(-999, 999, outputs).astype(np.int32), group=groups,
               pads=[1, 1, 1, 1], strides=[2, 1])
    assert_equal_to_onnxruntime(maker.save(tmp_path), [random_integers(chance, (1, 6, 9, 8), kind) for _ in range(20)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm_and_matmul(tmp_path, kind, transposed):
    chance, maker = np.random.default_rng(4), OnnxMaker([1, 20], kind)
    weights = random_integers(chance, (30, 20) if transposed else (20, 30), np.int8)
    maker.node("QGemm", "x", *grid(0.02, 100, kind), weights, chance.uniform(0.001, 0.02, 30).astype(np.float32), np.zeros(30, np.int8),
               chance.integers(-900, 900, 30).astype(np.int32), *grid(0.11, 7, kind), domain=CONTRIB, transB=transposed)
    maker.node("QLinearMatMul", None, *grid(0.11, 7, kind), random_integers(chance, (30, 6), np.int8), np.float32(0.004), np.int8(-3),
               *grid(0.2, 90, kind))
    assert_equal_to_onnxruntime(maker.save(tmp_path), [random_integers(chance, (1, 20), kind) for _ in range(100)])


@pytest.mark.parametrize("kind", KINDS)
def test_pooling(tmp_path, kind):
    chance, maker = np.random.default_rng(5), OnnxMaker([1, 7, 11, 9], kind)
    maker.node("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1])
    maker.node("MaxPool", None, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    maker.node("QLinearGlobalAveragePool", None, *grid(0.05, 20, kind), *grid(0.043, 11, kind), domain=CONTRIB)
    assert_equal_to_onnxruntime(maker.save(tmp_path), [random_integers(chance, (1, 7, 11, 9), kind) for _ in range(50)])


def test_average_pool_differs_only_where_a_mean_is_a_tie(tmp_path):
    chance, maker = np.random.default_rng(6), OnnxMaker([1, 8, 12, 12])
    maker.node("QLinearAveragePool", "x", *grid(0.05, 20), *grid(0.043, 11), domain=CONTRIB, kernel_shape=[3, 3], strides=[2, 2])
    graph = assert_equal_to_onnxruntime(maker.save(tmp_path), [random_integers(chance, (1, 8, 12, 12), np.uint8) for _ in range(20)])
    assert "halfway" in graph.notes[0]


def _add_model(folder, kind, grids, shapes, constant=None, swap=False):
    """QLinearAdd alone; with two activations it has two inputs, which only onnxruntime reads here."""
    maker = OnnxMaker(shapes[0], kind)
    operands = [("x", *grids[0]), ("y" if constant is None else constant, *grids[1])]
    maker.node("QLinearAdd", *[item for operand in operands[::-1 if swap else 1] for item in operand], *grids[2], domain=CONTRIB)
    model = maker.model()
    if constant is None:
        model.graph.input.append(helper.make_tensor_value_info("y", maker.input.type.tensor_type.elem_type, shapes[1]))
    path = folder / "add.onnx"
    onnx.save(model, path)
    return path


def _random_grids(chance, kind, tied):
    scales = chance.choice([0.0625, 0.125, 0.03125], 3) if tied else chance.uniform(0.01, 0.1, 3)
    return [grid(scale, random_integers(chance, (), kind), kind) for scale in scales]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_sum_of_two_activations_for_every_pair(tmp_path, kind, seed):
    chance = np.random.default_rng(seed)
    grids = _random_grids(chance, kind, tied=seed % 2)
    path = _add_model(tmp_path, kind, grids, ([1, 65536], [1, 65536]))
    import onnxruntime  # noqa: PLC0415 (optional)

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    offset = 128 * (kind is np.uint8)
    a, b = np.repeat(HELD, 256), np.tile(HELD, 256)
    theirs = session.run(None, {"x": (a + offset).astype(kind)[None], "y": (b + offset).astype(kind)[None]})[0].reshape(256, 256)
    tensors = [Tensor("t", (1, 1, 65536), float(scale), int(point) - offset, bool(offset)) for scale, point in grids]
    table = add_table(tensors[0], HELD[:, None], tensors[1], HELD, tensors[2])
    assert np.array_equal(table + offset, theirs)
    scale_a, scale_b, scale, wrong = fit_binary(table, tensors[0].scale / tensors[2].scale, tensors[1].scale / tensors[2].scale)
    total = numerics.scale(HELD, scale_a)[:, None] + numerics.scale(HELD, scale_b)
    difference = np.clip(numerics.scale(total, scale), -128, 127) - table
    assert np.count_nonzero(difference) == wrong <= 8
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("tied", [False, True])
def test_sum_with_a_constant_for_every_input_and_constant(tmp_path, kind, swap, tied):
    chance = np.random.default_rng(11)
    grids, values = _random_grids(chance, kind, tied), np.arange(256).astype(np.uint8).view(kind)
    path = _add_model(tmp_path, kind, grids, ([1, 256, 16, 16],), values.reshape(256, 1, 1), swap)
    sample = np.broadcast_to(values.reshape(1, 1, 16, 16), (1, 256, 16, 16))
    assert_equal_to_onnxruntime(path, [sample])


@pytest.mark.parametrize("swap", [False, True])
def test_sum_of_a_vector_with_a_constant(tmp_path, swap):
    chance = np.random.default_rng(12)
    grids, constant = _random_grids(chance, np.uint8, False), random_integers(chance, (1, 40), np.uint8)
    path = _add_model(tmp_path, np.uint8, grids, ([1, 40],), constant, swap)
    assert_equal_to_onnxruntime(path, [np.full((1, 40), value, np.uint8) for value in range(256)])


def test_requantisation_for_every_input(tmp_path):
    maker = OnnxMaker([1, 1, 16, 16])
    maker.node("DequantizeLinear", "x", *grid(0.071, 33))
    maker.node("QuantizeLinear", None, *grid(0.093, 101))
    maker.node("DequantizeLinear", None, *grid(0.093, 101))
    maker.node("Relu", None)
    maker.node("QuantizeLinear", None, *grid(0.05, 5))
    assert_equal_to_onnxruntime(maker.save(tmp_path), [np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)])


def test_views_move_elements_as_the_file_says(tmp_path):
    chance, maker = np.random.default_rng(8), OnnxMaker([1, 3, 4, 5], np.int8)
    maker.node("Transpose", "x", perm=[0, 2, 3, 1])
    maker.node("Reshape", None, np.array([0, 10, -1]))
    maker.node("Unsqueeze", None, np.array([1]))
    maker.node("Squeeze", None, np.array([1]))
    maker.node("Flatten", None)
    maker.node("QLinearMatMul", None, *grid(0.02, 4, np.int8), random_integers(chance, (60, 9), np.int8), np.float32(0.01), np.int8(0),
               *grid(0.9, 3, np.int8))
    graph = assert_equal_to_onnxruntime(maker.save(tmp_path), [random_integers(chance, (1, 3, 4, 5), np.int8) for _ in range(10)])
    # Channels-last in the file is channels-last in the graph: the moves cancel.
    assert all(node.order is None for node in graph.nodes if isinstance(node, Reshape))


def test_integer_relu_and_several_outputs(tmp_path):
    chance, maker = np.random.default_rng(9), OnnxMaker([1, 3, 4, 5], np.int8)
    relu = maker.node("Relu", "x")
    flat = maker.node("Flatten", None)
    assert_equal_to_onnxruntime(maker.save(tmp_path, relu, flat), [random_integers(chance, (1, 3, 4, 5), np.int8)])


@pytest.mark.parametrize("operator", ["QLinearConv", "QLinearMatMul", "QGemm", "QLinearGlobalAveragePool", "Requantise"])
def test_scales_whose_quotients_are_ties(tmp_path, operator):
    """Decimal fractions and powers of two hit halves, where the order of float32 operations and the rounding show."""
    every, refused = np.arange(256, dtype=np.uint8), 0
    for seed in range(30):
        chance = np.random.default_rng(seed)
        x_scale, w_scale, y_scale = 2.0 ** chance.integers(-6, 0, 3) if seed % 4 == 0 else np.round(chance.uniform(0.005, 0.2, 3), 3)
        x, y, weights = grid(x_scale, 130), grid(y_scale, 121), random_integers(chance, (8, 1), np.int8)
        factor, zero = np.float32(w_scale), np.int8(0)
        maker = OnnxMaker([256, 1] if operator in ("QLinearMatMul", "QGemm") else [1, 64, 2, 2] if "Pool" in operator else [1, 1, 16, 16])
        if operator == "QLinearConv":
            maker.node(operator, "x", *x, weights.reshape(8, 1, 1, 1), factor, zero, *y)
        elif operator == "QLinearMatMul":
            maker.node(operator, "x", *x, weights.T.copy(), factor, zero, *y)
        elif operator == "QGemm":
            maker.node(operator, "x", *x, weights.T.copy(), factor, zero, np.arange(8, dtype=np.int32), *y, domain=CONTRIB)
        elif operator == "Requantise":
            maker.node("DequantizeLinear", "x", *x)
            maker.node("QuantizeLinear", None, *y)
        else:
            maker.node(operator, "x", *x, *y, domain=CONTRIB)
        shape = [dimension.dim_value for dimension in maker.input.type.tensor_type.shape.dim]
        try:
            assert_equal_to_onnxruntime(maker.save(tmp_path), [every.reshape(shape), chance.permutation(every).reshape(shape)])
        except WeftError as error:  # float32 noise on ties can leave no integers at all: refused, never approximated
            assert operator == "Requantise" and "no integers" in error.what
            refused += 1
    assert refused <= 3


def test_constants_are_folded(tmp_path):
    chance, maker = np.random.default_rng(10), OnnxMaker([1, 12], np.float32)
    maker.node("QuantizeLinear", "x", *grid(0.02, 128), output="q")
    maker.node("Reshape", chance.normal(size=(3, 4, 7)).astype(np.float32), np.array([12, 7]), output="w")
    maker.node("QuantizeLinear", "w", *grid(0.02, 120), output="wq")
    maker.node("QLinearMatMul", "q", *grid(0.02, 128), "wq", *grid(0.02, 120), *grid(0.1, 128), output="y")
    maker.node("DequantizeLinear", "y", *grid(0.1, 128), output="z")
    samples = chance.normal(size=(50, 1, 12)).astype(np.float32)
    assert_equal_to_onnxruntime(maker.save(tmp_path, dtype=np.float32), samples)


def _float_network(chance):
    """A residual network with every operator that a QDQ file may hold."""
    def weight(*shape):
        return numpy_helper.from_array(chance.normal(scale=1 / np.sqrt(np.prod(shape[1:])), size=shape).astype(np.float32),
                                       f"w{len(constants)}")

    constants: list[onnx.TensorProto] = []
    for shape in ((8, 2, 3, 3), (8,), (8, 8, 3, 3), (8,), (10, 8), (10,)):
        constants.append(weight(*shape))
    names = [constant.name for constant in constants]
    make = helper.make_node
    nodes = [make("Conv", ["x", *names[:2]], ["a"], "conv1", pads=[1] * 4), make("Relu", ["a"], ["b"], "relu1"),
             make("MaxPool", ["b"], ["c"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
             make("Conv", ["c", *names[2:4]], ["d"], "conv2", pads=[1] * 4), make("Add", ["d", "c"], ["e"], "add"),
             make("Relu", ["e"], ["f"], "relu2"), make("GlobalAveragePool", ["f"], ["g"], "mean"), make("Flatten", ["g"], ["h"], "flatten"),
             make("Gemm", ["h", *names[4:]], ["y"], "dense", transB=1)]
    ports = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in (("x", [1, 2, 8, 8]), ("y", [1, 10]))]
    graph = helper.make_graph(nodes, "residual", ports[:1], ports[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize("activation", ["QUInt8", "QInt8"])
def test_network_quantised_by_onnxruntime(tmp_path, form, activation):
    quantization = pytest.importorskip("onnxruntime.quantization")
    chance = np.random.default_rng(2)
    samples = chance.normal(size=(40, 1, 2, 8, 8)).astype(np.float32)

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.samples = iter([{"x": sample} for sample in samples])

        def get_next(self):
            return next(self.samples, None)

    onnx.save(_float_network(chance), tmp_path / "float.onnx")
    quantization.quantize_static(tmp_path / "float.onnx", tmp_path / "q.onnx", Reader(), per_channel=True,
                                 quant_format=quantization.QuantFormat[form], activation_type=quantization.QuantType[activation],
                                 weight_type=quantization.QuantType.QInt8)
    graph = assert_equal_to_onnxruntime(tmp_path / "q.onnx", samples)
    assert graph.input_float and graph.output_float == (True,)


@pytest.mark.parametrize("seed", range(20))
def test_unary_fit_equals_its_table(seed):
    chance = np.random.default_rng(seed)
    source = Tensor("x", (1, 1, 1), float(np.float32(chance.uniform(0.001, 0.1))), int(chance.integers(-128, 128)))
    target = Tensor("y", (1, 1, 1), float(np.float32(chance.uniform(0.001, 0.1))), int(chance.integers(-128, 128)))
    table = requantise_table(source, target)
    fit = fit_unary(table, source.scale / target.scale)
    assert np.array_equal(np.clip(numerics.scale(numerics.scale(HELD, fit.first), fit.second), -128, 127), table)


def test_unary_fit_refuses_what_is_not_affine():
    with pytest.raises(Unsupported, match="no integers"):
        fit_unary(np.where(HELD % 2, HELD, HELD - 3), 1.0)


def test_free_batch_dimension_is_one_and_noted(tmp_path):
    maker = OnnxMaker(["N", 4, 2, 2], np.int8)
    maker.node("Flatten", "x")
    graph = load(maker.save(tmp_path))
    assert graph.input_shape == (1, 4, 2, 2) and "batch" in graph.notes[0]


def test_all_offending_nodes_are_listed(tmp_path):
    maker = OnnxMaker([1, 4, 8, 8])
    weights = np.ones((4, 1, 3, 3), np.int8)
    maker.node("QLinearConv", "x", *grid(0.1, 0), weights, np.float32(0.1), np.int8(0), *grid(0.1, 0), group=3)
    maker.node("QLinearSoftmax", None, *grid(0.1, 0), *grid(0.004, 0), domain=CONTRIB)
    maker.node("MaxPool", "x", kernel_shape=[2, 2], dilations=[2, 2])
    with pytest.raises(WeftError) as caught:
        load(maker.save(tmp_path))
    for text in ("QLinearConv_0", "3 groups", "QLinearSoftmax_1", "operator not supported", "MaxPool_2", "dilations", "QLinearMatMul"):
        assert text in str(caught.value)
