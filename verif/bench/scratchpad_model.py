"""What the scratchpad promises, as a byte array and sets of lines; shared by the pysim test and the Verilator bench."""

import dataclasses
from collections.abc import Mapping

from weft.gen.config import Config

READERS = ("weights", "activations", "vector_a", "vector_b", "store")
WRITERS = ("vector_write", "load_write")


@dataclasses.dataclass(frozen=True)
class Request:
    """`data` and `count` matter for writes only."""

    address: int
    data: int = 0
    count: int = 0


class ScratchpadModel:
    """One call of `step` a cycle. Knows nothing of the RTL but the promises in its docstring."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.memory = bytearray(config.scratchpad_bytes)
        self._written: set[int] = set()  # lines on their way into the memories
        self._last = (0, 0)

    def _lines(self, name: str, request: Request) -> set[int]:
        size = self._config.line_bytes
        length = request.count if name in WRITERS else size
        return {byte // size for byte in range(request.address, request.address + length)}

    def _memories(self, name: str, request: Request) -> set[tuple[int, int]]:
        return {(line // self._config.bank_lines, line % 2) for line in self._lines(name, request)}

    def expected_grants(self, pending: Mapping[str, Request | None]) -> set[str]:
        """Exactly the clients that are served this cycle."""
        grants = set()
        for clients in (READERS, WRITERS):
            asked: set[tuple[int, int]] = set()
            for name in clients:
                request = pending[name]
                if request is None:
                    continue
                memories = self._memories(name, request)
                waits = bool(memories & asked) or (name in READERS and bool(self._lines(name, request) & self._written))
                if not waits:
                    grants.add(name)
                asked |= memories
        return grants

    def lines_of_last_cycle(self) -> tuple[int, int]:
        """(lines read, lines written) by the requests of the last step."""
        return self._last

    def step(self, granted: Mapping[str, Request]) -> dict[str, int]:
        """Perform a cycle's requests; gives each reader's data. Reads come before the writes of the same cycle."""
        size, order = self._config.line_bytes, "little"
        data = {name: int.from_bytes(self.memory[request.address:request.address + size], order)
                for name, request in granted.items() if name in READERS}
        self._written = set()
        for name, request in granted.items():
            if name in WRITERS:
                self.memory[request.address:request.address + request.count] = request.data.to_bytes(size, order)[:request.count]
                self._written |= self._lines(name, request)
        self._last = (sum(len(self._lines(name, request)) for name, request in granted.items() if name in READERS),
                      len(self._written))
        return data
