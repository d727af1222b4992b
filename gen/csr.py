"""The control and status registers, described once.

RTL, golden device, C header, SystemRDL and `docs/csr.md` are made from `REGISTERS`. Pure data: imports only `isa`.
32-bit registers on AXI4-Lite; unknown addresses answer SLVERR, and so do writes to read-only registers.
PROGRAM_* and WINDOW* registers are read-only while STATUS.busy is set, because the running program depends on them.
Address bits below a line (and below an instruction in PROGRAM_OFFSET) and above the bus's address width read zero.
"""

import dataclasses

from weft.gen.isa import CONTROL, WINDOWS, State, Unit

IDENTITY = 0x54464557  # "WEFT" in memory order
VERSION = (0, 1, 0)
ADDRESS_BITS = 12  # 4 KiB of register space


@dataclasses.dataclass(frozen=True)
class Bits:
    """Field of a register: lowest bit, width, meaning."""

    name: str
    low: int
    width: int
    doc: str


@dataclasses.dataclass(frozen=True)
class Register:
    """`access`: ro, rw, wo (reads zero), or w1c (write one to clear)."""

    name: str
    offset: int
    access: str
    doc: str
    bits: tuple[Bits, ...] = ()
    reset: int = 0


@dataclasses.dataclass(frozen=True)
class Counter:
    """A 32-bit event counter, cleared by START, frozen when the run ends. `source` names the event for the RTL."""

    name: str
    doc: str


def _counters() -> tuple[Counter, ...]:
    counters = [Counter("CYCLES", "cycles from START to the interrupt")]
    for unit in Unit:
        for state in State:
            counters.append(Counter(f"{unit.name}_{state.name}", f"cycles that the {unit.name.lower()} unit spent in {state.name}"))
    counters += [
        Counter("INSTRUCTIONS", "instructions dispatched"),
        Counter("MATRIX_VECTORS", "activation vectors streamed; each is R x C multiply-accumulates, times the packing"),
        Counter("WEIGHT_TILES", "weight tiles shifted into the array"),
        Counter("VECTOR_ITERATIONS", "iterations of the vector unit"),
        Counter("DRAM_READ_BEATS", "read data beats, instructions included"),
        Counter("DRAM_WRITE_BEATS", "write data beats"),
        Counter("SCRATCHPAD_READS", "line reads of all scratchpad memories"),
        Counter("SCRATCHPAD_WRITES", "line writes of all scratchpad memories"),
        Counter("ACCUMULATOR_READS", "accumulator line reads"),
        Counter("ACCUMULATOR_WRITES", "accumulator line writes"),
    ]
    return tuple(counters)


COUNTERS = _counters()
COUNTER_BASE = 0x100

INTERRUPTS = (Bits("done", 0, 1, "the program reached HALT"), Bits("error", 1, 1, "the machine stopped on an error"))

REGISTERS: tuple[Register, ...] = (
    Register("ID", 0x000, "ro", 'Identity: "WEFT".', reset=IDENTITY),
    Register("VERSION", 0x004, "ro", "Version of the hardware.", (
        Bits("patch", 0, 8, "patch"), Bits("minor", 8, 8, "minor"), Bits("major", 16, 8, "major")),
        reset=VERSION[0] << 16 | VERSION[1] << 8 | VERSION[2]),
    Register("CONFIG_HASH", 0x008, "ro", "First 32 bits of the SHA-256 of the configuration. Set at generation."),
    Register("SHAPE", 0x00C, "ro", "Size of the array. Set at generation.", (
        Bits("rows", 0, 8, "array rows"), Bits("columns", 8, 8, "array columns"),
        Bits("scratchpad_kib", 16, 16, "scratchpad KiB"))),
    Register("CONTROL", 0x010, "wo", "Commands.", (
        Bits("start", 0, 1, "start the program; ignored while busy or after an error"),
        Bits("reset", 1, 1, "soft reset of everything but these registers; waits for the bus to drain"))),
    Register("STATUS", 0x014, "ro", "State of the machine.", (
        Bits("busy", 0, 1, "a program runs, or the bus drains"), Bits("done", 1, 1, "the last program reached HALT"),
        Bits("error", 2, 1, "stopped on an error; soft reset to go on"))),
    Register("INTR_STATE", 0x018, "w1c", "Pending interrupts.", INTERRUPTS),
    Register("INTR_ENABLE", 0x01C, "rw", "Interrupts that drive the interrupt line.", INTERRUPTS),
    Register("INTR_TEST", 0x020, "wo", "Writing one makes an interrupt pending.", INTERRUPTS),
    Register("ERROR", 0x024, "ro", "First error since reset.", (
        Bits("cause", 0, 8, "isa.Cause"), Bits("queue", 8, 3, f"isa.Unit, or {CONTROL} for fetch and dispatch"))),
    Register("ERROR_PC", 0x028, "ro", "Program counter (instruction index) of the error."),
    Register("ERROR_ADDRESS", 0x02C, "ro", "Offending address: window byte offset for DRAM causes (its low "
             "32 bits), scratchpad byte, accumulator line or parameter set; for DMA that of the row's first line, for an "
             "error of the bus that of the burst."),
    Register("PROGRAM_OFFSET", 0x030, "rw", "Byte offset of the program in window 0, a multiple of 16 and of the line."),
    Register("PROGRAM_LENGTH", 0x034, "rw", "Instructions in the program."),
    *(register for index in range(WINDOWS) for register in (
        Register(f"WINDOW{index}_BASE", 0x040 + 16 * index, "rw", f"Window {index}: bus address, low 32 bits, line aligned."),
        Register(f"WINDOW{index}_BASE_HIGH", 0x044 + 16 * index, "rw", f"Window {index}: bus address, high 32 bits."),
        Register(f"WINDOW{index}_SIZE", 0x048 + 16 * index, "rw", f"Window {index}: size in bytes, a multiple of the line."),
        Register(f"WINDOW{index}_PERMISSION", 0x04C + 16 * index, "rw", f"Window {index}: permissions.", (
            Bits("read", 0, 1, "reads are allowed"), Bits("write", 1, 1, "writes are allowed"))))),
    *(Register(f"COUNT_{counter.name}", COUNTER_BASE + 4 * index, "ro", f"Counter: {counter.doc}.")
      for index, counter in enumerate(COUNTERS)),
)

BY_NAME = {register.name: register for register in REGISTERS}
