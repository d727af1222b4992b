"""SystolicArray against numpy.

As Verilog in Verilator: random gaps, weights at any time that the docstring allows, and with the vertical path depthwise streams
between the other tiles. In amaranth.sim: tiles at the closest distance.
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
from weft.gen.sections import Array, Axi
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


SEGMENTS = {4: (1, 4), 8: (2, 4), 16: (3, 5), 32: (3, 10)}  # rows -> segments and their rows, as the instruction set says


def square(rows: int, **options: bool) -> Config:
    return Config(array=Array(rows=rows, columns=rows, **options), axi=Axi(data_bits=8 * rows))


class Stream:
    """A depthwise stream by its definition: `sums` of the vector that comes next."""

    def __init__(self, rows: int, line: int, fill: int) -> None:
        self.segments, self.taps = SEGMENTS[rows]
        self.line, self.fill, self.vectors = line, fill, []

    def sums(self, vector, weights) -> np.ndarray:
        self.vectors.append(vector)
        total = np.zeros(len(vector), dtype=int)
        for row, own in enumerate(weights):
            segment = min(row // self.taps, self.segments - 1)
            place = len(self.vectors) - 1 - (segment * self.line + row - segment * self.taps)
            total += own * (self.vectors[place] if place >= 0 else self.fill)
        return total


def draw_stream(chance, rows: int, before: Stream | None) -> tuple[Stream, bool]:
    """A stream, and whether it begins: otherwise it is the one before."""
    if before and chance.random() < 0.4:
        return before, False
    line = chance.choice([0, 1, 235, chance.integers(2, 12), chance.integers(236)])
    return Stream(rows, int(line), int(chance.integers(-128, 128))), True


@cocotb.test()
async def tiles_with_random_gaps(dut) -> None:
    """Vectors and tiles at random distances, loads anywhere in their windows; in gaps the inputs stand still or are anything. With the
    vertical path a tile is as often as not one of a stream, new or continued."""
    parameters = runner.bench_parameters()
    config, tiles = square(parameters["rows"], **parameters["options"]), parameters["tiles"]
    rows, columns, chance = config.array.rows, config.array.columns, np.random.default_rng(cocotb.RANDOM_SEED)
    # R - 1 rows down, C - 1 columns along, 2 or 3 in the last element
    latency = rows + columns + config.array.product_register
    # The first tile may be loaded from cycle 0, as if one had begun just so long before.
    swaps, loads = [1 - columns], {}
    for _ in range(tiles):
        gap = chance.choice([0, 1, chance.integers(2 * columns)])
        if config.array.depthwise and chance.random() < 0.1:  # streams that fill the line memories
            gap = chance.integers(1000)
        swaps.append(swaps[-1] + columns + int(gap))
    weights = chance.choice([-128, 127, 0], (tiles, rows, columns))
    weights = np.where(chance.random((tiles, 1, 1)) < 0.2, weights, chance.integers(-128, 128, weights.shape))
    for tile, (before, swap) in enumerate(itertools.pairwise(swaps)):
        for cycle, row in _load_cycles(chance, rows, columns, before, swap).items():
            assert cycle not in loads
            loads[cycle] = weights[tile][row], row

    Clock(dut.clk, 10, unit="ns").start()
    dut.rst.value = 0
    tile, density, checked, expected = -1, 1.0, 0, {}
    vector, stream, begins, streams = np.zeros(rows, dtype=int), None, False, set()
    old = (None, True)  # the stream of a tile before, and whether it began there
    end = swaps[-1] + 2 * columns
    for cycle in range(end + latency + 1):
        swap = cycle in swaps[1:]
        if swap:
            tile, density = tile + 1, chance.choice([1.0, 0.7, 0.2])
            stream, begins = None, True
            if config.array.depthwise and chance.random() < 0.6:
                old = stream, begins = draw_stream(chance, rows, old[0])
        valid = cycle < end and tile >= 0 and (swap or chance.random() < density)
        if valid or chance.random() < 0.5:
            vector = np.full(rows, -128) if chance.random() < 0.1 else chance.integers(-128, 128, rows)
        if config.array.depthwise:
            dut.valid.value = int(valid)
            # Without a vector `stream` is anything, and so are its members without `depthwise`.
            members = chance.integers(1 << 18) & ~1
            if valid and stream:
                members = 1 | (swap and begins) << 1 | stream.line << 2 | (stream.fill & 255) << 10
            dut.stream.value = int(members | (not valid and chance.integers(2)))
        if valid:
            expected[cycle + latency] = stream.sums(vector, weights[tile]) if stream else vector @ weights[tile]
            streams.add((stream is not None, bool(begins)))
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
    assert streams == ({(False, True), (True, True), (True, False)} if config.array.depthwise else {(False, True)})


@pytest.mark.integration
@pytest.mark.parametrize(("rows", "tiles", "options"), [
    (4, 300, {}), (8, 100, {}), (4, 300, {"product_register": True}), (8, 100, {"product_register": True}),
    (4, 400, {"depthwise": True}), (8, 200, {"depthwise": True}), (16, 100, {"depthwise": True}),
    (8, 200, {"depthwise": True, "product_register": True})])
def test_verilog(rows, tiles, options):
    run(rows, tiles, options)


@pytest.mark.integration
@pytest.mark.parametrize(("rows", "tiles", "platform", "blocks"), [(8, 100, Ecp5(), ecp5_model), (4, 300, Ice40(), ice40_model)],
                         ids=["ecp5", "ice40"])
@pytest.mark.parametrize("depthwise", [False, True])
def test_verilog_with_blocks(rows, tiles, platform, blocks, depthwise):
    run(rows, tiles, {"product_register": True, "depthwise": depthwise}, platform=platform, blocks=blocks())


def run(rows, tiles, options, **more):
    runner.run(SystolicArray(square(rows, **options)), "systolic_array", "weft.verif.bench.bench_array",
               parameters={"rows": rows, "tiles": tiles, "options": options}, **more)
