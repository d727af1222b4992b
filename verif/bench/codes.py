"""Codes of number formats decoded by ml_dtypes: what benches of `weft.hdl.formats` compare with."""

import functools
from fractions import Fraction

import ml_dtypes
import numpy as np

from weft.gen.formats.element import ELEMENTS
from weft.gen.formats.selection import PAIRS

TYPES = {
    "int8": np.int8, "int8q6": np.int8, "uint8": np.uint8, "int4": ml_dtypes.int4, "int2": ml_dtypes.int2,
    "e4m3": ml_dtypes.float8_e4m3fn, "ue4m3": ml_dtypes.float8_e4m3fn, "e5m2": ml_dtypes.float8_e5m2, "e2m3": ml_dtypes.float6_e2m3fn,
    "e3m2": ml_dtypes.float6_e3m2fn, "e2m1": ml_dtypes.float4_e2m1fn, "bf16": ml_dtypes.bfloat16, "fp16": np.float16,
    "e8m0": ml_dtypes.float8_e8m0fnu}

EXHAUSTIVE = [each for each in PAIRS if max(each.activation.bits, each.weight.bits) <= 8]  # all pairs of codes are tried


@functools.cache
def floats(name: str) -> np.ndarray:
    """Value of every code, in double precision, which holds all of them."""
    bits = ELEMENTS[name].bits
    codes = np.arange(1 << bits, dtype=np.uint16 if bits > 8 else np.uint8)
    with np.errstate(invalid="ignore"):  # signalling NaNs
        found = codes.view(TYPES[name]).astype(np.float64)
    if name == "ue4m3":
        return np.abs(found)
    return found / 64 if name == "int8q6" else found


@functools.cache
def fixed(name: str) -> list[int]:
    """Value of every code in units of the format's smallest value; 0 where it is not finite."""
    unit = ELEMENTS[name].smallest_subnormal
    values = [Fraction(value) / unit if np.isfinite(value) else Fraction(0) for value in floats(name)]
    assert all(value.denominator == 1 for value in values)
    return [int(value) for value in values]


def hard_cases(name: str, kind: type = np.float32) -> np.ndarray:
    """Every value, every midpoint of neighbours, numbers beyond the range, each with its neighbours in `kind`.

    In single precision by default: ml_dtypes rounds double to single first, and then again.
    """
    values = np.unique(floats(name)[np.isfinite(floats(name))])
    middles = (values[1:] + values[:-1]) / 2
    with np.errstate(over="ignore"):
        some = np.concatenate([values, middles, 1.5 * values[[0, -1]], values[[0, -1]] * (1 + 2.0**-10)]).astype(kind)
        return np.concatenate([some, np.nextafter(some, kind(np.inf)), np.nextafter(some, kind(-np.inf)), [kind(-0.0)]])


def cast(name: str, values: np.ndarray) -> np.ndarray:
    """Codes nearest to finite float32 values, saturated: those of ml_dtypes after clipping, of integers numpy's."""
    element = ELEMENTS[name]
    unit = float(element.smallest_subnormal)
    clipped = np.clip(values, np.float32(element.fixed_low * unit), np.float32(element.fixed_high * unit))
    if element.integer:
        return np.rint(clipped / unit).astype(np.int64) & (1 << element.bits) - 1
    return clipped.astype(TYPES[name]).view(np.uint16 if element.bits > 8 else np.uint8).astype(np.int64)


@functools.cache
def products(activation: str, weight: str) -> tuple[list[list[int]], list[list[int]]]:
    """Of every pair of codes: the exact product in units of the pair, and its `specials`."""
    flags = specials(floats(activation)[:, None], floats(weight)[None, :])
    return [[a * w for w in fixed(weight)] for a in fixed(activation)], flags.tolist()


def specials(activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of products of values: 1 for NaN, 2 for infinity, 4 for minus infinity, 0 else."""
    with np.errstate(invalid="ignore"):
        grid = activations * weights
    return np.isnan(grid) * 1 + np.isposinf(grid) * 2 + np.isneginf(grid) * 4
