"""The network as integers: what front ends produce, and what compiler and golden reference consume.

Front ends resolve every convention of the file (paddings, fused activations, scales, uint8) so that a graph
states exact integer arithmetic and nothing else. Pure data: imports only `isa` and numpy.

Conventions
-----------
* Activations are int8, batch 1, laid out H, W, C (``shape`` is (H, W, C); a vector of N is (1, 1, N)). A uint8
  tensor of the file is held as value - 128 (``unsigned=True``); zero points are in the held domain.
* ``Scale`` is exactly the scaling stage of the vector unit (see `weft.gen.isa.Instruction` VECTOR_SCALE).
* Every node produces ``clip(v + zero_point, low, high)`` in the held int8 domain.
"""

import dataclasses
import enum
from typing import Any

import numpy as np

from weft.gen.isa import Rounding


@dataclasses.dataclass(frozen=True)
class Scale:
    """v = round(((x + pre) << left) * multiplier >> right). Each member: an int, or an int32 array per output channel."""

    multiplier: Any = 1
    right: Any = 0
    left: Any = 0
    pre: Any = 0
    rounding: Rounding = Rounding.FLOOR


@dataclasses.dataclass(frozen=True)
class Tensor:
    """`name` is the file's. `scale` and `zero_point` (held domain) describe real = scale * (q - zero_point)."""

    name: str
    shape: tuple[int, int, int]
    scale: float
    zero_point: int
    unsigned: bool = False


LONG_NAME = 64  # characters


@dataclasses.dataclass(frozen=True)
class Node:
    """`name`: the file's node name or its output tensor; `source`: the file's operator, for tables."""

    name: str
    source: str
    inputs: tuple[str, ...]
    output: str

    @property
    def title(self) -> str:
        """What messages call it: converters join the names of what they fuse, and such a name fills a screen."""
        name = self.name if len(self.name) <= LONG_NAME else f"{self.name[:LONG_NAME]}…"
        return f"node {name!r} ({self.source})"


@dataclasses.dataclass(frozen=True)
class Conv(Node):
    """Convolution, and FULLY_CONNECTED / MatMul as a 1 x 1 one over (1, 1, N).

    acc = sum over taps and channels of weights * (x - zero point of x), padding contributes 0;
    y = clip(scale(acc) + zero_point, low, high). The scale's ``pre`` is the bias.
    `weights`: int16 array (O, KH, KW, I) of w - zero point of w, in -255..255. `padding`: top, left, bottom, right.
    With `groups` > 1 output o reads the I input channels from (o // (O / groups)) * I; a depthwise convolution has I = 1 and as
    many groups as input channels.
    """

    weights: np.ndarray
    scale: Scale
    zero_point: int
    low: int
    high: int
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1


class Combine(enum.Enum):
    """What an `Add` does with its two scaled operands."""

    SUM = "a + b"
    DIFFERENCE = "a - b"
    SQUARED_DIFFERENCE = "(a - b) * (a - b)"


@dataclasses.dataclass(frozen=True)
class Add(Node):
    """y = clip(scale(combine(scale_a(a), scale_b(b))) + zero_point, low, high). b's shape is a's, or (1, 1, C), or (1, 1, 1)."""

    scale_a: Scale
    scale_b: Scale
    scale: Scale
    zero_point: int
    low: int
    high: int
    combine: Combine = Combine.SUM


@dataclasses.dataclass(frozen=True)
class Rescale(Node):
    """y = clip(second(first(x)) + zero_point, low, high): requantisation, relu, adding a constant per channel."""

    first: Scale
    second: Scale
    zero_point: int
    low: int
    high: int


@dataclasses.dataclass(frozen=True)
class Multiply(Node):
    """y = clip(scale((a - zero point of a) * (b - zero point of b)) + zero_point, low, high). b's shape is a's, or (1, 1, C), or
    (1, 1, 1)."""

    scale: Scale
    zero_point: int
    low: int
    high: int


@dataclasses.dataclass(frozen=True)
class Extremum(Node):
    """The larger of a and b, or with `smallest` the smaller, unchanged. b's shape is a's, or (1, 1, C), or (1, 1, 1)."""

    smallest: bool


@dataclasses.dataclass(frozen=True)
class Prelu(Node):
    """d = x - zero point of x; y = clip(positive(d) + zero_point) where d >= 0, else clip(negative(d * slope) + zero_point). `slope`: an
    int32 array, one for each channel."""

    slope: np.ndarray
    positive: Scale
    negative: Scale
    zero_point: int


@dataclasses.dataclass(frozen=True)
class Table(Node):
    """Any function of one operand: y = values[x + 128], int8 (256,)."""

    values: np.ndarray


@dataclasses.dataclass(frozen=True)
class Piece:
    """Elements of input number `input` and where they go.

    `target[i]`: positions in the output along its axis i (height, width, channels); `source[i]`: for each of them the position in
    the input along its axis `axes[i]`. Every combination of the three is copied.
    """

    input: int
    target: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    source: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    axes: tuple[int, int, int] = (0, 1, 2)


@dataclasses.dataclass(frozen=True)
class Arrange(Node):
    """Moves elements unchanged: padding, concatenation, transposition, slices, nearest neighbours. `fill` is the held value of elements
    that no piece gives; pieces do not overlap."""

    pieces: tuple[Piece, ...]
    fill: int = 0


@dataclasses.dataclass(frozen=True)
class MaxPool(Node):
    """Maximum over the taps inside the image, then clip to low..high."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    low: int = -128
    high: int = 127


@dataclasses.dataclass(frozen=True)
class AveragePool(Node):
    """Mean over the taps inside the image (count excludes padding), then clip.

    `scale` None: integer division of the held values' sum by their count; `rounding` says where halves go (HALF_AWAY, or HALF_UP).
    A Scale: y = clip(scale(sum over the full window) + zero_point) (no padding then).
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    low: int = -128
    high: int = 127
    scale: Scale | None = None
    zero_point: int = 0
    rounding: Rounding = Rounding.HALF_AWAY


@dataclasses.dataclass(frozen=True)
class Interpolate(AveragePool):
    """Weighted mean of 2 x 2 windows, two apart: y[i, j] = the sum of rows[i][a] * columns[j][b] * x[2i + a, 2j + b] over 2**20, halves
    away from zero. The two weights of each output row and of each output column add up to 2**10."""

    rows: tuple[tuple[int, int], ...] = ()
    columns: tuple[tuple[int, int], ...] = ()


@dataclasses.dataclass(frozen=True)
class Reshape(Node):
    """Same values in the file's order. `order`: None if H, W, C order is kept, else the permutation (flat index in
    the input's H, W, C order for each output element) that an NCHW file asks for."""

    order: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Softmax(Node):
    """TFLite's int8 softmax over C: fixed point with `exponentials` (256 int32, Q0.31, entry d & 255 for d = x - max,
    0 where d is below TFLite's diff_min). Output scale 1/256, zero point -128."""

    exponentials: np.ndarray


@dataclasses.dataclass(frozen=True)
class Graph:
    """A network in execution order. One input, one or more outputs.

    `input_float` / `output_float`: the file's type there is float32; the host converts with the tensor's
    scale and zero point (`input_rounding` names the rule). `layout` is "nhwc" or "nchw": the file's order.
    `input_shape` and `output_shapes` are the file's shapes, batch included. `engine` is the reference whose bits the graph states.
    """

    name: str
    tensors: dict[str, Tensor]
    nodes: tuple[Node, ...]
    input: str
    outputs: tuple[str, ...]
    input_shape: tuple[int, ...]
    output_shapes: tuple[tuple[int, ...], ...]
    layout: str
    engine: str  # "tflite-micro", "litert-reference" or "onnxruntime"
    input_float: bool = False
    output_float: tuple[bool, ...] = ()
    input_rounding: str = ""  # "half_away" or "half_even" for float inputs
    notes: tuple[str, ...] = ()  # e.g. where a formula was proved exact by enumeration
