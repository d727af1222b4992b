"""The two ends of a network on the host: the file's types and layouts to held int8 (H, W, C) and back."""

import dataclasses

import numpy as np

from weft.gen.errors import WeftError
from weft.gen.frontend.builder import file_order
from weft.gen.graph import Graph, Tensor

UNSIGNED_OFFSET = 128  # a uint8 value q is held as q - 128


@dataclasses.dataclass(frozen=True)
class Entry:
    """A tensor that enters from outside: `name` and `shape` are the file's, batch included, `tensor` what holds it. `rounding`: how a
    float32 one is quantised, "" for integers; `layout` as in `Graph`, `network` for messages."""

    name: str
    tensor: Tensor
    shape: tuple[int, ...]
    layout: str
    rounding: str
    network: str


def encode_input(graph: Graph, sample: np.ndarray) -> np.ndarray:
    """One sample in the file's type, shape and layout (batch optional) as held int8 (H, W, C).

    A float input is quantised by the graph's rule. Raises `WeftError` for another shape, for fractions where the file has
    integers, and for values outside the file's type.
    """
    return hold(sample, input_of(graph))


def input_of(graph: Graph) -> Entry:
    """The graph's one input as what enters."""
    rounding = graph.input_rounding if graph.input_float else ""
    return Entry(graph.input, graph.tensors[graph.input], graph.input_shape, graph.layout, rounding, graph.name)


def hold(sample: np.ndarray, entry: Entry) -> np.ndarray:
    """As `encode_input`, for any tensor that enters."""
    sample, tensor = np.asarray(sample), entry.tensor
    if sample.shape not in (entry.shape, entry.shape[1:]):
        raise WeftError(f"sample of shape {list(sample.shape)}", where=f"input of {entry.network}",
                        why=f"the network takes {list(entry.shape)} ({entry.layout})", fix="reshape or resize the sample")
    if entry.rounding:
        held = quantise(sample, tensor.scale, tensor.zero_point, entry.rounding)
    else:
        held = _check_integers(entry, sample) - UNSIGNED_OFFSET * tensor.unsigned
    result = np.empty(held.size, dtype=np.int8)
    result[file_order(entry.shape, entry.layout)] = held.reshape(-1)
    return result.reshape(tensor.shape)


def decode_output(graph: Graph, index: int, held: np.ndarray) -> np.ndarray:
    """Output number `index`, held int8 (H, W, C), in the file's type, shape and layout."""
    tensor, shape = graph.tensors[graph.outputs[index]], graph.output_shapes[index]
    values = held.reshape(-1)[file_order(shape, graph.layout)].reshape(shape)
    if graph.output_float[index]:
        result: np.ndarray = (values.astype(np.int32) - tensor.zero_point).astype(np.float32) * np.float32(tensor.scale)
    elif tensor.unsigned:
        result = (values.astype(np.int16) + UNSIGNED_OFFSET).astype(np.uint8)
    else:
        result = values.astype(np.int8)
    return result


def quantise(values: np.ndarray, scale: float, zero_point: int, rounding: str) -> np.ndarray:
    """saturate(round(values / scale) + zero_point) to -128 .. 127 as int16; the division is IEEE float32.

    `rounding`: "half_away" (TFLite's reference) or "half_even" (ONNX). NaN becomes the lower end.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        quotient = np.asarray(values, dtype=np.float32) / np.float32(scale)
    quotient = np.nan_to_num(np.clip(quotient, -(1 << 20), 1 << 20), nan=-(1 << 20)).astype(np.float64)
    rounded = np.rint(quotient) if rounding == "half_even" else np.copysign(np.floor(np.abs(quotient) + 0.5), quotient)
    held: np.ndarray = np.clip(rounded + zero_point, -128, 127)
    return held.astype(np.int16)


def _check_integers(entry: Entry, sample: np.ndarray) -> np.ndarray:
    low, high = (0, 255) if entry.tensor.unsigned else (-128, 127)
    kind = "uint8" if entry.tensor.unsigned else "int8"
    if not np.issubdtype(sample.dtype, np.integer) or sample.min() < low or sample.max() > high:
        raise WeftError(f"sample of type {sample.dtype}", where=f"input of {entry.network}", why=f"the network takes {kind}",
                        fix=f"quantise the sample to {kind} (scale {entry.tensor.scale:g})")
    return sample.astype(np.int16)
