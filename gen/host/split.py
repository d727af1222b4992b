"""Cuts a network until every part converts: what a front end refuses goes to the host, if the host can do it exactly."""

from collections.abc import Callable, Mapping, Sequence

from weft.gen.errors import WeftError
from weft.gen.frontend.refusal import Refused, Unsupported
from weft.gen.graph import Reshape
from weft.gen.host.partition import Group, Operator, partition
from weft.gen.host.stages import AcceleratorStage, HostStage, Stage

NOTHING = "nothing around it is worth a program of the accelerator's"


class Cutter:
    """What a format gives: its operators, and how a group of them becomes a stage.

    `accelerator(group)` raises `Refused` with the keys of operators; `host(index, why)` raises `Unsupported`.
    """

    def __init__(self, operators: Sequence[Operator], outputs: Sequence[str], accelerator: Callable[[Group], AcceleratorStage],
                 host: Callable[[int, str], HostStage]) -> None:
        self.operators, self.outputs, self.accelerator, self.host = operators, outputs, accelerator, host
        self.index = {operator.key: index for index, operator in enumerate(operators)}

    def stages(self) -> tuple[Stage, ...]:
        """Stages in execution order. Raises the `WeftError` of the front end, with what the host cannot do either."""
        hosted: dict[str, str] = {}
        while True:
            built, refused, error = self._build(hosted)
            if error is None:
                refused = {key: NOTHING for stage, keys in built if isinstance(stage, AcceleratorStage) and _idle(stage)
                           for key in keys if self._possible(key) and all(map(self._possible, keys))}
                if not refused or set(refused) <= set(hosted):
                    return tuple(stage for stage, _ in built)
            else:
                self._demand(refused, error)
            hosted |= refused

    def _build(self, hosted: Mapping[str, str]) -> tuple[list[tuple[Stage, list[str]]], dict[str, str], WeftError | None]:
        """Stages with the keys of their operators; what was refused, and the error that says so."""
        built: list[tuple[Stage, list[str]]] = []
        refused: dict[str, str] = {}
        error: WeftError | None = None
        for group in partition(self.operators, hosted, self.outputs):
            keys = [self.operators[index].key for index in group.operators]
            if group.on_host:
                built.append((self.host(group.operators[0], hosted[keys[0]]), keys))
                continue
            try:
                built.append((self.accelerator(group), keys))
            except Refused as reason:
                error = error or reason
                reasons = reason.reasons or {self.operators[index].key: reason.why for index in group.operators
                                             if set(self.operators[index].outputs) & set(group.outputs)}
                refused |= {key: why for key, why in reasons.items() if key in self.index}
        if error is not None and not refused:
            raise error
        return built, refused, error

    def _possible(self, key: str) -> bool:
        try:
            self.host(self.index[key], "")
        except Unsupported:
            return False
        return True

    def _demand(self, refused: Mapping[str, str], error: WeftError) -> None:
        """Raise unless the host can do all of them."""
        lines = []
        for key, why in refused.items():
            try:
                self.host(self.index[key], "")
            except Unsupported as reason:
                lines.append(f"{key!r}: {why}; on the host: {reason}")
        if lines:
            raise WeftError(f"{len(lines)} node{'s' * (len(lines) > 1)} of the network not supported, on the host either:\n    "
                            + "\n    ".join(lines), where=error.where,
                            why="the host computes only what it can compute exactly as the reference engine", fix=error.fix) from error


def _idle(stage: AcceleratorStage) -> bool:
    """Whether a part computes nothing."""
    return all(isinstance(node, Reshape) or node.source == "packed input" for node in stage.graph.nodes)
