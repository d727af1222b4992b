"""Builds a .tflite file from a recipe: plain data that names every operator and parameter, so that JSON can hold it."""

import dataclasses
from typing import Any

import numpy as np

from weft.verif.random_files.draws import Grid, Node
from weft.verif.tflite_maker import TfliteMaker

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Activation:
    """A tensor of the file that operators may read."""

    index: int
    shape: Shape
    grid: Grid
    kind: str = "int8"

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def channels(self) -> int:
        return self.shape[-1]


class TfliteWriter:
    """The file so far. `activations` are what it has computed, the input first; `seed` gives all constant data."""

    def __init__(self, shape: Shape, grid: Grid, kind: str, seed: int) -> None:
        self.maker, self.seed = TfliteMaker(), seed
        self.activations: list[Activation] = []
        self.read: set[int] = set()
        self.rng = np.random.default_rng(seed)
        self.activation(shape, grid, kind)

    def begin(self) -> None:
        """Before every operator: its data depend on its place alone."""
        self.rng = np.random.default_rng([self.seed, len(self.maker.graph.operators)])

    def activation(self, shape: Any, grid: Grid, kind: str = "int8") -> Activation:
        """A new tensor, for an operator to write."""
        made = Activation(self.maker.tensor(shape, *grid, kind), tuple(int(size) for size in shape), list(grid), kind)
        self.activations.append(made)
        return made

    def integers(self, *values: Any) -> int:
        """An int32 constant."""
        return self.maker.constant(np.array(values[0] if len(values) == 1 else values, np.int32))

    def weights(self, shape: Shape, scales: Any, axis: int = 0) -> int:
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        return self.maker.tensor(shape, scales, 0, "int8", data, axis)

    def bias(self, count: int, reach: float) -> int:
        return self.maker.constant(self.rng.integers(-int(reach) - 1, int(reach) + 2, count).astype(np.int32))

    def node(self, operator: str, inputs: list[int], output: Activation, options: str = "", **fields: Any) -> None:
        self.read.update(inputs)
        self.maker.node(operator, inputs, output.index, options, **fields)

    def bytes(self) -> bytes:
        """The file; its outputs are what no operator reads."""
        made = [activation.index for activation in self.activations[1:]]
        return self.maker.bytes(self.activations[0].index, *[index for index in made if index not in self.read])


def build(recipe: dict[str, Any], operators: dict[str, Any]) -> bytes:
    """The file of a recipe: {"input": {shape, grid, kind}, "seed", "nodes": [{"op", "from", ...}]}."""
    source = recipe["input"]
    writer = TfliteWriter(tuple(source["shape"]), source["grid"], source["kind"], recipe["seed"])
    for node in recipe["nodes"]:
        append(writer, node, operators)
    return writer.bytes()


def append(writer: TfliteWriter, node: Node, operators: dict[str, Any]) -> None:
    writer.begin()
    operators[node["op"]].build(writer, [writer.activations[place] for place in node["from"]], node)
