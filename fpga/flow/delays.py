"""Static timing from the delays that nextpnr writes as SDF, where its own analysis leaves paths out."""

import collections
import json
import re
from pathlib import Path
from typing import Any

Pin = tuple[str, str]  # cell, port
Arc = tuple[str, str]  # ports of one cell

_TIMES = r"\(\d+:\d+:(\d+)\)"
_WIRE = re.compile(rf"\(INTERCONNECT (\S+)/(\S+) (\S+)/(\S+) {_TIMES} {_TIMES}\)")
_CELL = re.compile(r'\(CELLTYPE "(\w+)"\)\s+\(INSTANCE (\S+)\)')
_ARC = re.compile(rf"\(IOPATH (?:\((?:pos|neg)edge (\w+)\)|(\w+)) (\w+) {_TIMES} {_TIMES}\)")
_SETUP = re.compile(rf"\(SETUPHOLD \(\w+ (\w+)\) \(\w+ (\w+)\) {_TIMES}")
CLOCKS = {"CLK", "CLKA", "CLKB"}
# nextpnr has no figures for LUTs of fewer than four inputs and for those that it adds after placement to lead a signal into a flip-flop:
# its own analysis ends at them.
LOGIC, RESULTS, SLOWEST = "LUT", ("F", "SUM"), 1100  # ps of a LUT: GW1N-9C, C6/I5, in Project Apicula's database
# Nor has it figures of DSP blocks. A product is taken to leave its register as late as a word leaves a block RAM; nothing is known of the
# way through the multiplier to that register.
MULTIPLIERS, PRODUCT, WORD = ("MULT9X9", "MULT18X18"), "DOUT", "DO"


class Delays:
    """Delays of one routed design, in picoseconds.

    `wires`: sink -> (driver, delay). `arcs`: cell -> delay from port to port, of logic and of clocks to outputs. `setups`: cell -> setup
    time of a port. `types`: cell -> type. A LUT without figures gets the longest of all that have some, and of carry cells, which hold
    LUTs too.
    """

    def __init__(self, sdf: str) -> None:
        text = sdf.replace("\\", "")
        self.wires = {(found[3], found[4]): ((found[1], found[2]), max(int(found[5]), int(found[6]))) for found in _WIRE.finditer(text)}
        self.types: dict[str, str] = {}
        self.arcs: dict[str, dict[Arc, int]] = {}
        self.setups: dict[str, dict[str, int]] = {}
        for block in text.split("(CELL\n")[1:]:
            head = _CELL.search(block)
            if head:
                kind, name = head.groups()
                self.types[name] = kind
                self.arcs[name] = {(found[1] or found[2], found[3]): max(int(found[4]), int(found[5])) for found in _ARC.finditer(block)}
                self.setups[name] = {found[1]: int(found[3]) for found in _SETUP.finditer(block)}
        self._complete()

    def _complete(self) -> None:
        known = [(start, end, delay) for arcs in self.arcs.values() for (start, end), delay in arcs.items()]
        logic = max((delay for start, end, delay in known if start not in CLOCKS and end in RESULTS), default=SLOWEST)
        word = max((delay for start, end, delay in known if start in CLOCKS and end.startswith(WORD)), default=0)
        for cell, port in self.wires:
            if self.types.get(cell, "").startswith(LOGIC) and not any(start == port for start, _ in self.arcs[cell]):
                self.arcs[cell][port, RESULTS[0]] = logic
        for (cell, port), _ in self.wires.values():
            if self.types.get(cell) in MULTIPLIERS and port.startswith(PRODUCT):
                self.arcs[cell]["CLK", port] = word

    def longest(self) -> list[tuple[str, Pin, Pin, int]]:
        """The longest path from a register to a register: (kind of step, from, to, delay), `kind` as in nextpnr's report."""
        into: dict[Pin, list[tuple[Pin, int, str]]] = collections.defaultdict(list)  # what a pin waits for
        for sink, (driver, delay) in self.wires.items():
            into[sink].append((driver, delay, "routing"))
        for cell, arcs in self.arcs.items():
            for (start, end), delay in arcs.items():
                into[cell, end].append(((cell, start), delay, "clk-to-q" if start in CLOCKS else "logic"))
        arrival: dict[Pin, int | None] = {}  # None: from no register
        before: dict[Pin, tuple[Pin, int, str]] = {}

        def visit(pin: Pin) -> None:
            """Depth first, without recursion: paths are longer than Python's stack."""
            stack = [(pin, False)]
            while stack:
                here, ready = stack.pop()
                if ready:
                    found = [(at + delay, (source, delay, kind)) for source, delay, kind in into[here]
                             if (at := 0 if kind == "clk-to-q" else arrival.get(source)) is not None]
                    if found:
                        arrival[here], before[here] = max(found)
                elif here not in arrival:
                    arrival[here] = None
                    stack.append((here, True))
                    stack += [(source, False) for source, _, kind in into.get(here, ()) if kind != "clk-to-q" and source not in arrival]

        worst, last, setup = -1, ("", ""), 0
        for cell, setups in self.setups.items():
            for port, time in setups.items():
                visit((cell, port))
                at = arrival[cell, port]
                if at is not None and at + time > worst:
                    worst, last, setup = at + time, (cell, port), time
        steps = [("setup", last, last, setup)] if worst >= 0 else []
        while last in before:
            source, delay, kind = before[last]
            steps.append((kind, source, last, delay))
            last = source
        return steps[::-1]


def judge(report: Path, sdf: Path, routed: Path) -> None:
    """Replace clock and critical path in nextpnr's `report` by those of the longest of all paths, the clock's constraint staying.

    `routed`: nextpnr's netlist, of which nets have their names. There has to be one clock.
    """
    found = json.loads(report.read_text())
    module = next(iter(json.loads(routed.read_text())["modules"].values()))
    nets = {bits: name for name, net in module["netnames"].items() for bits in net["bits"]}
    steps = Delays(sdf.read_text()).longest()
    (clock, figures), = found["fmax"].items()
    path = []
    for kind, start, end, delay in steps:
        step: dict[str, Any] = {"type": kind, "delay": delay / 1e3, "from": {"cell": start[0], "port": start[1]},
                                "to": {"cell": end[0], "port": end[1]}}
        if kind == "routing":
            step["net"] = nets.get(module["cells"][start[0]]["connections"][start[1]][0], "")
        path.append(step)
    period = sum(step["delay"] for step in path)
    found["fmax"] = {clock: {**figures, "achieved": 1e3 / period}}
    found["critical_paths"] = [{"from": f"posedge {clock}", "to": f"posedge {clock}", "path": path}]
    report.write_text(json.dumps(found))
