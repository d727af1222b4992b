"""Plans that differ in the room for constants: the best by its cost, and others that cost hardly more.

Costs are rough. Which of a few plans takes least time is seen in the programs that they lead to.
"""

import contextlib
import dataclasses

from weft.gen.compiler.planning.plan import Plan
from weft.gen.compiler.planning.planner import Planner
from weft.gen.compiler.planning.search import Search
from weft.gen.compiler.rewrite import Simplified
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.graph import Graph

BLOCK_PARTS = (8, 16, 20)  # of the scratchpad that the largest block of constants may take
RING_SHARES = (3, 5, 7)  # sixteenths of the scratchpad that may be set aside for constants
MORE_ROUNDS = 3  # of changes to the best of the plans
CLOSE, MOST = 1.02, 4  # what others may cost, and how many there may be


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A plan, and lines of the largest block of constants."""

    block_limit: int
    plan: Plan


def candidates(config: Config, graph: Graph, simple: Simplified, *, keep: bool) -> list[Candidate]:
    """The best plan first. A plan leaves room for two of the largest blocks of constants; what activations do not use goes to their ring
    too. Blocks are smaller only where that saves time. `keep`: see `Planner`.

    Raises `WeftError` for a network that does not fit.
    """
    def search(ring: int) -> Search:
        return Search(Planner(config, graph, simple, ring, keep=keep))

    lines = config.scratchpad_lines
    searches = [(lines // part, search(ring_lines(lines // part))) for part in BLOCK_PARTS]
    if any(found.plan.made for _, found in searches):  # more room for constants, so that those of a chain may stay
        for share in RING_SHARES:
            with contextlib.suppress(WeftError):  # too little is left for activations
                searches.append((lines // BLOCK_PARTS[-1], search(lines * share // 16)))
    for _, found in searches:
        found.round()
    searches.sort(key=lambda item: (item[1].cost, -item[0]))
    (_, best), *others = searches
    for _ in range(MORE_ROUNDS):
        if not best.round():
            break
    close = [(limit, found) for limit, found in others if found.plan.made and found.cost <= CLOSE * best.cost]
    return [Candidate(limit, found.finish()) for limit, found in [searches[0], *close][:MOST]]


def ring_lines(block_limit: int) -> int:
    """Lines that constants in blocks of up to `block_limit` lines need at least."""
    return 2 * block_limit + 64
