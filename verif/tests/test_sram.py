"""The static RAM: contents, latency, held data, write enables, the collision assertion."""

import random

import pytest
from amaranth.sim import Simulator

from weft.hdl.mem.sram import Rom, SinglePortSram, Sram


def _run(dut, testbench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize(("depth", "width", "granularity"), [(32, 32, None), (33, 24, 8), (64, 16, 1), (1, 8, None)])
def test_random_traffic_against_a_dictionary(depth, width, granularity):
    dut, chance = Sram(depth=depth, width=width, granularity=granularity), random.Random(depth)
    step = granularity or width
    model, expected = [0] * depth, None

    async def testbench(ctx):
        nonlocal expected
        for _ in range(2000):
            enables, write, data = chance.getrandbits(width // step), chance.randrange(depth), chance.getrandbits(width)
            read, reads = chance.randrange(depth), chance.random() < 0.5
            reads = reads and not (enables and read == write)
            ctx.set(dut.write.enable, enables)
            ctx.set(dut.write.address, write)
            ctx.set(dut.write.data, data)
            ctx.set(dut.read.enable, reads)
            ctx.set(dut.read.address, read)
            await ctx.tick()
            expected = model[read] if reads else expected
            for granule in range(width // step):
                if enables >> granule & 1:
                    mask = ((1 << step) - 1) << granule * step
                    model[write] = model[write] & ~mask | data & mask
            if expected is not None:
                assert ctx.get(dut.read.data) == expected  # one cycle later, and held without a new read

    _run(dut, testbench)


def test_a_collision_is_an_assertion_failure():
    dut = Sram(depth=32, width=8)

    async def testbench(ctx):
        ctx.set(dut.write.enable, 1)
        ctx.set(dut.read.enable, 1)
        ctx.set(dut.write.address, 5)
        ctx.set(dut.read.address, 6)
        await ctx.tick()
        ctx.set(dut.read.address, 5)
        await ctx.tick()

    with pytest.raises(AssertionError, match="word read in the cycle in which it is written"):
        _run(dut, testbench)


def test_different_words_do_not_collide():
    dut = Sram(depth=32, width=8)

    async def testbench(ctx):
        ctx.set(dut.write.enable, 1)
        ctx.set(dut.read.enable, 1)
        ctx.set(dut.write.address, 5)
        await ctx.tick().repeat(3)

    _run(dut, testbench)


@pytest.mark.parametrize(("kind", "parameters"), [
    (Sram, {"depth": 0, "width": 8}), (Sram, {"depth": 32, "width": 0}), (Sram, {"depth": 32, "width": 8, "granularity": 3}),
    (Sram, {"depth": 32, "width": 8, "granularity": 0}), (SinglePortSram, {"depth": 0, "width": 8}),
    (SinglePortSram, {"depth": 32, "width": 12}), (Rom, {"contents": [], "width": 8}), (Rom, {"contents": [256], "width": 8})])
def test_illegal_parameters_are_named(kind, parameters):
    class Unused(kind):
        _MustUse__silence = True  # amaranth warns of components that are never elaborated

    with pytest.raises(ValueError, match=rf"^{kind.__name__} (depth|width|granularity|contents)="):
        Unused(**parameters)


@pytest.mark.parametrize(("depth", "width"), [(32, 32), (33, 24), (64, 8)])
def test_single_port_against_a_dictionary(depth, width):
    dut, chance, model = SinglePortSram(depth=depth, width=width), random.Random(depth), [0] * depth

    async def testbench(ctx):
        expected = None
        for _ in range(2000):
            enable, write = chance.random() < 0.7, chance.choice((0, chance.getrandbits(width // 8)))
            address, data = chance.randrange(depth), chance.getrandbits(width)
            for signal, value in ((dut.enable, enable), (dut.write, write), (dut.address, address), (dut.write_data, data)):
                ctx.set(signal, value)
            await ctx.tick()
            if enable:
                expected = None if write else model[address]
                mask = sum(0xFF << 8 * byte for byte in range(width // 8) if write >> byte & 1)
                model[address] = model[address] & ~mask | data & mask
            if expected is not None:
                assert ctx.get(dut.read_data) == expected  # one cycle later, and held while the port rests

    _run(dut, testbench)
