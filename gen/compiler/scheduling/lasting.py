"""How long constants stay on chip: for one step, or for all bands of a chain of steps if everything that the chain needs fits."""

import collections
import dataclasses
from collections.abc import Collection, Hashable, Sequence
from itertools import accumulate

from weft.gen.compiler.constants import Block


def stay(blocks: Collection[Block], room: int) -> bool:
    """Whether all of a chain's constants stay in `room` lines: the ring may leave out as much as its largest run at its end."""
    sizes = [block.lines for block in blocks]
    return sum(sizes) + max(sizes, default=0) <= room


@dataclasses.dataclass(frozen=True)
class Uses:
    """`keys[step]` names what each block of a step is: equal names are one run of lines, fetched for the first step that uses it. After
    `released[step]` so many of the oldest runs are no longer needed."""

    keys: list[list[Hashable]]
    fetched: list[list[tuple[Hashable, Block]]]
    released: list[int]

    @classmethod
    def of(cls, chains: Sequence[int], blocks: Sequence[list[Block]], shared: Sequence[object], room: int) -> "Uses":
        """Steps of the chains `chains[step]` (negative: of none) that need `blocks[step]`, together with all steps of equal `shared[step]`
        that is not None, with `room` lines for constants."""
        wanted: dict[int, set[Block]] = collections.defaultdict(set)
        last: dict[int, int] = {}
        for step, (chain, own) in enumerate(zip(chains, blocks, strict=True)):
            wanted[chain].update(own)
            last[chain] = step
        lasting = {chain for chain, own in wanted.items() if chain >= 0 and stay(own, room)}
        keys: list[list[Hashable]] = []
        fetched: list[list[tuple[Hashable, Block]]] = []
        used: dict[Hashable, int] = {}  # last step; in the order in which they are fetched
        for step, (chain, own) in enumerate(zip(chains, blocks, strict=True)):
            owner = step if shared[step] is None else shared[step]
            keys.append([(chain, block) if chain in lasting else (owner, place, block) for place, block in enumerate(own)])
            fetched.append(list({key: block for key, block in zip(keys[-1], own, strict=True) if key not in used}.items()))
            used |= {key: last[chain] if chain in lasting else step for key in keys[-1]}
        released = [0] * len(blocks)
        for step in accumulate(used.values(), max):  # runs end in the order in which they began
            released[step] += 1
        return cls(keys, fetched, released)
