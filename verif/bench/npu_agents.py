"""What stands around a whole NPU that is made to fail: a host that knows every register, a DRAM that answers with errors."""

import random
from collections.abc import Sequence
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiResp, AxiSlave

from weft.gen import csr, isa

PERIOD = 10  # ns
PATIENCE = 100_000  # cycles that every run of a bench stays below


class Dram:
    """Memory behind the AXI4 manager, made of cocotbext-axi's slave.

    faults: line address -> the response that its beats are answered with; such a beat changes nothing.
    readable, writable: address ranges; what touches anything else is kept in `violations`.
    written: addresses of all beats written.
    """

    def __init__(self, dut: Any, size: int) -> None:
        self.memory = bytearray(size)
        self.faults: dict[int, AxiResp] = {}
        self.readable: list[range] = []
        self.writable: list[range] = []
        self.violations: list[str] = []
        self.written: list[int] = []
        self._refused: dict[str, AxiResp] = {}  # response field -> what the present transfer is to be answered with
        self.slave = AxiSlave(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, target=self)
        self._answer_as_told(self.slave.read_if.r_channel, "rresp")
        self._answer_as_told(self.slave.write_if.b_channel, "bresp")

    def _answer_as_told(self, channel: Any, field: str) -> None:
        """The slave answers every refusal with SLVERR; put in the response that the address asks for."""
        send = channel.send

        async def patched(transfer: Any) -> None:
            if getattr(transfer, field) != AxiResp.OKAY:
                setattr(transfer, field, self._refused.pop(field))
            await send(transfer)

        channel.send = patched

    def _check(self, what: str, parts: list[range], address: int, length: int) -> None:
        if not any(address in part and address + length - 1 in part for part in parts):
            self.violations.append(f"{what} of {address:#x}")
        if address in self.faults:
            self._refused["rresp" if what == "read" else "bresp"] = self.faults[address]
            raise ValueError("told to answer with an error")

    async def read(self, address: int, length: int) -> bytes:
        """Called by the slave for each beat."""
        self._check("read", self.readable, address, length)
        return bytes(self.memory[address:address + length])

    async def write(self, address: int, data: bytes) -> None:
        """Called by the slave for each beat."""
        self.written.append(address)
        self._check("write", self.writable, address, len(data))
        self.memory[address:address + len(data)] = data

    def pause(self, chance: random.Random, probability: float) -> None:
        """Let every channel pause at random from now on."""
        read, write = self.slave.read_if, self.slave.write_if
        for channel in (read.ar_channel, read.r_channel, write.aw_channel, write.w_channel, write.b_channel):
            channel.set_pause_generator(chance.random() < probability for _ in iter(int, 1))


class Driver:
    """Reads and writes the registers by name."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.bus = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)

    async def write(self, name: str, value: int) -> AxiResp:
        """Write a register; returns the response."""
        return (await self.bus.write(csr.BY_NAME[name].offset, value.to_bytes(4, "little"))).resp

    async def read(self, name: str) -> int:
        """Value of a register; an error response fails the bench."""
        answer = await self.bus.read(csr.BY_NAME[name].offset, 4)
        assert answer.resp == AxiResp.OKAY, name
        return int.from_bytes(answer.data, "little")

    async def field(self, name: str, field: str) -> int:
        """Value of one field of a register."""
        bits = next(bits for bits in csr.BY_NAME[name].bits if bits.name == field)
        return await self.read(name) >> bits.low & ((1 << bits.width) - 1)

    async def window(self, index: int, base: int, size: int, *, read: bool, write: bool) -> None:
        """Program a DRAM window below 4 GiB."""
        for name, value in (("BASE", base), ("SIZE", size), ("PERMISSION", read | write << 1)):
            assert await self.write(f"WINDOW{index}_{name}", value) == AxiResp.OKAY

    async def start(self, offset: int, length: int) -> None:
        """Start the program with both interrupts enabled."""
        for name, value in (("INTR_ENABLE", 3), ("PROGRAM_OFFSET", offset), ("PROGRAM_LENGTH", length), ("CONTROL", 1)):
            assert await self.write(name, value) == AxiResp.OKAY

    async def interrupt(self) -> int:
        """Wait for the interrupt line, clear what is pending, return it. Fails if the line does not rise, or does not fall."""
        for _ in range(PATIENCE):
            if self.dut.irq.value:
                break
            await RisingEdge(self.dut.clk)
        else:
            raise AssertionError("no interrupt: the machine hangs")
        pending = await self.read("INTR_STATE")
        await self.write("INTR_STATE", pending)
        await ClockCycles(self.dut.clk, 3)
        assert not self.dut.irq.value, "the interrupt line stays high"
        return pending

    async def soft_reset(self) -> None:
        """Reset and wait until the machine is idle."""
        await self.write("CONTROL", 2)
        for _ in range(PATIENCE):
            if not await self.field("STATUS", "busy"):
                return
        raise AssertionError("soft reset does not end")


async def power_up(dut: Any, dram_bytes: int) -> tuple[Driver, Dram]:
    """Clock, reset, and the agents."""
    dut.rst.value = 1
    cocotb.start_soon(Clock(dut.clk, PERIOD, unit="ns").start())
    driver, dram = Driver(dut), Dram(dut, dram_bytes)
    await ClockCycles(dut.clk, 4)
    dut.rst.value = 0
    await ClockCycles(dut.clk, 2)
    return driver, dram


def image(words: Sequence[int]) -> bytes:
    """A program as bytes."""
    return b"".join(word.to_bytes(isa.WORD_BYTES, "little") for word in words)
