"""Decides what stays on chip: layouts, lifetimes, spills and row bands."""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from weft.gen.compiler.apart import Reading, move_apart
from weft.gen.compiler.bands import Bands
from weft.gen.compiler.layout import Halo, Layout, conv_halo
from weft.gen.compiler.lower.convolution import parts_of, tiles_of
from weft.gen.compiler.lower.packed import Packing
from weft.gen.compiler.lower.pooling import sums_over_rows
from weft.gen.compiler.memory import AccumulatorSlots, Buffer, place, ring_start
from weft.gen.compiler.plan_cost import weight_lines
from weft.gen.compiler.rewrite import Simplified
from weft.gen.compiler.turns import Rows, held_between, input_rows, made_rows
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.graph import Add, Conv, Graph, MaxPool, Softmax, Tensor

PACKED = "packed windows"  # name of their buffers
SPILL_WINDOW, INPUT_WINDOW, OUTPUT_WINDOW = 3, 1, 2
HIDES = 2  # times R pixels of a tile hide the loading of the next one's weights (measured)
LONG = 8  # times R pixels: a longer tile loses less than an addition whose operands lie in the banks that the array reads (measured)
SHARES = 1.0, 0.75  # of the free lines that bands may take: if fragmentation defeats the placement, less


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
class Choice:
    """What a plan does not find by itself: steps before which chains are cut (`separate`), whether kernel windows are packed, and the first
    steps of chains whose operands have one buffer instead of two (`single`): bands may be larger. What such a chain hands on is read before
    it is written in each round; a step that is alone waits for its next band until this one is done."""

    separate: set[int] = dataclasses.field(default_factory=set)
    packs: bool = False
    single: frozenset[int] = frozenset()


@dataclasses.dataclass
class Plan:
    """`resident[tensor]` lies on chip from its producer to its last reader; `spilled[tensor]` is (window, line) in DRAM. Steps of one of
    `chains` take turns, band by band, if they have bands: `made[step]` are the output rows of each, and `bands[step, tensor]` says where
    in alternating buffers the rows of a spilled operand lie. Steps of `handed` take what the step before made from there. Tensors of
    `passing` have no other reader: they never go to DRAM, although they have a place there. Operands of chains that begin with a step of
    `single` have one buffer. `packed[step]`: first lines for kernel
    windows that the step packs, for one band after the other. Steps of `in_parts` are means whose input comes in bands; only the last of
    these has an output row. Results of steps of `in_place` lie where the addition after them puts its own."""

    resident: dict[str, Layout]
    spilled: dict[str, tuple[int, int]]
    chains: list[range]
    made: dict[int, list[Rows]]
    bands: dict[tuple[int, str], list[Layout]]
    handed: set[int]
    passing: set[str]
    packed: dict[int, list[int]]
    in_parts: set[int]
    in_place: set[int]
    single: frozenset[int]
    buffers: list[Buffer]
    height: int
    spill_lines: int


class Planner:
    """Plans one network for one configuration; `ring` lines are kept free for constants. With `keep` every result lies somewhere until its
    step is done, even if nobody else needs it."""

    def __init__(self, config: Config, graph: Graph, simple: Simplified, ring: int, *, keep: bool = False) -> None:
        self.config, self.graph, self.simple, self.keep = config, graph, simple, keep
        self.overlaps = config.machine.overlaps
        self.ring, self.limit = ring, config.scratchpad_lines - ring - 1
        self.born = {simple.root[graph.input]: 0}
        self.dies = {simple.root[graph.input]: 0}
        self.halo: dict[str, Halo] = {}
        self.read_long: Counter[str] = Counter()  # a measure of how long the matrix unit reads a tensor together with weights
        self.choice = Choice()
        self._known: dict[tuple[object, ...], list[Bands]] = {}
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

    def _packed_lines(self, step: int, made: list[Rows]) -> int:
        """Lines for the kernel windows that `step` packs in each band."""
        node, sizes = self.simple.nodes[step], [last - first + 1 for first, last in made]
        if not self.choice.packs or not isinstance(node, Conv):
            return 0
        target, packing = self.simple.tensors[node.output], Packing.of(node)
        if not packing.saves(node, target, max(sizes), self.config):
            return 0
        return max(packing.lines(size, target, self.config) for size in set(sizes) if size > 0)

    def _follows(self, step: int, start: int, spilled: list[str]) -> bool:
        """Whether `step` can take turns with the steps from `start` on: it reads the result of the step before, which is spilled. Where
        units work at the same time an addition may find it on chip if it needs bands of something else."""
        if step == start or step in self.choice.separate or (fusible(self.simple, step) and not self._adds(step + 1, start)):
            return False
        node, before = self.simple.nodes[step], self.simple.nodes[step - 1]
        name = before.output
        if name in self.simple.viewed or name in self.graph.outputs or not isinstance(before, Conv | MaxPool | Add):
            return False
        if isinstance(node, Add):
            bands = not self._names(range(step - 1, step + 1)).isdisjoint(spilled) if self.overlaps else name in spilled
            return bands and self.dies[name] == step and fusible(self.simple, step - 1) and self._adds(step, start)
        return name in spilled and isinstance(node, Conv | MaxPool) and node.inputs == (name,)

    def _adds(self, step: int, start: int) -> bool:
        """Whether addition `step` finds its other operand in a chain of steps from `start` on: as it was made before."""
        before = self.simple.nodes[step - 1].output
        return all(self.born[self.simple.root[other]] < start for other in self.simple.nodes[step].inputs if other != before)

    def _chains(self, spilled: list[str]) -> list[range]:
        """Steps that take turns, band by band; most are alone."""
        chains: list[range] = []
        for step in range(len(self.simple.nodes)):
            if chains and self._follows(step, chains[-1].start, spilled):
                chains[-1] = range(chains[-1].start, step + 1)
            else:
                chains.append(range(step, step + 1))
        return chains

    def plan(self, choice: Choice) -> Plan:
        """Spill as little as needed, largest tensors at the fullest step first. `choice.separate` grows where a chain does not fit."""
        self.choice, spilled, begin = choice, list[str](), 0
        while True:
            resident = {name: self.layout(name) for name in self.born if name not in spilled}
            chains = self._chains(spilled)
            chain_of = {step: chain for chain in chains for step in chain}
            buffers = [Buffer(name, layout.lines, chain_of[self.born[name]].start, chain_of[self.dies[name]].stop - 1)
                       for name, layout in resident.items()]
            free, gone = self._free(buffers), frozenset(spilled)
            for share in SHARES:
                # Chains before the one that was stuck last seldom are stuck: they are looked at again at the end.
                stuck = next((chain for chain in chains if chain.start >= begin and not self._fit(chain, share, gone, free)), None)
                fits = [] if stuck else [(chain, self._fit(chain, share, gone, free)) for chain in chains]
                stuck = stuck or next((chain for chain, own in fits if own is None), None)
                if stuck:
                    continue
                bands = Bands()
                for _, own in fits:
                    bands.add(own)
                height = self._place(buffers + bands.buffers, bands)
                if height is not None:
                    return self._finish(resident, spilled, chains, bands, buffers, height)
            begin = stuck.start if stuck else 0
            try:
                spilled.append(self._victim(buffers, stuck))
            except WeftError:
                if stuck is None or len(stuck) == 1:
                    raise
                choice.separate.add(self._cut(stuck))

    def _free(self, buffers: list[Buffer]) -> list[int]:
        """Lines beside the buffers, at each step."""
        change = [0] * (len(self.simple.nodes) + 1)
        for buffer in buffers:
            change[buffer.start] -= buffer.lines
            change[buffer.end + 1] += buffer.lines
        return list(accumulate(change[:-1], initial=self.limit))[1:]

    def _cut(self, chain: range) -> int:
        """Where to cut a chain that does not fit: before its last step, an addition not from its convolution."""
        step = chain[-1]
        return step - 1 if step - 1 > chain.start and isinstance(self.simple.nodes[step], Add) else step

    def _place(self, buffers: list[Buffer], bands: Bands) -> int | None:
        """Give every buffer its lines. What is read together with weights comes first and so lies lowest, far from the bank with weights,
        if everything fits that way too. If weights have no bank of their own, what is read with many of them moves away from theirs."""
        long = {buffer.name: self.read_long[buffer.name.partition("#")[0]] for buffer in buffers}
        height = place(buffers, self.limit, lambda buffer: (-long[buffer.name], -buffer.lines, buffer.start))
        height = height if height is not None else place(buffers, self.limit)
        if self.overlaps and height is not None and (bank := ring_start(height, self.ring, self.config)) == height:
            move_apart(buffers, self._readings(bands), height, bank // self.config.bank_lines * self.config.bank_lines)
        return height

    def _readings(self, bands: Bands) -> dict[str, list[Reading]]:
        """How the array reads each buffer in short tiles together with weights."""
        result: dict[str, list[Reading]] = {}
        for step, node in enumerate(self.simple.nodes):
            if not isinstance(node, Conv) or node.groups != 1:
                continue
            name, (height, width, _) = self.simple.root[node.inputs[0]], self.simple.tensors[node.output].shape
            lanes = self.config.lanes
            weights = weight_lines(node, None, lanes) // lanes
            made = [span for span in bands.made.get(step, [(0, height - 1)]) if span[0] <= span[1]]
            cut = [tiles_of(*span, width, self.config, parts_of(len(made) == 1)) for span in made]
            pixels = max(tile.rows * tile.columns for tile in cut[0])
            if pixels > LONG * lanes:
                continue
            windows = [buffer.name for buffer in bands.buffers if buffer.name.startswith(f"{PACKED}#{step}.")]
            held = windows or [buffer for buffer, _ in bands.layouts.get((step, name), ())]
            if not held:
                result.setdefault(name, []).append(Reading(weights, sum(map(len, cut)), HIDES * lanes / pixels))
            for buffer in dict.fromkeys(held):
                times = -(-len(made) // len(set(held)))
                result.setdefault(buffer, []).append(Reading(weights * times, max(map(len, cut)), HIDES * lanes / pixels))
        return result

    def _fit(self, chain: range, share: float, spilled: frozenset[str], free: list[int]) -> Bands | None:
        """Bands of a chain's spilled operands, as few as fit in a `share` of what is free. None if not even one row fits."""
        names = self._names(chain)
        if not names & spilled:
            bands = Bands()
            if lines := self._packed_lines(chain.start, [(0, self.simple.tensors[self.simple.nodes[chain.start].output].shape[0] - 1)]):
                bands.reserve(Buffer(f"{PACKED}#{chain.start}.0", lines, chain.start, chain.start))
            return bands
        room = free[chain.start]
        for rows, own in self._candidates(chain, names & spilled):
            if own.lines <= (room if rows == 1 else room * share):
                return own
        return self._parts(chain[-1], spilled, room * share)

    def _names(self, chain: range) -> frozenset[str]:
        """Tensors that a chain reads or writes."""
        nodes = self.simple.nodes[chain.start:chain.stop]
        return frozenset(self.simple.root[name] for node in nodes for name in (*node.inputs, node.output))

    def _candidates(self, chain: range, spilled: frozenset[str]) -> Iterator[tuple[int, Bands]]:
        """What a chain needs for bands of all its last step's rows, of half of them and so on."""
        height = self.simple.tensors[self.simple.nodes[chain[-1]].output].shape[0]
        known = self._known.setdefault((chain, self.choice.packs, chain.start in self.choice.single, spilled), [])
        for index, rows in enumerate(dict.fromkeys(-(-height // count) for count in range(1, height + 1))):
            if index == len(known):
                known.append(self._new_buffers(chain, rows, spilled))
            yield rows, known[index]

    def _parts(self, step: int, spilled: frozenset[str], free: float) -> Bands | None:
        """Bands of the input of a mean over all rows, if they fit `free` lines: as few as possible."""
        node = self.simple.nodes[step]
        source, target = self.simple.tensors[node.inputs[0]], self.simple.tensors[node.output]
        name = self.simple.root[node.inputs[0]]
        if name not in spilled or not sums_over_rows(node, source, target, AccumulatorSlots(self.config).lines, self.config.lanes):
            return None
        chain, height = range(step, step + 1), source.shape[0]
        for rows in range(height - 1, 0, -1):
            held = [(first, min(first + rows, height) - 1) for first in range(0, height, rows)]
            own = Bands()
            own.made = {step: [(0, -1)] * (len(held) - 1) + [(0, 0)]}
            own.in_parts.add(step)
            own.hold(*self._sized(name), (step, name), held, self.halo.get(name, Halo()), 2, chain)
            if node.output in spilled:
                own.hold(*self._sized(node.output), (step, node.output), own.made[step], Halo(), 1, chain)
            if own.lines <= free:
                return own
        return None

    def _new_buffers(self, chain: range, rows: int, spilled: frozenset[str]) -> Bands:
        result, made = Bands(), made_rows(self.simple, chain, rows)
        result.made, single = made, chain.start in self.choice.single
        for step in chain:
            node, copies = self.simple.nodes[step], 1 if single or len(made[step]) == 1 else 2
            for name in dict.fromkeys(self.simple.root[name] for name in node.inputs):
                if name not in spilled:
                    continue
                side = self.halo.get(name, Halo())
                if step > chain.start and name == self.simple.nodes[step - 1].output:
                    held = held_between(self.simple, step, made)
                    if isinstance(node, Add) and node.output in spilled and self.overlaps and not self.keep:
                        result.in_place.add(step - 1)
                    else:
                        # What an addition takes from its convolution is read by the unit that wrote it.
                        result.hold(*self._sized(name), (step, name), held, side, 1 if isinstance(node, Add) else copies, chain)
                        result.layouts[step - 1, name] = result.layouts[step, name]
                    result.handed.add(step)
                    if self.dies[name] == step:
                        result.passing.add(name)
                else:
                    held = [input_rows(self.simple, node, name, *span) for span in made[step]]
                    result.hold(*self._sized(name), (step, name), held, side, copies, chain)
            if node.output in spilled and (step == chain[-1]):
                result.hold(*self._sized(node.output), (step, node.output), made[step], Halo(), copies, chain)
            if lines := self._packed_lines(step, made[step]):
                result.reserve(*(Buffer(f"{PACKED}#{step}.{index}", lines, chain.start, chain.stop - 1) for index in range(copies)))
        for step in result.in_place:
            name = self.simple.nodes[step].output
            result.share(self.simple.tensors[name], ((step, name), (step + 1, name)), (step + 1, self.simple.nodes[step + 1].output))
        return result

    def _sized(self, name: str) -> tuple[Tensor, int]:
        return self.simple.tensors[name], self.config.line_bytes

    def _victim(self, buffers: list[Buffer], stuck: range | None) -> str:
        """The largest tensor that may be spilled, live at the step that is stuck or else the fullest."""
        steps = range(len(self.simple.nodes))
        live = {step: sum(b.lines for b in buffers if b.start <= step <= b.end) for step in steps}
        worst = stuck.start if stuck is not None else max(steps, key=lambda step: live[step])
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

    def _finish(self, resident: dict[str, Layout], spilled: list[str], chains: list[range], bands: Bands, buffers: list[Buffer],
                height: int) -> Plan:
        everything = buffers + bands.buffers
        line = {buffer.name: buffer.line for buffer in everything}
        placed = {name: layout.at(line[name]) for name, layout in resident.items()}
        placed_bands = {key: [layout.at(line[name]) for name, layout in held] for key, held in bands.layouts.items()}
        packed: dict[int, list[int]] = {}
        for buffer in bands.buffers:
            if buffer.name.startswith(f"{PACKED}#"):
                packed.setdefault(int(buffer.name.partition("#")[2].partition(".")[0]), []).append(buffer.line)
        homes, next_line = {}, 0
        for name in spilled:
            if name == self.simple.root[self.graph.input]:
                homes[name] = (INPUT_WINDOW, 0)
                continue
            homes[name] = (SPILL_WINDOW, next_line)
            tensor = self.simple.tensors[name]
            next_line += tensor.shape[0] * Layout(tensor, self.config.line_bytes, aligned=True).data_lines
        return Plan(placed, homes, chains, bands.made, placed_bands, bands.handed, bands.passing, packed, bands.in_parts, bands.in_place,
                    self.choice.single, everything, height, next_line)
