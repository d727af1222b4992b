"""A compiled accelerator in this process: memory, registers, clock, and what was seen while it ran."""

import ctypes
import time
from collections.abc import Mapping, Sequence
from ctypes import POINTER, byref, c_char_p, c_int, c_uint8, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.errors import ToolError
from weft.sim import build
from weft.sim.profile import Profile

STATES = 16  # states that a trace port can show
RESET_CYCLES = 4

_SIGNATURES: dict[str, tuple[Any, ...]] = {  # name: (result, *arguments)
    "create": (c_void_p, c_uint64), "destroy": (None, c_void_p), "dram": (c_void_p, c_void_p),
    "timing": (None, c_void_p, c_uint64, c_uint64), "fault": (None, c_void_p, c_uint64, c_uint64, c_uint8),
    "windows": (None, c_void_p, POINTER(c_uint64), POINTER(c_uint64), POINTER(c_uint8), c_uint32),
    "clear_faults": (None, c_void_p), "reset": (None, c_void_p, c_uint32), "run": (c_int, c_void_p, c_uint64),
    "csr_write": (c_int, c_void_p, c_uint32, c_uint32), "csr_read": (c_int, c_void_p, c_uint32, POINTER(c_uint32)),
    "cycle": (c_uint64, c_void_p), "idle": (c_int, c_void_p), "violation": (c_char_p, c_void_p),
    "beats": (None, c_void_p, POINTER(c_uint64), POINTER(c_uint64)),
    "profile_begin": (None, c_void_p, c_uint32), "profile_end": (None, c_void_p), "histogram": (c_void_p, c_void_p),
    "spans": (c_void_p, c_void_p), "samples": (c_void_p, c_void_p, POINTER(c_uint64), POINTER(c_uint64)),
    "memory_count": (c_uint32, c_void_p), "memory_name": (c_char_p, c_void_p, c_uint32),
    "memory": (c_void_p, c_void_p, c_uint32, POINTER(c_uint32), POINTER(c_uint32)),
    "trace": (c_int, c_void_p, c_char_p, c_uint64, c_uint64), "trace_close": (None, c_void_p),
}


class BusViolation(RuntimeError):
    """The accelerator broke a rule of the bus or left the windows that the host programmed: always a bug in weft."""


class RegisterError(RuntimeError):
    """A register access was answered with an error response, or not at all."""


class Simulator:
    """One accelerator with its DRAM, out of reset.

    Parameters
    ----------
    config: what to simulate; the model is fetched from the cache or built.
    trace: build the slower variant that can write waveforms.
    verilog: Verilog text to use instead of the generator's; same ports.
    dram_bytes: size of the DRAM, which begins at address 0; beyond it the bus answers DECERR. Pages cost nothing until touched.
    progress: told each step of a build.

    Raises `ToolError` if the model cannot be built.
    """

    def __init__(self, config: Config, *, trace: bool = False, verilog: str | None = None, dram_bytes: int = 1 << 32,
                 progress: build.Progress = lambda text: None) -> None:
        self.config = config
        text = verilog if verilog is not None else build.verilog_text(config)
        self.library = build.build(text, config.line_bytes, trace=trace, progress=progress)
        self._calls = load_library(self.library, _SIGNATURES)
        self._dram_bytes = dram_bytes
        self._handle = self._calls["create"](dram_bytes)
        if not self._handle:
            raise ToolError(f"no address space for {dram_bytes >> 20} MiB of simulated DRAM", why="the system refused to reserve it",
                            fix="raise the limit of `ulimit -v`")
        self._program_length = 0
        self.seconds = 0.0  # wall time inside run()
        self._call("reset", RESET_CYCLES)

    def __enter__(self) -> "Simulator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the model. The object is dead afterwards."""
        if self._handle:
            self._call("destroy")
            self._handle = None

    # -- DRAM -------------------------------------------------------------------------------------------
    def load(self, address: int, data: bytes) -> None:
        """Write `data` to DRAM, in no simulated time."""
        self._check(address, len(data))
        ctypes.memmove(self._call("dram") + address, bytes(data), len(data))

    def read(self, address: int, count: int) -> bytes:
        """Read `count` bytes of DRAM, in no simulated time."""
        self._check(address, count)
        return ctypes.string_at(self._call("dram") + address, count)

    def set_dram_timing(self, *, bytes_per_cycle: int = 16, latency: int = 64) -> None:
        """Bandwidth that reads and writes share, and cycles from a read address to its first beat."""
        self._call("timing", bytes_per_cycle, latency)

    def set_windows(self, windows: Sequence[tuple[int, int, int]]) -> None:
        """(base, bytes, permission bits as in WINDOWn_PERMISSION): bursts elsewhere become a `BusViolation`."""
        base, size, permission = zip(*windows, strict=True) if windows else ((), (), ())
        count = len(windows)
        self._call("windows", (c_uint64 * count)(*base), (c_uint64 * count)(*size), (c_uint8 * count)(*permission), count)

    def inject(self, first: int, last: int, response: int) -> None:
        """Answer beats that touch bytes first .. last with SLVERR (2) or DECERR (3)."""
        self._call("fault", first, last, response)

    def clear_faults(self) -> None:
        """Answer everything as the memory is again."""
        self._call("clear_faults")

    # -- registers and time -----------------------------------------------------------------------------
    def csr_write(self, offset: int, value: int) -> None:
        """Write a register over AXI4-Lite. Raises `RegisterError` unless the response is OKAY."""
        response = self._call("csr_write", offset, value)
        if response:
            raise RegisterError(f"write of register {offset:#05x}: {'no response' if response < 0 else f'response {response}'}")

    def csr_read(self, offset: int) -> int:
        """Read a register over AXI4-Lite. Raises `RegisterError` unless the response is OKAY."""
        value = c_uint32()
        response = self._call("csr_read", offset, byref(value))
        if response:
            raise RegisterError(f"read of register {offset:#05x}: {'no response' if response < 0 else f'response {response}'}")
        return value.value

    @property
    def cycle(self) -> int:
        """Cycles since the model was created, reset included."""
        return int(self._call("cycle"))

    def run(self, max_cycles: int) -> bool:
        """Clock until the interrupt is high, at most `max_cycles`; True if it is. Raises `BusViolation`."""
        begin = time.perf_counter()
        result = self._call("run", max_cycles)
        self.seconds += time.perf_counter() - begin
        if violation := self._call("violation"):
            raise BusViolation(violation.decode())
        return bool(result == 1)

    @property
    def bus_idle(self) -> bool:
        """No burst is on its way."""
        return bool(self._call("idle"))

    # -- what was seen ----------------------------------------------------------------------------------
    def begin_profile(self, program_length: int) -> None:
        """Forget the old profile and observe a program of that many instructions from now on."""
        self._program_length = program_length
        self._profile_start = self.cycle
        self._call("profile_begin", program_length)

    def end_profile(self) -> Profile:
        """Stop observing, and return what was seen; cycles count from `begin_profile`."""
        self._call("profile_end")
        length, units = self._program_length, len(isa.Unit)
        count, width = c_uint64(), c_uint64()
        samples = self._call("samples", byref(count), byref(width))
        spans = _array(self._call("spans"), np.uint64, (units, length, 2))
        seen = spans[..., 1] != 0
        return Profile(
            cycles=self.cycle - self._profile_start,
            histogram=_array(self._call("histogram"), np.uint32, (units, length, STATES)),
            spans=np.where(seen[..., None], spans.astype(np.int64) - self._profile_start, -1),
            sample_width=width.value,
            samples=_array(samples, np.uint32, (count.value, units, STATES)))

    def bus_beats(self) -> tuple[int, int]:
        """Data beats (read, written) that the DRAM has counted since the model was created."""
        read, write = c_uint64(), c_uint64()
        self._call("beats", byref(read), byref(write))
        return read.value, write.value

    def memories(self) -> dict[str, np.ndarray]:
        """Live views of the on-chip memories: hierarchical name -> bytes (words, bytes of a word as the model holds it)."""
        return memory_views(self._calls, self._handle)

    def trace(self, path: Path, first: int, last: int) -> None:
        """Write cycles first .. last (of `cycle`) to a VCD file; two time units are a cycle. Needs ``trace=True``."""
        if not self._call("trace", str(path).encode(), first, last):
            raise RuntimeError(f"{path}: this model cannot write waveforms, or the file cannot be opened")

    def end_trace(self) -> None:
        """Close the VCD file."""
        self._call("trace_close")

    def _call(self, name: str, *arguments: Any) -> Any:
        return self._calls[name](self._handle, *arguments)

    def _check(self, address: int, count: int) -> None:
        if address < 0 or address + count > self._dram_bytes:
            raise ValueError(f"bytes {address:#x} .. {address + count:#x} lie outside the simulated DRAM of {self._dram_bytes:#x}")


def load_library(path: Path, signatures: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    """The functions ``weft_<name>`` of a compiled model; `signatures`: name -> (result, *arguments) in ctypes."""
    library = ctypes.CDLL(str(path))
    calls = {}
    for name, (result, *arguments) in signatures.items():
        call = getattr(library, f"weft_{name}")
        call.restype, call.argtypes = result, arguments
        calls[name] = call
    return calls


def memory_views(calls: Mapping[str, Any], handle: Any) -> dict[str, np.ndarray]:
    """See `Simulator.memories`."""
    views = {}
    for index in range(calls["memory_count"](handle)):
        rows, stride = c_uint32(), c_uint32()
        pointer = calls["memory"](handle, index, byref(rows), byref(stride))
        name = calls["memory_name"](handle, index).decode().replace("__DOT__", ".")
        raw = (c_uint8 * (rows.value * stride.value)).from_address(pointer)
        views[name] = np.ctypeslib.as_array(raw).reshape(rows.value, stride.value)
    return views


def _array(pointer: int | None, kind: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A copy of C memory."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    return np.frombuffer(ctypes.string_at(pointer, size) if pointer else b"", kind).reshape(shape)
