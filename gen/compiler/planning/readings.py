"""How the array reads activations together with weights, which come from a bank of their own if there is one."""

import dataclasses
from collections.abc import Mapping, Sequence

from weft.gen.compiler.lower.tiles import parts_of, tiles_of
from weft.gen.compiler.memory import Buffer
from weft.gen.compiler.planning.bands import Bands
from weft.gen.compiler.planning.cost import weight_lines
from weft.gen.compiler.rewrite import Simplified
from weft.gen.config import Config
from weft.gen.graph import Conv

HIDES = 2  # times R pixels of a tile hide the loading of the next one's weights (measured)
LONG = 8  # times R pixels: a longer tile loses less than an addition whose operands lie in the banks that the array reads (measured)


@dataclasses.dataclass(frozen=True)
class Reading:
    """The array reads a buffer in `parts`, one after the other, each together with `tiles` of weights. Weights for the next tile are loaded
    in time if at least a share `enough` of a part is read from other banks than theirs."""

    tiles: int
    parts: int
    enough: float

    def waits(self, buffer: Buffer, first: int) -> int:
        """Tiles of weights that come too late if they lie in the bank whose lines are those from `first` on."""
        above = min(buffer.lines, buffer.line + buffer.lines - first)
        return self.tiles * min(self.parts, int(above * self.parts / buffer.lines + self.enough)) if above > 0 else 0


Readings = Mapping[str, Sequence[Reading]]  # of each buffer, by name


def waits(buffers: Sequence[Buffer], readings: Readings, first: int) -> int:
    """Tiles of weights that wait for what the array reads together with them."""
    return sum(reading.waits(buffer, first) for buffer in buffers for reading in readings.get(buffer.name, ()))


def readings(config: Config, simple: Simplified, bands: Bands) -> Readings:
    """Of a network's buffers, in short tiles; longer ones are left out."""
    result: dict[str, list[Reading]] = {}
    for step, node in enumerate(simple.nodes):
        if not isinstance(node, Conv) or node.groups != 1:
            continue
        name, (height, width, _) = simple.root[node.inputs[0]], simple.tensors[node.output].shape
        lanes = config.lanes
        weights = weight_lines(node, None, lanes) // lanes
        made = [span for span in bands.made.get(step, [(0, height - 1)]) if span[0] <= span[1]]
        cut = [tiles_of(*span, width, config, parts_of(len(made) == 1)) for span in made]
        pixels = max(tile.rows * tile.columns for tile in cut[0])
        if pixels > LONG * lanes:
            continue
        held = bands.packed.get(step) or [buffer for buffer, _ in bands.layouts.get((step, name), ())]
        if not held:
            result.setdefault(name, []).append(Reading(weights, sum(map(len, cut)), HIDES * lanes / pixels))
        for buffer in dict.fromkeys(held):
            times = -(-len(made) // len(set(held)))
            result.setdefault(buffer, []).append(Reading(weights * times, max(map(len, cut)), HIDES * lanes / pixels))
    return result
