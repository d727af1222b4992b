"""A product of random matrices on any configuration: cycles, bytes, and whether every bit is right."""

import dataclasses

from weft.gen.config import Config
from weft.gen.errors import MismatchError
from weft.sim import build
from weft.sim.execute import DramTiming
from weft.sim.gemm import multiply, random_matrices
from weft.sim.gemm_layer import multiply_int8


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
