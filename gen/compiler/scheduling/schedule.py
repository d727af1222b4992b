"""The order of work: the steps of all layers, bands of chains in turns."""

from collections.abc import Callable, Iterable, Iterator

from weft.gen.compiler.layout import lines_for
from weft.gen.compiler.lower import LOWERINGS, Context
from weft.gen.compiler.lower.choice import lower_conv
from weft.gen.compiler.lower.convolution import Epilogue
from weft.gen.compiler.lower.elementwise import Sweep, add_sweep
from weft.gen.compiler.lower.pooling import lower_part_of_mean
from weft.gen.compiler.lower.resident import ChainSets, fits
from weft.gen.compiler.lower.steps import Step
from weft.gen.compiler.lower.tiles import Tile
from weft.gen.compiler.planning.cost import weight_lines
from weft.gen.compiler.scheduling.lasting import stay
from weft.gen.compiler.scheduling.placement import Placement
from weft.gen.compiler.scheduling.rounds import LayerStep, ask_early, mixed, rounds
from weft.gen.compiler.scheduling.traffic import Traffic
from weft.gen.graph import Add, AveragePool, Conv


class Schedule:
    """Lowers the nodes of a placed graph to steps. `stationary`: layers whose sums stay in the array. `overlaps`: units work at the same
    time. `room`: lines for constants."""

    def __init__(self, placement: Placement, traffic: Traffic, context: Context, *, stationary: frozenset[int], overlaps: bool,
                 room: int) -> None:
        self.placement, self.traffic, self.context = placement, traffic, context
        self.resident, self.room = context.resident, room - (context.block_limit if context.resident else 0)
        self.simple, self.plan = placement.simple, placement.plan
        self.stationary, self.overlaps = stationary, overlaps

    def steps(self) -> list[LayerStep]:
        """All steps of the network, in the order in which their instructions are emitted."""
        steps = [LayerStep(0, _move(self.traffic.load_input))]
        for chain in self.plan.chains:
            stages = [index for index in chain if not self.placement.fuses(index - 1)]
            written = [index for stage in stages for index in (stage, stage + 1) if index == stage or self.placement.fuses(stage)]
            for index in written:
                if self.simple.nodes[index].output in self.plan.resident:
                    steps.append(LayerStep(chain.start, _move(self.traffic.fill_padding, self.simple.nodes[index].output)))
                elif index + 1 in self.plan.handed and index not in self.plan.in_place:
                    steps.append(LayerStep(chain.start, _move(self.traffic.fill_sides, index)))
            self.context.cold = chain.start == 0
            steps += self._in_turns(chain, stages)
            steps += [LayerStep(index, _move(self.traffic.leave_layer, self.simple.nodes[index].output)) for index in chain]
        return self._hoist(steps)

    def _in_turns(self, chain: range, stages: list[int]) -> list[LayerStep]:
        """The work of a chain, round by round."""
        single, count = chain.start in self.plan.single, len(self.placement.bands(chain.start))
        turns = self.overlaps and count > 1
        self._choose_sets(chain, turns=turns)
        mixes = turns and self._mixes(chain)
        order = [self._round([(stages[stage], band) for stage, band in active], chain.start if count > 1 else -1, mixes=mixes)
                 for active in rounds(len(stages), count, single=single)]
        result = [[item for part in parts for stage in part for item in stage] for parts in order]
        # What was expected before anything was lowered need not hold: blocks may be too large.
        if mixes and stay({block for own in result for item in own for block in item.step.blocks}, self.room):
            result = [mixed(*parts) if all(parts) else own for parts, own in zip(order, result, strict=True)]
        if self.overlaps and (not single or len(stages) > 1):
            ask_early(result, single=single)
        return [item for own in result for item in own]

    def _choose_sets(self, chain: range, *, turns: bool) -> None:
        """Let the vector unit keep the parameter sets of a chain that takes `turns`, if they fit and those of the network do not."""
        nodes, context = self.simple.nodes[chain.start:chain.stop], self.context
        keep = turns and not self.resident and fits(nodes, context.emitter.config, context.block_limit)
        context.resident = ChainSets(context.emitter, context.image) if keep else self.resident

    def _mixes(self, chain: range) -> bool:
        """Whether work of a chain's stages is to be mixed, as far as is known beforehand: if its constants stay on chip, because mixed work
        needs them in no order that a ring could follow."""
        nodes = self.simple.nodes[chain.start:chain.stop]
        constants = sum(weight_lines(node, None, self.context.lanes) for node in nodes if isinstance(node, Conv))
        return self.context.resident is not None and constants + constants // 8 <= self.room

    def _round(self, working: list[tuple[int, int]], chain: int, *, mixes: bool) -> tuple[list[list[LayerStep]], list[list[LayerStep]]]:
        """What each of the stages `working` does with its band: those of much vector work that is to be mixed with others', and others. An
        addition that follows its convolution keeps to one bank of accumulators then, and others to the other one."""
        context, much = self.context, {index for index, _ in working if mixes and self._much(index)}
        others = len(working) - len(much)
        divided = others > 0 and any(self.placement.fuses(index) for index in much)
        tiles = sum(self._tiles(index, band) for index, band in working if index in much)
        parts: tuple[list[list[LayerStep]], list[list[LayerStep]]] = ([], [])
        for index, band in working:
            context.bank = int(index not in much) if divided else None
            context.turns = -(-tiles // others) if divided and index not in much else 0
            parts[index not in much].append(list(self._band_steps(index, band, chain)))
        context.turns, context.bank = 0, None
        return parts

    def _much(self, index: int) -> bool:
        """Whether a stage takes the vector unit longer than the array."""
        node, lanes = self.simple.nodes[index], self.context.lanes
        if not isinstance(node, Conv):
            return True
        if node.groups > 1:
            return False
        if index in self.plan.packed:
            return True
        folds = weight_lines(node, None, lanes) // lanes // lines_for(len(node.weights), lanes)
        return folds < 1 + 3 * self.placement.fuses(index)

    def _tiles(self, index: int, number: int) -> int:
        """Of all groups of outputs of a band, if they are as large as they can be."""
        band = self.placement.bands(index)[number]
        _, width, channels = band.output.tensor.shape
        lines = (band.last - band.first + 1) * width
        return lines_for(lines, self.context.emitter.slots.lines) * lines_for(channels, self.context.lanes)

    def _band_steps(self, index: int, number: int, chain: int) -> Iterator[LayerStep]:
        """One band of a layer, with the addition after it if that is fused."""
        node = self.simple.nodes[index]
        band = self.placement.bands(index)[number]
        self.context.stationary = index in self.stationary
        own = (index, index + 1) if self.placement.fuses(index) else (index,)
        for step in own:
            yield LayerStep(step, _move(self.traffic.prepare_output, step, number), chain)
        in_parts = index in self.plan.in_parts
        if band.last < band.first and not in_parts:
            return
        for step in own:
            yield LayerStep(step, _move(self.traffic.enter_band, step, number, ahead=band.packed is not None, rows=True), chain)
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
            yield LayerStep(step, _move(self.traffic.leave_band, step, number), chain)

    def _epilogue(self, index: int, number: int) -> Epilogue:
        """Emits addition `index` for one tile of output channels, in the tile's own accumulator lines: another slot would put
        every convolution tile into the same accumulator bank, where matrix and vector unit get in each other's way."""
        node, band = self.simple.nodes[index], self.placement.bands(index)[number]
        assert isinstance(node, Add)
        lanes, (_, _, channels) = self.context.lanes, band.output.tensor.shape

        def emit(tile: Tile, group: int, slot: int) -> None:
            first = group * lanes
            sweep = Sweep(tile.y, tile.rows, tile.x * channels + first, tile.columns, channels, min(lanes, channels - first))
            with self.context.emitter.builder.layer_of(index):
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


def _move(emit: Callable[..., None], *values: object, ahead: bool = False, rows: bool = False) -> Step:
    """A step without constants: `emit` with `values`."""
    return Step(lambda _: emit(*values), ahead=ahead, rows=rows, work=False)
