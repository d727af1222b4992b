"""Graph to program: simplify, plan memory, lower every node to steps, emit steps with constants fetched ahead."""

import contextlib
import math
from itertools import accumulate

import numpy as np

from weft.gen import isa
from weft.gen.compiler.constant_channels import without_constant_channels
from weft.gen.compiler.constants import FILLING, WEIGHTS, Image
from weft.gen.compiler.dataflow import stationary_sums
from weft.gen.compiler.dram_account import dram_bytes
from weft.gen.compiler.emitter import Emitter
from weft.gen.compiler.estimate import estimate
from weft.gen.compiler.layout import Layout
from weft.gen.compiler.lower import Context
from weft.gen.compiler.lower.resident import ResidentSets, fits
from weft.gen.compiler.memory import ConstantRing, free_from, ring_start
from weft.gen.compiler.network import CompiledNetwork, Layer, Placed, program_bytes
from weft.gen.compiler.planning.candidates import Candidate, candidates, ring_lines
from weft.gen.compiler.planning.plan import INPUT_WINDOW
from weft.gen.compiler.rewrite import Simplified, simplify
from weft.gen.compiler.scheduling.fetch import ConstantFetch
from weft.gen.compiler.scheduling.placement import Placement
from weft.gen.compiler.scheduling.schedule import Schedule
from weft.gen.compiler.scheduling.traffic import Traffic
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.graph import Conv, Graph, Scale

LONG = 8000  # instructions of a program that takes too long to write several times


class Prepared:
    """A simplified network and the plans for it. `dump`: every tensor that a node produces is stored."""

    def __init__(self, graph: Graph, config: Config, dump: bool) -> None:
        self.whole, self.config, self.dump = graph, config, dump
        self.graph, self.kept = without_constant_channels(graph, config.lanes)
        self.simple: Simplified = simplify(self.graph)
        self.candidates = candidates(config, self.graph, self.simple, keep=dump)

    @property
    def all_layers(self) -> frozenset[int]:
        return frozenset(range(len(self.simple.nodes)))


class Compilation:
    """From one plan to a program. `stationary`: layers whose sums stay in the array."""

    def __init__(self, prepared: Prepared, candidate: Candidate, stationary: frozenset[int] = frozenset()) -> None:
        self.whole, self.graph, self.kept, self.simple = prepared.whole, prepared.graph, prepared.kept, prepared.simple
        self.config, self.stationary = prepared.config, stationary
        self.emitter = Emitter(self.config)
        self.image = Image(self.config.line_bytes)
        self.block_limit, self.plan = candidate.block_limit, candidate.plan
        self.context = Context(self.emitter, self.image, self.block_limit)
        self.resident = ResidentSets(self.emitter) if fits(self.simple.nodes, self.config, self.block_limit) else None
        self.context.resident = self.resident
        self.placement = Placement(self.graph, self.simple, self.plan, self.config)
        self.traffic = Traffic(self.placement, self.emitter, dump=prepared.dump)

    def emit(self) -> CompiledNetwork:
        """The program. Once: afterwards the object is used up."""
        start = ring_start(self.plan.height, ring_lines(self.block_limit), self.config)
        ring = ConstantRing(start, self.config.scratchpad_lines - 1 - start)
        steps = Schedule(self.placement, self.traffic, self.context, stationary=self.stationary,
                         overlaps=self.config.machine.overlaps, room=ring.lines).steps()
        if self.resident:
            self.resident.finish(self.image)
        constants = ConstantFetch(steps, ring, self.emitter)
        first_layer = list(accumulate((item.layer for item in reversed(steps)), min))[::-1]  # of what is still to come
        for index, item in enumerate(steps):
            if self.config.machine.overlaps:
                ring.grow(free_from(self.plan.buffers, first_layer[index], self.config))
            item.step.emit(constants.before(index))
            constants.after(index)
        builder = self.emitter.builder
        builder.halt()
        constants.shift(program_bytes(len(builder.instructions), self.config) // self.config.line_bytes)
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
        stored = {name: placed for name, placed in self.traffic.dumped.items() if name in self.graph.tensors}
        tensors = {name: placed for name, placed in zip(self.graph.outputs, self.placement.outputs, strict=True)} | stored
        return CompiledNetwork(
            config=config, graph=self.whole, kept=self.kept, program=program, constants=constants,
            constant_kinds=self._kinds(),
            window_bytes=(program_bytes(len(program), config) + len(constants), placed_input.lines * size,
                          sum(placed.lines for placed in self.placement.outputs) * size, self.traffic.spill_lines * size),
            layers=self._layers(estimate(instructions, program, config)),
            layer_of_pc=[emitted.layer for emitted in instructions], input=placed_input, outputs=self.placement.outputs, tensors=tensors,
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
            if isinstance(node, Conv):
                macs = int(np.prod(shape[:2])) * node.weights.size
                used = sorted(set(self.context.tiles[node.output]), key=math.prod)
                tile = " .. ".join(f"{rows}x{columns}x{min(shape[2], self.config.lanes)}"
                                   for rows, columns in dict.fromkeys((used[0], used[-1])))
            bands = len(self.placement.bands(index))
            if bands > 1:
                tile = f"{tile} in {bands} bands".strip()
            layers.append(Layer(node.name, type(node).__name__, node.source, shape, tile, macs, cycles[index]))
        return layers


def compile_network(graph: Graph, config: Config, *, dump: bool = False, dataflow: str | None = None) -> CompiledNetwork:
    """Compile `graph` for `config`. With `dump` every tensor that a node produces is stored to window 3 as well. `dataflow`: the one of
    `array.dataflow` that all layers take; without it, where there is a choice, each takes the better (`stationary_sums`). Of the programs
    of several plans that move no more bytes to and from DRAM than the first one's, the one with least estimated cycles is returned.

    Raises `WeftError` for what the machine cannot hold or do.
    """
    _check_operands(graph, config)
    _check_roundings(graph, config)
    offered = config.array.dataflow
    if dataflow is not None and offered not in (dataflow, "both"):
        raise WeftError(f"dataflow {dataflow!r}", where=f"configuration {config.name}", why=f"array.dataflow is {offered!r}",
                        fix='set array.dataflow = "both"')
    prepared = Prepared(graph, config, dump)
    first = best = _program(prepared, prepared.candidates[0], dataflow or offered)
    for candidate in prepared.candidates[1:] if len(first.program) <= LONG else ():
        with contextlib.suppress(WeftError):  # what does not fit is no candidate
            other = _program(prepared, candidate, dataflow or offered)
            if other.estimated_cycles < best.estimated_cycles and dram_bytes(other) <= dram_bytes(first):
                best = other
    return best


def _program(prepared: Prepared, candidate: Candidate, dataflow: str) -> CompiledNetwork:
    return Compilation(prepared, candidate, _stationary(prepared, candidate, dataflow)).emit()


def _stationary(prepared: Prepared, candidate: Candidate, dataflow: str) -> frozenset[int]:
    """Layers whose sums stay in the array: of `both` dataflows each layer takes the better one."""
    if dataflow != "both":
        return prepared.all_layers if dataflow == "output_stationary" else frozenset()
    weights, sums = Compilation(prepared, candidate), Compilation(prepared, candidate, prepared.all_layers)
    weights.emit()
    sums.emit()
    return stationary_sums(weights.emitter.builder.instructions, sums.emitter.builder.instructions, prepared.config)


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
