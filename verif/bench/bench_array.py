"""SystolicArray against numpy.

As Verilog in Verilator: random gaps, weights at any time that the docstring allows. In amaranth.sim: tiles at the closest distance.
"""

import dataclasses
import itertools
from pathlib import Path

import cocotb
import numpy as np
import pytest
from amaranth.hdl import Fragment
from amaranth.sim import Simulator
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from weft.fpga.technology.ecp5 import Ecp5
from weft.fpga.technology.ice40 import Ice40
from weft.gen.config import Config
from weft.hdl.matrix.array import SystolicArray
from weft.verif.bench import runner
from weft.verif.bench.blocks import ecp5_model, ice40_model

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def _pack(values, bits):
    return sum((int(value) & ((1 << bits) - 1)) << (bits * k) for k, value in enumerate(values))


def _unpack(word, bits, count):
    lanes = [word >> (bits * k) & ((1 << bits) - 1) for k in range(count)]
    return [lane - (1 << bits) if lane >> (bits - 1) else lane for lane in lanes]


def _config(name, product_register):
    config = Config.load(CONFIGS / f"{name}.toml")
    return dataclasses.replace(config, array=dataclasses.replace(config.array, product_register=product_register))


class InPairs:
    """A platform whose pairs are the behavioural ones: shows that the array connects them well."""

    def get_multiplier_pair(self, pair):
        return pair.elaborate(None)


@pytest.mark.parametrize(("product_register", "platform"), [(False, None), (True, None), (True, InPairs())])
@pytest.mark.parametrize(("name", "tiles"), [("tiny4", 60), ("edge8", 12)])
def test_tiles_follow_each_other_without_a_gap(name, tiles, product_register, platform):
    config = _config(name, product_register)
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

    simulator = Simulator(Fragment.get(dut, platform))
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def _load_cycles(chance, rows: int, columns: int, before: int, swap: int) -> dict[int, int]:
    """Cycle -> row: any cycles in which the rows of a tile may be loaded that begins at `swap`, after one that began at `before`."""
    loads: dict[int, int] = {}
    for row in range(rows):  # the last cycle of a row's window is free in any case: no row before it may use that
        free = [cycle for cycle in range(before + row + columns - 1, swap + row) if cycle not in loads]
        loads[int(chance.choice(free))] = row
    return loads


@cocotb.test()
async def tiles_with_random_gaps(dut) -> None:
    """Vectors and tiles at random distances, loads anywhere in their windows; in gaps the inputs stand still or are anything."""
    parameters = runner.bench_parameters()
    config, tiles = _config(parameters["config"], parameters["product_register"]), parameters["tiles"]
    rows, columns, chance = config.array.rows, config.array.columns, np.random.default_rng(cocotb.RANDOM_SEED)
    # R - 1 rows down, C - 1 columns along, 2 or 3 in the last element
    latency = rows + columns + config.array.product_register
    # The first tile may be loaded from cycle 0, as if one had begun just so long before.
    swaps, loads = [1 - columns], {}
    for _ in range(tiles):
        swaps.append(swaps[-1] + columns + int(chance.choice([0, 1, chance.integers(2 * columns)])))
    weights = chance.choice([-128, 127, 0], (tiles, rows, columns))
    weights = np.where(chance.random((tiles, 1, 1)) < 0.2, weights, chance.integers(-128, 128, weights.shape))
    for tile, (before, swap) in enumerate(itertools.pairwise(swaps)):
        for cycle, row in _load_cycles(chance, rows, columns, before, swap).items():
            assert cycle not in loads
            loads[cycle] = weights[tile][row], row

    Clock(dut.clk, 10, unit="ns").start()
    dut.rst.value = 0
    tile, density, checked, expected = -1, 1.0, 0, {}
    vector = np.zeros(rows, dtype=int)
    end = swaps[-1] + 2 * columns
    for cycle in range(end + latency + 1):
        swap = cycle in swaps[1:]
        if swap:
            tile, density = tile + 1, chance.choice([1.0, 0.7, 0.2])
        valid = cycle < end and tile >= 0 and (swap or chance.random() < density)
        if valid or chance.random() < 0.5:
            vector = np.full(rows, -128) if chance.random() < 0.1 else chance.integers(-128, 128, rows)
        if valid:
            expected[cycle + latency] = vector @ weights[tile]
        line, row = loads.get(cycle, (chance.integers(-128, 128, columns), None))
        dut.swap.value = int(swap)
        dut.activations.value = _pack(vector, 8)
        dut.weights.value = _pack(line, 8)
        dut.load.value = 0 if row is None else 1 << row
        await ReadOnly()
        if cycle in expected:
            assert _unpack(int(dut.sums.value), config.partial_sum_bits, columns) == expected.pop(cycle).tolist(), cycle
            checked += 1
        await FallingEdge(dut.clk)
    assert not expected
    assert checked > tiles * columns // 2


@pytest.mark.integration
@pytest.mark.parametrize("product_register", [False, True])
@pytest.mark.parametrize(("name", "tiles"), [("tiny4", 300), ("edge8", 100)])
def test_verilog(name, tiles, product_register):
    run(name, tiles, product_register)


@pytest.mark.integration
@pytest.mark.parametrize(("name", "tiles", "platform", "blocks"), [
    ("edge8", 100, Ecp5(), ecp5_model), ("tiny4", 300, Ice40(), ice40_model)], ids=["ecp5", "ice40"])
def test_verilog_with_blocks(name, tiles, platform, blocks):
    run(name, tiles, True, platform=platform, blocks=blocks())


def run(name, tiles, product_register, **options):
    runner.run(SystolicArray(_config(name, product_register)), "systolic_array", "weft.verif.bench.bench_array",
               parameters={"config": name, "tiles": tiles, "product_register": product_register}, **options)
