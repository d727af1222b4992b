"""What the converters of TensorFlow Lite operators share: operands, options and ranges."""

from typing import TYPE_CHECKING

import numpy as np

from weft.gen.frontend.refusal import require
from weft.gen.frontend.tflite_file import ACTIVATIONS, PADDINGS, FileOperator, FileTensor
from weft.gen.frontend.windows import Padding, Pair, same_padding
from weft.gen.graph import Tensor

if TYPE_CHECKING:
    from weft.gen.frontend.tflite import TfliteContext


def activation_range(name: str, tensor: Tensor) -> tuple[int, int]:
    """Clamp limits of a fused activation: its real limits quantised in float32, halves away from zero."""
    limits = {"NONE": (None, None), "RELU": (0.0, None), "RELU_N1_TO_1": (-1.0, 1.0), "RELU6": (0.0, 6.0)}.get(name)
    require(limits is not None, f"fused activation {name}")

    def quantised(limit: float | None, default: int) -> int:
        if limit is None:
            return default
        quotient = float(np.float32(limit) / np.float32(tensor.scale))
        return tensor.zero_point + int(np.copysign(np.floor(abs(quotient) + 0.5), quotient))

    low, high = (quantised(limit, default) for limit, default in zip(limits, (-128, 127), strict=True))  # type: ignore[arg-type]
    return max(-128, low), min(127, high)


def fused(operator: FileOperator, slot: int, tensor: Tensor) -> tuple[int, int]:
    """Clamp limits of the activation that option `slot` names."""
    return activation_range(operator.choice(slot, ACTIVATIONS), tensor)


def constant(tensor: FileTensor, what: str, kinds: tuple[str, ...]) -> np.ndarray:
    """The values of a constant operand of one of the types `kinds`."""
    require(tensor.type in kinds, f"{what} {tensor.name!r} is {tensor.type}, not {' or '.join(kinds)}")
    require(tensor.data is not None, f"{what} {tensor.name!r} must be a constant")
    return tensor.data  # type: ignore[return-value]


def pair(operator: FileOperator, slots: Pair, default: int = 0) -> Pair:
    """Two positive int32 options: stride, window or dilation along height and width."""
    height, width = (int(operator.option(slot, "int32", default)) for slot in slots)
    require(height > 0 and width > 0, f"stride, window or dilation {height} x {width}")
    return height, width


def padding(operator: FileOperator, shape: tuple[int, int, int], kernel: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Padding:
    """Padding that option 0 names, for an input of this shape."""
    kind = operator.choice(0, PADDINGS)
    require(kind in PADDINGS, f"padding {kind}")
    return same_padding(shape[:2], kernel, stride, dilation) if kind == "SAME" else (0, 0, 0, 0)


def unary(context: "TfliteContext", operator: FileOperator, kinds: tuple[str, ...] | None = None) -> tuple[Tensor, Tensor]:
    """Input and output of an operator whose result has the input's shape."""
    x, y = context.activation(context.input(operator, 0), kinds), context.activation(context.output(operator), kinds)
    require(x.shape == y.shape, f"shapes {list(x.shape)} and {list(y.shape)} differ")
    return x, y
