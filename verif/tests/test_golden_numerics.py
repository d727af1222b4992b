"""Golden numerics: against Python integers, IEEE float32 of numpy, and the functions that they approximate."""

import numpy as np
import pytest

from weft.gen.frontend.multiplier import double_scale, float32_scale
from weft.gen.frontend.softmax_table import exponential_table
from weft.gen.graph import Scale
from weft.gen.isa import Rounding
from weft.verif.golden import numerics

INT32 = (-(1 << 31), (1 << 31) - 1)


def one(x, scale):
    """The scaling stage on Python integers, from the text of the instruction set."""
    value = (x + int(scale.pre)) << int(scale.left)
    value = (value + (1 << 31)) % (1 << 32) - (1 << 31)
    product, right = value * int(scale.multiplier), int(scale.right)

    def away(p, s):
        magnitude = (2 * abs(p) + (1 << s)) >> (s + 1)
        return magnitude if p >= 0 else -magnitude

    match scale.rounding:
        case Rounding.FLOOR:
            result = product >> right
        case Rounding.HALF_UP:
            result = (2 * product + (1 << right)) >> (right + 1)
        case Rounding.HALF_AWAY:
            result = away(product, right)
        case Rounding.DOUBLE:
            result = away((product + (1 << 30) >> 31) << 31, right)
    return min(max(result, INT32[0]), INT32[1])


@pytest.mark.parametrize("rounding", [Rounding.FLOOR, Rounding.HALF_UP, Rounding.HALF_AWAY, Rounding.DOUBLE])
def test_scale_equals_python_integers(rounding):
    chance = np.random.default_rng(int(rounding))
    corners = np.array([*INT32, -1, 0, 1, 1 << 30, -(1 << 30), (1 << 30) - 1])
    for _ in range(300):
        values = np.concatenate([corners, chance.integers(*INT32, 50), chance.integers(-300, 300, 50)])
        scale = Scale(multiplier=int(chance.choice([*corners, *chance.integers(*INT32, 8)])), left=int(chance.integers(0, 32)),
                      right=int(chance.integers(31 if rounding is Rounding.DOUBLE else 0, 64)), rounding=rounding,
                      pre=int(chance.choice([0, int(chance.integers(*INT32))])))
        assert numerics.scale(values, scale).tolist() == [one(int(value), scale) for value in values]


def test_float32_scale_equals_ieee_arithmetic():
    chance = np.random.default_rng(9)
    for _ in range(200):
        factor = np.float32(chance.uniform(1e-6, 4) if chance.random() < 0.8 else 2.0 ** int(chance.integers(-20, 4)))
        x = np.concatenate([chance.integers(*INT32, 300), chance.integers(-5000, 5000, 300), np.array(INT32)])
        wanted = np.clip(np.rint(x.astype(np.int32).astype(np.float32) * factor).astype(np.float64), *INT32)
        assert np.array_equal(numerics.scale(x, float32_scale(factor)), wanted.astype(np.int64))


def test_parameters_per_channel_broadcast_over_the_last_axis():
    chance = np.random.default_rng(3)
    x, reals, bias = chance.integers(-9999, 9999, (4, 5, 6)), chance.uniform(0.001, 2, 6), chance.integers(-99, 99, 6).astype(np.int32)
    wide = numerics.scale(x, double_scale(reals, bias))
    for channel in range(6):
        assert np.array_equal(wide[..., channel], numerics.scale(x[..., channel], double_scale(reals[channel], int(bias[channel]))))


def test_multiply_high_rounds_ties_up_and_saturates_its_one_overflow():
    tie = np.array([1 << 15, -(1 << 15)])
    assert numerics.multiply_high(tie, np.int64(1 << 15)).tolist() == [1, 0]
    assert numerics.multiply_high(np.array([INT32[0]]), np.int64(INT32[0])).tolist() == [INT32[1]]


def test_exponential_is_close_to_the_real_one_and_equals_the_front_end_table():
    a = -np.unique(np.concatenate([np.arange(3000), np.geomspace(1, (1 << 31) - 1, 5000).astype(np.int64)]))
    assert np.abs(numerics.exp_on_negative_values(a) / 2**31 - np.exp(a / 2**26)).max() < 3e-7
    for scale, beta in ((0.05, 1.0), (0.2, 0.5), (0.0039, 1.0)):
        multiplier = double_scale(beta * np.float64(scale) * (1 << 26))
        table = exponential_table(scale, beta)
        used = [d for d in range(-255, 1) if table[d & 255]]
        scaled = numerics.scale(np.array(used), multiplier)
        assert len(used) > 100 and np.array_equal(table[np.array(used) & 255], numerics.exp_on_negative_values(scaled))


def test_reciprocal_is_close_to_the_real_one():
    a = np.concatenate([np.arange(100), np.linspace(0, INT32[1], 10001).astype(np.int64)])
    assert np.abs(numerics.one_over_one_plus_x(a) / 2**31 - 1 / (1 + a / 2**31)).max() < 2e-8


def test_softmax_is_close_to_the_real_one():
    chance = np.random.default_rng(4)
    for classes in (2, 10, 1000):
        x = chance.integers(-128, 128, (50, classes)).astype(np.int8)
        real = np.exp((x.astype(float) - x.max(axis=1, keepdims=True)) * 0.05)
        real /= real.sum(axis=1, keepdims=True)
        assert np.abs((numerics.softmax(x, exponential_table(0.05, 1.0)) + 128.0) - 256 * real).max() <= 1.0


def test_division_rounds_halves_away_from_zero():
    total, count = np.meshgrid(np.arange(-600, 601), np.arange(1, 130))
    wanted = np.sign(total) * np.floor(np.abs(total) / count + 0.5 + 1e-12)
    assert np.array_equal(numerics.divide_half_away(total, count), wanted)
