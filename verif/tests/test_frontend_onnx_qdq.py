"""QDQ patterns of .onnx against onnxruntime: DequantizeLinear, a float32 operator, QuantizeLinear."""

import numpy as np
import pytest

from weft.gen.errors import WeftError
from weft.gen.frontend import load
from weft.gen.frontend.onnx_functions import FUNCTIONS
from weft.gen.graph import Table
from weft.verif.onnx_maker import OnnxMaker, grid, random_integers
from weft.verif.tests.test_frontend_onnx import assert_equal_to_onnxruntime
from weft.verif.tests.test_frontend_onnx_functions import EVERY, KINDS, random_grid

pytest.importorskip("onnxruntime", reason="onnxruntime is the oracle of these tests")


class QdqMaker(OnnxMaker):
    """Operators between scales."""

    def real(self, name, pair):
        return self.node("DequantizeLinear", name, *pair)

    def integer(self, pair):
        return self.node("QuantizeLinear", None, *pair)


def promised(path):
    return not any("differ" in note for note in load(path).notes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operator", [*FUNCTIONS, "Sigmoid", "LeakyRelu"])
def test_function_of_every_value(tmp_path, kind, operator):
    """Half of them limited by a Relu that follows."""
    for seed in range(40):
        chance, maker = np.random.default_rng(seed), QdqMaker([1, 256], kind)
        maker.real("x", random_grid(chance, kind, seed))
        maker.node(operator, None, **({"alpha": 0.3} if operator in ("Elu", "LeakyRelu", "HardSigmoid") else {}))
        if seed % 2:
            maker.node("Relu", None)
        maker.integer(random_grid(chance, kind, seed + 1))
        graph = assert_equal_to_onnxruntime(maker.save(tmp_path), [EVERY[kind][None]])
        assert [type(node) for node in graph.nodes] == [Table]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operator", ["Mul", "Sub"])
def test_two_activations(tmp_path, kind, operator):
    """One is the other's transposition."""
    count = 0
    for seed in range(18):
        chance, maker = np.random.default_rng(seed), QdqMaker([1, 1, 16, 16], kind)
        first, second = random_grid(chance, kind, seed), random_grid(chance, kind, seed)
        turned = maker.real(maker.node("Transpose", "x", perm=[0, 1, 3, 2]), second)
        maker.node(operator, maker.real("x", first), turned)
        maker.integer(random_grid(chance, kind, seed))
        path = maker.save(tmp_path)
        if promised(path):
            count += 1
            assert_equal_to_onnxruntime(path, [random_integers(chance, (1, 1, 16, 16), kind) for _ in range(20)])
    assert count >= 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("operator", ["Mul", "Sub"])
def test_constant(tmp_path, kind, swap, operator):
    count = 0
    for seed in range(12):
        chance, maker = np.random.default_rng(seed), QdqMaker([1, 3, 16, 16], kind)
        constant = np.asarray(random_integers(chance, (3, 1, 1) if seed % 2 else (), kind))
        operands = [maker.real("x", random_grid(chance, kind, 2)), maker.real(constant, random_grid(chance, kind, 2))]
        maker.node(operator, *operands[::-1 if swap else 1])
        maker.integer(random_grid(chance, kind, 2))
        path = maker.save(tmp_path)
        if promised(path):
            count += 1
            assert_equal_to_onnxruntime(path, [np.broadcast_to(EVERY[kind].reshape(1, 1, 16, 16), (1, 3, 16, 16))])
    assert count >= 10


EMPTY = np.array([], np.float32)
MOVES = [
    ("Pad", [np.array([0, 1, 2, 0, 0, 0, 1, 3])], {}), ("Pad", [np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.float32(1.3)], {}),
    ("Resize", [EMPTY, np.array([1, 1, 2, 3], np.float32)], {"mode": "nearest", "coordinate_transformation_mode": "asymmetric",
                                                             "nearest_mode": "floor"}),
    ("Slice", [np.array([1, -3]), np.array([100, -1]), np.array([2, 3])], {}),
    ("Slice", [np.array([-1, 0]), np.array([-100, 7]), np.array([2, 1]), np.array([-2, 3])], {}),
    ("DepthToSpace", [], {"blocksize": 2}), ("DepthToSpace", [], {"blocksize": 2, "mode": "CRD"}), ("SpaceToDepth", [], {"blocksize": 2}),
    ("Transpose", [], {"perm": [0, 2, 3, 1]}), ("MaxPool", [], {"kernel_shape": [2, 3]}),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("operator", "constants", "attributes"), MOVES)
def test_moved_elements(tmp_path, kind, operator, constants, attributes):
    """On one grid, and from one to another with a Relu between."""
    chance = np.random.default_rng(1)
    first, second = random_grid(chance, kind, 2), random_grid(chance, kind, 2)
    for same in (True, False):
        maker = QdqMaker([1, 8, 4, 6], kind)
        maker.node(operator, maker.real("x", first), *constants, **attributes)
        if not same:
            maker.node("Relu", None)
        maker.integer(first if same else second)
        if operator == "Pad" and len(constants) > 1 and not same:
            with pytest.raises(WeftError, match="Pad"):  # the padding's value is on neither grid
                load(maker.save(tmp_path))
            continue
        assert_equal_to_onnxruntime(maker.save(tmp_path), [random_integers(chance, (1, 8, 4, 6), kind) for _ in range(5)])


@pytest.mark.parametrize("operands", [[], [np.array([1, 2, 5])]])
def test_split(tmp_path, operands):
    """Parts on two grids, and one that nobody reads; and in a QOperator file."""
    for quantised in (True, False):
        chance, maker = np.random.default_rng(2), QdqMaker([1, 8, 4, 6] if operands else [1, 9, 4, 6])
        grids = [random_grid(chance, np.uint8, 2) for _ in range(2)]
        source = maker.real("x", grids[0]) if quantised else "x"
        maker.node("Split", source, *operands, axis=1)
        maker.nodes[-1].output[:] = ["a", "b", "c"]
        names = ["a", "c"]
        if quantised:
            names = [maker.node("QuantizeLinear", name, *pair) for name, pair in zip(names, grids, strict=True)]
        shape = (1, 8 if operands else 9, 4, 6)
        assert_equal_to_onnxruntime(maker.save(tmp_path, *names), [random_integers(chance, shape, np.uint8) for _ in range(3)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("relu", [False, True])
def test_concatenation(tmp_path, kind, relu):
    for seed in range(4):
        chance, maker = np.random.default_rng(seed), QdqMaker([1, 3, 8, 4], kind)
        first, second = random_grid(chance, kind, seed), random_grid(chance, kind, seed + 1)
        pooled = maker.real(maker.node("MaxPool", "x", kernel_shape=[1, 1]), second)
        maker.node("Concat", maker.real("x", first), pooled, axis=1)
        if relu:
            maker.node("Relu", None)
        maker.integer(first)
        assert_equal_to_onnxruntime(maker.save(tmp_path), [random_integers(chance, (1, 3, 8, 4), kind) for _ in range(4)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("axes", "keep"), [([2, 3], 1), ([-1, -2], 0), ([2], 0), ([3], 0), ([3], 1)])
def test_mean_differs_only_where_it_is_a_tie(tmp_path, kind, axes, keep):
    """Its float32 sum depends on its order; random scales have no ties."""
    for seed in range(6):
        chance, maker = np.random.default_rng(seed), QdqMaker([1, 5, 7, 6], kind)
        maker.real("x", random_grid(chance, kind, 2))
        maker.node("ReduceMean", None, axes=axes, keepdims=keep)
        maker.integer(random_grid(chance, kind, 2))
        path = maker.save(tmp_path)
        assert any("may differ" in note for note in load(path).notes)
        assert_equal_to_onnxruntime(path, [random_integers(chance, (1, 5, 7, 6), kind) for _ in range(10)])


def test_mean_over_channels_is_refused(tmp_path):
    maker = QdqMaker([1, 5, 7, 6])
    maker.real("x", grid(0.1, 3))
    maker.node("ReduceMean", None, axes=[1])
    maker.integer(grid(0.1, 3))
    with pytest.raises(WeftError, match="only height and width"):
        load(maker.save(tmp_path))
