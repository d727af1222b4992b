"""LoopNest and LoopAddress against itertools, in amaranth.sim."""

import itertools
import random

import pytest
from amaranth import Module, Signal
from amaranth.sim import Simulator

from weft.gen import isa
from weft.hdl.loops import LoopAddress, LoopNest


def _system(count_bits, stride_bits):
    m = Module()
    m.submodules.nest = nest = LoopNest(count_bits)
    m.submodules.address = address = LoopAddress(stride_bits)
    early = Signal()
    m.d.comb += nest.fresh.eq(nest.start | early)
    m.d.comb += [address.start.eq(nest.start), address.fresh.eq(nest.fresh), address.step.eq(nest.step), address.level.eq(nest.level)]
    return m, nest, address, early


def _expected(counts, base, strides):
    """(address, first, last) of every iteration, from the definition."""
    for indices in itertools.product(*(range(count) for count in reversed(counts))):
        index = indices[::-1]
        address = (base + sum(i * s for i, s in zip(index, strides, strict=True))) % (1 << isa.ADDRESS_BITS)
        first = sum(all(i == 0 for i in index[:k + 1]) << k for k in range(len(counts)))
        last = sum(all(i == c - 1 for i, c in zip(index[:k + 1], counts, strict=False)) << k for k in range(len(counts)))
        yield address, first, last


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_sweeps_back_to_back_with_random_pauses(levels):
    chance = random.Random(levels)
    m, nest, address, early = _system([4] * levels, [20] * levels)

    async def testbench(ctx):
        ctx.set(nest.start, 1)
        for _ in range(40):
            counts = [chance.randint(1, chance.choice([1, 2, 5])) for _ in range(levels)]
            strides = [chance.randrange(-1 << 19, 1 << 19) for _ in range(levels)]
            base = chance.getrandbits(isa.ADDRESS_BITS)
            ctx.set(address.base, base)
            for k in range(levels):
                ctx.set(getattr(nest, f"count_{k}"), counts[k])
                ctx.set(getattr(address, f"stride_{k}"), strides[k])
            await ctx.tick()
            for want in _expected(counts, base, strides):
                ctx.set(nest.start, 0)
                ctx.set(early, want[2] >> (levels - 1) and chance.random() < 0.7)
                while True:
                    assert (ctx.get(address.address), ctx.get(nest.first), ctx.get(nest.last)) == want
                    step = chance.random() < 0.7
                    ctx.set(nest.step, step)
                    if step:
                        break
                    await ctx.tick()
                if not want[2] >> (levels - 1):
                    await ctx.tick()
            ctx.set(nest.start, 1)  # in the cycle of the last step: the next sweep follows without a gap

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_a_count_of_all_ones_is_not_cut():
    m, nest, _address, _early = _system([3, 2], [4, 4])

    async def testbench(ctx):
        ctx.set(nest.count_0, 7)
        ctx.set(nest.count_1, 3)
        ctx.set(nest.start, 1)
        await ctx.tick()
        ctx.set(nest.start, 0)
        ctx.set(nest.step, 1)
        steps = 0
        while not ctx.get(nest.last) >> 1:
            await ctx.tick()
            steps += 1
        assert steps == 7 * 3 - 1

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("widths", [[], [0]])
def test_illegal_widths_are_named(widths):
    for kind in (LoopNest, LoopAddress):
        with pytest.raises(ValueError, match=kind.__name__):
            type("Unused", (kind,), {"_MustUse__silence": True})(widths)
