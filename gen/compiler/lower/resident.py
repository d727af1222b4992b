"""Parameter sets that stay in the vector unit for the whole run, or for all bands of a chain.

Where all sets of a network fit, only two transfers bring them: those of the first layer, which nothing hides, and together those of all
others. Otherwise each layer loads its own when it begins, and again for each band if those of its chain do not fit.
"""

import dataclasses
from collections.abc import Sequence
from functools import partial

from weft.gen.compiler.constants import FIELDS, Image, ParameterSets
from weft.gen.compiler.emitter import Emitter
from weft.gen.compiler.layout import lines_for
from weft.gen.compiler.lower.steps import Step
from weft.gen.config import Config
from weft.gen.graph import Conv, Node, Prelu, Rescale

MOST_PLANES = 4 * len(FIELDS)


def fits(nodes: Sequence[Node], config: Config, block_limit: int) -> bool:
    """Whether every set of every layer has a place of its own, and one block of constants holds them."""
    sets = sum(lines_for(len(node.weights), config.lanes) for node in nodes if isinstance(node, Conv))
    return sets <= config.vector.parameter_sets and sets * MOST_PLANES <= block_limit \
        and not any(isinstance(node, Prelu | Rescale) for node in nodes)


@dataclasses.dataclass
class Place:
    """First set of a layer, known when its batch has been emitted."""

    first: int = -1


class ChainSets:
    """Sets of the layers of a chain, which `fits`: each layer's come with its first band."""

    def __init__(self, emitter: Emitter, image: Image) -> None:
        self._emitter, self._image = emitter, image
        self._places: dict[str, Place] = {}

    def add(self, name: str, sets: ParameterSets) -> tuple[Place, Step | None]:
        """As of `ResidentSets`."""
        if name in self._places:
            return self._places[name], None
        place = self._places[name] = Place()
        block = self._image.add(sets.data, sets.kinds(sets.count, self._image.line_bytes))
        return place, Step(partial(self._load, place, sets, len(self._places) == 1), [block], work=False)

    def _load(self, place: Place, sets: ParameterSets, first: bool, placed: list[int]) -> None:
        if first:
            self._emitter.restart_sets()
        place.first = self._emitter.load_parameters(placed[0], sets.count, sets)


@dataclasses.dataclass
class Batch:
    """Sets that are loaded together by `step`."""

    step: Step
    parts: list[tuple[Place, ParameterSets]] = dataclasses.field(default_factory=list)


class ResidentSets:
    """Collects the sets of all layers while they are lowered."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._places: dict[str, Place] = {}
        self._batches: list[Batch] = []

    def add(self, name: str, sets: ParameterSets) -> tuple[Place, Step | None]:
        """Where layer `name` finds its sets, and the step that loads them, if it has to come now."""
        if name in self._places:  # another band of the layer
            return self._places[name], None
        place = self._places[name] = Place()
        step = None
        if len(self._places) <= 2:
            step = Step(partial(self._load, len(self._batches)), work=False)
            self._batches.append(Batch(step))
        self._batches[-1].parts.append((place, sets))
        return place, step

    def finish(self, image: Image) -> None:
        """After the last layer: the constants of each step are known now."""
        for batch in self._batches:
            joined = ParameterSets.joined([sets for _, sets in batch.parts])
            batch.step.blocks.append(image.add(joined.data, joined.kinds(joined.count, image.line_bytes)))

    def _load(self, index: int, placed: list[int]) -> None:
        parts = self._batches[index].parts
        joined = ParameterSets.joined([sets for _, sets in parts])
        first = self._emitter.load_parameters(placed[0], joined.count, joined)
        for place, sets in parts:
            place.first, first = first, first + sets.count
