"""Decides what stays on chip: layouts, lifetimes, spills and row bands."""

import dataclasses

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
    passes through alternating row-band buffers in `bands[step, tensor]`; `band_rows[step]` output rows a band. `packed[step]`: first
    lines for kernel windows that the step packs, for one band after the other."""

    resident: dict[str, Layout]
    spilled: dict[str, tuple[int, int]]
    bands: dict[tuple[int, str], list[Layout]]
    band_rows: dict[int, int]
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

    def plan(self) -> Plan:
        """Pack kernel windows where that is worth it and nothing more has to be spilled for it."""
        self.packs = False
        plain = self._plan()
        self.packs = True
        packing = self._plan()
        return packing if list(packing.spilled) == list(plain.spilled) else plain

    def _plan(self) -> Plan:
        """Spill as little as needed, largest tensors at the fullest step first."""
        spilled: list[str] = []
        while True:
            resident = {name: self.layout(name) for name in self.born if name not in spilled}
            buffers = [Buffer(name, layout.lines, self.born[name], self.dies[name]) for name, layout in resident.items()]
            bands, band_rows, stuck = self._bands(spilled, buffers)
            if stuck is None:
                extra = [Buffer(f"{name}#{step}.{index}", layout.lines, step, step)
                         for (step, name), layouts in bands.items() for index, layout in enumerate(layouts)]
                for step, node in enumerate(self.simple.nodes):
                    size = self.simple.tensors[node.output].shape[0]
                    rows = band_rows.get(step, size)
                    if lines := self._packed_lines(step, rows):
                        extra += [Buffer(f"{PACKED}#{step}.{index}", lines, step, step) for index in range(1 if rows == size else 2)]
                height = place(buffers + extra, self.limit)
                if height is not None:
                    return self._finish(resident, spilled, bands, band_rows, buffers, extra, height)
            spilled.append(self._victim(buffers, stuck))

    def _bands(self, spilled: list[str], buffers: list[Buffer]) -> tuple[dict[tuple[int, str], list[Layout]], dict[int, int], int | None]:
        """Band buffers for each spilled operand of each step, two if it takes several bands; or the step at which not even one row fits."""
        bands: dict[tuple[int, str], list[Layout]] = {}
        rows_of: dict[int, int] = {}
        for step, node in enumerate(self.simple.nodes):
            names = [name for name in dict.fromkeys([*(self.simple.root[n] for n in node.inputs), node.output]) if name in spilled]
            if not names:
                continue
            free = self.limit - sum(buffer.lines for buffer in buffers if buffer.start <= step <= buffer.end)
            height = rows = self.simple.tensors[node.output].shape[0]

            def needed(rows: int, step: int = step, names: list[str] = names, height: int = height) -> int:
                copies = 1 if rows == height else 2
                return copies * (sum(self._band(step, name, rows).lines for name in names) + self._packed_lines(step, rows))

            # Not all of what is free: fragmentation must not defeat the placement.
            while rows > 1 and needed(rows) > free * 3 // 4:
                rows = (rows + 1) // 2
            if needed(rows) > free:
                return bands, rows_of, step
            rows_of[step] = rows
            for name in names:
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
        placed_bands = {(step, name): [layout.at(line[f"{name}#{step}.{index}"]) for index, layout in enumerate(layouts)]
                        for (step, name), layouts in bands.items()}
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
        return Plan(placed, homes, placed_bands, band_rows, packed, buffers + extra, height, next_line)
