"""The checking step: the same program on the golden machine, and every byte compared."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from weft.gen.config import Config
from weft.sim.device import DeviceError, RunResult, TransparentDevice, WindowSpec
from weft.verif.golden.machine import Machine


@dataclasses.dataclass(frozen=True)
class Mismatch:
    """`count` bytes (or accumulators) of `space` differ; the first one at `address`."""

    sample: int
    space: str
    count: int
    address: int
    given: int
    expected: int

    def __str__(self) -> str:
        return (f"sample {self.sample}: {self.count} differ in {self.space}, first at {self.address:#x}: "
                f"{self.given} instead of {self.expected}")


def compare(sample: int, rtl: TransparentDevice, golden: TransparentDevice, windows: Sequence[int]) -> tuple[int, list[Mismatch]]:
    """Contents of the given windows, the scratchpad and the accumulators: (bytes compared, what differs)."""
    spaces = [(f"window {index}", rtl.read_window(index), golden.read_window(index)) for index in windows]
    spaces.append(("scratchpad", rtl.scratchpad(), golden.scratchpad()))
    found = [difference(sample, name, np.frombuffer(given, np.uint8), np.frombuffer(expected, np.uint8))
             for name, given, expected in spaces]
    sums = rtl.accumulators()
    found.append(difference(sample, "accumulators", sums, golden.accumulators()))
    return sum(len(given) for _, given, _ in spaces) + sums.nbytes, [mismatch for mismatch in found if mismatch]


def difference(sample: int, space: str, given: np.ndarray, expected: np.ndarray) -> Mismatch | None:
    """Where two arrays of one shape differ, None if nowhere."""
    if given.shape != expected.shape:
        raise ValueError(f"{space}: shape {given.shape} compared with {expected.shape}")
    places = np.flatnonzero(given.ravel() != expected.ravel())
    if not len(places):
        return None
    first = int(places[0])
    return Mismatch(sample, space, len(places), first, given.ravel()[first].item(), expected.ravel()[first].item())


class GoldenDevice:
    """The golden machine."""

    def __init__(self, config: Config, windows: Sequence[WindowSpec], *, strict: bool = False) -> None:
        self._data = [np.zeros(window.size, np.uint8) for window in windows]
        self.machine = Machine(config, [(data, window.read, window.write) for data, window in zip(self._data, windows, strict=True)],
                               strict=strict)

    def write_window(self, index: int, data: bytes, offset: int = 0) -> None:
        self._data[index][offset: offset + len(data)] = np.frombuffer(data, np.uint8)

    def read_window(self, index: int) -> bytes:
        return self._data[index].tobytes()

    def run(self, length: int, *, offset: int = 0) -> RunResult:
        outcome = self.machine.run(offset, length)
        error = outcome.error
        stopped = None if error is None else DeviceError(error.cause, error.queue, error.pc, error.address)
        return RunResult(stopped, dict(outcome.counts))

    def scratchpad(self) -> bytes:
        return self.machine.memory.scratchpad.tobytes()

    def accumulators(self) -> np.ndarray:
        return self.machine.memory.accumulators.copy()
