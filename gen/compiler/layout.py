"""Where the elements of an activation tensor lie in the scratchpad and in DRAM."""

import dataclasses

from weft.gen.compiler.dependences import Region
from weft.gen.graph import Conv, Tensor


def lines_for(size: int, line_bytes: int) -> int:
    """Lines that `size` bytes take."""
    return -(-size // line_bytes)


@dataclasses.dataclass(frozen=True)
class Halo:
    """Pixels of padding that consumers read around a tensor."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0

    def __bool__(self) -> bool:
        return bool(self.top or self.left or self.bottom or self.right)

    def union(self, other: "Halo") -> "Halo":
        return Halo(max(self.top, other.top), max(self.left, other.left), max(self.bottom, other.bottom), max(self.right, other.right))


def conv_halo(node: Conv, source: Tensor, target: Tensor) -> Halo:
    """Padding that the convolution really reads (strides may leave some of the declared padding unused)."""
    def beyond(axis: int) -> int:
        reach = (target.shape[axis] - 1) * node.stride[axis] + (node.weights.shape[1 + axis] - 1) * node.dilation[axis] + 1
        return max(0, int(reach) - node.padding[axis] - source.shape[axis])
    return Halo(node.padding[0], node.padding[1], beyond(0), beyond(1))


@dataclasses.dataclass(frozen=True)
class Layout:
    """Rows `first_row` .. `first_row + rows - 1` of a tensor in the scratchpad, channels last, pixels without gaps.

    Dense (no halo, not aligned): rows follow each other byte by byte. Otherwise every row's pixels start on a line:
    a row is `left_lines` of padding, `data_lines` of pixels, `right_lines` of padding; `halo.top` such rows of padding
    come first and `halo.bottom` last. One guard line at the end lets the last unaligned vector run over.
    """

    tensor: Tensor
    line_bytes: int
    halo: Halo = Halo()
    aligned: bool = False
    first_row: int = 0
    rows: int = 0
    base_line: int = 0

    @property
    def pitch(self) -> int:
        """Bytes between neighbouring pixels of a row."""
        return self.tensor.shape[2]

    @property
    def data_bytes(self) -> int:
        """Bytes of the pixels of one row."""
        return self.tensor.shape[1] * self.tensor.shape[2]

    @property
    def dense(self) -> bool:
        return not (self.aligned or self.halo)

    @property
    def data_lines(self) -> int:
        return lines_for(self.data_bytes, self.line_bytes)

    @property
    def left_lines(self) -> int:
        return lines_for(self.halo.left * self.pitch, self.line_bytes)

    @property
    def right_lines(self) -> int:
        slack = self.data_lines * self.line_bytes - self.data_bytes
        return lines_for(max(0, self.halo.right * self.pitch - slack), self.line_bytes)

    @property
    def row_lines(self) -> int:
        """Lines between rows; only for layouts that are not dense."""
        return self.left_lines + self.data_lines + self.right_lines

    @property
    def row_bytes(self) -> int:
        """Bytes between vertically neighbouring pixels."""
        return self.data_bytes if self.dense else self.row_lines * self.line_bytes

    @property
    def origin(self) -> int:
        """Bytes from the base to pixel (first_row, 0)."""
        return 0 if self.dense else (self.halo.top * self.row_lines + self.left_lines) * self.line_bytes

    @property
    def body_lines(self) -> int:
        """Lines without the guard."""
        if self.dense:
            return lines_for(self.rows * self.data_bytes, self.line_bytes)
        return (self.halo.top + self.rows + self.halo.bottom) * self.row_lines

    @property
    def lines(self) -> int:
        return self.body_lines + 1

    def address(self, y: int, x: int = 0, channel: int = 0) -> int:
        """Scratchpad byte address of an element; y and x may lie in the halo."""
        start = self.base_line * self.line_bytes + self.origin
        return start + (y - self.first_row) * self.row_bytes + x * self.pitch + channel

    def row_line(self, y: int) -> int:
        """Scratchpad line at which the pixels of row y start; only for layouts that are not dense."""
        return self.address(y) // self.line_bytes

    def at(self, base_line: int) -> "Layout":
        return dataclasses.replace(self, base_line=base_line)

    def region(self, first: int | None = None, last: int | None = None) -> Region:
        """Lines of rows first .. last (halo rows allowed, inclusive) with their side halo; default: everything."""
        if first is None or last is None:
            return Region("scratchpad", self.base_line, self.lines)
        begin = self.address(first) - self.left_lines * self.line_bytes
        end = self.address(last) + (self.data_bytes if self.dense else (self.data_lines + self.right_lines) * self.line_bytes)
        line = begin // self.line_bytes
        # A vector that starts at the last byte runs over into the next line.
        stop = min(lines_for(end, self.line_bytes) + 1, self.base_line + self.lines)
        return Region("scratchpad", line, stop - line)

    @property
    def pad_value(self) -> int:
        """Byte that stands for zero."""
        return self.tensor.zero_point & 0xFF
