"""Decides what stays on chip: what is spilled, and where everything lies."""

from itertools import accumulate

from weft.gen.compiler.layout import Layout
from weft.gen.compiler.memory import Buffer, place, ring_start
from weft.gen.compiler.planning.apart import move_apart
from weft.gen.compiler.planning.banding import Banding
from weft.gen.compiler.planning.bands import Bands
from weft.gen.compiler.planning.chains import chains, cut
from weft.gen.compiler.planning.needs import Needs
from weft.gen.compiler.planning.plan import INPUT_WINDOW, SPILL_WINDOW, Choice, Plan
from weft.gen.compiler.planning.readings import readings
from weft.gen.compiler.rewrite import Simplified
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.graph import Graph, Softmax

SHARES = 1.0, 0.75  # of the free lines that bands may take: if fragmentation defeats the placement, less


class Planner:
    """Plans one network for one configuration; `ring` lines are kept free for constants. `keep`: see `Banding`."""

    def __init__(self, config: Config, graph: Graph, simple: Simplified, ring: int, *, keep: bool = False) -> None:
        self.config, self.graph, self.simple = config, graph, simple
        self.overlaps = config.machine.overlaps
        self.ring, self.limit = ring, config.scratchpad_lines - ring - 1
        self.needs = Needs(config, graph, simple)
        self.banding = Banding(self.needs, keep=keep)

    def plan(self, choice: Choice) -> Plan:
        """Spill as little as needed, largest tensors at the fullest step first. `choice.separate` grows where a chain does not fit."""
        spilled, begin, born, dies = list[str](), 0, self.needs.born, self.needs.dies
        while True:
            resident = {name: self.needs.layout(name) for name in born if name not in spilled}
            cuts = chains(self.needs, spilled, choice.separate)
            chain_of = {step: chain for chain in cuts for step in chain}
            buffers = [Buffer(name, layout.lines, chain_of[born[name]].start, chain_of[dies[name]].stop - 1)
                       for name, layout in resident.items()]
            free, gone = self._free(buffers), frozenset(spilled)

            def fit(chain: range, share: float, gone: frozenset[str] = gone, free: list[int] = free) -> Bands | None:
                return self.banding.fit(chain, choice, gone, free[chain.start], share)

            for share in SHARES:
                # Chains before the one that was stuck last seldom are stuck: they are looked at again at the end.
                stuck = next((chain for chain in cuts if chain.start >= begin and not fit(chain, share)), None)
                fits = [] if stuck else [(chain, fit(chain, share)) for chain in cuts]
                stuck = stuck or next((chain for chain, own in fits if own is None), None)
                if stuck:
                    continue
                bands = Bands()
                for _, own in fits:
                    bands.add(own)
                height = self._place(buffers + bands.buffers, bands)
                if height is not None:
                    return self._finish(resident, spilled, cuts, bands, buffers, height, choice.single)
            begin = stuck.start if stuck else 0
            try:
                spilled.append(self._victim(buffers, stuck))
            except WeftError:
                if stuck is None or len(stuck) == 1:
                    raise
                choice.separate.add(cut(self.needs, stuck))

    def _free(self, buffers: list[Buffer]) -> list[int]:
        """Lines beside the buffers, at each step."""
        change = [0] * (len(self.simple.nodes) + 1)
        for buffer in buffers:
            change[buffer.start] -= buffer.lines
            change[buffer.end + 1] += buffer.lines
        return list(accumulate(change[:-1], initial=self.limit))[1:]

    def _place(self, buffers: list[Buffer], bands: Bands) -> int | None:
        """Give every buffer its lines. What is read together with weights comes first and so lies lowest, far from the bank with weights,
        if everything fits that way too. If weights have no bank of their own, what is read with many of them moves away from theirs."""
        long = {buffer.name: self.needs.read_long[buffer.name.partition("#")[0]] for buffer in buffers}
        height = place(buffers, self.limit, lambda buffer: (-long[buffer.name], -buffer.lines, buffer.start))
        height = height if height is not None else place(buffers, self.limit)
        if self.overlaps and height is not None and (bank := ring_start(height, self.ring, self.config)) == height:
            move_apart(buffers, readings(self.config, self.simple, bands), height, bank // self.config.bank_lines * self.config.bank_lines)
        return height

    def _victim(self, buffers: list[Buffer], stuck: range | None) -> str:
        """The largest tensor that may be spilled, live at the step that is stuck or else the fullest."""
        steps = range(len(self.simple.nodes))
        live = {step: sum(b.lines for b in buffers if b.start <= step <= b.end) for step in steps}
        worst = stuck.start if stuck is not None else max(steps, key=lambda step: live[step])
        pinned = set(self.simple.viewed)
        for node in self.simple.nodes:
            if isinstance(node, Softmax):
                pinned |= {node.output, *(self.simple.root[name] for name in node.inputs)}
        candidates = [b for b in buffers if b.start <= worst <= b.end and b.name not in pinned]
        if not candidates:
            node = self.simple.nodes[worst]
            raise WeftError(f"{node.title} does not fit the scratchpad of {self.config.name}",
                            why=f"even one row of its operands and {self.config.scratchpad.kib} KiB leave no room",
                            fix="use a configuration with a larger scratchpad.kib")
        return max(candidates, key=lambda buffer: buffer.lines).name

    def _finish(self, resident: dict[str, Layout], spilled: list[str], cuts: list[range], bands: Bands, buffers: list[Buffer], height: int,
                single: frozenset[int]) -> Plan:
        everything = buffers + bands.buffers
        line = {buffer.name: buffer.line for buffer in everything}
        placed = {name: layout.at(line[name]) for name, layout in resident.items()}
        placed_bands = {key: [layout.at(line[name]) for name, layout in held] for key, held in bands.layouts.items()}
        packed = {step: [line[name] for name in names] for step, names in bands.packed.items()}
        homes, next_line = {}, 0
        for name in spilled:
            if name == self.simple.root[self.graph.input]:
                homes[name] = (INPUT_WINDOW, 0)
                continue
            homes[name] = (SPILL_WINDOW, next_line)
            tensor = self.simple.tensors[name]
            next_line += tensor.shape[0] * Layout(tensor, self.config.line_bytes, aligned=True).data_lines
        return Plan(placed, homes, cuts, bands.made, placed_bands, bands.handed, bands.passing, packed, bands.in_parts, bands.in_place,
                    single, everything, height, next_line)
