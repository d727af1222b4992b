"""A compiled model that is reached through a serial line alone, behind the interface of pyserial's `Serial`."""

import dataclasses
from collections.abc import Iterable
from ctypes import POINTER, c_char_p, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from weft.sim import build
from weft.sim.simulator import load_library, memory_views

FOREVER = (1 << 63) - 1  # cycles, or characters
NO_STOP, PAUSE, GLITCH = 0x100, 0x200, 0x400  # see `PinSerial.disturb`

_SIGNATURES: dict[str, tuple[Any, ...]] = {  # name: (result, *arguments)
    "create": (c_void_p,), "destroy": (None, c_void_p), "set_divisor": (None, c_void_p, c_uint32), "cycle": (c_uint64, c_void_p),
    "errors": (c_uint64, c_void_p), "waiting": (c_uint64, c_void_p), "run": (None, c_void_p, c_uint64, c_uint64),
    "flush": (None, c_void_p), "send": (None, c_void_p, POINTER(c_uint16), c_uint64),
    "receive": (c_uint64, c_void_p, POINTER(c_uint8), c_uint64),
    "memory_count": (c_uint32, c_void_p), "memory_name": (c_char_p, c_void_p, c_uint32),
    "memory": (c_void_p, c_void_p, c_uint32, POINTER(c_uint32), POINTER(c_uint32)),
}


@dataclasses.dataclass(frozen=True)
class Ports:
    """Names of the ports in the Verilog."""

    top: str = "image"
    clk: str = "clk"
    rx: str = "rx"
    tx: str = "tx"


def build_pins(verilog: str, ports: Ports = Ports(), progress: build.Progress = lambda text: None) -> Path:
    """Path of the shared library for `verilog`, built now if it is not in the cache. Raises `ToolError`."""
    names = {"CLOCK": ports.clk, "RX": ports.rx, "TX": ports.tx}
    defines = tuple(f"{name}={_cpp(port)}" for name, port in names.items())
    return build.build_model(build.Model("pins", ports.top, ("pins.cpp",), defines), verilog, progress=progress)


def _cpp(port: str) -> str:
    """A port's name as Verilator writes it in C++."""
    return port.replace("__", "___05F")


class PinSerial:
    """What the host library uses of pyserial, on simulated pins. Time is simulated: a time-out is one of clock cycles.

    Parameters
    ----------
    library: from `build_pins`.
    clock_hz: what one second is.
    baudrate: of the line, both directions; the model's bits take round(clock_hz / baudrate) cycles.
    timeout: seconds that `read` waits, None for no end.
    """

    def __init__(self, library: Path, clock_hz: int, baudrate: int, timeout: float = 1.0) -> None:
        self._calls, self._clock_hz = load_library(library, _SIGNATURES), clock_hz
        self.timeout: float | None = timeout
        self._handle = self._calls["create"]()
        self.baudrate = baudrate

    def __enter__(self) -> "PinSerial":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Free the model. The object is dead afterwards."""
        if self._handle:
            self._call("destroy")
            self._handle = None

    @property
    def baudrate(self) -> int:
        return self._baudrate

    @baudrate.setter
    def baudrate(self, value: int) -> None:
        self._baudrate = value
        self._call("set_divisor", round(self._clock_hz / value))

    @property
    def in_waiting(self) -> int:
        return int(self._call("waiting"))

    def write(self, data: bytes) -> int:
        """Queue `data`; they go out as the clock runs."""
        self.disturb(data)
        return len(data)

    def disturb(self, items: Iterable[int]) -> None:
        """Queue characters, each a byte and perhaps NO_STOP (stop bit low), PAUSE (idle for a character instead) or GLITCH (low for one
        cycle, then idle for the rest of a character)."""
        queued = list(items)
        self._call("send", (c_uint16 * len(queued))(*queued), len(queued))

    def flush(self) -> None:
        """Clock until everything has been sent."""
        self._call("flush")

    def read(self, size: int = 1) -> bytes:
        """At most `size` characters: all of them, or those that come within the time-out."""
        self._call("run", FOREVER if self.timeout is None else round(self.timeout * self._clock_hz), size)
        buffer = (c_uint8 * size)()
        return bytes(buffer[:self._call("receive", buffer, size)])

    def reset_input_buffer(self) -> None:
        """Forget what has come."""
        self.read_waiting()

    def read_waiting(self) -> bytes:
        """What has come, in no time."""
        size = self.in_waiting
        buffer = (c_uint8 * max(1, size))()
        return bytes(buffer[:self._call("receive", buffer, size)])

    def run(self, cycles: int) -> None:
        """Clock without reading."""
        self._call("run", cycles, FOREVER)

    @property
    def cycle(self) -> int:
        """Cycles since the beginning."""
        return int(self._call("cycle"))

    @property
    def framing_errors(self) -> int:
        """Characters of the model that had no stop bit."""
        return int(self._call("errors"))

    def memories(self) -> dict[str, np.ndarray]:
        """Live views of the model's memories, see `simulator.Simulator.memories`."""
        return memory_views(self._calls, self._handle)

    def _call(self, name: str, *arguments: Any) -> Any:
        return self._calls[name](self._handle, *arguments)


