"""The order of work: the steps of all layers, bands of chains in turns."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from weft.gen.compiler.lower import LOWERINGS, Context
from weft.gen.compiler.lower.choice import lower_conv
from weft.gen.compiler.lower.convolution import Epilogue, Tile
from weft.gen.compiler.lower.elementwise import Sweep, add_sweep
from weft.gen.compiler.lower.pooling import lower_part_of_mean
from weft.gen.compiler.placement import Placement
from weft.gen.compiler.steps import Step
from weft.gen.compiler.traffic import Traffic
from weft.gen.graph import Add, AveragePool, Conv


@dataclasses.dataclass
class LayerStep:
    """A step, the index of the node that it belongs to, and that of the first node of a chain that takes turns (-1: of none)."""

    layer: int
    step: Step
    chain: int = -1


class Schedule:
    """Lowers the nodes of a placed graph to steps. `stationary`: layers whose sums stay in the array. `overlaps`: units work at the same
    time."""

    def __init__(self, placement: Placement, traffic: Traffic, context: Context, *, stationary: frozenset[int], overlaps: bool) -> None:
        self.placement, self.traffic, self.context = placement, traffic, context
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
            count = len(self.placement.bands(chain.start))
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
            steps += [LayerStep(index, _move(self.traffic.leave_layer, self.simple.nodes[index].output)) for index in chain]
        return self._hoist(steps)

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
    return Step(lambda _: emit(*values), ahead=ahead, rows=rows)


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
