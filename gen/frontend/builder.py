"""A graph under construction, and how shapes of a file are held."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.gen.errors import WeftError
from weft.gen.frontend.refusal import require
from weft.gen.graph import Arrange, Graph, Node, Piece, Reshape, Tensor

MOST_ELEMENTS = 1 << 26  # of one activation: far beyond any network that fits, and few enough to index


class GraphBuilder:
    """Tensors, nodes and notes in the order in which converters add them."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.notes: list[str] = []

    def tensor(self, tensor: Tensor) -> Tensor:
        """Register a tensor; a name may come again with equal properties."""
        known = self.tensors.setdefault(tensor.name, tensor)
        if known != tensor:
            raise WeftError(f"tensor {tensor.name!r} has two meanings", why=f"{known} and {tensor}", fix="give it one name for each")
        return tensor

    def node(self, node: Node) -> None:
        self.nodes.append(node)

    def packed(self, names: Sequence[str]) -> str:
        """One input that holds those of these names, one behind the other, and the nodes that take it apart; the input's name."""
        if len(names) == 1:
            return names[0]
        tensors, taken, start = [self.tensors[name] for name in names], [], 0
        whole = Tensor("+".join(names), (1, 1, sum(math.prod(tensor.shape) for tensor in tensors)), 1.0, 0)
        for tensor in tensors:
            size = math.prod(tensor.shape)
            flat = self.tensor(dataclasses.replace(tensor, name=f"{tensor.name}#flat", shape=(1, 1, size)))
            one, places = (0,), tuple(range(size))
            taken += [Arrange(flat.name, "packed input", (whole.name,), flat.name, (Piece(0, (one, one, places),
                              (one, one, tuple(range(start, start + size)))),)),
                      Reshape(tensor.name, "packed input", (flat.name,), tensor.name)]
            start += size
        self.nodes[:0] = taken
        return self.tensor(whole).name

    def finish(self, *, input: str, outputs: tuple[str, ...], **rest: Any) -> Graph:
        """The graph, without nodes and tensors that no output needs. Raises `Unsupported` where nothing computes what is needed."""
        needed, nodes = set(outputs), []
        for node in reversed(self.nodes):
            if node.output in needed:
                needed.update(node.inputs)
                nodes.append(node)
        available = {input}
        for node in reversed(nodes):
            for name in node.inputs:
                require(name in available, f"nothing computes {name!r} before {node.name!r} reads it")
            available.add(node.output)
        for name in outputs:
            require(name in available, f"nothing computes {name!r}")
        tensors = {name: tensor for name, tensor in self.tensors.items() if name in needed | {input}}
        return Graph(tensors=tensors, nodes=tuple(reversed(nodes)), notes=tuple(self.notes), input=input, outputs=outputs, **rest)


def hold_shape(shape: tuple[int, ...], layout: str) -> tuple[int, int, int]:
    """(H, W, C) for a shape of the file, batch included. A matrix (R, N) is R positions of N channels.

    Raises `Unsupported` for more than four dimensions, for empty and for huge ones, and for batches.
    """
    require(all(size > 0 for size in shape), f"shape {list(shape)} is empty or not known")
    require(math.prod(shape) <= MOST_ELEMENTS, f"shape {list(shape)} has more than {MOST_ELEMENTS} elements")
    match shape:
        case ():
            return (1, 1, 1)
        case (channels,):
            return (1, 1, channels)
        case (rows, channels):
            return (1, rows, channels)
        case (1, first, second):
            return (1, first, second) if layout == "nhwc" else (1, second, first)
        case (1, first, second, third):
            return (first, second, third) if layout == "nhwc" else (second, third, first)
    require(len(shape) <= 4, f"shape {list(shape)} has more than 4 dimensions")
    require(False, f"shape {list(shape)} is a batch of {shape[0]}: the accelerator takes one sample at a time")
    raise AssertionError


def file_order(shape: tuple[int, ...], layout: str) -> np.ndarray:
    """For each element in the file's order, its index in H, W, C order."""
    held = hold_shape(shape, layout)
    indices = np.arange(int(np.prod(held))).reshape(held)
    if layout == "nchw" and len(shape) >= 3:
        indices = indices.transpose(2, 0, 1)
    return indices.reshape(-1)
