"""What the host's operators of TensorFlow Lite share: operands, shapes and conditions."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from weft.gen.frontend.refusal import require
from weft.gen.frontend.tflite_file import ACTIVATIONS, FileModel, FileOperator, FileTensor

Compute = Callable[[list[np.ndarray]], list[np.ndarray]]
INDICES = ("int32", "int64")
NUMBERS = ("float32", "int32", "uint8", "int64", "int16", "int8", "bool")


class Call(NamedTuple):
    """An operator with its tensors. Activations, which `Compute` functions take in order, are the inputs that are no constants.
    `rounding`: whose bits are meant, as in `load`."""

    model: FileModel
    operator: FileOperator
    rounding: str

    def input(self, position: int) -> FileTensor:
        given = self.operator.inputs
        require(position < len(given) and given[position] >= 0, f"input {position} is missing")
        return self.model.tensors[given[position]]

    @property
    def inputs(self) -> list[FileTensor]:
        return [self.input(position) for position in range(len(self.operator.inputs))]

    @property
    def outputs(self) -> list[FileTensor]:
        return [self.model.tensors[index] for index in self.operator.outputs]

    @property
    def output(self) -> FileTensor:
        return self.outputs[0]

    def constant(self, position: int) -> np.ndarray:
        """The values of a constant operand, flat."""
        tensor = self.input(position)
        require(tensor.data is not None, f"operand {tensor.name!r} must be a constant")
        return tensor.data.reshape(-1)  # type: ignore[union-attr]

    def integers(self, position: int) -> list[int]:
        require(self.input(position).type in INDICES, f"operand {self.input(position).name!r} is {self.input(position).type}")
        return [int(value) for value in self.constant(position)]

    def axis(self, value: int, rank: int | None = None) -> int:
        rank = len(self.input(0).shape) if rank is None else rank
        require(-rank <= value < rank, f"axis {value} of {rank}")
        return value % rank

    def option(self, slot: int, kind: str = "int32", default: int = 0) -> int:
        return int(self.operator.option(slot, kind, default))

    def no_activation(self, slot: int) -> None:
        require(self.operator.choice(slot, ACTIVATIONS) == "NONE", "a fused activation")

    def one_type(self) -> None:
        """The first input and all outputs are of one type, on one grid: elements move unchanged."""
        source = self.input(0)
        require(source.type in NUMBERS, f"tensor {source.name!r} is {source.type}")
        for target in self.outputs:
            self.same_grid(source, target)

    @staticmethod
    def same_grid(one: FileTensor, other: FileTensor) -> None:
        require(one.type == other.type, f"{one.name!r} is {one.type}, {other.name!r} is {other.type}")
        if one.type in ("int8", "uint8", "int16"):
            require((one.scales.tolist(), one.zero_points.tolist()) == (other.scales.tolist(), other.zero_points.tolist()),
                    "input and output are quantised differently")

    def operands(self, compute: Callable[..., np.ndarray]) -> Compute:
        """A function of all inputs in the file's order, constants among them."""
        given = [tensor.data for tensor in self.inputs]
        shape, dtype = self.output.shape, np.dtype(self.output.type)

        def run(activations: list[np.ndarray]) -> list[np.ndarray]:
            rest = iter(activations)
            return [compute(*(next(rest) if data is None else data for data in given)).reshape(shape).astype(dtype, copy=False)]

        return run

    def first(self, compute: Callable[[np.ndarray], np.ndarray]) -> Compute:
        """A function of the first input, which is an activation."""
        require(self.input(0).data is None, f"operand {self.input(0).name!r} is a constant")
        shape, dtype = self.output.shape, np.dtype(self.output.type)
        return lambda activations: [compute(activations[0]).reshape(shape).astype(dtype, copy=False)]
