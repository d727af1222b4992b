"""The accelerator behind Wishbone: random programs as the golden machine runs them, errors of the bus, both kinds of managers.

Memory, checker and host are in wishbone_agents; cocotbext-wishbone's manager is a second opinion on the registers.
"""

import dataclasses
import itertools
import os
import random
from pathlib import Path

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.wishbone.driver import WBOp, WishboneMaster

from weft.gen import csr, isa
from weft.gen.compiler import compile_network
from weft.gen.config import Config
from weft.gen.frontend import encode_input, load
from weft.gen.isa import Cause, Unit
from weft.gen.sections import Vector
from weft.hdl.npu_wishbone import NpuWishbone
from weft.verif import oracles
from weft.verif.bench import runner
from weft.verif.bench.bench_npu import CRAMPED, PAUSES, check, most_cycles
from weft.verif.bench.npu_agents import image
from weft.verif.bench.npu_host import OFFSETS, RAM_BYTES, Host
from weft.verif.bench.wishbone_agents import WishboneError, WishboneHost, WishboneRam
from weft.verif.golden import reference
from weft.verif.golden.faults import Error
from weft.verif.golden.memory import Window
from weft.verif.random_illegal import FAULTS, random_illegal
from weft.verif.random_programs import Program, random_program

MODULE = "weft.verif.bench.bench_wishbone"
NETWORK = Path(__file__).parents[2] / "examples" / "digits"
SEED = int(os.environ.get("WEFT_SEED", "1"))


class System(Host):
    """`Host` with Wishbone at both ends."""

    def attach(self, dut) -> None:
        self.ram, self.registers = WishboneRam(dut, RAM_BYTES, self.random), WishboneHost(dut)

    fault: tuple[int, int] | None = None  # window, and byte in it that answers with err

    def placed(self, places: list[int]) -> None:
        self.ram.faults = {places[self.fault[0]] + self.fault[1]} if self.fault else set()

    def pause(self, share: float) -> None:
        self.ram.pause = share

    def states(self) -> str:
        return "no trace ports"


def setup(dut) -> tuple[System, Config, int]:
    """System, configuration and the count of programs to run."""
    parameters = runner.bench_parameters()
    return System(dut, random.Random(SEED)), Config.from_mapping(parameters["options"], name=parameters["name"]), parameters["programs"]


@cocotb.test()
async def random_programs(dut):
    """Memories that answer at once, sometimes, seldom; before stb and after it; hosts of both kinds."""
    system, config, programs = setup(dut)
    await system.reset()
    for number in range(programs):
        seed = SEED * 1000 + number
        system.pause(PAUSES[number % len(PAUSES)])
        system.ram.early, system.registers.pipelined = bool(number & 1), bool(number & 2)
        await check(system, random_program(config, seed, 40), f"{config.name}, seed {seed}")
    assert system.ram.transfers > 2 * system.ram.bursts  # bursts there are


@cocotb.test()
async def faulty_programs(dut):
    """Errors that the machine finds itself are those of the golden machine, and leave the bus in order."""
    system, config, programs = setup(dut)
    await system.reset()
    for number, fault in enumerate(itertools.islice(sorted(FAULTS), programs)):
        seed = SEED * 1000 + number
        system.pause(PAUSES[number % len(PAUSES)])
        program, error = random_illegal(config, seed, fault=fault)
        outcome = program.machine().run(program.offset, program.length)
        report = await system.run(program, most_cycles(outcome.counts, program))
        assert report.error == error, f"{config.name}, {fault}, seed {seed}"
        await system.soft_reset()
    await check(system, random_program(config, SEED, 5), f"{config.name}, after {fault}")


LINES = 40  # that `copy_program` copies: more than a burst, and no multiple of one


def copy_program(config: Config, chance: random.Random) -> Program:
    """Window 1 through the scratchpad to window 2."""
    words = [
        isa.encode("LOAD_SHAPE", rows=1, dram_stride=0, scratchpad_stride=0, pad_before=0, pad_after=0, pad_value=0),
        isa.encode("LOAD", signal=1 << Unit.STORE, window=1, dram_line=0, scratchpad_line=0, length=LINES),
        isa.encode("STORE_SHAPE", rows=1, dram_stride=0, scratchpad_stride=0),
        isa.encode("STORE", wait=1 << Unit.LOAD, window=2, dram_line=0, scratchpad_line=0, length=LINES), isa.encode("HALT")]
    program = np.frombuffer(image(words), np.uint8)
    size = -(-len(program) // config.line_bytes) * config.line_bytes

    def noise(count: int) -> np.ndarray:
        return np.frombuffer(chance.randbytes(count), np.uint8).copy()

    windows = [Window(np.pad(program, (0, size - len(program))), True, False), Window(noise(LINES * config.line_bytes), True, False),
               Window(noise(LINES * config.line_bytes), False, True)]
    return Program(config, words, 0, windows)


@cocotb.test()
async def errors_of_the_memory(dut):
    """err anywhere stops the machine with SLVERR at the instruction, no line is half written, and the next program runs."""
    system, config, _ = setup(dut)
    await system.reset()
    line, burst = config.line_bytes, config.axi.burst_beats
    for number, at in enumerate([0, 1, burst - 1, burst, LINES - 1, *(system.random.randrange(LINES) for _ in range(5))] * 2):
        system.pause(PAUSES[number % len(PAUSES)])
        system.ram.early, reading = bool(number & 1), number < 10
        program, before = copy_program(config, system.random), system.ram.errors
        system.fault = (1 if reading else 2, at * line + system.random.randrange(line))
        report = await system.run(program, 20_000)
        assert report.error is not None
        address = report.error.address  # of the burst
        assert address % line == 0 and address <= at * line < address + burst * line
        expected = Error(Cause.READ_SLVERR, 1, Unit.LOAD, address) if reading else Error(Cause.WRITE_SLVERR, 3, Unit.STORE, address)
        assert report.error == expected, f"line {at}: {report.error}"
        assert system.ram.errors == before + 1  # the rest of the burst is not tried
        source, old, new = (data.reshape(LINES, line) for data in (program.windows[1].data, program.windows[2].data, report.windows[2]))
        assert ((new == source).all(1) | (new == old).all(1)).all()
        done = 0 if reading else at  # lines that are there in any case; the broken one never is
        assert (new[:done] == source[:done]).all() and (new[at] == old[at]).all()
        assert not reading or (new == old).all()
        system.fault = None
        await system.soft_reset()
        await check(system, copy_program(config, system.random), f"{config.name}, after err at line {at}")


@cocotb.test()
async def registers(dut):
    """Byte selects, refused accesses, pipelined reads, and a manager that gives up."""
    system, config, _ = setup(dut)
    await system.reset()
    host = system.registers
    for host.pipelined in (False, True):
        assert await host.read_dword(OFFSETS["ID"]) == csr.IDENTITY
        assert await host.read_dword(OFFSETS["CONFIG_HASH"] + 3) == config.hash  # low address bits do not matter
        await host.write_dword(OFFSETS["WINDOW1_SIZE"], 0xFFFF_FFFF)
        await host.write_dword(OFFSETS["WINDOW1_SIZE"], 0, select=0b0100)
        assert await host.read_dword(OFFSETS["WINDOW1_SIZE"]) == 0xFF00_FFFF & -config.line_bytes
        for attempt in (host.write_dword(OFFSETS["ID"], 1), host.read_dword(0xFFC), host.write_dword(0xFFC, 0)):
            with pytest.raises(WishboneError):
                await attempt
    chance = random.Random(SEED)
    addresses = [OFFSETS["ID"], 0xFFC, OFFSETS["SHAPE"], OFFSETS["CONFIG_HASH"], 0xFF8, OFFSETS["ID"]]
    shape = config.array.rows | config.array.columns << 8 | config.scratchpad.kib << 16
    for ready in (lambda: True, lambda: chance.random() < 0.4):
        assert await host.burst(addresses, ready) == [csr.IDENTITY, None, shape, config.hash, None, csr.IDENTITY]
    for wait in range(8):  # cycles before cyc falls: from before the answer to after it
        dut.wbs_cyc_i.value = dut.wbs_stb_i.value = 1
        dut.wbs_we_i.value, dut.wbs_adr_i.value = 0, OFFSETS["SHAPE"]
        await ClockCycles(dut.clk, 1 + wait)
        dut.wbs_cyc_i.value = dut.wbs_stb_i.value = 0
        await RisingEdge(dut.clk)
        host.pipelined = False
        # `read_dword` fails on an answer that belongs to the request given up.
        assert await host.read_dword(OFFSETS["ID"]) == csr.IDENTITY


@cocotb.test()
async def registers_by_another_manager(dut):
    """The same registers through cocotbext-wishbone, classic and pipelined."""
    system, config, _ = setup(dut)
    await system.reset()
    names = {"cyc": "cyc_i", "stb": "stb_i", "we": "we_i", "adr": "adr_i", "datwr": "dat_i", "datrd": "dat_o", "ack": "ack_o",
             "sel": "sel_i", "err": "err_o"}
    for extra in ({}, {"stall": "stall_o"}):
        manager = WishboneMaster(dut, "wbs", dut.clk, timeout=50, width=32, signals_dict={**names, **extra})
        cycle = [WBOp(OFFSETS["ID"]), WBOp(OFFSETS["WINDOW2_BASE"], dat=0x1234_5000, idle=3), WBOp(OFFSETS["WINDOW2_BASE"]),
                 WBOp(OFFSETS["CONFIG_HASH"]), WBOp(OFFSETS["ID"], dat=0)]
        answers = await manager.send_cycle(cycle)
        assert [answer.ack for answer in answers] == [1, 1, 1, 1, 2]
        assert [int(answers[index].datrd) for index in (0, 2, 3)] == [csr.IDENTITY, 0x1234_5000, config.hash]


@cocotb.test()
async def digits(dut):
    """A whole network: the outputs are the reference's and onnxruntime's for every sample."""
    system, config, _ = setup(dut)
    await system.reset()
    model = NETWORK / "digits.onnx"
    graph = load(model)
    network, engine = compile_network(graph, config), oracles.ENGINES[graph.engine](model)
    right = 0
    data = np.load(NETWORK / "digits.npz")
    for number, sample in enumerate(data["x"][:3]):
        system.pause(PAUSES[number % 2])
        held = encode_input(graph, sample)
        contents = [network.image, network.pack_input(held), bytes(network.window_bytes[2]), bytes(network.window_bytes[3])]
        windows = [Window(np.frombuffer(part, np.uint8).copy(), readable, writable)
                   for part, readable, writable in zip(contents, network.WINDOW_READ, network.WINDOW_WRITE, strict=True)]
        report = await system.run(Program(config, network.program, 0, windows), 2_000_000)
        assert report.error is None
        scores, = network.unpack_outputs(report.windows[2].tobytes())
        np.testing.assert_array_equal(scores, reference.run(graph, held)[graph.outputs[0]])
        theirs, = engine.run(sample.astype(np.float32))
        tensor = graph.tensors[graph.outputs[0]]
        ours = (scores.reshape(-1).astype(np.int32) - tensor.zero_point).astype(np.float32) * np.float32(tensor.scale)
        np.testing.assert_array_equal(ours, theirs.reshape(-1))
        right += int(scores.argmax()) == int(data["y"][number])
        dut._log.info("%d cycles with pauses in %d %% of them", report.cycles, 100 * system.ram.pause)
    assert right >= 2


ROUGH = dataclasses.replace(CRAMPED, vector=Vector(parameter_sets=32))  # short bursts, one read at a time, and room for the network


@pytest.mark.integration
@pytest.mark.parametrize(("config", "programs"), [
    (Config.load(runner.CONFIGS / "tiny4.toml"), 12), (Config.load(runner.CONFIGS / "edge8.toml"), 8), (ROUGH, 8),
], ids=lambda value: getattr(value, "name", ""))
def test_wishbone(config, programs):
    parameters = {"name": config.name, "options": config.canonical(), "programs": programs}
    runner.run(NpuWishbone(config), "npu_wishbone", MODULE, parameters=parameters)
