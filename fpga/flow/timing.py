"""Clock and critical path from nextpnr's report, in the names of the source."""

import dataclasses
import re
from typing import Any

from weft.fpga.flow.netlist import Netlist

_SUFFIX = re.compile(r"_(?:LUT4|CCU2C|PFUMX|L6MUX21|TRELLIS_\w+?|MULT18X18D|DP16KD|PDPW16KD|SB_\w+?)_[A-Z0-9]+(?:_\d+)?(?=_|$).*")


@dataclasses.dataclass(frozen=True)
class Hop:
    """One step of a path: through a cell (`kind` clk-to-q, logic, setup) or along a net (routing). `delay` in ns. `cell`: type of the
    cell, `unit`: the instance it belongs to, `signal`: what comes out of it, "" if the source has no name for that."""

    kind: str
    delay: float
    cell: str
    unit: str
    signal: str


def clock(report: dict[str, Any]) -> tuple[float, float]:
    """(achieved, wanted) in MHz, of the slowest clock in relation to what it has to be."""
    clocks = [(entry["achieved"], entry["constraint"]) for entry in report["fmax"].values()]
    return min(clocks, key=lambda entry: entry[0] / entry[1], default=(0.0, 0.0))


def critical_path(report: dict[str, Any], netlist: Netlist) -> list[Hop]:
    """The slowest path from register to register."""
    paths = [path for path in report["critical_paths"] if path["from"] == path["to"] or
             path["from"].split()[-1] == path["to"].split()[-1] != "<async>"]
    worst = max(paths, key=lambda path: sum(step["delay"] for step in path["path"]), default=None)
    if worst is None:
        return []
    namer = _Namer(netlist)
    return [_hop(step, namer) for step in worst["path"]]


def _hop(step: dict[str, Any], namer: "_Namer") -> Hop:
    end = step["to"] if step["type"] in ("routing", "setup") else step["from"]
    cell, signal = namer.cell(end["cell"]), namer.signal(step.get("net", ""), end)
    return Hop(step["type"], round(step["delay"], 3), cell[0], cell[1], signal)


class _Namer:
    """Looks up cells and nets of the placed design in the netlist before it: placing renames some."""

    def __init__(self, netlist: Netlist) -> None:
        self._netlist, self._names = netlist, netlist.names()

    def cell(self, name: str) -> tuple[str, str]:
        """(type, instance) of a cell."""
        found = self._find(name)
        if not found:
            return "", ".".join(name.split(".")[:-1])
        return self._netlist.cells[found]["type"], ".".join(self._netlist.instances[found])

    def signal(self, net: str, end: dict[str, Any]) -> str:
        """Name in the source of what goes along a net, or of a register's own output."""
        found = self._find(end["cell"])
        if not net and found:
            cell = self._netlist.cells[found]
            outputs = [bit for port in ("Q", "O", end["port"]) for bit in cell["connections"].get(port, ())
                       if cell["port_directions"].get(port) == "output"]
            names = [name for bit in outputs for name in self._names.get(bit, ())]
            own = ".".join(self._netlist.instances[found])
            inside = [name for name in names if name.rpartition(".")[0] == own]
            return min(inside or names, key=len, default="")
        return "" if _SUFFIX.search(net) else net

    def _find(self, name: str) -> str:
        """nextpnr adds suffixes such as ``_LC`` or ``$COMB0`` to the names of cells that it packs or splits."""
        for candidate in (name, name.removesuffix("_LC"), name.partition("$")[0], re.sub(r"_(?:SLICE|COMB|FF|LC)\d*$", "", name)):
            if candidate in self._netlist.cells:
                return candidate
        return ""
