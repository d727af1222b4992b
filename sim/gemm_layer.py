"""A product of int8 matrices as a layer of a network: what a machine for int8 layers is compared with on number formats."""

import contextlib
import dataclasses
from math import isqrt

import numpy as np

from weft.gen.compiler import compile_network
from weft.gen.config import Config
from weft.gen.graph import Conv, Graph, Scale, Tensor
from weft.gen.isa import Rounding
from weft.sim.check import Mismatch, difference
from weft.sim.device import dram_bytes
from weft.sim.execute import DramTiming, Executor
from weft.verif.golden import reference

RIGHT = 15  # with the multiplier below: results fill int8 and seldom saturate


@dataclasses.dataclass(frozen=True)
class LayerRun:
    """One layer. `mismatches`: against the golden machine, and results against the reference arithmetic."""

    cycles: int
    dram_bytes: int
    mismatches: list[Mismatch]


def layer(m: int, k: int, n: int, seed: int) -> Graph:
    """A 1 x 1 convolution of random weights [n, k] over m positions of k channels, as near to a square as m divides."""
    chance = np.random.default_rng(seed)
    height = next(side for side in range(isqrt(m), 0, -1) if m % side == 0)
    shapes = {"x": (height, m // height, k), "y": (height, m // height, n)}
    # The sum of k products of uniform numbers has a deviation of 73.6^2 * sqrt(k); 40 for a result.
    multiplier, bias = max(1, round(40 / (73.6**2 * k**0.5) * 2**RIGHT)), chance.integers(-500, 500, n).astype(np.int32)
    scale = Scale(multiplier=multiplier, right=RIGHT, pre=bias, rounding=Rounding.HALF_UP)
    weights = chance.integers(-127, 128, (n, 1, 1, k)).astype(np.int16)
    node = Conv("product", "FULLY_CONNECTED", ("x",), "y", weights, scale, 0, -128, 127)
    return Graph("product", {name: Tensor(name, shape, 1.0, 0) for name, shape in shapes.items()}, (node,), "x", ("y",), (1, *shapes["x"]),
                 ((1, *shapes["y"]),), "nhwc", "tflite-micro")


def multiply_int8(config: Config, m: int, k: int, n: int, seed: int, timing: DramTiming | None = None) -> LayerRun:
    """Random activations [m, k] times random weights, rescaled to int8, by the compiler of networks on the RTL.

    Raises `WeftError` for what does not fit, `DeviceFailure` if the machine stops.
    """
    graph = layer(m, k, n, seed)
    network = compile_network(graph, config)
    held = np.random.default_rng(seed + 1).integers(-128, 128, graph.tensors["x"].shape).astype(np.int8)
    executor = Executor(network, timing or DramTiming())
    with contextlib.closing(executor.simulator):
        found = executor.run(0, network.pack_input(held))
    wrong = difference(0, "results against the golden arithmetic", network.unpack_outputs(found.output)[0], reference.run(graph, held)["y"])
    return LayerRun(found.cycles, dram_bytes(config, found.counters), found.mismatches + ([wrong] if wrong else []))
