"""`weft gemm`: a product of random matrices in number formats on the simulated RTL."""

import dataclasses
from typing import Annotated

import typer

from weft.gen.cli import arguments
from weft.gen.cli.console import Progress, emit, tables
from weft.gen.cli.sim import Bandwidth, Latency

Rows = Annotated[int, typer.Argument(metavar="M", min=1, help="Rows of the activations, and of the result.", show_default=False)]
Depth = Annotated[int, typer.Argument(metavar="K", min=1, show_default=False,
                                        help="Products of a sum: columns of the activations, rows of the weights.")]
Columns = Annotated[int, typer.Argument(metavar="N", min=1, help="Columns of the weights, and of the result.", show_default=False)]
Seed = Annotated[int, typer.Option(min=0, help="Other matrices.")]


def gemm(m: Rows, k: Depth, n: Columns, config: arguments.ConfigOption, seed: Seed = 1, dram_bytes_per_cycle: Bandwidth = 16,
         dram_latency: Latency = 64, as_json: arguments.Json = False) -> None:
    """Multiply random matrices (M x K by K x N) in a configuration's number formats on the RTL and check every bit.

    The golden machine must leave the same memory, and the golden arithmetic the same results. On a configuration for int8 layers the
    product is one, compiled like a network, with results in int8."""
    from weft.gen.config import Config  # noqa: PLC0415

    loaded = Config.load(config)
    from weft.sim.execute import DramTiming  # noqa: PLC0415
    from weft.sim.gemm_measure import measure  # noqa: PLC0415

    with Progress(silent=as_json) as progress:
        progress("matrices", 0, 1)
        found = measure(loaded, m, k, n, seed, DramTiming(dram_bytes_per_cycle, dram_latency), lambda text: progress(text, 0, 1))
    rate = m * k * n / found.cycles
    facts = {**dataclasses.asdict(found), "m": m, "k": k, "n": n, "mismatches": 0, "products_per_cycle": round(rate, 2),
             "utilization": round(rate / loaded.macs_per_cycle, 4)}
    if as_json:
        emit(facts)
        return
    console = tables()
    for name, value in facts.items():
        console.print(f"{name.replace('_', ' '):>20}  {value:,}" if isinstance(value, int) else f"{name.replace('_', ' '):>20}  {value}",
                      highlight=False)
