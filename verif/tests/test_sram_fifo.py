"""The deep queue: order, capacity, latency, `empty`."""

import collections
import random

import pytest
from amaranth.sim import Simulator

from weft.hdl.sram_fifo import SramFifo


def _run(dut, testbench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize(("depth", "push", "pop"), [(2, 0.5, 0.5), (16, 0.9, 0.3), (16, 0.3, 0.9), (4, 1.0, 1.0)])
def test_random_traffic(depth, push, pop):
    dut, chance, model = SramFifo(12, depth), random.Random(depth), collections.deque()

    async def testbench(ctx):
        most = moved = 0
        for _ in range(3000):
            ctx.set(dut.i.valid, chance.random() < push)
            ctx.set(dut.i.payload, chance.getrandbits(12))
            ctx.set(dut.o.ready, chance.random() < pop)
            assert ctx.get(dut.empty) == (not model)
            _, _, given, value, taken, head = await ctx.tick().sample(
                dut.i.valid & dut.i.ready, dut.i.payload, dut.o.valid & dut.o.ready, dut.o.payload)
            if taken:
                assert head == model.popleft()
                moved += 1
            if given:
                model.append(value)
            most = max(most, len(model))
        assert most <= depth + 2
        if push == pop == 1.0:
            assert moved == 3000 - SramFifo.LATENCY  # one a cycle
        elif push > pop:
            assert most == depth + 2  # all of the capacity can be used

    _run(dut, testbench)


def test_latency():
    dut = SramFifo(8, 4)

    async def testbench(ctx):
        ctx.set(dut.i.valid, 1)
        for cycle in range(SramFifo.LATENCY):
            assert not ctx.get(dut.o.valid), cycle
            await ctx.tick()
        assert ctx.get(dut.o.valid)

    _run(dut, testbench)


@pytest.mark.parametrize("depth", [0, 1, 3, 12, "16"])
def test_illegal_depths_are_named(depth):
    class Unused(SramFifo):
        _MustUse__silence = True

    with pytest.raises(ValueError, match=r"SramFifo depth="):
        Unused(8, depth)
