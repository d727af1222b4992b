"""Window arithmetic that all front ends share: automatic padding and the sizes of outputs."""

from weft.gen.frontend.refusal import require
from weft.gen.graph import Tensor

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]  # top, left, bottom, right


def same_padding(size: Pair, kernel: Pair, stride: Pair, dilation: Pair, lower: bool = False) -> Padding:
    """Padding for outputs of ceil(size / stride). The odd element goes to the end, or with `lower` to the start."""
    before, after = [], []
    for length, taps, step, gap in zip(size, kernel, stride, dilation, strict=True):
        total = max((-(-length // step) - 1) * step + (taps - 1) * gap + 1 - length, 0)
        small, large = total // 2, total - total // 2
        before.append(large if lower else small)
        after.append(small if lower else large)
    return before[0], before[1], after[0], after[1]


def output_size(size: Pair, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Pair:
    """Outputs along both axes, whole windows only."""
    height, width = ((length + padding[axis] + padding[axis + 2] - (taps - 1) * gap - 1) // step + 1 for axis, (length, taps, step, gap) in
                     enumerate(zip(size, kernel, stride, dilation, strict=True)))
    return height, width


def check_output(output: Tensor, shape: tuple[int, int, int], kernel: Pair, stride: Pair, padding: Padding, dilation: Pair,
                 channels: int) -> None:
    """Raise `Unsupported` unless the window operation gives the shape that the file states."""
    expected = (*output_size(shape[:2], kernel, stride, padding, dilation), channels)
    require(output.shape == expected, f"the file states output shape {list(output.shape)}, its options give {list(expected)}")
