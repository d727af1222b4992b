"""Random integer networks over every operator, for tests of compiler, golden machine and RTL."""

import math

import numpy as np

from weft.gen.graph import (
    Add,
    Arrange,
    AveragePool,
    Conv,
    Graph,
    MaxPool,
    Multiply,
    Node,
    Piece,
    Rescale,
    Reshape,
    Scale,
    Softmax,
    Table,
    Tensor,
)
from weft.gen.isa import Rounding

Shape = tuple[int, int, int]
MOST_WINDOW = 4096  # bytes that one window covers


class RandomNetwork:
    """Builds a graph node by node. Everything follows from the seed; `size` bounds height and width of the input, `channels` its
    channels; `head` ends it with flattening, a fully connected layer and perhaps softmax."""

    def __init__(self, seed: int, *, size: int = 12, nodes: int = 6, head: bool = True, channels: int = 8) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        shape = (int(self.rng.integers(1, size + 1)), int(self.rng.integers(1, size + 1)), int(self.rng.integers(1, channels + 1)))
        last = self._tensor("input", shape)
        for _ in range(nodes):
            last = self._append(last)
        if head:
            last = self._head(last)
        self.graph = Graph(
            name=f"random-{seed}", tensors=self.tensors, nodes=tuple(self.nodes), input="input", outputs=(last,),
            input_shape=(1, *shape), output_shapes=((1, *self.tensors[last].shape),), layout="nhwc", engine="tflite-micro",
            output_float=(False,))

    # -- helpers ----------------------------------------------------------------------------------------
    def _int(self, low: int, high: int) -> int:
        """Uniform in low .. high, both included."""
        return int(self.rng.integers(low, high + 1))

    def _tensor(self, name: str, shape: Shape) -> str:
        self.tensors[name] = Tensor(name, shape, 0.1, self._int(-128, 127))
        return name

    def _name(self) -> str:
        return f"t{len(self.nodes)}"

    def _clamp(self) -> tuple[int, int]:
        return (-128, 127) if self.rng.random() < 0.5 else (self._int(-128, -20), self._int(20, 127))

    def _requantisation(self, reduction: int, channels: int) -> Scale:
        """A scale that brings sums of `reduction` products back to about eight bits."""
        rounding = Rounding(self._int(0, 4))
        strength = 1 / (60 * np.sqrt(reduction)) * self.rng.uniform(0.5, 2, channels)
        exponent = np.ceil(np.log2(strength)).astype(int)
        bits = 23 if rounding is Rounding.FLOAT32 else 30
        multiplier = np.round(strength / 2.0**exponent * 2**bits).astype(np.int64).astype(np.int32)
        return Scale(multiplier=multiplier, right=bits - exponent, left=np.zeros(channels, np.int32), rounding=rounding,
                     pre=self.rng.integers(-2000, 2000, channels).astype(np.int32))

    # -- operators --------------------------------------------------------------------------------------
    def _append(self, source: str) -> str:
        height, width, _ = self.tensors[source].shape
        choices = [self._conv, self._conv, self._conv, self._rescale, self._table, self._multiply, self._gather, self._concatenate]
        if height * width > 1:
            choices += [self._max_pool, self._average_pool]
        if self._partners(source):
            choices += [self._add] * 3
        return choices[self._int(0, len(choices) - 1)](source)

    def _window(self, source: str, most: int) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int, int, int]]:
        height, width, _ = self.tensors[source].shape
        kernel = (self._int(1, min(most, height)), self._int(1, min(most, width)))
        stride = (self._int(1, 2), self._int(1, 2))
        padding = tuple(self._int(0, (kernel[axis % 2] - 1)) for axis in range(4))
        return kernel, stride, padding  # type: ignore[return-value]

    @staticmethod
    def _extent(size: int, kernel: int, stride: int, before: int, after: int) -> int:
        return (size + before + after - kernel) // stride + 1

    def _conv(self, source: str, *, largest: int = 4, depthwise: bool = False) -> str:
        height, width, channels = self.tensors[source].shape
        kernel, stride, padding = self._window(source, largest)
        dilation = (self._int(1, 2) if 2 * (kernel[0] - 1) < height else 1, self._int(1, 2) if 2 * (kernel[1] - 1) < width else 1)
        reach = tuple((kernel[axis] - 1) * dilation[axis] + 1 for axis in range(2))
        groups, outputs = 1, self._int(1, 40)
        if depthwise:
            groups = outputs = channels
        elif channels > 1 and self.rng.random() < 0.4:
            groups = int(self.rng.choice([count for count in range(2, channels + 1) if channels % count == 0]))
            outputs = groups * self._int(1, max(1, 40 // groups))
        shape = (self._extent(height, reach[0], stride[0], padding[0], padding[2]),
                 self._extent(width, reach[1], stride[1], padding[1], padding[3]), outputs)
        limit = 255 if self.rng.random() < 0.2 else 127
        weights = self.rng.integers(-limit, limit + 1, (outputs, *kernel, channels // groups)).astype(np.int16)
        low, high = self._clamp()
        name = self._name()
        self.nodes.append(Conv(
            name=name, source="CONV_2D", inputs=(source,), output=self._tensor(name, shape), weights=weights,
            scale=self._requantisation(kernel[0] * kernel[1] * channels // groups, outputs), zero_point=self.tensors[name].zero_point,
            low=low, high=high, stride=stride, dilation=dilation, padding=padding, groups=groups))
        return name

    def _partners(self, source: str) -> list[str]:
        """Tensors that can be the second operand of a sum with `source`."""
        shape = self.tensors[source].shape
        return [name for name, tensor in self.tensors.items()
                if name != source and tensor.shape in (shape, (1, 1, 1), (1, 1, shape[2]))]

    def _add(self, source: str) -> str:
        shape, partners = self.tensors[source].shape, self._partners(source)
        partner, name = partners[self._int(0, len(partners) - 1)], self._name()
        equal = self.tensors[partner].shape == shape
        inputs = (source, partner) if not equal or self.rng.random() < 0.5 else (partner, source)
        self._tensor(name, shape)

        def operand(tensor: str) -> Scale:
            return Scale(multiplier=self._int(1 << 29, (1 << 30)), left=20, right=31, pre=-self.tensors[tensor].zero_point,
                         rounding=Rounding.DOUBLE)

        low, high = self._clamp()
        self.nodes.append(Add(
            name=name, source="ADD", inputs=inputs, output=name, scale_a=operand(inputs[0]), scale_b=operand(inputs[1]),
            scale=Scale(multiplier=self._int(1 << 30, (1 << 31) - 1), right=31 + 19, rounding=Rounding.DOUBLE),
            zero_point=self.tensors[name].zero_point, low=low, high=high))
        return name

    def _multiply(self, source: str) -> str:
        """With another tensor, or with the source's own mean as squeeze-and-excitation does: a window over the whole image, which has
        to fit on chip."""
        shape, partners = self.tensors[source].shape, self._partners(source)
        if partners and self.rng.random() < 0.7:
            partner = partners[self._int(0, len(partners) - 1)]
        elif math.prod(shape) > MOST_WINDOW:
            return self._table(source)
        else:
            partner = self._tensor(self._name(), (1, 1, shape[2]))
            self.nodes.append(AveragePool(name=partner, source="MEAN", inputs=(source,), output=partner, kernel=shape[:2],
                                          stride=(1, 1), padding=(0, 0, 0, 0)))
        name = self._tensor(self._name(), shape)
        low, high = self._clamp()
        self.nodes.append(Multiply(
            name=name, source="MUL", inputs=(source, partner), output=name, zero_point=self.tensors[name].zero_point, low=low, high=high,
            scale=Scale(multiplier=self._int(1 << 30, (1 << 31) - 1), right=31 + self._int(4, 7), rounding=Rounding.DOUBLE)))
        return name

    def _gather(self, source: str) -> str:
        """Every element from anywhere along its axes, axes in any order; some are left out and filled."""
        axes = tuple(int(axis) for axis in self.rng.permutation(3)) if self.rng.random() < 0.5 else (0, 1, 2)
        targets, sources, shape = [], [], []
        for axis in axes:
            size = self.tensors[source].shape[axis]
            match self._int(0, 3):
                case 0:  # with a border
                    before, after = self._int(0, 3), self._int(0, 3)
                    positions, chosen, length = range(before, before + size), range(size), before + size + after
                case 1:  # some neighbours, forwards or backwards
                    first, last = sorted(self.rng.integers(0, size, 2).tolist())
                    chosen = range(first, last + 1)[:: 1 if self.rng.random() < 0.5 else -1]
                    positions, length = range(len(chosen)), len(chosen)
                case 2:  # nearest neighbours
                    length = self._int(1, 2 * size)
                    positions, chosen = range(length), [place * size // length for place in range(length)]
                case _:
                    positions, chosen, length = range(size), range(size), size
            targets.append(tuple(positions))
            sources.append(tuple(chosen))
            shape.append(length)
        name = self._tensor(self._name(), (shape[0], shape[1], shape[2]))
        piece = Piece(0, (targets[0], targets[1], targets[2]), (sources[0], sources[1], sources[2]), axes)  # type: ignore[arg-type]
        self.nodes.append(Arrange(name=name, source="GATHER", inputs=(source,), output=name, pieces=(piece,), fill=self._int(-128, 127)))
        return name

    def _concatenate(self, source: str) -> str:
        """With any tensor that has two sizes in common, or with itself."""
        shape = self.tensors[source].shape
        axis = self._int(0, 2)
        fitting = [name for name, tensor in self.tensors.items()
                   if all(tensor.shape[other] == shape[other] for other in range(3) if other != axis)]
        partner = fitting[self._int(0, len(fitting) - 1)]
        pieces, start = [], 0
        for index, part in enumerate((source, partner)):
            whole = [tuple(range(size)) for size in self.tensors[part].shape]
            target = list(whole)
            target[axis] = tuple(range(start, start + len(whole[axis])))
            start += len(whole[axis])
            pieces.append(Piece(index, (target[0], target[1], target[2]), (whole[0], whole[1], whole[2])))
        size = list(shape)
        size[axis] = start
        name = self._tensor(self._name(), (size[0], size[1], size[2]))
        self.nodes.append(Arrange(name=name, source="CONCATENATION", inputs=(source, partner), output=name, pieces=tuple(pieces)))
        return name

    def _table(self, source: str) -> str:
        name = self._tensor(self._name(), self.tensors[source].shape)
        self.nodes.append(Table(name=name, source="TANH", inputs=(source,), output=name,
                                values=self.rng.integers(-128, 128, 256).astype(np.int8)))
        return name

    def _rescale(self, source: str) -> str:
        name, shape = self._name(), self.tensors[source].shape
        self._tensor(name, shape)
        first = Scale(multiplier=self._int(1 << 18, 1 << 20), pre=-self.tensors[source].zero_point)
        second = Scale(right=20, rounding=Rounding.HALF_UP,
                       pre=self.rng.integers(-(1 << 24), 1 << 24, shape[2]).astype(np.int32) if self.rng.random() < 0.5 else 77)
        if self.rng.random() < 0.3:
            second = Scale()
            first = Scale(multiplier=1 << 30, left=8, right=31 + 8, rounding=Rounding.DOUBLE, pre=-self.tensors[source].zero_point)
        low, high = self._clamp()
        self.nodes.append(Rescale(name=name, source="QUANTIZE", inputs=(source,), output=name, first=first, second=second,
                                  zero_point=self.tensors[name].zero_point, low=low, high=high))
        return name

    def _pool_shape(self, source: str) -> tuple[Shape, tuple[int, int], tuple[int, int], tuple[int, int, int, int]]:
        height, width, channels = self.tensors[source].shape
        kernel, stride, padding = self._window(source, 3)
        shape = (self._extent(height, kernel[0], stride[0], padding[0], padding[2]),
                 self._extent(width, kernel[1], stride[1], padding[1], padding[3]), channels)
        return shape, kernel, stride, padding

    def _max_pool(self, source: str) -> str:
        shape, kernel, stride, padding = self._pool_shape(source)
        name = self._tensor(self._name(), shape)
        self.nodes.append(MaxPool(name=name, source="MAX_POOL_2D", inputs=(source,), output=name, kernel=kernel, stride=stride,
                                  padding=padding))
        return name

    def _average_pool(self, source: str) -> str:
        shape, kernel, stride, padding = self._pool_shape(source)
        name = self._tensor(self._name(), shape)
        rounding = Rounding.HALF_UP if self.rng.random() < 0.3 else Rounding.HALF_AWAY
        self.nodes.append(AveragePool(name=name, source="AVERAGE_POOL_2D", inputs=(source,), output=name, kernel=kernel, stride=stride,
                                      padding=padding, rounding=rounding))
        return name

    def _head(self, source: str) -> str:
        """Flatten, classify, softmax."""
        height, width, channels = self.tensors[source].shape
        size, flat = height * width * channels, self._name()
        self._tensor(flat, (1, 1, size))
        order = self.rng.permutation(size) if self.rng.random() < 0.5 else None
        self.nodes.append(Reshape(name=flat, source="RESHAPE", inputs=(source,), output=flat, order=order))
        # A view keeps the meaning of the values.
        self.tensors[flat] = Tensor(flat, (1, 1, size), 0.1, self.tensors[source].zero_point)
        classes, name = self._int(2, 40), self._name()
        self._tensor(name, (1, 1, classes))
        self.nodes.append(Conv(
            name=name, source="FULLY_CONNECTED", inputs=(flat,), output=name, scale=self._requantisation(size, classes),
            weights=self.rng.integers(-127, 128, (classes, 1, 1, size)).astype(np.int16),
            zero_point=self.tensors[name].zero_point, low=-128, high=127))
        if self.rng.random() < 0.5:
            return name
        result = self._name()
        self.tensors[result] = Tensor(result, (1, 1, classes), 1 / 256, -128)
        # exp(d / 16) for d = -255 .. 0 in Q0.31, indexed by d & 255; a sum of exponentials is never zero.
        distance = np.where(np.arange(256) == 0, 0, np.arange(256) - 256)
        exponentials = np.minimum(np.round(np.exp(distance / 16) * 2.0**31), 2**31 - 1).astype(np.int64).astype(np.int32)
        self.nodes.append(Softmax(name=result, source="SOFTMAX", inputs=(name,), output=result, exponentials=exponentials))
        return result

    def sample(self) -> np.ndarray:
        """A random input, held int8 (H, W, C)."""
        return self.rng.integers(-128, 128, self.tensors["input"].shape).astype(np.int8)


class DepthwiseNetwork(RandomNetwork):
    """Mostly depthwise convolutions, over channel counts that are not multiples of anything."""

    def __init__(self, seed: int, *, size: int = 16, nodes: int = 4, channels: int = 40) -> None:
        super().__init__(seed, size=size, nodes=nodes, channels=channels, head=False)

    def _append(self, source: str) -> str:
        return self._conv(source, largest=5, depthwise=True) if self.rng.random() < 0.7 else super()._append(source)
