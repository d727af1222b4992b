"""The netlist after synthesis: which unit each cell belongs to, and what its nets are called in the source."""

import collections
import json
import re
from pathlib import Path
from typing import Any

SCOPE = "scopename"
# Names that Yosys makes (autoname): a net, the type of a cell at it, its port.
GENERATED = re.compile(r"_(?:LUT\d|CCU2C|PFUMX|L6MUX21|TRELLIS_|MULT18|DP16|PDPW|SB_|MUX2_|ALU_|DFF|MULT9|SP_|SPX9_|S?DPB_|S?DPX9B_|IBUF_)")
NAMELESS = re.compile(r"(?:^|\.)_\d+_$")  # what the Verilog calls a value that has no name in the source
# Types of cells, by their beginnings, that are made of rewritten logic: their names tell nothing.
REWRITTEN = ("LUT", "CCU2C", "PFUMX", "L6MUX21", "SB_LUT4", "SB_CARRY", "TRELLIS_FF", "SB_DFF", "MUX2_", "ALU", "DFF")
Instance = tuple[str, ...]  # instances from the top down


class Netlist:
    """Yosys' JSON of one flattened module.

    A register, a multiplier or a memory knows the instance that it comes from. A LUT or carry does not, because logic is
    rewritten: it counts for the instance in which most of the cells that it drives lie.
    """

    def __init__(self, file: Path, top: str) -> None:
        module = json.loads(file.read_text())["modules"][top]
        cells = module["cells"]
        self._known = {tuple(cell["attributes"][SCOPE].split()) for cell in cells.values() if SCOPE in cell["attributes"]}
        self._known |= {tuple(name.split(".")) for name, cell in cells.items() if cell["type"] == "$scopeinfo"}
        self.cells: dict[str, dict[str, Any]] = {name: cell for name, cell in cells.items() if cell["type"] != "$scopeinfo"}
        self._nets: dict[str, Any] = module["netnames"]
        self.instances = self._instances()

    def _instances(self) -> dict[str, Instance]:
        """Cell -> the instance that it belongs to."""
        found: dict[str, Instance] = {}
        for name, cell in self.cells.items():
            if SCOPE in cell["attributes"]:
                found[name] = tuple(cell["attributes"][SCOPE].split())
            elif not cell["type"].startswith(REWRITTEN):
                found[name] = self._prefix(name)
        drivers: dict[int, str] = {}
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                if cell["port_directions"].get(port) == "output":
                    drivers.update((bit, name) for bit in bits if isinstance(bit, int))
        sinks: dict[str, list[str]] = collections.defaultdict(list)
        sources: dict[str, list[str]] = collections.defaultdict(list)
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                if cell["port_directions"].get(port) == "input":
                    for bit in bits:
                        if bit in drivers and drivers[bit] not in found:
                            sinks[drivers[bit]].append(name)
                            sources[name].append(drivers[bit])
        # Backwards from what is known: a cell is decided when everything that it drives is.
        waiting = {name: len(users) for name, users in sinks.items()}
        ready = list(found) + [name for name in self.cells if name not in found and not waiting.get(name)]
        while ready:
            name = ready.pop()
            if name not in found:
                votes = collections.Counter(found[user] for user in sinks[name] if user in found)
                found[name] = max(votes, key=lambda instance: (votes[instance], instance)) if votes else self._prefix(name)
            for source in sources[name]:
                waiting[source] -= 1
                if not waiting[source] and source not in found:
                    ready.append(source)
        return found | {name: self._prefix(name) for name in self.cells if name not in found}

    def _prefix(self, name: str) -> Instance:
        """The longest known instance that a dotted name begins with."""
        parts = tuple(name.split("."))[:-1]
        while parts and parts not in self._known:
            parts = parts[:-1]
        return parts

    def bits(self, net: str) -> list[int]:
        """Bits of a net by its name, lowest first."""
        return [bit for bit in self._nets.get(net, {"bits": []})["bits"] if isinstance(bit, int)]

    def outputs(self, cell: str) -> list[int]:
        """Bits that a cell drives."""
        entry = self.cells[cell]
        return [bit for port, bits in entry["connections"].items() if entry["port_directions"].get(port) == "output"
                for bit in bits if isinstance(bit, int)]

    def users(self, bit: int) -> list[str]:
        """Cells that a bit goes into."""
        return [name for name, cell in self.cells.items() for port, bits in cell["connections"].items()
                if cell["port_directions"].get(port) == "input" and bit in bits]

    def count(self) -> dict[Instance, collections.Counter[str]]:
        """Instance -> how many cells of each type belong to it, without what is inside its own instances."""
        counts: dict[Instance, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        for name, cell in self.cells.items():
            counts[self.instances[name]][cell["type"]] += 1
        return dict(counts)

    def names(self) -> dict[int, list[str]]:
        """Bit -> its names in the source, such as ``image.npu.vector.sum[3]``."""
        found: dict[int, list[str]] = collections.defaultdict(list)
        for name, net in self._nets.items():
            if NAMELESS.search(name):
                continue
            if "hdlname" in net["attributes"] or not (net["hide_name"] or "." in name or GENERATED.search(name)):
                low, width = net.get("offset", 0), len(net["bits"])
                for index, bit in enumerate(net["bits"]):
                    if isinstance(bit, int):
                        found[bit].append(f"{name}[{low + index}]" if width > 1 else name)
        return found
