"""Every bit of state that instructions read and write, with the address arithmetic that all units share."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from weft.gen import isa
from weft.gen.config import Config
from weft.verif.golden.formats.aligned import AlignedSums
from weft.verif.golden.formats.gemm import Sums

Addresses = NDArray[np.int64]
SCRATCHPAD, ACCUMULATOR = "scratchpad", "accumulator"


@dataclasses.dataclass
class Window:
    """A DRAM window: its bytes (a uint8 array, changed in place by stores) and the permissions that the host gave."""

    data: NDArray[np.uint8]
    readable: bool = True
    writable: bool = True


@dataclasses.dataclass(frozen=True)
class Access:
    """`size` units from each of `starts` upwards, in the order of the accesses. Units are bytes in SCRATCHPAD and lines in
    ACCUMULATOR and in windows ("window0" ..), sets or entries in the vector unit's own memories."""

    space: str
    starts: Addresses
    size: int
    write: bool


@dataclasses.dataclass(frozen=True)
class Effect:
    """What an instruction touched and how many countable events it caused (names as in csr.COUNTERS)."""

    accesses: list[Access]
    counts: dict[str, int]


@dataclasses.dataclass(frozen=True)
class Stream:
    """Where a depthwise stream ended: its `line`, and its last `span` vectors (int8, oldest first), as many as the next one can look
    back."""

    line: int
    vectors: NDArray[np.int8]


class Memory:
    """Scratchpad (bytes), accumulators (lines, lanes), parameter sets (sets, lanes), table (256) and DRAM windows; and the stream
    that a DEPTHWISE may continue, None before the first of a program. The accumulators of number formats are `sums`, or
    `aligned` in a configuration that aligns addends, None before the first GEMM.

    Everything on chip is zero at first; in hardware it is whatever power-up left, so programs must not rely on it.
    """

    def __init__(self, config: Config, windows: list[Window]) -> None:
        lanes, sets = config.lanes, config.vector.parameter_sets
        self.config, self.windows = config, windows
        self.scratchpad = np.zeros(config.scratchpad_bytes, np.uint8)
        self.accumulators = np.zeros((config.accumulator_lines, lanes), np.int32)
        self.pre = np.zeros((sets, lanes), np.int32)
        self.multiplier = np.zeros((sets, lanes), np.int32)
        self.right = np.zeros((sets, lanes), np.int32)
        self.left = np.zeros((sets, lanes), np.int32)
        self.table = np.zeros(256, np.int32)
        self.stream: Stream | None = None
        self.sums: Sums | None = None
        self.aligned: AlignedSums | None = None

    def gather(self, addresses: Addresses, size: int) -> NDArray[np.uint8]:
        """Bytes (n, size) from each byte address, which must be in range."""
        return np.lib.stride_tricks.sliding_window_view(self.scratchpad, size)[addresses]


def sweep(base: int, counts: list[int], strides: list[int]) -> Addresses:
    """Addresses of a loop nest (level 0 innermost) in the order of execution, modulo 2**ADDRESS_BITS."""
    addresses = np.array([base], dtype=np.int64)
    for count, stride in zip(counts, strides, strict=True):
        addresses = (np.arange(count, dtype=np.int64)[:, None] * stride + addresses).ravel()
    return addresses % (1 << isa.ADDRESS_BITS)


def first_beyond(starts: Addresses, size: int, limit: int) -> int | None:
    """Index of the first access of `size` units that does not end at or below `limit`."""
    beyond = starts + size > limit
    return int(np.argmax(beyond)) if beyond.any() else None


def wrap32(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The low 32 bits as a signed number, still in 64 bits."""
    return values.astype(np.int32).astype(np.int64)
