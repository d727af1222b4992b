"""Graph to program: simplify, plan memory, lower every node to steps, emit steps with constants fetched ahead."""

import contextlib
import dataclasses
from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from functools import partial
from itertools import accumulate, pairwise

import numpy as np

from weft.gen import isa
from weft.gen.compiler.constant_channels import without_constant_channels
from weft.gen.compiler.constants import FILLING, WEIGHTS, Image
from weft.gen.compiler.dataflow import stationary_sums
from weft.gen.compiler.emitter import Emitter
from weft.gen.compiler.estimate import estimate
from weft.gen.compiler.lasting import Uses
from weft.gen.compiler.layout import Layout
from weft.gen.compiler.lower import LOWERINGS, Context
from weft.gen.compiler.lower.choice import conv_tiles, lower_conv
from weft.gen.compiler.lower.context import Band, byte_destination, byte_source
from weft.gen.compiler.lower.convolution import Epilogue, Tile
from weft.gen.compiler.lower.elementwise import Sweep, add_sweep
from weft.gen.compiler.lower.pooling import lower_part_of_mean
from weft.gen.compiler.lower.resident import ResidentSets, fits
from weft.gen.compiler.memory import ConstantRing, free_from, ring_start
from weft.gen.compiler.network import CompiledNetwork, Layer, Placed, program_bytes
from weft.gen.compiler.plan import INPUT_WINDOW, OUTPUT_WINDOW, SPILL_WINDOW, Plan, Planner, fusible
from weft.gen.compiler.plan_search import Search
from weft.gen.compiler.rewrite import Simplified, simplify
from weft.gen.compiler.steps import Step
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.graph import Add, AveragePool, Conv, Graph, Node, Scale

FETCH_AHEAD = 6  # blocks of constants requested before the step that needs them; a shorter queue only holds dispatch up
BLOCK_PARTS = (8, 16, 20)  # of the scratchpad that the largest block of constants may take
RING_SHARES = (3, 5, 7)  # sixteenths of the scratchpad that may be set aside for constants
MORE_ROUNDS = 3  # of changes to the best of the plans
INPUT_PARTS = 8  # pieces in which the input arrives, so that work starts before all of it is there


@dataclasses.dataclass
class LayerStep:
    """A step, the index of the node that it belongs to, and that of the first node of a chain that takes turns (-1: of none)."""

    layer: int
    step: Step
    chain: int = -1


class Compilation:
    """One run of the compiler."""

    def __init__(self, graph: Graph, config: Config, dump: bool) -> None:
        self.whole, self.config, self.dump = graph, config, dump
        self.overlaps = config.machine.organisation != "sequential"  # units work at the same time
        self.graph, self.kept = without_constant_channels(graph, config.lanes)
        self.simple: Simplified = simplify(self.graph)
        self.stationary: frozenset[int] = frozenset()  # layers whose sums stay in the array
        self.emitter = Emitter(config)
        self.image = Image(config.line_bytes)
        self.block_limit, self.plan = self._plan()
        self.context = Context(self.emitter, self.image, self.block_limit)
        if fits(self.simple.nodes, config, self.block_limit):
            self.context.resident = ResidentSets(self.emitter)
        self.outputs = self._place_outputs()
        self.dumped: dict[str, Placed] = {}
        self._dump_line = self.plan.spill_lines

    @property
    def all_layers(self) -> frozenset[int]:
        return frozenset(range(len(self.simple.nodes)))

    def _plan(self) -> tuple[int, Plan]:
        """The largest block of constants, and the plan that leaves room for two of them; what activations do not use goes to the ring too.
        Blocks are smaller only where that saves time."""
        lines = self.config.scratchpad_lines
        rooms = [(lines // part, _ring_lines(lines // part)) for part in BLOCK_PARTS]
        searches = [(room, Search(self._planner(room[1]))) for room in rooms]
        if any(search.plan.made for _, search in searches):  # more room for constants, so that those of a chain may stay
            rooms = [(lines // BLOCK_PARTS[-1], lines * share // 16) for share in RING_SHARES]
            for room in rooms:
                with contextlib.suppress(WeftError):  # too little is left for activations
                    searches.append((room, Search(self._planner(room[1]))))
        for _, search in searches:
            search.round()
        (limit, _), best = min(searches, key=lambda item: (item[1].cost, -item[0][0]))
        for _ in range(MORE_ROUNDS):
            if not best.round():
                break
        return limit, best.finish()

    def _planner(self, ring: int) -> Planner:
        return Planner(self.config, self.graph, self.simple, ring, keep=self.dump)

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

    # -- operands ---------------------------------------------------------------------------------------
    def _bands(self, step: int, node: Node) -> list[Band]:
        """The node's output rows in one band if all is resident, else as planned."""
        bands, made = [], self.plan.made.get(step, [(0, self.simple.tensors[node.output].shape[0] - 1)])
        for index, (first, last) in enumerate(made):
            packed = self.plan.packed.get(step)
            bands.append(Band(tuple(self._operand(step, name, index) for name in node.inputs), self._operand(step, node.output, index),
                              first, last, packed[index % len(packed)] if packed else None, len(made) == 1))
        return bands

    def _operand(self, step: int, name: str, band: int) -> Layout:
        root = self.simple.root[name]
        if root in self.plan.spilled:
            return self.plan.bands[step, root][band]
        layout, tensor = self.plan.resident[root], self.simple.tensors[name]
        return layout if name == root else dataclasses.replace(layout, tensor=tensor, rows=tensor.shape[0])

    # -- steps ------------------------------------------------------------------------------------------
    def _steps(self) -> list[LayerStep]:
        steps = [LayerStep(0, Step(self._load_input))]
        for chain in self.plan.chains:
            stages = [index for index in chain if not self._fuses(index - 1)]
            written = [index for stage in stages for index in (stage, stage + 1) if index == stage or self._fuses(stage)]
            for index in written:
                if self.simple.nodes[index].output in self.plan.resident:
                    steps.append(LayerStep(chain.start, Step(partial(self._fill_padding, self.simple.nodes[index].output))))
                elif index + 1 in self.plan.handed and index not in self.plan.in_place:
                    steps.append(LayerStep(chain.start, Step(partial(self._fill_sides, index))))
            self.context.cold = chain.start == 0
            count = len(self._bands(chain.start, self.simple.nodes[chain.start]))
            # A stage works on what the stage before did in the round before, so nobody waits for the end of a band.
            # With one buffer for what is handed on, the last stage comes first: it reads what the others are about to replace.
            # With two, those come first that have nothing for the array: it would wait for what follows them in the vector unit's queue.
            order = list(enumerate(stages))
            if chain.start in self.plan.single:
                order.reverse()
            elif self.overlaps:
                order.sort(key=lambda item: isinstance(self.simple.nodes[item[1]], Conv))
            rounds: list[list[LayerStep]] = []
            for turn in range(count + len(stages) - 1):
                active = [(turn - place, index) for place, index in order if 0 <= turn - place < count]
                parts = [list(self._band_steps(index, number, chain.start if count > 1 else -1)) for number, index in active]
                if len(parts) > 2 and chain.start in self.plan.single and active[-1][1] == chain.start:
                    ahead = [item for item in parts[-1] if item.step.ahead]
                    parts[0] += ahead
                    parts[-1] = [item for item in parts[-1] if not item.step.ahead]
                rounds.append([item for part in parts for item in part])
            if self.overlaps and chain.start not in self.plan.single:
                _ask_early(rounds)
            steps += [item for own in rounds for item in own]
            steps += [LayerStep(index, Step(partial(self._leave_layer, self.simple.nodes[index].output))) for index in chain]
        return self._hoist(steps)

    def _band_steps(self, index: int, number: int, chain: int) -> Iterator[LayerStep]:
        """One band of a layer, with the addition after it if that is fused."""
        node = self.simple.nodes[index]
        band = self._bands(index, node)[number]
        self.context.stationary = index in self.stationary
        own = (index, index + 1) if self._fuses(index) else (index,)
        for step in own:
            yield LayerStep(step, Step(partial(self._prepare_output, step, number)), chain)
        in_parts = index in self.plan.in_parts
        if band.last < band.first and not in_parts:
            return
        for step in own:
            yield LayerStep(step, Step(partial(self._enter_band, step, number), ahead=band.packed is not None, rows=True), chain)
        if in_parts and isinstance(node, AveragePool):
            work: Iterable[Step] = [lower_part_of_mean(self.context, node, band, number)]
        elif len(own) > 1 and isinstance(node, Conv):
            work = lower_conv(self.context, node, band, self._epilogue(index + 1, number))
        else:
            work = LOWERINGS[type(node)](self.context, node, band)
        for item in work:
            yield LayerStep(index, item, chain)
        if band.last < band.first:
            return
        for step in own:
            yield LayerStep(step, Step(partial(self._leave_band, step, number)), chain)

    def _fuses(self, index: int) -> bool:
        """Whether the addition after convolution `index` follows it tile by tile, so that the matrix unit need not wait for
        the whole of it: in turns, or everything on chip in one band."""
        made = self.plan.made
        if not fusible(self.simple, index):
            return False
        return any(index in chain and index + 1 in chain for chain in self.plan.chains) or (index not in made and index + 1 not in made)

    def _epilogue(self, index: int, number: int) -> Epilogue:
        """Emits addition `index` for one tile of output channels, in the tile's own accumulator lines: another slot would put
        every convolution tile into the same accumulator bank, where matrix and vector unit get in each other's way."""
        node, band = self.simple.nodes[index], self._bands(index, self.simple.nodes[index])[number]
        assert isinstance(node, Add)
        lanes, (_, _, channels) = self.config.lanes, band.output.tensor.shape

        def emit(tile: Tile, group: int, slot: int) -> None:
            first = group * lanes
            sweep = Sweep(tile.y, tile.rows, tile.x * channels + first, tile.columns, channels, min(lanes, channels - first))
            with self.emitter.builder.layer_of(index):
                add_sweep(self.context, node, band, sweep, slot)
        return emit

    def _hoist(self, steps: list[LayerStep]) -> list[LayerStep]:
        """Move the only early step (a table) up to where the vector unit has time; two would overwrite each other."""
        early = [item for item in steps if item.step.early]
        rest = [item for item in steps if not item.step.early]
        if len(early) != 1 or early[0].layer < 1:
            return steps
        place = self._idle_layer(early[0].layer)
        at = max((index for index, item in enumerate(rest) if item.layer == place and item.step.blocks), default=None)
        if at is None:
            at = next(index for index, item in enumerate(rest) if item.layer >= 1)
        return rest[:at] + early + rest[at:]

    def _idle_layer(self, before: int) -> int | None:
        """The convolution with the most work for the matrix unit against that of the vector unit, except the first; None without one."""
        folds = {index: int(node.weights[0].size) for index, node in enumerate(self.simple.nodes[:before])
                 if index and isinstance(node, Conv) and node.groups == 1}
        return max(folds, key=lambda index: folds[index], default=None)

    def _load_input(self, _: list[int]) -> None:
        """Bring in a resident input with its padding, in parts."""
        name = self.simple.root[self.graph.input]
        if name in self.plan.spilled:
            return
        layout = self.plan.resident[name]
        if layout.dense:
            self.emitter.load(INPUT_WINDOW, 0, layout.base_line, layout.body_lines)
            return
        first, last = layout.row_line(0) - layout.left_lines, layout.row_line(layout.rows - 1) + layout.data_lines + layout.right_lines
        self.emitter.fill(layout.base_line, first - layout.base_line, layout.pad_value)
        part = -(-layout.rows // INPUT_PARTS)
        for row in range(0, layout.rows, part):
            self.emitter.load_rows(layout, row, min(row + part, layout.rows) - 1, INPUT_WINDOW, 0)
        self.emitter.fill(last, layout.base_line + layout.body_lines - last, layout.pad_value)

    def _fill_padding(self, name: str, _: list[int]) -> None:
        self.emitter.fill_padding(self.plan.resident[name])

    def _fill_sides(self, step: int, _: list[int]) -> None:
        """Put padding beside the rows of what passes from `step` to the next, in every buffer for it: rows come and go, sides stay."""
        layouts = self.plan.bands[step, self.simple.nodes[step].output]
        for base in dict.fromkeys(layout.base_line for layout in layouts):
            self.emitter.fill_padding(max((layout for layout in layouts if layout.base_line == base), key=lambda layout: layout.rows))

    def _enter_band(self, step: int, number: int, _: list[int]) -> None:
        """Bring in the rows of spilled inputs, with their padding."""
        node = self.simple.nodes[step]
        band = self._bands(step, node)[number]
        for name, layout in dict(zip(node.inputs, band.inputs, strict=True)).items():
            root = self.simple.root[name]
            if root not in self.plan.spilled or (step in self.plan.handed and root == self.simple.nodes[step - 1].output):
                continue
            window, line = self.plan.spilled[root]
            top, bottom = max(0, layout.first_row), min(layout.tensor.shape[0], layout.first_row + layout.rows) - 1
            self._fill_beyond(layout)
            self.emitter.load_rows(layout, top, bottom, window, line)

    def _prepare_output(self, step: int, number: int, _: list[int]) -> None:
        """Put into the band of a spilled output what is not computed now: padding, and rows from the band before that are needed again."""
        node = self.simple.nodes[step]
        band = self._bands(step, node)[number]
        if step in self.plan.in_place:
            return
        if step + 1 in self.plan.handed:
            if number:
                self._keep(self._bands(step, node)[number - 1].output, band.output, band.first - 1)
            self._fill_beyond(band.output)
        elif node.output in self.plan.spilled:
            self.emitter.fill_padding(band.output)

    def _fill_beyond(self, layout: Layout) -> None:
        """Put padding into the rows of a band that lie above and below the tensor."""
        top, end = max(0, layout.first_row), min(layout.tensor.shape[0], layout.first_row + layout.rows)
        start = layout.row_line(top) - layout.left_lines
        stop = layout.row_line(end - 1) + layout.data_lines + layout.right_lines
        self.emitter.fill(layout.base_line, start - layout.base_line, layout.pad_value)
        self.emitter.fill(stop, layout.base_line + layout.body_lines - stop, layout.pad_value)

    def _keep(self, source: Layout, target: Layout, last: int) -> None:
        """Copy the rows up to `last` that a band needs again, with what stands beside them, from the buffer of the band before, which may
        be the same one: rows then move up, one after the other where they overlap."""
        first, size, left = max(0, target.first_row), self.emitter.line_bytes, target.left_lines * self.emitter.line_bytes
        distance = target.first_row - source.first_row
        if last < first or (source.base_line == target.base_line and not distance):
            return
        together = last - first + 1
        if source.base_line == target.base_line:
            together = min(together, distance)
        steps = (size, target.row_lines * size)
        for row in range(first, last + 1, together):
            end = min(row + together - 1, last)
            self.emitter.vector((target.row_lines, end - row + 1), byte_source(source, row, end, source.address(row) - left, steps),
                                byte_destination(target, row, end, target.address(row) - left, steps))

    def _leave_band(self, step: int, number: int, _: list[int]) -> None:
        """Write the rows of a spilled output to its home and, if it is one of the network's, to the output window."""
        node = self.simple.nodes[step]
        if node.output not in self.plan.spilled or (node.output in self.plan.passing and not self.dump):
            return
        band = self._bands(step, node)[number]
        self.emitter.store_rows(band.output, band.first, band.last, *self.plan.spilled[node.output])
        for name, placed in zip(self.graph.outputs, self.outputs, strict=True):
            if self.simple.root[name] == node.output:
                self.emitter.store_rows(band.output, band.first, band.last, placed.window, placed.line)

    def _leave_layer(self, name: str, _: list[int]) -> None:
        """Store a finished resident tensor if it is an output or dumped."""
        if name in self.plan.passing and not self.dump:
            return
        if name in self.plan.spilled:
            self.dumped[name] = Placed(*self.plan.spilled[name], Layout(
                self.simple.tensors[name], self.config.line_bytes, aligned=True, rows=self.simple.tensors[name].shape[0]))
            return
        layout = self.plan.resident[name]
        targets = [placed for output, placed in zip(self.graph.outputs, self.outputs, strict=True) if self.simple.root[output] == name]
        if self.dump:
            self.dumped[name] = Placed(SPILL_WINDOW, self._dump_line, layout)
            self._dump_line += self.dumped[name].lines
            targets.append(self.dumped[name])
        for placed in targets:
            self.emitter.store_rows(layout, 0, layout.rows - 1, placed.window, placed.line)

    # -- emission ---------------------------------------------------------------------------------------
    def emit(self) -> CompiledNetwork:
        steps = self._steps()
        if self.context.resident:
            self.context.resident.finish(self.image)
        start = ring_start(self.plan.height, _ring_lines(self.block_limit), self.config)
        ring = ConstantRing(start, self.config.scratchpad_lines - 1 - start)
        uses = Uses.of([item.chain for item in steps], [item.step.blocks for item in steps], ring.lines)
        wanted = deque((index, key, block) for index, blocks in enumerate(uses.fetched) for key, block in blocks)
        lying: dict[Hashable, int] = {}  # first line of what has been requested
        early: dict[int, int] = {}  # how many blocks a step to come finds requested
        pending: list[int] = []  # loads of constants, which follow the program, whose length is known only at the end

        def fetch(limit: int, most: int = FETCH_AHEAD) -> None:
            """Request blocks in order while they fit: at most `most` that no step up to `limit` needs."""
            ahead = sum(count for index, count in early.items() if index > limit)
            while wanted:
                index, key, block = wanted[0]
                if index > limit and ahead >= most:
                    return
                line = ring.allocate(block.lines)
                if line is None:
                    if index <= limit:
                        raise WeftError("constants do not fit", why="the ring is full although no step needs its content",
                                        fix="report this network; it is an error of the compiler")
                    return
                wanted.popleft()
                ahead += index > limit
                early[index] = early.get(index, 0) + 1
                lying[key] = line
                builder.layer = steps[index].layer
                self.emitter.load(0, block.line, line, block.lines)
                pending.append(len(builder.instructions) - 1)

        builder, started = self.emitter.builder, False
        first_layer = list(accumulate((item.layer for item in reversed(steps)), min))[::-1]  # of what is still to come
        for index, item in enumerate(steps):
            if self.overlaps:
                ring.grow(free_from(self.plan.buffers, first_layer[index], self.config))
            # The first layer's parameters and weights come before the input and what else it needs, everything else after that.
            started = started or (index > 0 and bool(item.step.blocks))
            fetch(index if item.step.blocks else index - 1, FETCH_AHEAD if started else 2)
            builder.layer = item.layer
            early.pop(index, None)
            item.step.emit([lying[key] for key in uses.keys[index]])
            for _ in range(uses.released[index]):
                ring.release()
        builder.halt()
        program_lines = program_bytes(len(builder.instructions), self.config) // self.config.line_bytes
        for number in pending:
            builder.instructions[number].values["dram_line"] += program_lines
        return self._result(ring)

    def _result(self, ring: ConstantRing) -> CompiledNetwork:
        config, size = self.config, self.config.line_bytes
        instructions = self.emitter.builder.instructions
        source = self.plan.resident.get(self.simple.root[self.graph.input])
        if source is None:
            tensor = self.simple.tensors[self.graph.input]
            source = Layout(tensor, size, aligned=True, rows=tensor.shape[0])
        placed_input = Placed(INPUT_WINDOW, 0, source)
        constants = self.image.bytes()
        program = self.emitter.builder.words()
        if len(program) >= 1 << isa.PC_BITS:
            raise WeftError(f"program of {len(program)} instructions", why=f"the program counter has {isa.PC_BITS} bits",
                            fix="use a configuration with a larger array")
        # Of what is stored, the network's own tensors: copies that the compiler made have no meaning outside.
        stored = {name: placed for name, placed in self.dumped.items() if name in self.graph.tensors}
        tensors = {name: placed for name, placed in zip(self.graph.outputs, self.outputs, strict=True)} | stored
        return CompiledNetwork(
            config=config, graph=self.whole, kept=self.kept, program=program, constants=constants,
            constant_kinds=self._kinds(),
            window_bytes=(program_bytes(len(program), config) + len(constants), placed_input.lines * size,
                          sum(placed.lines for placed in self.outputs) * size, self._dump_line * size),
            layers=self._layers(estimate(instructions, program, config)),
            layer_of_pc=[emitted.layer for emitted in instructions], input=placed_input, outputs=self.outputs, tensors=tensors,
            memory_map=[(item.start, item.end, item.name, item.line, item.lines) for item in self.plan.buffers],
            ring=(ring.first, ring.lines), spilled=[name for name in self.plan.spilled if name not in self.plan.passing])

    def _kinds(self) -> dict[str, int]:
        """Bytes of constants by kind; of weight tiles, what are the network's weights and what fills the tiles."""
        stored = self.image.kinds[WEIGHTS]
        useful = min(stored, sum(node.weights.size for node in self.graph.nodes if isinstance(node, Conv)))
        return {**self.image.kinds, WEIGHTS: useful, FILLING: stored - useful}

    def _layers(self, cycles: list[int]) -> list[Layer]:
        layers = []
        for index, node in enumerate(self.simple.nodes):
            shape = self.simple.tensors[node.output].shape
            tile, macs = "", 0
            self.context.stationary = index in self.stationary
            if isinstance(node, Conv):
                macs = int(np.prod(shape[:2])) * node.weights.size
                first = conv_tiles(self.context, node, self._bands(index, node)[0])[0]
                tile = f"{first.rows}x{first.columns}x{min(shape[2], self.config.lanes)}"
            bands = len(self._bands(index, node))
            if bands > 1:
                tile = f"{tile} in {bands} bands".strip()
            layers.append(Layer(node.name, type(node).__name__, node.source, shape, tile, macs, cycles[index]))
        return layers


def compile_network(graph: Graph, config: Config, *, dump: bool = False, dataflow: str | None = None) -> CompiledNetwork:
    """Compile `graph` for `config`. With `dump` every tensor that a node produces is stored to window 3 as well. `dataflow`: the one of
    `array.dataflow` that all layers take; without it, where there is a choice, each takes the better (`stationary_sums`).

    Raises `WeftError` for what the machine cannot hold or do.
    """
    _check_operands(graph, config)
    _check_roundings(graph, config)
    offered = config.array.dataflow
    if dataflow is not None and offered not in (dataflow, "both"):
        raise WeftError(f"dataflow {dataflow!r}", where=f"configuration {config.name}", why=f"array.dataflow is {offered!r}",
                        fix='set array.dataflow = "both"')
    compilation = Compilation(graph, config, dump)
    if dataflow is None and offered == "both":
        weights, sums = Compilation(graph, config, dump), Compilation(graph, config, dump)
        sums.stationary = compilation.all_layers
        weights.emit()
        sums.emit()
        compilation.stationary = stationary_sums(weights.emitter.builder.instructions, sums.emitter.builder.instructions, config)
    elif (dataflow or offered) == "output_stationary":
        compilation.stationary = compilation.all_layers
    return compilation.emit()


def _ask_early(rounds: list[list[LayerStep]]) -> None:
    """Ask for the rows of each band in the middle of the round before, whose other buffer is free by then. Loads are served in order: asked
    for later, rows would come behind weights for the same band that wait until there is room for them. Windows that the first stage packs
    are copied while the array works on its last weights in the round before."""
    for before, own in pairwise(rounds):
        asked, packs = [item for item in own if item.step.rows], [item for item in own if item.step.ahead and not item.step.rows]
        own[:] = [item for item in own if not (item.step.rows or item.step.ahead)]
        places = [index for index, item in enumerate(before) if item.step.blocks]
        first = [index for index in places if packs and before[index].layer == packs[0].layer]
        place = first[-1] if first else len(before)
        before[place:place] = packs
        middle = min(place, places[len(places) // 2]) if places else len(before) - len(packs)
        before[middle:middle] = asked


def _ring_lines(block_limit: int) -> int:
    """Lines that constants in blocks of up to `block_limit` lines need at least."""
    return 2 * block_limit + 64


def _check_operands(graph: Graph, config: Config) -> None:
    """Machines for number formats multiply matrices and nothing else."""
    if config.array.formats:
        raise WeftError(f"configuration {config.name} runs no networks", where=graph.name,
                        why=f"array.operand = {config.array.operand!r} makes a machine for products of matrices (`weft gemm`)",
                        fix='use array.operand = "int8", as in configs/edge16.toml')


def _check_roundings(graph: Graph, config: Config) -> None:
    """A rounding that the hardware was built without would stop it as an illegal operand."""
    nodes = [node.name for node in graph.nodes if not config.vector.float32
             and any(isinstance(value, Scale) and value.rounding == isa.Rounding.FLOAT32 for value in vars(node).values())]
    if nodes:
        raise WeftError(f"{len(nodes)} nodes of {graph.name} round in FLOAT32: {', '.join(map(repr, nodes))}",
                        where=f"configuration {config.name}",
                        why="vector.float32 = false leaves this rounding mode of .onnx networks out of the hardware",
                        fix="set vector.float32 = true, or use a .tflite network")
