"""Collects instructions, leaves out set-up that would change nothing, and places the semaphores."""

import contextlib
import dataclasses
from collections.abc import Iterator

from weft.gen import isa
from weft.gen.compiler.dependences import DependenceTracker, Region
from weft.gen.isa import Unit


@dataclasses.dataclass
class Emitted:
    """One instruction of the program before encoding."""

    name: str
    values: dict[str, int]
    layer: int
    wait: int = 0
    signal: int = 0

    def encode(self) -> int:
        return isa.encode(self.name, wait=self.wait, signal=self.signal, **self.values)


class ProgramBuilder:
    """Append-only program. `layer` labels what is emitted next (-1: belongs to no layer)."""

    def __init__(self) -> None:
        self.instructions: list[Emitted] = []
        self.layer = -1
        self._tracker = DependenceTracker()
        self._written: list[Region] = []  # by the last VECTOR
        self._configured: dict[tuple[str, int], tuple[dict[str, int], set[str]]] = {}  # the last values, and which of them may still change

    @contextlib.contextmanager
    def layer_of(self, layer: int) -> Iterator[None]:
        """Label what is emitted inside with another layer."""
        before, self.layer = self.layer, layer
        yield
        self.layer = before

    def configure(self, name: str, **values: int | None) -> None:
        """A set-up instruction, unless the unit's state is the same already. VECTOR_STRIDE has one state per operand.

        A field that does not matter is None. It takes the value of the state that is there, or of the next `configure` that needs one.
        """
        key = (name, values.get("operand") or 0)
        state, open_fields = self._configured.get(key, ({}, set()))
        given = {field: value for field, value in values.items() if value is not None}
        if state and all(field in open_fields or state[field] == value for field, value in given.items()):
            state.update(given)
            open_fields.difference_update(given)
            return
        state = {field: 0 if value is None else value for field, value in values.items()}
        self._configured[key] = state, set(values) - set(given)
        self.instructions.append(Emitted(name, state, self.layer))

    def run(self, name: str, *, reads: list[Region], writes: list[Region], **values: int) -> None:
        """An instruction that touches memory; `reads` and `writes` are all the lines that it may touch."""
        index = len(self.instructions)
        unit = Unit(isa.BY_NAME[name].unit)
        emitted = Emitted(name, values, self.layer)
        for producer in self._tracker.add(unit, index, reads, writes):
            source = self.instructions[producer]
            source.signal |= 1 << unit
            emitted.wait |= 1 << isa.BY_NAME[source.name].unit
        if name == "VECTOR":
            emitted.values["overlap"] = int(not any(read.meets(written) for read in reads for written in self._written))
            self._written = writes
        self.instructions.append(emitted)

    def halt(self) -> None:
        self.instructions.append(Emitted("HALT", {}, -1))

    def words(self) -> list[int]:
        return [emitted.encode() for emitted in self.instructions]
