"""Rows of tensors that steps compute and hold when they take turns, band by band.

Steps of a chain pass tensors on chip: in band i each step computes only rows that it has not computed yet, as many as the next step needs
for its band i. What a kernel needs again in the next band is kept.
"""

from weft.gen.compiler.lower.arrange import rows_needed
from weft.gen.compiler.rewrite import Simplified
from weft.gen.graph import Arrange, AveragePool, Conv, MaxPool, Node

Rows = tuple[int, int]  # first and last, both included; none if the last is before the first


def input_rows(simple: Simplified, node: Node, name: str, first: int, last: int) -> Rows:
    """Rows of input `name` that output rows first .. last of a node need; padding rows included (may be negative)."""
    if isinstance(node, Arrange):
        positions = {index for index, other in enumerate(node.inputs) if simple.root[other] == simple.root[name]}
        return rows_needed(node, positions, first, last)
    if isinstance(node, Conv):
        top, reach = node.padding[0], (node.weights.shape[1] - 1) * node.dilation[0]
    elif isinstance(node, MaxPool | AveragePool):
        top, reach = node.padding[0], node.kernel[0] - 1
    elif simple.tensors[name].shape[0] == 1:
        return 0, 0  # of one row, or the same for all rows
    else:
        return first, last
    return first * node.stride[0] - top, last * node.stride[0] - top + reach


def made_rows(simple: Simplified, chain: range, rows: int) -> dict[int, list[Rows]]:
    """Output rows that each step of a chain computes in each band, if the last step computes `rows` a band. Every step computes all its
    rows, in the last band those that nobody needs."""
    height = simple.tensors[simple.nodes[chain[-1]].output].shape[0]
    ends = [min(first + rows, height) - 1 for first in range(0, height, rows)]
    made: dict[int, list[Rows]] = {}
    for step in reversed(chain):
        node = simple.nodes[step]
        made[step] = [(before + 1, end) for before, end in zip([-1, *ends], ends, strict=False)]
        if step > chain.start:
            name = simple.nodes[step - 1].output
            height = simple.tensors[name].shape[0]
            wanted = [input_rows(simple, node, name, end, end)[1] for end in ends]
            ends = [min(max(wanted[:index + 1]), height - 1) for index in range(len(wanted))]
            ends[-1] = height - 1
    return made


def held_between(simple: Simplified, step: int, made: dict[int, list[Rows]]) -> list[Rows]:
    """Rows, with padding, of the tensor that the step before hands to `step`, in each band: what is new, and what `step` still needs."""
    node, name = simple.nodes[step], simple.nodes[step - 1].output
    held = []
    for mine, new in zip(made[step], made[step - 1], strict=True):
        needed = input_rows(simple, node, name, *mine)
        held.append((min(needed[0], new[0]), max(needed[1], new[1])))
    return held
