"""Functions of one operand, and sums, products, differences and extremes of two, against tflite-micro and LiteRT."""

import numpy as np
import pytest

from weft.gen.frontend import load
from weft.gen.graph import Add, Extremum, Multiply, Prelu, Rescale, Table
from weft.verif.oracles import LitertReference, Tflm
from weft.verif.tests.engines import assert_equal_to, assert_equal_to_both, samples_of
from weft.verif.tests.tflite_models import TfliteMaker

pytest.importorskip("tflite_micro", reason="tflite-micro is the oracle of these tests")
EVERY = np.arange(-128, 128, dtype=np.int8)
FUNCTIONS = {"ABS": {}, "ELU": {}, "HARD_SWISH": {}, "LEAKY_RELU": {"alpha": 0.2}, "LOGISTIC": {}, "TANH": {}}
FIXED_OUTPUT = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}


def random_grid(chance, seed):
    """Scales with three decimals and powers of two have quotients that are ties, where roundings part."""
    scale = (float(np.round(chance.uniform(0.005, 0.2), 3)), 2.0 ** chance.integers(-7, -1), chance.uniform(0.003, 0.2))[seed % 3]
    return scale, int(chance.integers(-128, 128))


@pytest.mark.parametrize("operator", FUNCTIONS)
def test_function_of_every_value(tmp_path, operator):
    for seed in range(30):
        chance, maker = np.random.default_rng(seed), TfliteMaker()
        x = maker.tensor((1, 256), *random_grid(chance, seed))
        y = maker.tensor((1, 256), *FIXED_OUTPUT.get(operator, random_grid(chance, seed)))
        options, fields = ("LeakyReluOptions",) if operator == "LEAKY_RELU" else (), FUNCTIONS[operator]
        path = maker.save(tmp_path, x, maker.node(operator, [x], y, *options, **fields))
        assert_equal_to(Tflm, "tflm", path, EVERY[None, None])
        if operator != "ELU":  # LiteRT's kernels have no int8 ELU without a delegate
            assert_equal_to(LitertReference, "litert", path, EVERY[None, None])
        assert isinstance(load(path).nodes[0], Table)


@pytest.mark.parametrize("shape", [(), (1,), (24,), (1, 1, 1, 24)])
@pytest.mark.parametrize("operator", ["ADD", "MUL", "SUB"])
def test_operation_with_a_constant(tmp_path, operator, shape):
    for seed in range(12):
        chance, maker = np.random.default_rng(seed), TfliteMaker()
        x, y = (maker.tensor((1, 4, 5, 24), *random_grid(chance, seed)) for _ in range(2))
        constant = maker.constant(chance.integers(-128, 128, shape).astype(np.int8), *random_grid(chance, seed))
        inputs = [x, constant] if seed % 2 else [constant, x]
        maker.node(operator, inputs, y, f"{operator.capitalize()}Options", fusedActivationFunction=int(chance.choice([0, 1, 3])))
        path = maker.save(tmp_path, x, y)
        assert_equal_to_both(path, samples_of(chance, (1, 4, 5, 24), 10))
        assert isinstance(load(path).nodes[0], Rescale)


def test_factor_of_a_product_in_single_and_in_double_precision(tmp_path):
    """It is all but a power of two, on one side of it or exact, which decides products that are ties."""
    for seed in range(40):
        chance, maker = np.random.default_rng(seed), TfliteMaker()
        scales = [float(np.float32(np.round(chance.uniform(0.005, 0.2), 3))) for _ in range(2)]
        x = maker.tensor((1, 256), scales[0], 0)
        constant = maker.constant(np.array([2 * chance.integers(20, 64) - 1], np.int8), scales[1], 0)
        y = maker.tensor((1, 256), float(np.float32(scales[0] * scales[1] * 2.0 ** chance.integers(5, 8))), 0)
        path = maker.save(tmp_path, x, maker.node("MUL", [x, constant], y, "MulOptions"))
        assert_equal_to_both(path, EVERY[None, None])


@pytest.mark.parametrize("broadcast", [False, True])
@pytest.mark.parametrize("operator", ["ADD", "MUL", "SUB", "SQUARED_DIFFERENCE"])
def test_operation_of_two_activations(tmp_path, operator, broadcast):
    """The second one is a function of the first, or its mean, as squeeze-and-excitation has it."""
    for seed in range(12):
        chance, maker = np.random.default_rng(seed), TfliteMaker()
        x, y = (maker.tensor((1, 4, 5, 24), *random_grid(chance, seed)) for _ in range(2))
        shape = (1, 1, 1, 24) if broadcast else (1, 4, 5, 24)
        other = maker.tensor(shape, *random_grid(chance, seed))
        if broadcast:
            maker.node("MEAN", [x, maker.constant(np.array([1, 2], np.int32))], other, "ReducerOptions", keepDims=True)
        else:
            maker.node("HARD_SWISH", [x], other)
        options = "SquaredDifferenceOptions" if operator == "SQUARED_DIFFERENCE" else f"{operator.capitalize()}Options"
        maker.node(operator, [x, other] if seed % 2 else [other, x], y, options)
        path = maker.save(tmp_path, x, y, other)
        assert_equal_to_both(path, samples_of(chance, (1, 4, 5, 24), 10))
        assert isinstance(load(path).nodes[1], Multiply if operator == "MUL" else Add)


@pytest.mark.parametrize("second", ["activation", "channels", "number"])
@pytest.mark.parametrize("operator", ["MAXIMUM", "MINIMUM"])
def test_larger_or_smaller(tmp_path, operator, second):
    for seed in range(6):
        chance, maker = np.random.default_rng(seed), TfliteMaker()
        grid = random_grid(chance, seed)
        x, y = (maker.tensor((1, 4, 5, 24), *grid) for _ in range(2))
        if second == "number":
            other = maker.constant(chance.integers(-128, 128, (1,)).astype(np.int8), *grid)
        else:
            other = maker.tensor((1, 1, 1, 24) if second == "channels" else (1, 4, 5, 24), *grid)
            source = [x, maker.constant(np.array([1, 2], np.int32))] if second == "channels" else [x]
            name, options = ("MEAN", ("ReducerOptions",)) if second == "channels" else ("HARD_SWISH", ())
            maker.node(name, source, other, *options, **({"keepDims": True} if options else {}))
        maker.node(operator, [x, other] if seed % 2 else [other, x], y, "MaximumMinimumOptions")
        path = maker.save(tmp_path, x, y)
        assert_equal_to_both(path, samples_of(chance, (1, 4, 5, 24), 10))
        assert isinstance(load(path).nodes[-1], Rescale if second == "number" else Extremum)


@pytest.mark.parametrize("shape", [(1,), (24,), (1, 1, 24)])
def test_prelu(tmp_path, shape):
    for seed in range(12):
        chance, maker = np.random.default_rng(seed), TfliteMaker()
        x, y = (maker.tensor((1, 4, 5, 24), *random_grid(chance, seed)) for _ in range(2))
        slopes = maker.constant(chance.integers(-128, 128, shape).astype(np.int8), *random_grid(chance, seed))
        path = maker.save(tmp_path, x, maker.node("PRELU", [x, slopes], y))
        assert_equal_to_both(path, samples_of(chance, (1, 4, 5, 24), 10))
        assert isinstance(load(path).nodes[0], Table if shape == (1,) else Prelu)


def test_rsqrt_of_every_value(tmp_path):
    """Both engines stop at a value below zero."""
    for seed in range(30):
        chance, maker = np.random.default_rng(seed), TfliteMaker()
        scale, zero = random_grid(chance, seed)
        x, y = maker.tensor((1, 256), scale, zero), maker.tensor((1, 256), *random_grid(chance, seed))
        path = maker.save(tmp_path, x, maker.node("RSQRT", [x], y))
        assert_equal_to_both(path, np.maximum(EVERY, zero).astype(np.int8)[None, None])
