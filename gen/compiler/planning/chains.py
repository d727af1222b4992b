"""Which steps take turns, band by band: chains."""

from collections.abc import Collection

from weft.gen.compiler.planning.needs import Needs, fusible
from weft.gen.graph import Add, Conv, MaxPool


def chains(needs: Needs, spilled: Collection[str], separate: Collection[int]) -> list[range]:
    """Steps that take turns if these tensors are spilled; most are alone. Before steps of `separate` chains are cut."""
    found: list[range] = []
    for step in range(len(needs.simple.nodes)):
        if found and step not in separate and _follows(needs, step, found[-1].start, spilled):
            found[-1] = range(found[-1].start, step + 1)
        else:
            found.append(range(step, step + 1))
    return found


def cut(needs: Needs, chain: range) -> int:
    """Where to cut a chain that does not fit: before its last step, an addition not from its convolution."""
    step = chain[-1]
    return step - 1 if step - 1 > chain.start and isinstance(needs.simple.nodes[step], Add) else step


def _follows(needs: Needs, step: int, start: int, spilled: Collection[str]) -> bool:
    """Whether `step` can take turns with the steps from `start` on: it reads the result of the step before, which is spilled. Where
    units work at the same time an addition may find it on chip if it needs bands of something else."""
    simple = needs.simple
    if fusible(simple, step) and not _adds(needs, step + 1, start):
        return False
    node, before = simple.nodes[step], simple.nodes[step - 1]
    name = before.output
    if name in simple.viewed or name in needs.graph.outputs or not isinstance(before, Conv | MaxPool | Add):
        return False
    if isinstance(node, Add):
        overlaps = needs.config.machine.overlaps
        bands = not needs.names(range(step - 1, step + 1)).isdisjoint(spilled) if overlaps else name in spilled
        return bands and needs.dies[name] == step and fusible(simple, step - 1) and _adds(needs, step, start)
    return name in spilled and isinstance(node, Conv | MaxPool) and node.inputs == (name,)


def _adds(needs: Needs, step: int, start: int) -> bool:
    """Whether addition `step` finds its other operand in a chain of steps from `start` on: as it was made before."""
    before = needs.simple.nodes[step - 1].output
    return all(needs.born[needs.simple.root[other]] < start for other in needs.simple.nodes[step].inputs if other != before)
