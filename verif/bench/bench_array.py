"""SystolicArray against numpy, in amaranth.sim: tiles at the closest distance that the docstring allows."""

from pathlib import Path

import numpy as np
import pytest
from amaranth.sim import Simulator

from weft.gen.config import Config
from weft.hdl.matrix.array import SystolicArray

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def _pack(values, bits):
    return sum((int(value) & ((1 << bits) - 1)) << (bits * k) for k, value in enumerate(values))


def _unpack(word, bits, count):
    lanes = [word >> (bits * k) & ((1 << bits) - 1) for k in range(count)]
    return [lane - (1 << bits) if lane >> (bits - 1) else lane for lane in lanes]


@pytest.mark.parametrize(("name", "tiles"), [("tiny4", 60), ("edge8", 12)])
def test_tiles_follow_each_other_without_a_gap(name, tiles):
    config = Config.load(CONFIGS / f"{name}.toml")
    dut, chance, lanes = SystolicArray(config), np.random.default_rng(4), config.lanes
    extreme = np.full((lanes, lanes), -128)
    weights = [extreme, *(chance.integers(-128, 128, (lanes, lanes)) for _ in range(tiles))]
    # A tile needs as many cycles as it has rows; some have just that many vectors, some more.
    counts = [lanes + int(chance.integers(0, 4)) for _ in weights]
    vectors = [np.full((count, lanes), -128) if tile is extreme else chance.integers(-128, 128, (count, lanes))
               for tile, count in zip(weights, counts, strict=True)]
    first = [lanes + sum(counts[:k]) for k in range(len(weights))]  # cycle of a tile's first vector
    expected = {first[k] + p + SystolicArray.latency(config): vectors[k][p] @ weights[k]
                for k in range(len(weights)) for p in range(counts[k])}

    async def testbench(ctx):
        for cycle in range(max(expected) + 1):
            tile = max((k for k in range(len(weights)) if first[k] <= cycle), default=-1)
            swap = tile >= 0 and first[tile] == cycle
            ctx.set(dut.swap, swap)
            inside = tile >= 0 and cycle < first[tile] + counts[tile]
            ctx.set(dut.activations, _pack(vectors[tile][cycle - first[tile]] if inside else chance.integers(-128, 128, lanes), 8))
            # Row k of a tile: one cycle before its first vector enters row k, which is as late as can be; for the first tile and
            # every third, as early as can be.
            ctx.set(dut.load, 0)
            ctx.set(dut.weights, _pack(chance.integers(-128, 128, lanes), 8))
            for k, start in enumerate(first):
                early = first[k - 1] + lanes - 1 if k % 3 == 0 and k else start - 1
                row = cycle - early
                if 0 <= row < lanes:
                    ctx.set(dut.load, 1 << row)
                    ctx.set(dut.weights, _pack(weights[k][row], 8))
            if cycle in expected:
                assert _unpack(ctx.get(dut.sums), config.partial_sum_bits, lanes) == expected[cycle].tolist()
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
