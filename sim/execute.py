"""Runs samples of a compiled network on the RTL and on the golden machine, in this process or in several."""

import contextlib
import dataclasses
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from weft.gen.compiler.network import CompiledNetwork
from weft.gen.compiler.timing import BYTES_PER_CYCLE, DRAM_LATENCY
from weft.gen.errors import WeftError
from weft.sim.build import processors
from weft.sim.check import GoldenDevice, Mismatch, compare
from weft.sim.device import Device, RtlDevice, RunResult, Timeout, WindowSpec
from weft.sim.profile import Profile
from weft.sim.simulator import BusViolation, RegisterError, Simulator
from weft.verif.golden.faults import UndefinedProgram

IMAGE, INPUT, OUTPUT, SPILL = range(4)  # what the four windows hold
RTL_SPEED, GOLDEN_SPEED = 300_000, 2_000  # cycles and instructions a second, roughly
PARALLEL_SECONDS = 6.0  # below this a second process costs more than it saves
HANG_FACTOR, HANG_MINIMUM = 200, 5_000_000  # cycles after which a run is given up, against the compiler's estimate


class DeviceFailure(WeftError):
    """The accelerator refused or did not finish a program that the compiler wrote: a bug in weft."""

    exit_code = 4


@dataclasses.dataclass(frozen=True)
class DramTiming:
    """Bandwidth that reads and writes share, and cycles from a read address to its first beat; estimates are made for the defaults."""

    bytes_per_cycle: int = BYTES_PER_CYCLE
    latency: int = DRAM_LATENCY


@dataclasses.dataclass(frozen=True)
class SampleResult:
    """One inference. `spill` are the bytes of window 3; `compared`: bytes of memory compared with the golden machine's; the profile is
    kept of the first sample only."""

    index: int
    cycles: int
    output: bytes
    spill: bytes
    counters: dict[str, int]
    compared: int
    mismatches: list[Mismatch]
    seconds: float
    profile: Profile | None


class Executor:
    """One simulated accelerator with a network loaded, and the golden machine beside it."""

    def __init__(self, network: CompiledNetwork, timing: DramTiming, *, trace: bool = False, check: bool = True) -> None:
        self.network = network
        windows = windows_of(network)
        self.simulator = Simulator(network.config, trace=trace)
        self.simulator.set_dram_timing(bytes_per_cycle=timing.bytes_per_cycle, latency=timing.latency)
        self.device = RtlDevice(self.simulator, windows, max_cycles=cycle_limit(network))
        self.golden = GoldenDevice(network.config, windows) if check else None
        self.device.write_window(IMAGE, network.image)
        if self.golden:
            self.golden.write_window(IMAGE, network.image)

    def run(self, index: int, packed: bytes) -> SampleResult:
        """Run sample `index`, given as the bytes of the input window. Raises `DeviceFailure` if the accelerator stops."""
        before = self.simulator.seconds
        self.device.write_window(INPUT, packed)
        result = run_program(self.device, self.network, index, "RTL")
        assert result.profile is not None
        compared = 0
        mismatches: list[Mismatch] = []
        if self.golden:
            self.golden.write_window(INPUT, packed)
            run_program(self.golden, self.network, index, "golden machine")
            compared, mismatches = compare(index, self.device, self.golden, (OUTPUT, SPILL))
        return SampleResult(index, result.counters.get("CYCLES", result.profile.cycles), self.device.read_window(OUTPUT),
                            self.device.read_window(SPILL), result.counters, compared, mismatches,
                            self.simulator.seconds - before, result.profile if index == 0 else None)


def run_program(device: Device, network: CompiledNetwork, index: int, who: str) -> RunResult:
    """Run the program on `device`, for sample `index`. Raises `DeviceFailure` if it stops or hangs."""
    try:
        result = device.run(len(network.program))
    except (BusViolation, RegisterError, Timeout, UndefinedProgram) as error:
        raise _failure(index, error, who) from error
    if result.error:
        raise _failure(index, result.error, who)
    return result


def windows_of(network: CompiledNetwork) -> list[WindowSpec]:
    """The windows that a network needs."""
    return [WindowSpec(size, read, write) for size, read, write in
            zip(network.window_bytes, network.WINDOW_READ, network.WINDOW_WRITE, strict=True)]


def cycle_limit(network: CompiledNetwork) -> int:
    """Cycles after which a run counts as hung."""
    return max(HANG_MINIMUM, HANG_FACTOR * network.estimated_cycles)


def execute(network: CompiledNetwork, packed: Sequence[bytes], timing: DramTiming, *,
            progress: Callable[[int], None] = lambda done: None) -> list[SampleResult]:
    """Every sample, in order. Runs two or more processes if the work is long enough to pay for them."""
    cycles = network.estimated_cycles
    seconds = len(packed) * (cycles / RTL_SPEED + len(network.program) / GOLDEN_SPEED)
    workers = min(len(packed), processors())
    if workers < 2 or seconds < PARALLEL_SECONDS:
        executor, results = Executor(network, timing), []
        with contextlib.closing(executor.simulator):
            for index, data in enumerate(packed):
                results.append(executor.run(index, data))
                progress(len(results))
        return results
    # Fresh interpreters: the compiled model and its threads must not be forked.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start, initargs=(network, timing)) as pool:
        futures = [pool.submit(_work, index, data) for index, data in enumerate(packed)]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress(done)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        return [future.result() for future in futures]


_executor: list[Executor] = []  # of a worker process


def _start(network: CompiledNetwork, timing: DramTiming) -> None:
    _executor.append(Executor(network, timing))


def _work(index: int, packed: bytes) -> SampleResult:
    return _executor[0].run(index, packed)


def _failure(index: int, error: object, who: str) -> DeviceFailure:
    return DeviceFailure(f"{who} stopped on sample {index}: {error}", where="simulation",
                         why="the compiler's program and the accelerator do not agree",
                         fix="this is a bug in weft: report the network and the configuration")
