"""Products, functions and moves of .onnx against onnxruntime."""

import numpy as np
import pytest

from weft.gen.frontend import load
from weft.verif.onnx_maker import CONTRIB, OnnxMaker, grid, random_integers
from weft.verif.tests.test_frontend_onnx import assert_equal_to_onnxruntime

pytest.importorskip("onnxruntime", reason="onnxruntime is the oracle of these tests")
KINDS = [np.uint8, np.int8]
EVERY = {kind: np.arange(256, dtype=np.uint8).view(kind) for kind in KINDS}


def random_grid(chance, kind, seed):
    """Scales with three decimals and powers of two have quotients that are ties."""
    scale = (np.round(chance.uniform(0.005, 0.2), 3), 2.0 ** chance.integers(-7, -1), chance.uniform(0.003, 0.2))[seed % 3]
    return grid(scale, random_integers(chance, (), kind), kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operator", ["QLinearSigmoid", "QLinearLeakyRelu"])
def test_function_of_every_value(tmp_path, kind, operator):
    for seed in range(60):
        chance, maker = np.random.default_rng(seed), OnnxMaker([1, 256], kind)
        result = grid(1 / 256, 0 if kind is np.uint8 else -128, kind) if seed % 2 and operator == "QLinearSigmoid" else None
        maker.node(operator, "x", *random_grid(chance, kind, seed), *(result or random_grid(chance, kind, seed + 1)), domain=CONTRIB,
                   **({"alpha": 0.07} if operator == "QLinearLeakyRelu" else {}))
        assert_equal_to_onnxruntime(maker.save(tmp_path), [EVERY[kind][None]])


def _promised(path):
    """Whether every note says that results are equal."""
    return not any("differ" in note for note in load(path).notes)


@pytest.mark.parametrize("kind", KINDS)
def test_product_of_two_activations(tmp_path, kind):
    """One is the other's transposition. Where weft promises equality for all pairs, it holds; power-of-two scales, with their ties, are
    promised."""
    promised = 0
    for seed in range(24):
        chance, maker = np.random.default_rng(seed), OnnxMaker([1, 1, 16, 16], kind)
        first, second = random_grid(chance, kind, seed), random_grid(chance, kind, seed)
        turned = maker.node("Transpose", "x", perm=[0, 1, 3, 2])
        maker.node("QLinearMul", "x", *first, turned, *second, *random_grid(chance, kind, seed), domain=CONTRIB)
        path = maker.save(tmp_path)
        assert _promised(path) or seed % 3 != 1
        if _promised(path):
            promised += 1
            assert_equal_to_onnxruntime(path, [random_integers(chance, (1, 1, 16, 16), kind) for _ in range(30)])
    assert promised >= 14


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(), (3, 1, 1)])
def test_product_with_a_constant(tmp_path, kind, shape):
    promised = 0
    for seed in range(24):
        chance, maker = np.random.default_rng(seed), OnnxMaker([1, 3, 16, 16], kind)
        constant = random_integers(chance, shape, kind)
        operands = [("x", *random_grid(chance, kind, seed)), (np.asarray(constant), *random_grid(chance, kind, seed))]
        maker.node("QLinearMul", *(item for operand in operands[::1 if seed % 2 else -1] for item in operand),
                   *random_grid(chance, kind, seed), domain=CONTRIB)
        every = np.broadcast_to(EVERY[kind].reshape(1, 1, 16, 16), (1, 3, 16, 16))
        path = maker.save(tmp_path)
        assert _promised(path) or shape
        if _promised(path):
            promised += 1
            assert_equal_to_onnxruntime(path, [every])
    assert promised >= 20


@pytest.mark.parametrize("kind", KINDS)
def test_network_that_gives_its_input_back(tmp_path, kind):
    maker = OnnxMaker([1, 3, 4, 5], kind)
    maker.node("Identity", "x")
    graph = assert_equal_to_onnxruntime(maker.save(tmp_path), [random_integers(np.random.default_rng(1), (1, 3, 4, 5), kind)])
    assert graph.outputs[0] != graph.input


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axis", [1, 2, -1])
def test_concatenation(tmp_path, kind, axis):
    for seed in range(6):
        chance, maker = np.random.default_rng(seed), OnnxMaker([1, 3, 8, 4], kind)
        first, second = random_grid(chance, kind, seed), random_grid(chance, kind, seed + 1)
        pooled = maker.node("MaxPool", "x", kernel_shape=[1, 1])
        result = first if seed % 2 else random_grid(chance, kind, seed + 2)
        maker.node("QLinearConcat", *result, "x", *first, pooled, *second, "x", *first, domain=CONTRIB, axis=axis)
        assert_equal_to_onnxruntime(maker.save(tmp_path), [random_integers(chance, (1, 3, 8, 4), kind) for _ in range(6)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [None, 100])
def test_pad(tmp_path, kind, value):
    chance, maker = np.random.default_rng(1), OnnxMaker([1, 3, 4, 5], kind)
    maker.node("Pad", "x", np.array([0, 1, 2, 0, 0, 0, 1, 3]), *([] if value is None else [kind(value)]))
    assert_equal_to_onnxruntime(maker.save(tmp_path), [random_integers(chance, (1, 3, 4, 5), kind)])


@pytest.mark.parametrize("origin", ["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"])
@pytest.mark.parametrize("nearest", ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"])
def test_resize(tmp_path, origin, nearest):
    for size in ([8, 10], [7, 13], [3, 2], [4, 5], [1, 1], [12, 40]):
        for sizes in (True, False):
            chance, maker = np.random.default_rng(1), OnnxMaker([1, 3, 4, 5])
            empty = np.array([], np.float32)
            ends = (empty, empty, np.array([1, 3, *size])) if sizes else (empty, np.array([1, 1, size[0] / 4, size[1] / 5], np.float32))
            maker.node("Resize", "x", *ends, mode="nearest", coordinate_transformation_mode=origin, nearest_mode=nearest)
            if not sizes and [int(np.float32(4) * ends[1][2]), int(np.float32(5) * ends[1][3])] != size:
                continue
            assert_equal_to_onnxruntime(maker.save(tmp_path), [random_integers(chance, (1, 3, 4, 5), np.uint8)])


@pytest.mark.parametrize("order", [[0, 2, 1, 3], [0, 3, 1, 2], [0, 1, 3, 2], [0, 2, 3, 1], [0, 3, 2, 1]])
def test_transposition_in_front_of_a_pool_moves_elements(tmp_path, order):
    chance, maker = np.random.default_rng(1), OnnxMaker([1, 3, 4, 5])
    maker.node("Transpose", "x", perm=order)
    maker.node("MaxPool", None, kernel_shape=[2, 2])
    path = maker.save(tmp_path)
    assert_equal_to_onnxruntime(path, [random_integers(chance, (1, 3, 4, 5), np.uint8)])
    assert load(path).nodes[0].source == "Transpose"
