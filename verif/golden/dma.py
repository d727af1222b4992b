"""LOAD and STORE: rows of lines between a DRAM window and the scratchpad."""

import numpy as np

from weft.gen import isa
from weft.gen.isa import Cause
from weft.verif.golden.faults import raise_first
from weft.verif.golden.memory import SCRATCHPAD, Access, Addresses, Effect, Memory, first_beyond

DRAM_LINE_BITS = 28


def load(memory: Memory, shape: dict[str, int], values: dict[str, int]) -> Effect:
    """Perform one LOAD. Raises `Trap` WINDOW or SCRATCHPAD for the first row that is out of range or not readable."""
    config, length = memory.config, values["length"]
    before, after = shape["pad_before"], shape["pad_after"]
    dram, local = _rows(shape, values)
    total = before + length + after
    _check(memory, values["window"], "readable", (dram, length), (local, total))

    scratchpad = memory.scratchpad.reshape(-1, config.line_bytes)
    rows = np.full((len(dram), total, config.line_bytes), shape["pad_value"], dtype=np.uint8)
    rows[:, before : before + length] = _lines(memory, values["window"])[dram[:, None] + np.arange(length)]
    scratchpad[local[:, None] + np.arange(total)] = rows
    accesses = [Access(f"window{values['window']}", dram, length, write=False),
                Access(SCRATCHPAD, local * config.line_bytes, total * config.line_bytes, write=True)]
    return Effect([access for access in accesses if access.size], {"DRAM_READ_BEATS": len(dram) * length})


def store(memory: Memory, shape: dict[str, int], values: dict[str, int]) -> Effect:
    """Perform one STORE. Raises `Trap` WINDOW or SCRATCHPAD for the first row that is out of range or not writable."""
    config, length = memory.config, values["length"]
    dram, local = _rows(shape, values)
    _check(memory, values["window"], "writable", (dram, length), (local, length))

    offsets = np.arange(length)
    scratchpad = memory.scratchpad.reshape(-1, config.line_bytes)
    _lines(memory, values["window"])[dram[:, None] + offsets] = scratchpad[local[:, None] + offsets]
    accesses = [Access(SCRATCHPAD, local * config.line_bytes, length * config.line_bytes, write=False),
                Access(f"window{values['window']}", dram, length, write=True)]
    return Effect([access for access in accesses if access.size], {"DRAM_WRITE_BEATS": len(dram) * length})


def _rows(shape: dict[str, int], values: dict[str, int]) -> tuple[Addresses, Addresses]:
    """First window line and first scratchpad line of each row."""
    rows = np.arange(shape["rows"], dtype=np.int64)
    dram = (values["dram_line"] + rows * shape["dram_stride"]) % (1 << DRAM_LINE_BITS)
    local = (values["scratchpad_line"] + rows * shape["scratchpad_stride"]) % (1 << isa.ADDRESS_BITS)
    return dram, local


def _lines(memory: Memory, window: int) -> np.ndarray:
    return memory.windows[window].data.reshape(-1, memory.config.line_bytes)


def _check(memory: Memory, index: int, permission: str, dram: tuple[Addresses, int], local: tuple[Addresses, int]) -> None:
    """A row of no lines touches nothing and cannot be out of range."""
    config, found = memory.config, []
    starts, length = local
    if length and (row := first_beyond(starts, length, config.scratchpad_lines)) is not None:
        found.append(((row, 0), Cause.SCRATCHPAD, int(starts[row]) * config.line_bytes))
    starts, length = dram
    window = memory.windows[index]
    limit = len(window.data) // config.line_bytes if getattr(window, permission) else 0
    if length and (row := first_beyond(starts, length, limit)) is not None:
        found.append(((row, 1), Cause.WINDOW, int(starts[row]) * config.line_bytes))
    raise_first(found)
