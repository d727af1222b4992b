"""`weft gemm`: a product of random matrices in number formats on the simulated RTL."""

from typing import Annotated

import typer

from weft.gen.cli import arguments
from weft.gen.cli.console import Progress, emit, tables
from weft.gen.cli.sim import Bandwidth, Latency

Size = Annotated[int, typer.Argument(help="Rows of activations, products of a sum, columns of weights.", show_default=False)]
Seed = Annotated[int, typer.Option(help="Other matrices.")]


def gemm(m: Size, k: Size, n: Size, config: arguments.ConfigOption, seed: Seed = 1, dram_bytes_per_cycle: Bandwidth = 16,
         dram_latency: Latency = 64, as_json: arguments.Json = False) -> None:
    """Multiply random matrices (M x K by K x N) in a configuration's number formats on the RTL and check every bit.

    The golden machine must leave the same memory, and the golden arithmetic the same results."""
    from weft.gen.compiler.gemm import Gemm  # noqa: PLC0415
    from weft.gen.config import Config  # noqa: PLC0415
    from weft.gen.errors import MismatchError  # noqa: PLC0415

    loaded = Config.load(config)
    plan = Gemm.plan(loaded, m, k, n)
    from weft.sim.execute import DramTiming  # noqa: PLC0415
    from weft.sim.gemm import multiply, random_matrices  # noqa: PLC0415

    with Progress(silent=as_json) as progress:
        progress("matrices", 0, 1)
        a, b = random_matrices(loaded, m, k, n, seed)
        found = multiply(loaded, a, b, DramTiming(dram_bytes_per_cycle, dram_latency), progress=lambda text: progress(text, 0, 1))
    if found.mismatches:
        raise MismatchError(f"the RTL differs from the golden model: {found.mismatches[0]}", where=loaded.name, why="a bug in weft",
                            fix="report the configuration, the sizes and the seed")
    operands = loaded.tiling.operands
    facts = {
        "activations": operands.activation.name, "weights": operands.weight.name, "result": loaded.result.name, "m": m, "k": k, "n": n,
        "mismatches": 0, "cycles": found.cycles, "products_per_cycle": round(found.products_per_cycle, 2),
        "utilization": round(found.products_per_cycle / loaded.macs_per_cycle, 4), "dram_bytes": found.dram_bytes,
        "weight_bytes": plan.window_bytes[1], "overflows": int(found.golden.overflow.sum()),
        "underflows": int(found.golden.underflow.sum())}
    if as_json:
        emit(facts)
        return
    console = tables()
    for name, value in facts.items():
        console.print(f"{name.replace('_', ' '):>20}  {value:,}" if isinstance(value, int) else f"{name.replace('_', ' '):>20}  {value}",
                      highlight=False)
