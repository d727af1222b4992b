"""Clock and critical path from nextpnr's report, in the names of the source."""

import dataclasses
import re
from typing import Any

from weft.fpga.flow.netlist import GENERATED, NAMELESS, Netlist

_BIT = re.compile(r"(.*)\[(\d+)\]")
_PACKED = re.compile(r"_(?:LC|DFFLC|RAM|SPRAM|DSP)$")  # what nextpnr-ice40 adds to the names of cells


@dataclasses.dataclass(frozen=True)
class Hop:
    """One step of a path: through a cell (`kind` clk-to-q, logic, setup) or along a net (routing). `delay` in ns. `cell`: type of the
    cell that it goes through or to, `unit`: the instance it belongs to. `signal`: what comes out of the cell or goes along the net, for
    setup the register that takes it; "" if the source has no name for that."""

    kind: str
    delay: float
    cell: str
    unit: str
    signal: str


def clock(report: dict[str, Any]) -> tuple[float, float]:
    """(achieved, wanted) in MHz, of the clock that is slowest for what it has to be."""
    clocks = [(entry["achieved"], entry["constraint"]) for entry in report["fmax"].values()]
    return min(clocks, key=lambda entry: entry[0] / entry[1], default=(0.0, 0.0))


def critical_path(report: dict[str, Any], netlist: Netlist) -> list[Hop]:
    """The slowest path from a register to a register of the same clock."""
    paths = [path["path"] for path in report["critical_paths"] if path["from"].split()[-1] == path["to"].split()[-1] != "<async>"]
    steps: list[dict[str, Any]] = max(paths, key=lambda path: sum(step["delay"] for step in path), default=[])
    names, hops = _Names(netlist), []
    for index, step in enumerate(steps):
        cell = names.cell(step["to"]["cell"])
        nets = [later["net"] for later in steps[index:index + 2] if later["type"] == "routing"]
        signal = names.register(cell) if step["type"] == "setup" else names.net(nets[0]) if nets else ""
        kind = netlist.cells[cell]["type"] if cell else ""
        unit = ".".join(netlist.instances[cell]) if cell else step["to"]["cell"].rpartition(".")[0]
        hops.append(Hop(step["type"], round(step["delay"], 3), kind, unit, signal))
    return hops


class _Names:
    """Looks up cells and nets of the placed design in the netlist that it was made from."""

    def __init__(self, netlist: Netlist) -> None:
        self._netlist, self._names = netlist, netlist.names()

    def cell(self, name: str) -> str:
        """Name before nextpnr packed or split the cell, "" if it made the cell itself."""
        candidates = (name, _PACKED.sub("", name), name.partition("$")[0])
        return next((candidate for candidate in candidates if candidate in self._netlist.cells), "")

    def net(self, name: str) -> str:
        """What the source calls a net."""
        if name.startswith("$nextpnr"):
            return ""
        found = _BIT.fullmatch(name)
        stem = found[1] if found else name
        if not (GENERATED.search(name) or NAMELESS.search(stem)):
            return name
        bits = self._netlist.bits(stem)
        index = int(found[2]) if found else 0
        return self._best(bits[index], ()) if index < len(bits) else ""

    def register(self, cell: str) -> str:
        """What the source calls the register in a cell: a flip-flop, or one that shares a logic cell with the LUT in front of it."""
        if not cell:
            return ""
        outputs = self._netlist.outputs(cell)
        if len(outputs) == 1:
            behind = [user for user in self._netlist.users(outputs[0]) if "DFF" in self._netlist.cells[user]["type"]]
            flip_flop = behind[0] if "LUT" in self._netlist.cells[cell]["type"] and len(behind) == 1 else cell
            return self._best(self._netlist.outputs(flip_flop)[0], self._netlist.instances[flip_flop])
        return cell  # memories and multipliers have the names of their instances

    def _best(self, bit: int, unit: tuple[str, ...]) -> str:
        """Of the names of a bit one inside `unit`, or else the shortest."""
        known = self._names.get(bit, [])
        inside = [name for name in known if tuple(name.split(".")[:-1]) == unit]
        return min(inside or known, key=len, default="")
