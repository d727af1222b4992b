"""Rounds of a chain whose steps take turns: which stages work in each, on which bands, and how their work is mixed.

A stage works on what the stage before did earlier, so nobody waits for the end of a band. With two buffers between stages all of them
work in each round. With one, a stage reads what the one before is about to replace: even and odd stages take turns.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import pairwise

from weft.gen.compiler.lower.steps import Step


@dataclasses.dataclass
class LayerStep:
    """A step, the index of the node that it belongs to, and that of the first node of a chain that takes turns (-1: of none)."""

    layer: int
    step: Step
    chain: int = -1


def rounds(stages: int, bands: int, *, single: bool) -> Iterator[list[tuple[int, int]]]:
    """Stages that work in each round, with the number of their band. Those of a round do not depend on each other."""
    lag = 2 if single else 1  # rounds between two bands of a stage
    for turn in range((bands - 1) * lag + stages):
        working = [(stage, divmod(turn - stage, lag)) for stage in range(stages)]
        if active := [(stage, band) for stage, (band, rest) in working if not rest and 0 <= band < bands]:
            yield active


def mixed(much: Sequence[list[LayerStep]], others: Sequence[list[LayerStep]]) -> list[LayerStep]:
    """Work of stages that take the vector unit longer than the array, spread evenly among that of others, so that neither unit waits."""
    placed = []
    for parts, offset in ((much, 0.0), (others, 0.5)):
        units = [unit for part in parts for unit in _units(part)]
        placed += [((index + offset) / len(units), unit) for index, unit in enumerate(units)]
    return [item for _, unit in sorted(placed, key=lambda entry: entry[0]) for item in unit]


def _units(part: list[LayerStep]) -> Iterator[list[LayerStep]]:
    """Work that stays together: each piece with what prepares it; what comes after all of it with the last."""
    first = [index for index, item in enumerate(part) if item.step.work and not item.step.joined]
    ends = [before + 1 + next((place for place, item in enumerate(part[before + 1:after]) if not item.step.joined), 0)
            for before, after in pairwise(first)]
    for begin, end in pairwise([0, *ends, len(part)]):
        yield part[begin:end]


def ask_early(order: Sequence[list[LayerStep]], *, single: bool) -> None:
    """Ask for the rows of each band in the round before, whose other buffer is free by then. Loads are served in order: asked
    for later, rows would come behind weights for the same band that wait until there is room for them. So they are asked for in the middle
    of the round; where there is no other buffer, at its beginning, since the stage that needs them is not at work. Windows that the first
    stage packs are copied while the array works on its last weights in the round before."""
    for before, own in pairwise(order):
        asked, packs = [item for item in own if item.step.rows], [item for item in own if item.step.ahead and not item.step.rows]
        own[:] = [item for item in own if not (item.step.rows or item.step.ahead)]
        places = [index for index, item in enumerate(before) if item.step.blocks]
        first = [index for index in places if packs and before[index].layer == packs[0].layer]
        middle = places[len(places) // 2] if places else len(before) - len(packs)
        place = first[-1] if first else middle if single else len(before)
        before[place:place] = packs
        middle = 0 if single else min(place, middle)
        before[middle:middle] = asked
