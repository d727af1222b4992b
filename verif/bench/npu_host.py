"""A host for the whole accelerator in cocotb: memory and register bus from cocotbext-axi, programs in, final state out."""

import dataclasses
import logging
import random
from collections.abc import Iterator

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, First, RisingEdge, Timer
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam

from weft.gen import csr, isa
from weft.gen.isa import Cause
from weft.verif.golden.faults import Error
from weft.verif.random_programs import Program

PERIOD = 10  # ns
RAM_BYTES = 1 << 18
OFFSETS = {register.name: register.offset for register in csr.REGISTERS}
START, RESET = 1, 2  # CONTROL
COUNTED = ("MATRIX_VECTORS", "WEIGHT_TILES", "VECTOR_ITERATIONS", "DRAM_WRITE_BEATS", "INSTRUCTIONS")


@dataclasses.dataclass(frozen=True)
class Report:
    """The end of a run: error as the registers show it, bytes of each window, cycles, and the counters `COUNTED`."""

    error: Error | None
    windows: list[np.ndarray]
    cycles: int
    counts: dict[str, int]


class Host:
    """Owns clock, reset, a memory of RAM_BYTES that repeats through the address space, and the registers of a `Npu`."""

    def __init__(self, dut, source: random.Random) -> None:
        self.dut, self.random = dut, source
        cocotb.start_soon(Clock(dut.clk, PERIOD, unit="ns").start())
        self.attach(dut)

    def attach(self, dut) -> None:
        """Put `ram` (read, write) and `registers` (read_dword, write_dword) at the buses."""
        for bus in ("m_axi", "s_axil"):  # a line for every burst takes longer than the simulation
            logging.getLogger(f"cocotb.{dut._name}.{bus}").setLevel(logging.WARNING)
        self.ram = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=RAM_BYTES)
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)

    def placed(self, places: list[int]) -> None:
        """Called before a run, with the address in `ram` of each window."""

    async def reset(self) -> None:
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 4)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 4)

    def pause(self, share: float) -> None:
        """Every channel of the memory refuses in this share of the cycles, at random."""
        read, write = self.ram.read_if, self.ram.write_if
        for channel in (read.ar_channel, read.r_channel, write.aw_channel, write.w_channel, write.b_channel):
            channel.set_pause_generator(_pauses(random.Random(self.random.random()), share) if share else None)
            channel.pause = False

    async def write(self, name: str, value: int) -> None:
        await self.registers.write_dword(OFFSETS[name], value)

    async def read(self, name: str) -> int:
        return await self.registers.read_dword(OFFSETS[name])

    async def soft_reset(self) -> None:
        await self.write("CONTROL", RESET)
        while await self.read("STATUS"):
            await ClockCycles(self.dut.clk, 8)

    async def run(self, program: Program, most_cycles: int) -> Report:
        """Place the windows at random, run until the interrupt, read everything back.

        Asserts that the interrupt comes, that status and interrupts agree, and that no byte outside the windows has changed.
        """
        before = self.random.randbytes(RAM_BYTES)
        self.ram.write(0, before)
        line, places, free = program.config.line_bytes, [], 0
        for window in program.windows:
            free += line * self.random.randrange(1, 5000 // line)
            places.append(free)
            self.ram.write(free, window.data.tobytes())
            free += len(window.data)
        assert free < RAM_BYTES
        self.placed(places)
        high = self.random.randrange((1 << 32) // RAM_BYTES) * RAM_BYTES
        for index in range(isa.WINDOWS):
            present = index < len(program.windows)
            await self.write(f"WINDOW{index}_BASE", high + places[index] if present else 0)
            await self.write(f"WINDOW{index}_BASE_HIGH", 0)
            await self.write(f"WINDOW{index}_SIZE", len(program.windows[index].data) if present else 0)
            permission = program.windows[index].readable | program.windows[index].writable << 1 if present else 0
            await self.write(f"WINDOW{index}_PERMISSION", permission)
        await self.write("PROGRAM_OFFSET", program.offset)
        await self.write("PROGRAM_LENGTH", program.length)
        await self.write("INTR_STATE", 3)
        await self.write("INTR_ENABLE", 3)
        assert not self.dut.irq.value
        await self.write("CONTROL", START)
        await First(RisingEdge(self.dut.irq), Timer(most_cycles * PERIOD, unit="ns"))
        assert self.dut.irq.value, f"no interrupt after {most_cycles} cycles: {self.states()}"
        error = await self._error()
        after = bytes(self.ram.read(0, RAM_BYTES))
        windows, free = [], 0
        for window, place in zip(program.windows, places, strict=True):
            assert after[free:place] == before[free:place], "a write outside the windows"
            free = place + len(window.data)
            windows.append(np.frombuffer(after[place:free], np.uint8))
        assert after[free:] == before[free:], "a write outside the windows"
        counts = {name: await self.read(f"COUNT_{name}") for name in COUNTED}
        return Report(error, windows, await self.read("COUNT_CYCLES"), counts)

    async def _error(self) -> Error | None:
        status, interrupts = await self.read("STATUS"), await self.read("INTR_STATE")
        assert (status, interrupts) in ((2, 1), (4, 2)), f"STATUS {status}, INTR_STATE {interrupts}"
        if status == 2:
            return None
        register = await self.read("ERROR")
        return Error(Cause(register & 0xFF), await self.read("ERROR_PC"), register >> 8, await self.read("ERROR_ADDRESS"))

    def states(self) -> str:
        """What every unit does now."""
        parts = []
        for unit in isa.Unit:
            name = unit.name.lower()
            state, pc = getattr(self.dut, f"trace_{name}_state").value, getattr(self.dut, f"trace_{name}_pc").value
            parts.append(f"{name} {isa.State(int(state)).name} at pc {int(pc)}")
        return ", ".join(parts)


def _pauses(source: random.Random, share: float) -> Iterator[bool]:
    while True:
        yield source.random() < share
