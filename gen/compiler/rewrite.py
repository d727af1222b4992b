"""Makes reshapes vanish: each becomes another view of the same bytes, or is folded into the weights that read it."""

import dataclasses

import numpy as np

from weft.gen.compiler.layout import conv_halo
from weft.gen.errors import WeftError
from weft.gen.graph import Add, Conv, Graph, Node, Rescale, Reshape, Scale, Tensor

IDENTITY = Scale()


@dataclasses.dataclass
class Simplified:
    """Nodes without Reshape. `root[name]` is the tensor whose bytes `name` shares (itself if it owns them).
    `viewed` are roots that something reads under another shape: they must lie densely."""

    nodes: list[Node]
    tensors: dict[str, Tensor]
    root: dict[str, str]
    viewed: set[str]


def _fold_into_weights(conv: Conv, source: Tensor, order: np.ndarray | None) -> Conv:
    """A fully connected layer over a flattened (H, W, C) tensor is a convolution with an H x W window over it."""
    weights = conv.weights
    if order is not None:
        permuted = np.empty_like(weights)
        permuted[..., order] = weights
        weights = permuted
    height, width, channels = source.shape
    return dataclasses.replace(conv, inputs=(source.name,), weights=weights.reshape(len(weights), height, width, channels))


def _refuse(node: Node, why: str) -> WeftError:
    return WeftError(node.title, why=why,
                     fix="reshape only flattens tensors in front of a fully connected layer, or keeps the order of elements")


def _longest_last(nodes: list[Node], root: dict[str, str]) -> list[Node]:
    """Of two convolutions whose sum follows, put the one with more multiplications second.

    The addition goes tile by tile behind the convolution before it; behind a short one (a 1 x 1 shortcut) the vector unit
    could not keep up and the matrix unit would wait.
    """
    nodes = list(nodes)
    for index in range(2, len(nodes)):
        first, second, add = nodes[index - 2 : index + 1]
        if (isinstance(add, Add) and isinstance(first, Conv) and isinstance(second, Conv)
                and {root[name] for name in add.inputs} == {first.output, second.output}
                and root[second.inputs[0]] != first.output and first.weights.size > second.weights.size):
            nodes[index - 2 : index] = [second, first]
    return nodes


def _input_as_read(graph: Graph) -> Tensor:
    """The input under the shape that all its readers give it: the host writes it to DRAM, where shapes do not matter."""
    tensor = graph.tensors[graph.input]
    readers = [node for node in graph.nodes if graph.input in node.inputs]
    shapes = {graph.tensors[node.output].shape for node in readers if isinstance(node, Reshape) and node.order is None}
    if graph.input in graph.outputs or len(shapes) != 1 or not all(isinstance(node, Reshape) and node.order is None for node in readers):
        return tensor
    return dataclasses.replace(tensor, shape=shapes.pop())


def _copy(name: str, source: str, target: str) -> Rescale:
    return Rescale(name=name, source="copy", inputs=(source,), output=target, first=IDENTITY, second=IDENTITY, zero_point=0, low=-128,
                   high=127)


def _padded(graph: Graph, name: str) -> bool:
    """Whether a convolution reads this tensor with padding."""
    return any(isinstance(node, Conv) and name in node.inputs and conv_halo(node, graph.tensors[name], graph.tensors[node.output])
               for node in graph.nodes)


def _folds(graph: Graph, name: str) -> bool:
    """Whether nothing but fully connected layers read this tensor: they take its source's rows as they lie."""
    readers = [node for node in graph.nodes if name in node.inputs]
    return graph.tensors[name].shape[:2] == (1, 1) and name not in graph.outputs and all(
        isinstance(node, Conv) and node.weights.shape[1:3] == (1, 1) and node.groups == 1 for node in readers)


def simplify(graph: Graph) -> Simplified:
    """Remove reshapes. Raises `WeftError` for one that moves elements other than into a fully connected layer."""
    tensors, root = dict(graph.tensors), {name: name for name in graph.tensors}
    tensors[graph.input] = _input_as_read(graph)
    orders: dict[str, np.ndarray] = {}
    nodes: list[Node] = []
    viewed: set[str] = set()
    for node in graph.nodes:
        if isinstance(node, Reshape):
            source = node.inputs[0]
            held, view = tensors[root[source]], tensors[node.output]
            if node.order is None and source not in orders and _padded(graph, node.output) and (
                    (held.shape, held.zero_point) != (view.shape, view.zero_point)):
                # Padding lies around the tensor in memory, so what is padded is a copy.
                alias = dataclasses.replace(view, name=f"{node.output}#view")
                tensors[alias.name], root[alias.name] = alias, root[source]
                if held.shape != view.shape:
                    viewed.add(root[source])
                nodes.append(_copy(node.name, alias.name, node.output))
                continue
            root[node.output] = root[source]
            if held.shape != view.shape and _padded(graph, held.name) and not _folds(graph, node.output):
                # Padding lies between the rows of the one that is padded, so what is viewed is a copy.
                dense = f"{held.name}#dense"
                if dense not in tensors:
                    tensors[dense], root[dense] = dataclasses.replace(held, name=dense), dense
                    nodes.append(_copy(node.name, held.name, dense))
                root[node.output] = dense
            order = node.order if node.order is not None else np.arange(np.prod(tensors[source].shape))
            if source in orders:
                order = orders[source][order]
            if not np.array_equal(order, np.arange(order.size)):
                orders[node.output] = order
            continue
        if isinstance(node, Conv) and root[node.inputs[0]] != node.inputs[0]:
            name = node.inputs[0]
            source_tensor, shape = tensors[root[name]], tensors[name].shape
            if shape[:2] == (1, 1) and node.weights.shape[1:3] == (1, 1) and node.groups == 1:
                if source_tensor.zero_point != tensors[name].zero_point:  # a file may state another grid for the same bytes
                    source_tensor = dataclasses.replace(source_tensor, name=f"{name}#held", zero_point=tensors[name].zero_point)
                    tensors[source_tensor.name], root[source_tensor.name] = source_tensor, root[name]
                nodes.append(_fold_into_weights(node, source_tensor, orders.get(name)))
                continue
        for name in node.inputs:
            if name in orders:
                raise _refuse(node, "it reads a tensor whose elements a reshape has moved")
            if tensors[name].shape != tensors[root[name]].shape:
                viewed.add(root[name])
        nodes.append(node)
    for name in graph.outputs:
        if name in orders:
            raise WeftError(f"output {name!r}", why="a reshape moves its elements", fix="end the network before the reshape")
        # A network whose output is its own input still has to move the bytes.
        if root[name] == graph.input:
            copy = dataclasses.replace(tensors[graph.input], name=f"{name}#copy")
            tensors[copy.name] = copy
            root[copy.name] = root[name] = copy.name
            nodes.append(_copy(name, graph.input, copy.name))
    return Simplified(_longest_last(nodes, root), tensors, root, viewed)
