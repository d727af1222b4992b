"""Decides what stays on chip: layouts, lifetimes, spills and row bands."""

import dataclasses
import math

from weft.gen.compiler.layout import Halo, Layout, conv_halo
from weft.gen.compiler.lower.arrange import rows_needed
from weft.gen.compiler.lower.packed import Packing
from weft.gen.compiler.memory import Buffer, place
from weft.gen.compiler.rewrite import Simplified
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.graph import Add, Arrange, AveragePool, Conv, Graph, MaxPool, Node, Softmax

PACKED = "packed windows"  # name of their buffers
SPILL_WINDOW, INPUT_WINDOW, OUTPUT_WINDOW = 3, 1, 2


def input_rows(simple: Simplified, node: Node, name: str, first: int, last: int) -> tuple[int, int]:
    """Rows of input `name` that output rows first .. last of a node need; padding rows included (may be negative)."""
    if isinstance(node, Arrange):
        positions = {index for index, other in enumerate(node.inputs) if simple.root[other] == simple.root[name]}
        return rows_needed(node, positions, first, last)
    if isinstance(node, Conv):
        top, reach = node.padding[0], (node.weights.shape[1] - 1) * node.dilation[0]
    elif isinstance(node, MaxPool | AveragePool):
        top, reach = node.padding[0], node.kernel[0] - 1
    elif simple.tensors[name].shape[0] == 1:
        return 0, 0  # of one row, or the same for all rows
    else:
        return first, last
    return first * node.stride[0] - top, last * node.stride[0] - top + reach


def fusible(simple: Simplified, step: int) -> bool:
    """Whether an addition follows convolution `step` and reads its result, so that it may go tile by tile behind it. Its output
    is then written while the convolution still reads its input."""
    nodes, tensors = simple.nodes, simple.tensors
    if step < 0 or step + 1 >= len(nodes):
        return False
    conv, add = nodes[step : step + 2]
    return (isinstance(conv, Conv) and isinstance(add, Add) and conv.output in add.inputs
            and len({tensors[name].shape for name in (*add.inputs, add.output)}) == 1)


@dataclasses.dataclass
class Plan:
    """`resident[tensor]` lies on chip from its producer to its last reader; `spilled[tensor]` is (window, line) in DRAM and
    passes through alternating row-band buffers in `bands[step, tensor]`; `band_rows[step]` output rows a band. Tensors of `passing` go from
    one step to the next band by band and never to DRAM, although they have a place there. `packed[step]`: first
    lines for kernel windows that the step packs, for one band after the other."""

    resident: dict[str, Layout]
    spilled: dict[str, tuple[int, int]]
    bands: dict[tuple[int, str], list[Layout]]
    band_rows: dict[int, int]
    passing: set[str]
    packed: dict[int, list[int]]
    buffers: list[Buffer]
    height: int
    spill_lines: int


class Planner:
    """Plans one network for one configuration; `ring` lines are kept free for constants."""

    def __init__(self, config: Config, graph: Graph, simple: Simplified, ring: int) -> None:
        self.config, self.graph, self.simple = config, graph, simple
        self.limit = config.scratchpad_lines - ring - 1
        self.born = {simple.root[graph.input]: 0}
        self.dies = {simple.root[graph.input]: 0}
        self.halo: dict[str, Halo] = {}
        for step, node in enumerate(simple.nodes):
            self.born[node.output] = self.dies[node.output] = step
            for name in node.inputs:
                root = simple.root[name]
                self.dies[root] = step
                if isinstance(node, Conv):
                    halo = conv_halo(node, simple.tensors[name], simple.tensors[node.output])  # as the node sees its input
                    self.halo[root] = self.halo.get(root, Halo()).union(halo)
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

    def _band(self, step: int, name: str, output_rows: int) -> Layout:
        """Band buffer of a spilled operand of `step`: the rows, and for an input their padding."""
        tensor, node = self.simple.tensors[name], self.simple.nodes[step]
        halo = self.halo.get(name, Halo())
        if name == node.output:
            return Layout(tensor, self.config.line_bytes, aligned=True, rows=min(output_rows, tensor.shape[0]))
        height = self.simple.tensors[node.output].shape[0]
        ends = (input_rows(self.simple, node, name, first, min(first + output_rows, height) - 1) for first in range(0, height, output_rows))
        side = Halo(0, halo.left, 0, halo.right)
        return Layout(tensor, self.config.line_bytes, side, True, rows=max(last - first + 1 for first, last in ends))

    def _packed_lines(self, step: int, rows: int) -> int:
        """Lines for the kernel windows that `step` packs in a band of `rows` rows."""
        node = self.simple.nodes[step]
        if not self.packs or not isinstance(node, Conv):
            return 0
        target, packing = self.simple.tensors[node.output], Packing.of(node)
        return packing.lines(rows, target.shape[1], self.config) if packing.saves(node, target, rows, self.config) else 0

    def _follows(self, step: int, spilled: list[str]) -> bool:
        """Whether `step` takes its only input, which is spilled, from the step before, row by row, and nobody else does: so the two can
        take turns, band by band, and the tensor between them need not go to DRAM."""
        if step < 1 or step in self.separate:
            return False
        node, before = self.simple.nodes[step], self.simple.nodes[step - 1]
        name = before.output
        if not isinstance(node, Conv) or not isinstance(before, Conv) or name not in spilled or node.inputs != (name,):
            return False
        whole = (node.weights.shape[1], *node.stride, *node.padding) == (1, 1, 1, 0, 0, 0, 0)
        return whole and self.dies[name] == step and name not in self.simple.viewed and name not in self.graph.outputs

    def _chains(self, spilled: list[str]) -> list[range]:
        """Steps that take turns, band by band; most are alone."""
        chains: list[range] = []
        for step in range(len(self.simple.nodes)):
            if chains and self._follows(step, spilled):
                chains[-1] = range(chains[-1].start, step + 1)
            else:
                chains.append(range(step, step + 1))
        return chains

    def plan(self) -> Plan:
        """Let steps take turns where that saves DRAM traffic; pack kernel windows where nothing more has to be spilled for it."""
        steps = range(1, len(self.simple.nodes))
        self.packs, self.separate = False, set(steps)
        plain = self._plan()
        self.separate = set()
        turns = self._plan()
        self.separate |= {step for step in steps
                          if self.simple.nodes[step - 1].output in turns.passing and not self._pays(step, plain, turns)}
        turns = self._plan()
        self.packs = True
        packing = self._plan()
        return packing if list(packing.spilled) == list(turns.spilled) else turns

    def _pays(self, step: int, plain: Plan, turns: Plan) -> bool:
        """Whether taking turns with the step before saves more DRAM traffic than fetching weights for more bands costs."""
        def bands(plan: Plan, step: int) -> int:
            height = self.simple.tensors[self.simple.nodes[step].output].shape[0]
            return -(-height // plan.band_rows.get(step, height))

        between = self.simple.tensors[self.simple.nodes[step - 1].output]
        cost = 0
        for node, index in ((self.simple.nodes[step - 1], step - 1), (self.simple.nodes[step], step)):
            assert isinstance(node, Conv)
            size = node.weights.size if node.groups == 1 else len(node.weights) * self.config.lanes
            cost += (bands(turns, index) - bands(plain, index)) * size
        return cost < 2 * math.prod(between.shape) * (between.name in plain.spilled)

    def _plan(self) -> Plan:
        """Spill as little as needed, largest tensors at the fullest step first."""
        spilled: list[str] = []
        while True:
            resident = {name: self.layout(name) for name in self.born if name not in spilled}
            chain_of = {step: chain for chain in self._chains(spilled) for step in chain}
            buffers = [Buffer(name, layout.lines, chain_of[self.born[name]].start, chain_of[self.dies[name]].stop - 1)
                       for name, layout in resident.items()]
            bands, band_rows, stuck = self._bands(spilled, buffers)
            if stuck is None:
                extra = [Buffer(f"{name}#{step}.{index}", layout.lines, chain_of[step].start, chain_of[step].stop - 1)
                         for (step, name), layouts in bands.items() for index, layout in enumerate(layouts)
                         if name != self.simple.nodes[step].inputs[0] or not self._follows(step, spilled)]
                for step, node in enumerate(self.simple.nodes):
                    size = self.simple.tensors[node.output].shape[0]
                    rows = band_rows.get(step, size)
                    if lines := self._packed_lines(step, rows):
                        extra += [Buffer(f"{PACKED}#{step}.{index}", lines, chain_of[step].start, chain_of[step].stop - 1)
                                  for index in range(1 if rows == size else 2)]
                height = self._place(buffers + extra)
                if height is not None:
                    return self._finish(resident, spilled, bands, band_rows, buffers, extra, height)
            try:
                spilled.append(self._victim(buffers, stuck))
            except WeftError:
                if stuck is None or len(chain_of[stuck]) == 1:
                    raise
                self.separate |= set(chain_of[stuck])  # together they do not fit

    def _matmul_cycles(self, name: str) -> int:
        """A measure of how long the matrix unit reads tensor `name` together with weights."""
        return sum(int(node.weights[0].size) * math.prod(self.simple.tensors[node.output].shape) for node in self.simple.nodes
                   if isinstance(node, Conv) and node.groups == 1 and self.simple.root[node.inputs[0]] == name)

    def _place(self, buffers: list[Buffer]) -> int | None:
        """Give every buffer its lines. What is read together with weights comes first and so lies lowest, far from the bank with weights,
        if everything fits that way too."""
        long = {buffer.name: self._matmul_cycles(buffer.name.partition("#")[0]) for buffer in buffers}
        height = place(buffers, self.limit, lambda buffer: (-long[buffer.name], -buffer.lines, buffer.start))
        return height if height is not None else place(buffers, self.limit)

    def _bands(self, spilled: list[str], buffers: list[Buffer]) -> tuple[dict[tuple[int, str], list[Layout]], dict[int, int], int | None]:
        """Band buffers for each spilled operand of each step, two if it takes several bands; or the step at which not even one row fits."""
        bands: dict[tuple[int, str], list[Layout]] = {}
        rows_of: dict[int, int] = {}
        for chain in self._chains(spilled):
            operands: list[tuple[int, str]] = []
            for step in chain:
                node = self.simple.nodes[step]
                own = dict.fromkeys([*(self.simple.root[n] for n in node.inputs), node.output])
                operands += [(step, name) for name in own if name in spilled]
            if not operands:
                continue
            step = chain.start
            free = self.limit - sum(buffer.lines for buffer in buffers if buffer.start <= step <= buffer.end)
            height = rows = self.simple.tensors[self.simple.nodes[step].output].shape[0]
            # What one step hands to the next lies in one place.
            held = [(step, name) for step, name in operands if step == chain.start or name == self.simple.nodes[step].output]

            def needed(rows: int, held: list[tuple[int, str]] = held, chain: range = chain, height: int = height) -> int:
                copies = 1 if rows == height else 2
                return copies * (sum(self._band(step, name, rows).lines for step, name in held)
                                 + sum(self._packed_lines(step, rows) for step in chain))

            # Not all of what is free: fragmentation must not defeat the placement.
            while rows > 1 and needed(rows) > free * 3 // 4:
                rows = (rows + 1) // 2
            if needed(rows) > free:
                return bands, rows_of, step
            for step in chain:
                rows_of[step] = rows
            for step, name in operands:
                bands[step, name] = [self._band(step, name, rows)] * (1 if rows == height else 2)
        return bands, rows_of, None

    def _victim(self, buffers: list[Buffer], stuck: int | None) -> str:
        """The largest tensor that may be spilled, live at the step that is stuck or else the fullest."""
        steps = range(len(self.simple.nodes))
        live = {step: sum(b.lines for b in buffers if b.start <= step <= b.end) for step in steps}
        worst = stuck if stuck is not None else max(steps, key=lambda step: live[step])
        pinned = set(self.simple.viewed)
        for node in self.simple.nodes:
            if isinstance(node, Softmax):
                pinned |= {node.output, *(self.simple.root[name] for name in node.inputs)}
        candidates = [b for b in buffers if b.start <= worst <= b.end and b.name not in pinned]
        if not candidates:
            node = self.simple.nodes[worst]
            raise WeftError(f"node {node.name!r} ({node.source}) does not fit the scratchpad of {self.config.name}",
                            why=f"even one row of its operands and {self.config.scratchpad.kib} KiB leave no room",
                            fix="use a configuration with a larger scratchpad.kib")
        return max(candidates, key=lambda buffer: buffer.lines).name

    def _finish(self, resident: dict[str, Layout], spilled: list[str], bands: dict[tuple[int, str], list[Layout]],
                band_rows: dict[int, int], buffers: list[Buffer], extra: list[Buffer], height: int) -> Plan:
        line = {buffer.name: buffer.line for buffer in buffers + extra}
        placed = {name: layout.at(line[name]) for name, layout in resident.items()}
        placed_bands: dict[tuple[int, str], list[Layout]] = {}
        passing: set[str] = set()
        for (step, name), layouts in bands.items():
            if name == self.simple.nodes[step].inputs[0] and self._follows(step, spilled):
                passing.add(name)
                placed_bands[step, name] = placed_bands[step - 1, name]
            else:
                placed_bands[step, name] = [layout.at(line[f"{name}#{step}.{index}"]) for index, layout in enumerate(layouts)]
        packed: dict[int, list[int]] = {}
        for buffer in extra:
            if buffer.name.startswith(f"{PACKED}#"):
                packed.setdefault(buffer.start, []).append(buffer.line)
        homes, next_line = {}, 0
        for name in spilled:
            if name == self.simple.root[self.graph.input]:
                homes[name] = (INPUT_WINDOW, 0)
                continue
            homes[name] = (SPILL_WINDOW, next_line)
            tensor = self.simple.tensors[name]
            next_line += tensor.shape[0] * Layout(tensor, self.config.line_bytes, aligned=True).data_lines
        return Plan(placed, homes, placed_bands, band_rows, passing, packed, buffers + extra, height, next_line)
