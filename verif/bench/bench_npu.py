"""The whole accelerator against the golden machine: random programs must leave the same bytes in DRAM, faulty ones the same error.

WEFT_SEED chooses other programs: the seed of a failing one is in the message.
"""

import dataclasses
import os
import random
from pathlib import Path

import cocotb
import numpy as np
import pytest

from weft.gen.config import Config
from weft.gen.sections import Accumulator, Array, Axi, Counters, Queues, Scratchpad, Vector
from weft.sim.build import TOP, verilog_text
from weft.verif.bench import runner
from weft.verif.bench.npu_host import Host
from weft.verif.random_illegal import FAULTS, random_illegal
from weft.verif.random_programs import Program, random_program

CONFIGS = Path(__file__).parents[2] / "configs"
MODULE = "weft.verif.bench.bench_npu"
SEED = int(os.environ.get("WEFT_SEED", "1"))
PAUSES = (0.0, 0.2, 0.7)


def setup(dut) -> tuple[Host, Config, int]:
    """Host, configuration and the count of programs to run."""
    parameters = runner.bench_parameters()
    config = Config.from_mapping(parameters["options"], name=parameters["name"])
    return Host(dut, random.Random(SEED)), config, parameters["programs"]


def most_cycles(counts: dict[str, int], program: Program) -> int:
    """Far more than any run needs, with the memory refusing most of the time and nothing overlapping."""
    return 5000 + 400 * program.length + 40 * sum(counts.values())


async def check(host: Host, program: Program, label: str) -> None:
    """Run on both machines and compare everything that can be seen."""
    machine = program.machine(strict=True)
    expected = machine.run(program.offset, program.length)
    assert expected.error is None
    report = await host.run(program, most_cycles(expected.counts, program))
    assert report.error is None, f"{label}: {report.error}"
    for index, data in enumerate(report.windows):
        wrong = np.flatnonzero(data != machine.memory.windows[index].data)
        assert not wrong.size, (f"{label}: {wrong.size} bytes of window {index} differ, the first at {wrong[0]:#x} "
                                f"(line {wrong[0] // program.config.line_bytes})")
    counts = {name: expected.counts.get(name, 0) for name in report.counts} | {"INSTRUCTIONS": expected.instructions}
    assert report.counts == counts, label


@cocotb.test()
async def random_programs(dut):
    """One after the other without a reset in between, each with another temper of the memory."""
    host, config, programs = setup(dut)
    await host.reset()
    for number in range(programs):
        seed = SEED * 1000 + number
        host.pause(PAUSES[number % len(PAUSES)])
        await check(host, random_program(config, seed, 40), f"{config.name}, seed {seed}")


@cocotb.test()
async def faulty_programs(dut):
    """Each kind of fault gives its error and, after a soft reset, does no harm to the next program."""
    host, config, programs = setup(dut)
    await host.reset()
    for number, fault in enumerate(sorted(FAULTS)):
        seed = SEED * 1000 + number
        host.pause(PAUSES[number % len(PAUSES)])
        program, error = random_illegal(config, seed, fault=fault)
        outcome = program.machine().run(program.offset, program.length)
        report = await host.run(program, most_cycles(outcome.counts, program))
        assert report.error == error, f"{config.name}, {fault}, seed {seed}"
        await host.soft_reset()
        if number % max(1, len(FAULTS) // programs) == 0:
            await check(host, random_program(config, seed, 5), f"{config.name}, after {fault}, seed {seed}")


CRAMPED = Config(
    name="cramped", array=Array(rows=4, columns=4), scratchpad=Scratchpad(kib=8, banks=2), accumulator=Accumulator(kib=2),
    vector=Vector(parameter_sets=32, float32=False), axi=Axi(data_bits=32, burst_beats=4, outstanding_reads=1),
    queues=Queues(depth=2, fetch_depth=32), counters=Counters())


DEPTHWISE = dataclasses.replace(CRAMPED, name="depthwise", array=Array(rows=8, columns=8, depthwise=True), axi=Axi(data_bits=64))
OUTPUT = dataclasses.replace(CRAMPED, name="output", array=Array(rows=4, columns=4, dataflow="output_stationary"))
BOTH = dataclasses.replace(DEPTHWISE, name="both", array=Array(rows=8, columns=8, depthwise=True, dataflow="both", product_register=True))


@pytest.mark.integration
@pytest.mark.parametrize(("config", "programs"), [
    (Config.load(CONFIGS / "tiny4.toml"), 24), (Config.load(CONFIGS / "edge8.toml"), 12), (CRAMPED, 12), (DEPTHWISE, 12),
    (OUTPUT, 12), (BOTH, 12),
], ids=lambda value: getattr(value, "name", ""))
def test_npu(config, programs):
    parameters = {"name": config.name, "options": config.canonical(), "programs": programs}
    runner.run(verilog_text(config), TOP, MODULE, parameters=parameters)
