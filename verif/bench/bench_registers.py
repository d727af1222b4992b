"""The registers of a whole NPU over AXI4-Lite: values, access rules, interrupts, strobes, locking."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiResp

from weft.gen import csr, isa
from weft.gen.config import Config
from weft.sim.build import TOP, verilog_text
from weft.verif.bench import runner
from weft.verif.bench.npu_agents import image, power_up

# Inside a simulation the configuration that it was built for; both have 4-byte lines and 32 address bits.
CONFIG = Config.load(runner.CONFIGS / f"{runner.bench_parameters().get('config', 'tiny4')}.toml")
CONFIGS = ("tiny4", "mini4")
LINE = CONFIG.line_bytes
# Bits that each read-write register holds.
HELD = {"INTR_ENABLE": 0x3, "PROGRAM_OFFSET": 0xFFFFFFF0, "PROGRAM_LENGTH": 0xFFFFFFFF, "BASE": 0xFFFFFFFC, "BASE_HIGH": 0,
        "SIZE": 0xFFFFFFFC, "PERMISSION": 0x3}
DRAM_BYTES = 1 << 16


@cocotb.test()
async def values_after_reset(dut):
    host, _ = await power_up(dut, DRAM_BYTES)
    expected = {"ID": 0x54464557, "VERSION": csr.VERSION[0] << 16 | csr.VERSION[1] << 8 | csr.VERSION[2], "CONFIG_HASH": CONFIG.hash,
                "SHAPE": 4 | 4 << 8 | CONFIG.scratchpad.kib << 16}
    for register in csr.REGISTERS:
        if not register.name.startswith("COUNT_"):  # they hold what the last run left, nothing before one
            assert await host.read(register.name) == expected.get(register.name, 0), register.name


@cocotb.test()
async def read_write_registers_hold_their_bits(dut):
    host, _ = await power_up(dut, DRAM_BYTES)
    chance, written = random.Random(1), {}
    names = [register.name for register in csr.REGISTERS if register.access == "rw"]
    for name in names:
        written[name] = chance.getrandbits(32) | 1 << 31 | 1
        assert await host.write(name, written[name]) == AxiResp.OKAY
    for name in names:
        kind = name.split("_", 1)[1] if name.startswith("WINDOW") else name
        assert await host.read(name) == written[name] & HELD[kind], name


@cocotb.test()
async def strobes_select_bytes(dut):
    host, _ = await power_up(dut, DRAM_BYTES)
    address = csr.BY_NAME["PROGRAM_LENGTH"].offset
    await host.write("PROGRAM_LENGTH", 0x11223344)
    await host.bus.write(address + 1, b"\xAA")
    assert await host.read("PROGRAM_LENGTH") == 0x1122AA44
    await host.bus.write(address + 2, b"\xBB\xCC")
    assert await host.read("PROGRAM_LENGTH") == 0xCCBBAA44
    await host.write("INTR_TEST", 3)
    await host.bus.write(csr.BY_NAME["INTR_STATE"].offset + 1, b"\xFF")  # not the byte that clears
    assert await host.read("INTR_STATE") == 3


@cocotb.test()
async def what_does_not_exist_answers_with_an_error(dut):
    host, _ = await power_up(dut, DRAM_BYTES)
    known = {register.offset: register for register in csr.REGISTERS}
    for address in (*range(0, 0x240, 4), 0x400, 0x800, 0xFFC):
        register = known.get(address)
        answer = await host.bus.read(address, 4)
        assert answer.resp == (AxiResp.OKAY if register else AxiResp.SLVERR), hex(address)
        if register is None or register.access == "ro":
            assert (await host.bus.write(address, b"\xFF\xFF\xFF\xFF")).resp == AxiResp.SLVERR, hex(address)
    assert await host.read("ID") == csr.IDENTITY


@cocotb.test()
async def interrupts(dut):
    host, _ = await power_up(dut, DRAM_BYTES)
    for bit in (1, 2):
        await host.write("INTR_TEST", bit)
        assert await host.read("INTR_STATE") == bit
        assert not dut.irq.value, "not enabled"
        await host.write("INTR_ENABLE", 3 & ~bit)
        await ClockCycles(dut.clk, 2)
        assert not dut.irq.value, "another one is enabled"
        await host.write("INTR_ENABLE", bit)
        await ClockCycles(dut.clk, 2)
        assert dut.irq.value
        await host.write("INTR_STATE", 3 & ~bit)
        assert await host.read("INTR_STATE") == bit, "zero does not clear"
        assert dut.irq.value
        await host.write("INTR_STATE", bit)
        await ClockCycles(dut.clk, 2)
        assert not dut.irq.value
        assert await host.read("INTR_STATE") == 0
        assert await host.read("INTR_TEST") == 0


@cocotb.test()
async def a_run_locks_what_it_depends_on(dut):
    """A program whose fetch never ends: program and window registers refuse writes until the soft reset."""
    host, dram = await power_up(dut, DRAM_BYTES)
    dram.readable = [range(0x100, 0x200)]
    dram.memory[0x100:0x110] = image([isa.encode("HALT")])
    await host.window(0, 0x100, 0x100, read=True, write=False)
    dram.slave.read_if.r_channel.pause = True
    await host.start(0, 1)
    assert await host.field("STATUS", "busy") == 1
    for name, value in (("PROGRAM_OFFSET", 0), ("PROGRAM_LENGTH", 1), ("WINDOW0_BASE", 0x100), ("WINDOW3_PERMISSION", 0)):
        before = await host.read(name)
        assert before == value
        assert await host.write(name, 0xFFFFFFFF) == AxiResp.SLVERR
        assert await host.read(name) == before
    assert await host.write("INTR_ENABLE", 3) == AxiResp.OKAY
    dram.slave.read_if.r_channel.pause = False
    assert await host.interrupt() == 1
    assert await host.read("STATUS") == 2
    assert await host.write("PROGRAM_LENGTH", 5) == AxiResp.OKAY
    assert not dram.violations


@pytest.mark.integration
@pytest.mark.parametrize("name", CONFIGS)
def test_registers(name):
    runner.run(verilog_text(Config.load(runner.CONFIGS / f"{name}.toml")), TOP, "weft.verif.bench.bench_registers",
               parameters={"config": name})
