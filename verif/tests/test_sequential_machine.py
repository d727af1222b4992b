"""The sequential machine in the fast simulator against the golden machine: random programs leave the same bytes, faulty ones fail alike."""

from collections.abc import Iterator

import numpy as np
import pytest

from weft.gen.config import Config
from weft.gen.isa import Cause
from weft.sim.device import DeviceError, RtlDevice, RunResult, WindowSpec
from weft.sim.simulator import Simulator
from weft.verif.bench.runner import CONFIGS
from weft.verif.random_illegal import FAULTS, random_illegal
from weft.verif.random_programs import Program, random_program

MINI = Config.load(CONFIGS / "mini4.toml")
MOST_CYCLES = 20_000_000

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(MINI) as simulator:
        yield simulator


def run(simulator: Simulator, program: Program) -> tuple[RtlDevice, RunResult]:
    windows = [WindowSpec(len(window.data), window.readable, window.writable) for window in program.windows]
    windows += [WindowSpec(0, False, False)] * (4 - len(windows))  # an earlier program may have used more
    device = RtlDevice(simulator, windows, max_cycles=MOST_CYCLES)
    for index, window in enumerate(program.windows):
        device.write_window(index, window.data.tobytes())
    return device, device.run(program.length, offset=program.offset)


def check(simulator: Simulator, program: Program) -> None:
    """A legal program: no error, and every byte of DRAM as the golden machine leaves it."""
    golden = program.machine(strict=True)
    assert golden.run(program.offset, program.length).error is None
    device, result = run(simulator, program)
    assert result.error is None
    for index, window in enumerate(golden.memory.windows[:len(program.windows)]):
        assert np.array_equal(np.frombuffer(device.read_window(index), np.uint8), window.data), f"window {index}"


@pytest.mark.parametrize("seed", range(20))
def test_random_programs(simulator, seed):
    simulator.set_dram_timing(latency=(64, 0, 7)[seed % 3])
    check(simulator, random_program(MINI, seed, 40))


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_faults(simulator, fault):
    """The error, and a good run after the soft reset. Of several waits in vain the golden machine names the queue with the lowest number;
    here the first in the program is met first."""
    program, error = random_illegal(MINI, 1, fault=fault)
    _, result = run(simulator, program)
    found = result.error
    assert found is not None
    if error.cause is Cause.DEADLOCK:
        assert found.cause is Cause.DEADLOCK
    else:
        assert found == DeviceError(error.cause, error.queue, error.pc, error.address)
    check(simulator, random_program(MINI, 7, 3))
