"""The host's side of a run: program the windows, start, wait for the interrupt, read what happened.

The same protocol drives the RTL (here) and the golden machine (`weft.sim.check`), so that a run on one can be repeated on the other.
"""

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from weft.gen import csr, isa
from weft.gen.config import Config
from weft.gen.isa import Cause, Unit
from weft.sim.profile import Profile
from weft.sim.simulator import Simulator

READ, WRITE = 1, 2  # bits of WINDOWn_PERMISSION
BASE = 0x1000_0000  # bus address of window 0
ALIGNMENT = 1 << 16  # of every window; any line would do
RESET_POLLS = 10_000  # reads of STATUS after which a soft reset counts as hung


@dataclasses.dataclass(frozen=True)
class WindowSpec:
    """Size in bytes and what the accelerator may do with it."""

    size: int
    read: bool
    write: bool

    @property
    def permission(self) -> int:
        return READ * self.read | WRITE * self.write


@dataclasses.dataclass(frozen=True)
class DeviceError:
    """The machine stopped: see isa.Cause. `queue` is an isa.Unit or isa.CONTROL."""

    cause: Cause
    queue: int
    pc: int
    address: int

    def __str__(self) -> str:
        queue = "control" if self.queue == isa.CONTROL else Unit(self.queue).name.lower()
        return f"{self.cause.name} at instruction {self.pc} of the {queue} queue, address {self.address:#x}"


@dataclasses.dataclass(frozen=True)
class RunResult:
    """One run of a program. `counters` has the names of csr.COUNTERS; empty without counters, partial for the
    golden machine and for a board."""

    error: DeviceError | None
    counters: dict[str, int]
    profile: Profile | None = None


def dram_bytes(config: Config, counters: Mapping[str, int]) -> int:
    """Read and written, instructions included."""
    return (counters["DRAM_READ_BEATS"] + counters["DRAM_WRITE_BEATS"]) * config.line_bytes


class Timeout(RuntimeError):
    """No interrupt in time: the machine hangs, which it never may."""


class Device(Protocol):
    """An accelerator with its windows programmed: what every back end can do."""

    def write_window(self, index: int, data: bytes, offset: int = 0) -> None:
        """Put bytes into a window."""

    def read_window(self, index: int) -> bytes:
        """All bytes of a window."""

    def run(self, length: int, *, offset: int = 0) -> RunResult:
        """Run the `length` instructions at byte `offset` of window 0 to HALT or an error."""


class TransparentDevice(Device, Protocol):
    """A device that one can look into: a simulation or a model, not a board."""

    def scratchpad(self) -> bytes:
        """All bytes of the scratchpad."""

    def accumulators(self) -> np.ndarray:
        """int32 (lines, columns)."""


def place(windows: Sequence[WindowSpec], first: int, alignment: int) -> tuple[tuple[int, ...], int]:
    """Bus addresses of windows one after the other from `first`, each a multiple of `alignment`, and the address behind the last."""
    bases, base = [], first
    for window in windows:
        bases.append(base)
        base += -(-max(1, window.size) // alignment) * alignment
    return tuple(bases), base


class RegisterDevice(abc.ABC):
    """A device driven through its registers, whatever carries them. Programs the windows at construction, at the addresses `bases`.

    `_counters`: names of those that a run reads.
    """

    _counters: tuple[str, ...] = tuple(counter.name for counter in csr.COUNTERS)

    def __init__(self, config: Config, windows: Sequence[WindowSpec], bases: Sequence[int]) -> None:
        self._config = config
        for index, (base, window) in enumerate(zip(bases, windows, strict=True)):
            for name, value in (("BASE", base & 0xFFFF_FFFF), ("BASE_HIGH", base >> 32), ("SIZE", window.size),
                                ("PERMISSION", window.permission)):
                self.write(f"WINDOW{index}_{name}", value)
        self.write("INTR_ENABLE", 3)

    @abc.abstractmethod
    def write(self, register: str, value: int) -> None:
        """Write a register by name."""

    @abc.abstractmethod
    def read(self, register: str) -> int:
        """Read a register by name."""

    @abc.abstractmethod
    def _execute(self) -> Profile | None:
        """Write START and wait for the interrupt. Raises `Timeout`."""

    def run(self, length: int, *, offset: int = 0) -> RunResult:
        """See `Device`. Raises `Timeout` if there is no interrupt in time."""
        self.write("PROGRAM_OFFSET", offset)
        self.write("PROGRAM_LENGTH", length)
        profile = self._execute()
        error = self._error()
        counters = {name: self.read(f"COUNT_{name}") for name in self._counters} if self._config.counters.enabled else {}
        self.write("INTR_STATE", 3)
        if error:
            self._soft_reset()
        return RunResult(error, counters, profile)

    def _timeout(self, limit: str) -> Timeout:
        """What to raise when there was no interrupt for `limit`."""
        return Timeout(f"no interrupt in {limit}; STATUS = {self.read('STATUS'):#x}")

    def _soft_reset(self) -> None:
        """Registers refuse writes until the bus has drained."""
        self.write("CONTROL", 2)
        for _ in range(RESET_POLLS):
            if not self.read("STATUS"):
                return
        raise Timeout(f"soft reset does not end; STATUS = {self.read('STATUS'):#x}")

    def _error(self) -> DeviceError | None:
        if not self.read("STATUS") & 4:
            return None
        word = self.read("ERROR")
        return DeviceError(Cause(word & 0xFF), word >> 8 & 7, self.read("ERROR_PC"), self.read("ERROR_ADDRESS"))


class RtlDevice(RegisterDevice):
    """The simulated RTL. `on_start` is called with the simulator's cycle in which a run begins."""

    def __init__(self, simulator: Simulator, windows: Sequence[WindowSpec], *, max_cycles: int = 1 << 40,
                 on_start: Callable[[int], None] = lambda cycle: None) -> None:
        self._simulator, self._windows, self._max_cycles, self.on_start = simulator, windows, max_cycles, on_start
        self._length = 0
        self.base, _ = place(windows, BASE, ALIGNMENT)
        simulator.set_windows([(base, window.size, window.permission) for base, window in zip(self.base, windows, strict=True)])
        super().__init__(simulator.config, windows, self.base)

    @property
    def simulator(self) -> Simulator:
        return self._simulator

    def write(self, register: str, value: int) -> None:
        """Write a register by name."""
        self._simulator.csr_write(csr.BY_NAME[register].offset, value)

    def read(self, register: str) -> int:
        """Read a register by name."""
        return self._simulator.csr_read(csr.BY_NAME[register].offset)

    def write_window(self, index: int, data: bytes, offset: int = 0) -> None:
        self._simulator.load(self.base[index] + offset, data)

    def read_window(self, index: int) -> bytes:
        return self._simulator.read(self.base[index], self._windows[index].size)

    def run(self, length: int, *, offset: int = 0) -> RunResult:
        """See `Device`. Raises `Timeout` after max_cycles, `simulator.BusViolation` if the RTL breaks a rule of the bus."""
        self._length = length
        return super().run(length, offset=offset)

    def _execute(self) -> Profile:
        self._simulator.begin_profile(self._length)
        self.on_start(self._simulator.cycle)
        self.write("CONTROL", 1)
        if not self._simulator.run(self._max_cycles):
            raise self._timeout(f"{self._max_cycles} cycles")
        return self._simulator.end_profile()

    def scratchpad(self) -> bytes:
        """Bank b holds the lines from b * bank_lines, even and odd ones in memories of their own; a sequential machine has one memory."""
        config = self._simulator.config
        if config.machine.organisation == "sequential":
            return self._memory("machine.memory.")[:config.scratchpad_lines, :config.line_bytes].tobytes()
        lines = np.zeros((config.scratchpad_lines, config.line_bytes), np.uint8)
        for bank in range(config.scratchpad.banks):
            for half, label in enumerate(("even", "odd")):
                view = self._memory(f"scratchpad.{label}_{bank}.")
                lines[bank * config.bank_lines + half: (bank + 1) * config.bank_lines: 2] = view[:, :config.line_bytes]
        return lines.tobytes()

    def accumulators(self) -> np.ndarray:
        config = self._simulator.config
        if config.machine.organisation == "sequential":
            return np.ascontiguousarray(self._memory("machine.accumulators.")[:, :4 * config.lanes]).view("<i4")
        banks = [self._memory(f"accumulators.bank_{bank}.")[:, :4 * config.lanes] for bank in range(2)]
        return np.ascontiguousarray(np.concatenate(banks)).view("<i4")

    def _memory(self, part: str) -> np.ndarray:
        found = [view for name, view in self._simulator.memories().items() if f".{part}" in name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} memories of the model are called {part!r}: {sorted(self._simulator.memories())}")
        return found[0]
