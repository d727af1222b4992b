"""What the tensors of a network need on chip: from when to when, in which layout, and how much is read together with weights."""

import math
from collections import Counter

from weft.gen.compiler.layout import Halo, Layout, conv_halo
from weft.gen.compiler.rewrite import Simplified
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.graph import Add, Conv, Graph


def fusible(simple: Simplified, step: int) -> bool:
    """Whether an addition follows convolution `step` and reads its result, so that it may go tile by tile behind it. Its output
    is then written while the convolution still reads its input."""
    nodes, tensors = simple.nodes, simple.tensors
    if step < 0 or step + 1 >= len(nodes):
        return False
    conv, add = nodes[step : step + 2]
    return (isinstance(conv, Conv) and isinstance(add, Add) and conv.output in add.inputs
            and len({tensors[name].shape for name in (*add.inputs, add.output)}) == 1)


class Needs:
    """`born` and `dies`: first and last step at which a tensor lies somewhere. `halo`: padding that convolutions read around it.
    `read_long`: a measure of how long the matrix unit reads it together with weights."""

    def __init__(self, config: Config, graph: Graph, simple: Simplified) -> None:
        self.config, self.graph, self.simple = config, graph, simple
        self.born = {simple.root[graph.input]: 0}
        self.dies = {simple.root[graph.input]: 0}
        self.halo: dict[str, Halo] = {}
        self.read_long: Counter[str] = Counter()
        for step, node in enumerate(simple.nodes):
            self.born[node.output] = self.dies[node.output] = step
            for name in node.inputs:
                root = simple.root[name]
                self.dies[root] = step
                if isinstance(node, Conv):
                    halo = conv_halo(node, simple.tensors[name], simple.tensors[node.output])  # as the node sees its input
                    self.halo[root] = self.halo.get(root, Halo()).union(halo)
                    if node.groups == 1:
                        self.read_long[root] += int(node.weights[0].size) * math.prod(simple.tensors[node.output].shape)
            if fusible(simple, step - 1):
                self.born[node.output] = step - 1

    def layout(self, name: str) -> Layout:
        """Layout of a whole resident tensor, not yet placed."""
        tensor = self.simple.tensors[name]
        aligned = name == self.simple.root[self.graph.input] and name not in self.simple.viewed
        halo = self.halo.get(name, Halo())
        if halo and name in self.simple.viewed:
            raise WeftError(f"tensor {name!r}", why="one node reads it with padding and another under a new shape",
                            fix="insert a copy, or flatten only in front of a fully connected layer")
        return Layout(tensor, self.config.line_bytes, halo, aligned, rows=tensor.shape[0])

    def names(self, chain: range) -> frozenset[str]:
        """Tensors that steps read or write."""
        nodes = self.simple.nodes[chain.start:chain.stop]
        return frozenset(self.simple.root[name] for node in nodes for name in (*node.inputs, node.output))
