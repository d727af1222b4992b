"""What every lowering gets: the emitter, the constant image, and one band of a node's operands."""

import collections
import dataclasses
from collections.abc import Mapping

import numpy as np

from weft.gen.compiler.constants import Block, Image, ParameterSets, parameter_sets
from weft.gen.compiler.emitter import Emitter, Operand, ScaleStage
from weft.gen.compiler.layout import Layout
from weft.gen.compiler.lower.resident import ChainSets, ResidentSets
from weft.gen.graph import Scale
from weft.gen.isa import Destination, Source


@dataclasses.dataclass(frozen=True)
class Band:
    """Output rows first .. last of a node, and where its operands lie while they are computed."""

    inputs: tuple[Layout, ...]
    output: Layout
    first: int
    last: int
    packed: int | None = None  # first line for packed kernel windows, if the node has them
    alone: bool = True  # no other band of the node


@dataclasses.dataclass
class Context:
    emitter: Emitter
    image: Image
    block_limit: int  # most lines of one block of constants
    resident: ResidentSets | ChainSets | None = None  # if parameter sets stay in the vector unit
    stationary: bool = False  # sums of the node that is being lowered stay in the array
    cold: bool = False  # the node that is being lowered is the first: nothing hides the loading of its constants
    turns: int = 0  # tiles at least, of all groups of outputs, for another stage of a chain to work in between
    bank: int | None = None  # of accumulators that the node keeps to, if stages of a chain have one each
    sums: tuple[int, int] = (0, 0)  # accumulators of a mean over rows that come in parts: of all rows so far, and of those of one part
    # Rows and columns of the largest tile in each band of a convolution, by its output.
    tiles: collections.defaultdict[str, list[tuple[int, int]]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))
    _shared: dict[bytes, Block] = dataclasses.field(default_factory=dict)

    @property
    def lanes(self) -> int:
        return self.emitter.lanes

    def block(self, data: bytes, kinds: Mapping[str, int] | str) -> Block:
        """Constants in DRAM; equal ones (a layer processed in several bands) are stored once. `kinds`: as `Image.add`, or the only one."""
        if data not in self._shared:
            self._shared[data] = self.image.add(data, {kinds: len(data)} if isinstance(kinds, str) else kinds)
        return self._shared[data]

    def sets(self, sets: ParameterSets, first: int, last: int) -> Block:
        """Parameter sets first .. last - 1 in DRAM."""
        size, last = sets.lines * self.lanes, min(last, sets.count)
        return self.block(sets.data[first * size:last * size], sets.kinds(last - first, self.lanes))


def is_scalar(scale: Scale) -> bool:
    """Whether one VECTOR_SCALE holds it."""
    return all(np.ndim(member) == 0 for member in (scale.pre, scale.multiplier, scale.left, scale.right))


def stage(scale: Scale) -> ScaleStage:
    """Constants in the instruction where they do, else everything from the parameter set."""
    return ScaleStage.constant(scale) if is_scalar(scale) else ScaleStage.per_channel(scale)


def parameters(scale: Scale, channels: int, lanes: int) -> ParameterSets | None:
    """Parameter sets for `stage(scale)`, or None if it needs none."""
    return None if is_scalar(scale) else parameter_sets(scale, np.asarray(scale.pre), channels, lanes)


def byte_source(layout: Layout, y: int, last: int, address: int, steps: tuple[int, ...]) -> Operand:
    """int8 vectors of rows y .. last, clipped to the rows that the layout holds."""
    return Operand(Source.INT8, address, steps, layout.region(y, last))


def byte_destination(layout: Layout, y: int, last: int, address: int, steps: tuple[int, ...]) -> Operand:
    return Operand(Destination.BYTES, address, steps, layout.region(y, last))


def balanced(total: int, most: int) -> int:
    """Largest equal share of `total` in as few parts of at most `most` as possible."""
    parts = -(-total // max(1, most))
    return -(-total // parts)
