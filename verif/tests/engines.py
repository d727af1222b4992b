"""Comparing weft's reference arithmetic with the engines that own .tflite."""

from pathlib import Path

import numpy as np

from weft.gen.frontend import decode_output, encode_input, load
from weft.verif.golden import reference
from weft.verif.oracles import LitertReference, Tflm


def run_weft(path: Path, samples: np.ndarray, rounding: str) -> list[list[np.ndarray]]:
    """Every output of every sample."""
    graph, results = load(path, rounding=rounding), []
    for sample in samples:
        tensors = reference.run(graph, encode_input(graph, sample))
        results.append([decode_output(graph, index, tensors[name]) for index, name in enumerate(graph.outputs)])
    return results


def assert_equal_to(engine: type[Tflm] | type[LitertReference], rounding: str, path: Path, samples: np.ndarray) -> None:
    interpreter = engine(path)
    for sample, ours in zip(samples, run_weft(path, samples, rounding), strict=True):
        for mine, theirs in zip(ours, interpreter.run(sample), strict=True):
            assert mine.dtype == theirs.dtype and mine.shape == theirs.shape
            assert np.array_equal(mine, theirs)


def assert_equal_to_both(path: Path, samples: np.ndarray) -> None:
    assert_equal_to(Tflm, "tflm", path, samples)
    assert_equal_to(LitertReference, "litert", path, samples)


def samples_of(chance: np.random.Generator, shape: tuple[int, ...], count: int = 20) -> np.ndarray:
    return chance.integers(-128, 128, (count, *shape)).astype(np.int8)
