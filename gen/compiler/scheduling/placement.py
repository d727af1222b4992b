"""Where the operands of a network lie while it runs, as a plan says."""

import dataclasses

from weft.gen.compiler.layout import Layout
from weft.gen.compiler.lower.context import Band
from weft.gen.compiler.network import Placed
from weft.gen.compiler.planning.needs import fusible
from weft.gen.compiler.planning.plan import OUTPUT_WINDOW, Plan
from weft.gen.compiler.rewrite import Simplified
from weft.gen.config import Config
from weft.gen.graph import Graph


class Placement:
    """A graph with its plan. `outputs`: where each of the network's outputs lies in the output window, as its bytes lie on chip if they
    are dense there."""

    def __init__(self, graph: Graph, simple: Simplified, plan: Plan, config: Config) -> None:
        self.graph, self.simple, self.plan, self.config = graph, simple, plan, config
        self.outputs = self._place_outputs()

    def _place_outputs(self) -> list[Placed]:
        placed, line = [], 0
        for name in self.graph.outputs:
            root, tensor = self.simple.root[name], self.simple.tensors[name]
            layout = self.plan.resident.get(root)
            if layout is None or not layout.dense:
                layout = Layout(tensor, self.config.line_bytes, aligned=True, rows=tensor.shape[0])
            else:
                layout = dataclasses.replace(layout, tensor=tensor, rows=tensor.shape[0])
            placed.append(Placed(OUTPUT_WINDOW, line, layout))
            line += placed[-1].lines
        return placed

    def bands(self, step: int) -> list[Band]:
        """The output rows of node `step` in one band if all is resident, else as planned."""
        node = self.simple.nodes[step]
        bands, made = [], self.plan.made.get(step, [(0, self.simple.tensors[node.output].shape[0] - 1)])
        packed = self.plan.packed.get(step)
        for index, (first, last) in enumerate(made):
            bands.append(Band(tuple(self._operand(step, name, index) for name in node.inputs), self._operand(step, node.output, index),
                              first, last, packed[index % len(packed)] if packed else None, len(made) == 1))
        return bands

    def _operand(self, step: int, name: str, band: int) -> Layout:
        root = self.simple.root[name]
        if root in self.plan.spilled:
            return self.plan.bands[step, root][band]
        layout, tensor = self.plan.resident[root], self.simple.tensors[name]
        return layout if name == root else dataclasses.replace(layout, tensor=tensor, rows=tensor.shape[0])

    def fuses(self, index: int) -> bool:
        """Whether the addition after convolution `index` follows it tile by tile, so that the matrix unit need not wait for
        the whole of it: in turns, or everything on chip in one band."""
        made = self.plan.made
        if not fusible(self.simple, index):
            return False
        return any(index in chain and index + 1 in chain for chain in self.plan.chains) or (index not in made and index + 1 not in made)
