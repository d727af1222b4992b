"""Reads a model file of llama2.c (version 0: seven int32, then float32 tensors)."""

import dataclasses
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Sizes and weights. A linear layer's weights are [outputs, inputs]; tensors that every layer has begin with that axis."""

    dim: int
    hidden: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int
    length: int
    embedding: Float32  # [vocabulary, dim]; also the classifier
    attention_norm: Float32
    wq: Float32
    wk: Float32
    wv: Float32
    wo: Float32
    ffn_norm: Float32
    w1: Float32
    w2: Float32
    w3: Float32
    final_norm: Float32

    @property
    def head_size(self) -> int:
        return self.dim // self.heads

    def linear_layers(self) -> dict[str, Float32]:
        """Weights of every linear layer by name: `wq.0` .. `w3.4`, `classifier`."""
        names = ("wq", "wk", "wv", "wo", "w1", "w2", "w3")
        found = {f"{name}.{layer}": getattr(self, name)[layer] for layer in range(self.layers) for name in names}
        return {**found, "classifier": self.embedding}


def load(path: Path) -> Checkpoint:
    """Raises ValueError if the file is not such a model, or has a classifier of its own."""
    raw = path.read_bytes()
    sizes = [int(value) for value in np.frombuffer(raw[:28], "<i4")]
    if len(sizes) != 7 or min(sizes) < 1:
        raise ValueError(f"{path}: sizes {sizes} are not seven positive numbers; expected a llama2.c model with a shared classifier")
    dim, hidden, layers, heads, key_heads, vocabulary, length = sizes
    head = dim // heads
    kv = head * key_heads
    shapes = {
        "embedding": (vocabulary, dim), "attention_norm": (layers, dim), "wq": (layers, dim, dim), "wk": (layers, kv, dim),
        "wv": (layers, kv, dim), "wo": (layers, dim, dim), "ffn_norm": (layers, dim), "w1": (layers, hidden, dim),
        "w2": (layers, dim, hidden), "w3": (layers, hidden, dim), "final_norm": (dim,)}
    rotations = 2 * length * (head // 2)  # tables of cosines and sines follow, which are not needed
    expected = 28 + 4 * (sum(math.prod(shape) for shape in shapes.values()) + rotations)
    if len(raw) != expected:
        raise ValueError(f"{path}: {len(raw)} bytes where sizes {sizes} need {expected}")
    tensors: dict[str, Float32] = {}
    offset = 28
    for name, shape in shapes.items():
        tensors[name] = np.frombuffer(raw, "<f4", math.prod(shape), offset).reshape(shape)
        offset += tensors[name].nbytes
    return Checkpoint(dim, hidden, layers, heads, key_heads, vocabulary, length, **tensors)
