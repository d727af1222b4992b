"""The machine: executes a binary program on a memory image and predicts every byte that it leaves.

Written from `weft.gen.isa`, never from the RTL, so that the two can disagree.
"""

import collections
import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause, Decoded, Unit
from weft.verif.golden.dma import load, store
from weft.verif.golden.faults import Error, Trap, UndefinedProgram
from weft.verif.golden.format_matrix import gemm, round_lines
from weft.verif.golden.matrix import depthwise, matmul, matmul_os
from weft.verif.golden.memory import Access, Effect, Memory, Window
from weft.verif.golden.races import RaceChecker, first_shared
from weft.verif.golden.vector import Setup, vector

ERROR_ADDRESS_MASK = (1 << 32) - 1  # width of the CSR
SEMAPHORE_MAXIMUM = (1 << isa.SEMAPHORE_BITS) - 1


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended: `error` is None after HALT. `instructions` were dispatched; `counts` has the counters of
    csr.COUNTERS that do not depend on timing (DRAM_READ_BEATS without the instructions themselves)."""

    error: Error | None
    instructions: int
    counts: dict[str, int]


class Machine:
    """A golden accelerator.

    Parameters
    ----------
    dram: up to four windows, `Window`s or (bytes as a uint8 array, readable, writable); stores change the arrays.
    strict: raise `UndefinedProgram` where a result would depend on timing (see `races`).

    Members: `memory` (scratchpad, accumulators, parameter sets, table, windows); it lives on from run to run.
    """

    def __init__(self, config: Config, dram: Sequence[Window | tuple[np.ndarray, bool, bool]], *, strict: bool = False) -> None:
        windows = [window if isinstance(window, Window) else Window(*window) for window in dram]
        windows += [Window(np.zeros(0, np.uint8), False, False)] * (isa.WINDOWS - len(windows))
        self.config, self.strict = config, strict
        self.memory = Memory(config, windows)

    def run(self, program_offset: int, program_length: int, *, priority: Sequence[int] = tuple(Unit)) -> Outcome:
        """Run the `program_length` instructions at byte `program_offset` of window 0 until HALT or an error.

        Of the units whose next instruction may go, the first in `priority` goes. A program without races leaves the same
        state whatever the priority. When an error ends the run, the state is one of several that the hardware may leave.

        Raises `UndefinedProgram` for a run instruction without its set-up instructions, and in strict mode for races.
        """
        return _Run(self, program_offset, program_length, priority).finish()


class _Run:
    """State from START to the interrupt: queues, semaphores, set-up registers.

    What dispatch meets in place of an instruction for a queue (HALT, an illegal word, a fetch fault) takes effect when every
    instruction before it has retired, so an earlier instruction's error comes first.
    """

    def __init__(self, machine: Machine, offset: int, length: int, priority: Sequence[int]) -> None:
        self.config, self.memory = machine.config, machine.memory
        self.memory.stream = None  # a program does not continue what another one began
        self.offset, self.length, self.priority = offset, length, priority
        self.races = RaceChecker() if machine.strict else None
        self.pc = 0  # next instruction to dispatch
        self.queues: list[collections.deque[tuple[int, Decoded]]] = [collections.deque() for _ in Unit]
        self.semaphores: collections.Counter[tuple[int, int]] = collections.Counter()  # (from, to)
        self.setup: dict[str, dict[str, int]] = {}
        self.counts: collections.Counter[str] = collections.Counter()
        self.last_vector: list[Access] = []  # accesses of the last VECTOR

    def finish(self) -> Outcome:
        try:
            self._loop()
            error = None
        except _Stop as stop:
            error = stop.error
        return Outcome(error, self.pc, dict(self.counts))

    def _loop(self) -> None:
        """Dispatch while there is room, then let one unit go; repeat until HALT or `_Stop`."""
        following = self._fetch()
        while True:
            while isinstance(following, Decoded) and self._dispatch(following):
                following = self._fetch()
            unit = next((unit for unit in self.priority if self._may_go(unit)), None)
            if unit is not None:
                self._go(unit)
            elif any(self.queues):
                waiting = next(unit for unit in Unit if self.queues[unit])
                raise _Stop(Error(Cause.DEADLOCK, self.queues[waiting][0][0], waiting))
            elif isinstance(following, Error):
                raise _Stop(following)
            else:
                self.pc += 1  # the HALT itself
                return

    def _fetch(self) -> Decoded | Error | None:
        """The instruction at the program counter, the error that stands there, or None for HALT."""
        if self.pc >= self.length:
            return Error(Cause.PROGRAM_END, self.pc, isa.CONTROL)
        window = self.memory.windows[0]
        start = self.offset + self.pc * isa.WORD_BYTES
        if not window.readable or start + isa.WORD_BYTES > len(window.data):
            return Error(Cause.WINDOW, self.pc, isa.CONTROL, start)
        word = int.from_bytes(window.data[start : start + isa.WORD_BYTES].tobytes(), "little")
        known = isa.BY_OPCODE.get(word & 0xFF)
        if known and not self.config.provides(known.option):
            return Error(Cause.ILLEGAL_OPCODE, self.pc, isa.CONTROL)
        try:
            decoded = isa.decode(word)
        except isa.EncodingError as error:
            return Error(error.cause, self.pc, isa.CONTROL)
        return None if decoded.instruction.name == "HALT" else decoded

    def _dispatch(self, decoded: Decoded) -> bool:
        queue = self.queues[decoded.instruction.unit]
        if len(queue) >= self.config.queues.depth:
            return False
        queue.append((self.pc, decoded))
        self.pc += 1
        return True

    def _may_go(self, unit: int) -> bool:
        if not self.queues[unit]:
            return False
        wait = self.queues[unit][0][1].wait
        return all(self.semaphores[other, unit] for other in Unit if wait >> other & 1)

    def _go(self, unit: int) -> None:
        pc, decoded = self.queues[unit].popleft()
        for other in Unit:
            self.semaphores[other, unit] -= decoded.wait >> other & 1
        if self.races:
            self.races.begin(unit, decoded.wait)
        try:
            effect = self._execute(pc, decoded)
        except Trap as trap:
            raise _Stop(Error(trap.cause, pc, unit, trap.address & ERROR_ADDRESS_MASK)) from None
        if self.races:
            self.races.touch(unit, pc, self._checked(pc, effect))
            if decoded.instruction.name == "VECTOR":
                if decoded.values["overlap"] and (place := first_shared(effect.accesses, self.last_vector)):
                    raise UndefinedProgram(f"pc {pc}: VECTOR overlaps the one before, but reads {place[0]} {place[1]:#x}, which it writes")
                self.last_vector = effect.accesses
            self.races.end(unit, pc, decoded.signal)
        self.counts.update(effect.counts)
        for other in Unit:
            self.semaphores[unit, other] += decoded.signal >> other & 1
            if self.semaphores[unit, other] > SEMAPHORE_MAXIMUM:
                raise _Stop(Error(Cause.SEMAPHORE_OVERFLOW, pc, unit))

    def _execute(self, pc: int, decoded: Decoded) -> Effect:
        name, values = decoded.instruction.name, decoded.values
        if not decoded.instruction.runs:
            self.setup[name if name != "VECTOR_STRIDE" else f"{name}_{values['operand']}"] = values
            return Effect([], {})

        def configured(setup: str) -> dict[str, int]:
            if setup not in self.setup:
                raise UndefinedProgram(f"pc {pc}: {name} before any {setup}")
            return self.setup[setup]

        if name == "VECTOR":
            strides = (configured("VECTOR_STRIDE_0"), configured("VECTOR_STRIDE_1"), configured("VECTOR_STRIDE_2"))
            setup = Setup(configured("VECTOR_LOOP"), strides, configured("VECTOR_SCALE"), configured("VECTOR_POST"))
            return vector(self.memory, setup, values)
        shape, perform = SHAPED[name]
        return perform(self.memory, configured(shape), values)

    def _checked(self, pc: int, effect: Effect) -> list[Access]:
        """The accesses, unless one changes the program, which fetch reads at any time before it is dispatched."""
        first = self.offset // self.config.line_bytes
        end = -(-(self.offset + self.length * isa.WORD_BYTES) // self.config.line_bytes)
        for access in effect.accesses:
            if access.space == "window0" and access.write and ((access.starts < end) & (access.starts + access.size > first)).any():
                raise UndefinedProgram(f"pc {pc}: writes to the program")
        return effect.accesses


class _Stop(Exception):
    """Ends a run with an error."""

    def __init__(self, error: Error) -> None:
        self.error = error


SHAPED: dict[str, tuple[str, Callable[[Memory, dict[str, int], dict[str, int]], Effect]]] = {
    "LOAD": ("LOAD_SHAPE", load), "STORE": ("STORE_SHAPE", store), "MATMUL": ("MATRIX_SHAPE", matmul),
    "DEPTHWISE": ("MATRIX_SHAPE", depthwise), "MATMUL_OS": ("MATRIX_SHAPE", matmul_os), "GEMM": ("GEMM_SHAPE", gemm),
    "ROUND": ("ROUND_SHAPE", round_lines)}
