"""Cuts the rows of spilled tensors into bands, so that what a chain of steps needs on chip fits."""

from collections.abc import Iterator

from weft.gen.compiler.layout import Halo
from weft.gen.compiler.lower.packed import Packing
from weft.gen.compiler.lower.pooling import sums_over_rows
from weft.gen.compiler.memory import AccumulatorSlots
from weft.gen.compiler.planning.bands import Bands
from weft.gen.compiler.planning.needs import Needs
from weft.gen.compiler.planning.plan import Choice
from weft.gen.compiler.planning.turns import Rows, held_between, input_rows, made_rows
from weft.gen.graph import Add, Conv, Tensor


class Banding:
    """Bands of one network's chains. With `keep` every result lies somewhere until its step is done, even if nobody else needs it."""

    def __init__(self, needs: Needs, *, keep: bool) -> None:
        self.needs, self.keep, self.config, self.simple = needs, keep, needs.config, needs.simple
        self._known: dict[tuple[object, ...], list[Bands]] = {}

    def fit(self, chain: range, choice: Choice, spilled: frozenset[str], room: int, share: float) -> Bands | None:
        """Bands of a chain's spilled operands, as few as fit in a `share` of `room` lines; one row at a time may take all. None if not even
        that fits."""
        names = self.needs.names(chain)
        if not names & spilled:
            bands, (height, _, _) = Bands(), self.simple.tensors[self.simple.nodes[chain.start].output].shape
            if lines := self._packed_lines(chain.start, [(0, height - 1)], choice):
                bands.pack(chain.start, lines, 1, range(chain.start, chain.start + 1))
            return bands
        for rows, own in self._candidates(chain, choice, names & spilled):
            if own.lines <= (room if rows == 1 else room * share):
                return own
        return self._parts(chain[-1], spilled, room * share)

    def _candidates(self, chain: range, choice: Choice, spilled: frozenset[str]) -> Iterator[tuple[int, Bands]]:
        """What a chain needs for bands of all its last step's rows, of half of them and so on."""
        height = self.simple.tensors[self.simple.nodes[chain[-1]].output].shape[0]
        known = self._known.setdefault((chain, choice.packs, chain.start in choice.single, spilled), [])
        for index, rows in enumerate(dict.fromkeys(-(-height // count) for count in range(1, height + 1))):
            if index == len(known):
                known.append(self._bands(chain, choice, rows, spilled))
            yield rows, known[index]

    def _bands(self, chain: range, choice: Choice, rows: int, spilled: frozenset[str]) -> Bands:
        """For `rows` rows a band of the last step."""
        result, made = Bands(), made_rows(self.simple, chain, rows)
        result.made, single = made, chain.start in choice.single
        for step in chain:
            node, copies = self.simple.nodes[step], 1 if single or len(made[step]) == 1 else 2
            for name in dict.fromkeys(self.simple.root[name] for name in node.inputs):
                if name not in spilled:
                    continue
                side = self.needs.halo.get(name, Halo())
                if step > chain.start and name == self.simple.nodes[step - 1].output:
                    held = held_between(self.simple, step, made)
                    if isinstance(node, Add) and node.output in spilled and self.config.machine.overlaps and not self.keep:
                        result.in_place.add(step - 1)
                    else:
                        # What an addition takes from its convolution is read by the unit that wrote it.
                        result.hold(*self._sized(name), (step, name), held, side, 1 if isinstance(node, Add) else copies, chain)
                        result.layouts[step - 1, name] = result.layouts[step, name]
                    result.handed.add(step)
                    if self.needs.dies[name] == step:
                        result.passing.add(name)
                else:
                    held = [input_rows(self.simple, node, name, *span) for span in made[step]]
                    result.hold(*self._sized(name), (step, name), held, side, copies, chain)
            if node.output in spilled and (step == chain[-1]):
                result.hold(*self._sized(node.output), (step, node.output), made[step], Halo(), copies, chain)
            if lines := self._packed_lines(step, made[step], choice):
                result.pack(step, lines, copies, chain)
        for step in result.in_place:
            name = self.simple.nodes[step].output
            result.share(self.simple.tensors[name], ((step, name), (step + 1, name)), (step + 1, self.simple.nodes[step + 1].output))
        return result

    def _parts(self, step: int, spilled: frozenset[str], free: float) -> Bands | None:
        """Bands of the input of a mean over all rows, if they fit `free` lines: as few as possible."""
        node = self.simple.nodes[step]
        source, target = self.simple.tensors[node.inputs[0]], self.simple.tensors[node.output]
        name = self.simple.root[node.inputs[0]]
        if name not in spilled or not sums_over_rows(node, source, target, AccumulatorSlots(self.config).lines, self.config.lanes):
            return None
        chain, height = range(step, step + 1), source.shape[0]
        for rows in range(height - 1, 0, -1):
            held = [(first, min(first + rows, height) - 1) for first in range(0, height, rows)]
            own = Bands()
            own.made = {step: [(0, -1)] * (len(held) - 1) + [(0, 0)]}
            own.in_parts.add(step)
            own.hold(*self._sized(name), (step, name), held, self.needs.halo.get(name, Halo()), 2, chain)
            if node.output in spilled:
                own.hold(*self._sized(node.output), (step, node.output), own.made[step], Halo(), 1, chain)
            if own.lines <= free:
                return own
        return None

    def _packed_lines(self, step: int, made: list[Rows], choice: Choice) -> int:
        """Lines for the kernel windows that `step` packs in each band."""
        node, sizes = self.simple.nodes[step], [last - first + 1 for first, last in made]
        if not choice.packs or not isinstance(node, Conv):
            return 0
        target, packing = self.simple.tensors[node.output], Packing.of(node)
        if not packing.saves(node, target, max(sizes), self.config):
            return 0
        return max(packing.lines(size, target, self.config) for size in set(sizes) if size > 0)

    def _sized(self, name: str) -> tuple[Tensor, int]:
        return self.simple.tensors[name], self.config.line_bytes
