"""Chooses among plans: where chains are cut, and which of them have one buffer for each operand instead of two."""

import dataclasses
from collections.abc import Iterator
from itertools import pairwise

from weft.gen.compiler.planning.cost import array_bound, cycles
from weft.gen.compiler.planning.plan import Choice, Plan
from weft.gen.compiler.planning.planner import Planner
from weft.gen.errors import WeftError
from weft.gen.graph import Add


@dataclasses.dataclass(frozen=True)
class Change:
    """Steps before which chains are cut or joined, those whose chains change between one buffer and two, and whether it is the other way
    with the packing of kernel windows."""

    cut: frozenset[int] = frozenset()
    join: frozenset[int] = frozenset()
    turn: frozenset[int] = frozenset()
    pack: bool = False

    def applied(self, choice: Choice) -> Choice:
        return Choice((choice.separate | self.cut) - self.join, choice.packs ^ self.pack, choice.single ^ self.turn)


class Search:
    """The best plan so far, with what it costs."""

    def __init__(self, planner: Planner) -> None:
        self.planner, self.choice = planner, Choice()
        self.plan = planner.plan(self.choice)
        self.cost = self._cost(self.plan)

    def _cost(self, plan: Plan) -> int:
        return cycles(self.planner.config, self.planner.simple, plan)

    def round(self) -> bool:
        """Try every change once, keep those that save time; whether any did."""
        before = self.cost
        for change in list(_changes(self.planner, self.plan, self.choice)):
            self._try(change)
        return self.cost < before

    def finish(self) -> Plan:
        """The plan, with packed kernel windows if nothing changes for that but the lines that they take."""
        if not self.choice.packs:
            self._try(Change(pack=True), at_least_equal=True)
        return self.plan

    def _try(self, change: Change, *, at_least_equal: bool = False) -> None:
        choice = change.applied(self.choice)
        try:
            trial = self.planner.plan(choice)
        except WeftError:  # something does not fit that way
            return
        found = self._cost(trial)
        same = at_least_equal and list(trial.spilled) == list(self.plan.spilled) and trial.chains == self.plan.chains
        if found < self.cost or same:
            if self.planner.overlaps:  # chains may end elsewhere than where they were cut: say so, so that a change can join them
                choice.separate |= {chain.start for chain in trial.chains if chain.start}
            self.plan, self.choice, self.cost = trial, choice, found


def _changes(planner: Planner, plan: Plan, kept: Choice) -> Iterator[Change]:
    """Cuts of chains that are slow, one buffer instead of two, packed windows, and fewer cuts, with room made by one buffer or without."""
    for chain in plan.chains:
        if array_bound(planner.config, planner.simple, plan, chain):
            continue
        for cut in (*({step} for step in chain[1:]), set(chain[1:])):
            if cut:
                yield Change(cut=frozenset(cut))
        if len(plan.made.get(chain.start, ())) > 1 and chain.start not in kept.single:
            yield Change(turn=frozenset({chain.start}))
    yield Change(pack=True)
    for step in sorted(kept.single):
        yield Change(turn=frozenset({step}))
    for before, chain in pairwise(plan.chains):
        node = planner.simple.nodes[chain.start]
        handed = {planner.simple.nodes[before[-1]].output, *(planner.simple.root[name] for name in node.inputs if isinstance(node, Add))}
        if not handed.isdisjoint(plan.spilled):
            yield Change(join=frozenset({chain.start}))
            if before.start not in kept.single and planner.overlaps:
                yield Change(join=frozenset({chain.start}), turn=frozenset({before.start}))
