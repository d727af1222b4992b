"""Which operators run together: cuts a list of operators into parts for the accelerator and single ones for the host."""

import dataclasses
from collections.abc import Collection, Sequence


@dataclasses.dataclass(frozen=True)
class Operator:
    """An operator of a file by the names of its activations. A `movable` one costs nothing, so every part that reads it has its own."""

    key: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    movable: bool = False


@dataclasses.dataclass(frozen=True)
class Group:
    """Positions of operators that make one stage. `inputs` and `outputs`: tensors that come from and go to other stages and the ends."""

    on_host: bool
    operators: tuple[int, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def partition(operators: Sequence[Operator], hosted: Collection[str], outputs: Sequence[str]) -> list[Group]:
    """Stages in execution order; `hosted`: keys of the host's operators; `outputs`: the network's.

    Operators of the accelerator join the earliest part that they can: part n holds what needs the results of n operators of the host,
    one behind the other. What does not hang together within it becomes parts of their own, so that few have several inputs.
    """
    producer = {name: index for index, operator in enumerate(operators) for name in operator.outputs}
    level: list[int] = []
    for operator in operators:
        before = [producer[name] for name in operator.inputs if name in producer]
        wait = operator.key not in hosted
        level.append(max((level[index] + (wait and operators[index].key in hosted) for index in before), default=0))
    stages: list[list[int]] = []
    for number in range(max(level, default=0) + 1):
        mine = [index for index in range(len(operators)) if level[index] == number]
        stages += _components([index for index in mine if operators[index].key not in hosted], operators)
        stages += [[index] for index in mine if operators[index].key in hosted]
    whole = [_with_movable(stage, operators, producer, hosted) for stage in stages]
    groups = [_group(stage, whole, operators, hosted, outputs) for stage in whole]
    return [group for group in groups if group.outputs]


def _components(members: list[int], operators: Sequence[Operator]) -> list[list[int]]:
    """Operators that share a tensor, directly or through others, in order."""
    components: list[tuple[set[str], list[int]]] = []
    for index in members:
        names = {*operators[index].inputs, *operators[index].outputs}
        touching = [part for part in components if part[0] & names]
        merged = (names.union(*(part[0] for part in touching)), sorted([index, *(place for part in touching for place in part[1])]))
        components = [part for part in components if part not in touching] + [merged]
    return [part for _, part in sorted(components, key=lambda part: part[1][0])]


def _with_movable(stage: list[int], operators: Sequence[Operator], producer: dict[str, int], hosted: Collection[str]) -> tuple[int, ...]:
    if operators[stage[0]].key in hosted:
        return tuple(stage)
    read = {producer[name] for index in stage for name in operators[index].inputs if name in producer}
    return tuple(sorted({*stage, *(index for index in read if operators[index].movable and operators[index].key not in hosted)}))


def _group(stage: tuple[int, ...], stages: list[tuple[int, ...]], operators: Sequence[Operator], hosted: Collection[str],
           outputs: Sequence[str]) -> Group:
    made = {name for index in stage for name in operators[index].outputs}
    reads = dict.fromkeys(name for index in stage for name in operators[index].inputs if name not in made)
    elsewhere = {*outputs}
    for other in stages:
        if other is not stage:
            own = {name for index in other for name in operators[index].outputs}
            elsewhere |= {name for index in other for name in operators[index].inputs} - own
    first = operators[stage[0]]
    if first.key in hosted:
        return Group(True, stage, first.inputs, first.outputs)
    gives = [name for index in stage for name in operators[index].outputs if name in elsewhere]
    return Group(False, stage, tuple(reads), tuple(gives))
