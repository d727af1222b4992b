"""A product of matrices in number formats on the simulated RTL, checked against the golden machine and the golden arithmetic."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from weft.gen.compiler.gemm.operands import pack_activations, pack_weights, unpack_results
from weft.gen.compiler.gemm.plan import ACTIVATIONS, PROGRAM, RESULTS, WEIGHTS, Gemm
from weft.gen.compiler.gemm.program import program, window_bytes
from weft.gen.config import Config
from weft.gen.formats.tiling import WINDOW
from weft.gen.isa import WORD_BYTES
from weft.sim import build
from weft.sim.check import GoldenDevice, Mismatch, difference
from weft.sim.device import Device, RtlDevice, RunResult, WindowSpec, dram_bytes
from weft.sim.execute import DeviceFailure, DramTiming
from weft.sim.simulator import Simulator
from weft.verif.golden.format_matrix import in_blocks
from weft.verif.golden.formats.aligned import AlignedSums, Alignment, aligned_gemm
from weft.verif.golden.formats.blocks import Matrix, quantise
from weft.verif.golden.formats.gemm import Product, gemm, in_window, lowest_position

PERMISSIONS = {PROGRAM: (True, False), WEIGHTS: (True, False), ACTIVATIONS: (True, False), RESULTS: (False, True)}
CYCLES_PER_PRODUCT = 50  # after so many a run has hung
HANG_MINIMUM = 1_000_000


@dataclasses.dataclass(frozen=True)
class GemmRun:
    """One product. `results`: codes [m, n] and scales as `unpack_results` gives them. `golden`: sums rounded as the configuration's
    results are, or where these have block scales to fp32. `mismatches`: against the golden machine, and against the golden arithmetic."""

    plan: Gemm
    results: tuple[NDArray[np.int64], NDArray[np.int64] | None]
    golden: Product
    cycles: int
    counters: dict[str, int]
    mismatches: list[Mismatch]
    seconds: float

    @property
    def products_per_cycle(self) -> float:
        return self.plan.m * self.plan.k * self.plan.n / self.cycles

    @property
    def dram_bytes(self) -> int:
        return dram_bytes(self.plan.config, self.counters)


def random_matrices(config: Config, m: int, k: int, n: int, seed: int) -> tuple[Matrix, Matrix]:
    """Activations [m, k] and weights, transposed, [n, k]: normally distributed, quantised to the configuration's operands."""
    chance, found = np.random.default_rng(seed), []
    for operand, shape in ((config.tiling.operands.activation, (m, k)), (config.tiling.operands.weight, (n, k))):
        values = chance.standard_normal(shape).astype(np.float32)
        # A floating-point format without scales takes them as they are, every other one scaled to its range.
        plain = operand.scale is None and not operand.element.integer
        found.append(quantise(operand, values if operand.element.signed else np.abs(values), factor=np.ones((1, 1)) if plain else None))
    return found[0], found[1]


def multiply(config: Config, a: Matrix, b: Matrix, timing: DramTiming | None = None, *, strict: bool = False,
             progress: build.Progress = lambda text: None) -> GemmRun:
    """a times b transposed on the RTL. `strict`: the golden machine refuses programs with races.

    Raises `WeftError` for what does not fit, `DeviceFailure` if a machine stops.
    """
    timing = timing or DramTiming()
    plan = Gemm.plan(config, len(a.codes), a.k, len(b.codes))
    position, product = golden_product(config, a, b)
    expected, factor = golden_results(config, product)
    words = program(plan, position, int(factor.view(np.uint32)[0, 0]))
    windows = [WindowSpec(size, *PERMISSIONS[index]) for index, size in enumerate(window_bytes(plan))]
    contents = (b"".join(word.to_bytes(WORD_BYTES, "little") for word in words),
                pack_weights(plan, b.codes.T, None if b.scales is None else b.scales.T), pack_activations(plan, a.codes, a.scales))
    golden = GoldenDevice(config, windows, strict=strict)
    with Simulator(config, progress=progress) as own:
        own.set_dram_timing(bytes_per_cycle=timing.bytes_per_cycle, latency=timing.latency)
        rtl = RtlDevice(own, windows, max_cycles=HANG_MINIMUM + CYCLES_PER_PRODUCT * plan.m * plan.k * plan.n)
        result = _run(rtl, contents, len(words), "RTL")
        _run(golden, contents, len(words), "golden machine")
        mismatches = [difference(0, name, np.frombuffer(given, np.uint8), np.frombuffer(wanted, np.uint8)) for name, given, wanted in (
            ("results", rtl.read_window(RESULTS), golden.read_window(RESULTS)), ("scratchpad", rtl.scratchpad(), golden.scratchpad()))]
        results, seconds = unpack_results(plan, rtl.read_window(RESULTS)), own.seconds
    for name, given, wanted in zip(("results", "scales of results"), results, expected, strict=True):
        if given is not None and wanted is not None:
            mismatches.append(difference(0, f"{name} against the golden arithmetic", given, wanted))
    return GemmRun(plan, results, product, result.counters["CYCLES"], result.counters, [each for each in mismatches if each], seconds)


def golden_product(config: Config, a: Matrix, b: Matrix) -> tuple[int, Product]:
    """The window's position for a times b transposed, 0 if there is none, and its sums by the golden arithmetic, rounded as `GemmRun`
    says."""
    t, target = config.tiling, config.results.rounded
    if t.alignment:
        found = AlignedSums(aligned_gemm(a, b, Alignment.of(t.alignment, t.depth)))
        return 0, Product(target, found.rounded(target), found.overflow, found.underflow)
    position = lowest_position(a, b, WINDOW, t.part) if in_window(t.operands, WINDOW, t.part) else 0
    return position, gemm(a, b, target=target, position=position, part=t.part)


def golden_results(config: Config, product: Product) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64] | None], NDArray[np.float32]]:
    """Codes and scales of a product's results in the configuration's format, and the results' factor [1, 1]: with NVFP4 what makes the
    largest scale the largest of its format."""
    kept = config.results
    if not kept.blocked:
        return (product.codes, None), np.ones((1, 1), np.float32)
    factor = quantise(kept.operand, product.values()).factor
    found = in_blocks(config, product.codes, factor)
    return (found.codes[:, :product.codes.shape[1]], found.scales), factor


def _run(device: Device, contents: tuple[bytes, ...], length: int, who: str) -> RunResult:
    for index, data in enumerate(contents):
        device.write_window(index, data)
    result = device.run(length)
    if result.error:
        raise DeviceFailure(f"{who} stopped: {result.error}", where="simulation", why="program and accelerator do not agree",
                            fix="this is a bug in weft: report the configuration and the sizes")
    return result
