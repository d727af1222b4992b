"""How much of an FPGA each unit takes."""

import collections
import dataclasses

from weft.fpga.boards.device import Device
from weft.fpga.flow.family import Family
from weft.fpga.flow.netlist import Netlist


@dataclasses.dataclass(frozen=True)
class Unit:
    """An instance with everything inside: `path` such as ``image.npu.vector``, and resource -> how many."""

    path: str
    resources: dict[str, int]

    @property
    def depth(self) -> int:
        """0 for the whole design."""
        return self.path.count(".") + 1 if self.path else 0


def units(netlist: Netlist, family: Family, depth: int = 4) -> list[Unit]:
    """All instances down to `depth`, each after the one that it is in; the first is the whole design. A unit's figure is the sum of
    what is in it."""
    total: dict[tuple[str, ...], collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for path, cells in netlist.count().items():
        taken = collections.Counter({name: sum(cells[cell] * each for cell, each in kinds.items()) for name, kinds in family.cells.items()})
        for level in range(min(len(path), depth) + 1):
            total[path[:level]] += taken
    return [Unit(".".join(path), {name: total[path][name] for name in family.cells}) for path in sorted(total)]


def excess(whole: Unit, device: Device) -> dict[str, tuple[int, int]]:
    """Resource -> (needed, there are) for each that does not fit. A LUT and its flip-flop share a logic cell on iCE40, at best."""
    needed = dict(whole.resources)
    if "logic cell" in device.blocks:
        needed["logic cell"] = max(needed["LUT"], needed["FF"])
    return {name: (needed[name], limit) for name, limit in device.blocks.items() if needed.get(name, 0) > limit}
