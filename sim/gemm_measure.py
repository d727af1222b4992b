"""A product of random matrices on any configuration: cycles, bytes, and whether every bit is right."""

import dataclasses

from weft.gen.compiler.gemm.plan import Gemm
from weft.gen.config import Config
from weft.gen.errors import MismatchError, WeftError
from weft.sim import build
from weft.sim.execute import DramTiming
from weft.sim.gemm import multiply, random_matrices
from weft.sim.gemm_layer import multiply_int8

LARGEST = 1 << 24  # elements of a matrix that is drawn, packed and simulated: a hundred bytes each (measured)
BLOCK = 32  # elements to which rows are filled up meanwhile, for their scales


@dataclasses.dataclass(frozen=True)
class Measured:
    """Names of the formats; cycles and bytes by the counters, instructions included; results with a flag of the window set."""

    activations: str
    weights: str
    result: str
    cycles: int
    dram_bytes: int
    overflows: int = 0
    underflows: int = 0


def measure(config: Config, m: int, k: int, n: int, seed: int = 1, timing: DramTiming | None = None,
            progress: build.Progress = lambda text: None) -> Measured:
    """Random activations [m, k] times random weights [k, n] on the RTL; on a configuration for int8 layers as one, by the compiler of
    networks, with results in int8.

    Raises `WeftError` for what does not fit, `MismatchError` if a bit differs from the golden model's, `DeviceFailure` if a machine stops.
    """
    if config.array.formats:
        Gemm.plan(config, m, k, n)  # refuses what does not fit before matrices take any memory
    _check_sizes(m, k, n)
    if config.array.formats:
        operands = config.tiling.operands
        run = multiply(config, *random_matrices(config, m, k, n, seed), timing, progress=progress)
        wrong, golden = run.mismatches, run.golden
        found = Measured(operands.activation.name, operands.weight.name, config.results.operand.name, run.cycles, run.dram_bytes,
                         int(golden.overflow.sum()), int(golden.underflow.sum()))
    else:
        build.build(build.verilog_text(config), config.line_bytes, progress=progress)
        layer = multiply_int8(config, m, k, n, seed, timing)
        wrong, found = layer.mismatches, Measured("int8", "int8", "int8", layer.cycles, layer.dram_bytes)
    if wrong:
        raise MismatchError(f"the RTL differs from the golden model: {wrong[0]}", where=config.name, why="a bug in weft",
                            fix="report the configuration, the sizes and the seed")
    return found


def _check_sizes(m: int, k: int, n: int) -> None:
    """Raise `WeftError` for matrices that would take more than a few gigabytes."""
    for what, (rows, of_rows), (columns, of_columns) in (("activations", (m, "m"), (k, "k")), ("weights", (n, "n"), (k, "k")),
                                                         ("a result", (m, "m"), (n, "n"))):
        filled = -(-columns // BLOCK) * BLOCK
        if rows * filled > LARGEST:
            name, most = (of_rows, LARGEST // filled) if rows >= columns else (of_columns, LARGEST // rows // BLOCK * BLOCK)
            raise WeftError(f"{what} of {rows} x {columns}", where="product of matrices", fix=f"use {name} = {max(1, most)} or less",
                            why=f"the simulation holds {LARGEST:,} elements at most, with rows filled up to blocks of {BLOCK}")
