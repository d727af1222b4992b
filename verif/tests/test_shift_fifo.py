"""The queue in registers: order, capacity, rate, and no path from one side to the other."""

import gc
import random
from collections import deque

import pytest
from amaranth.sim import Simulator

from weft.hdl.shift_fifo import ShiftFifo


def simulate(fifo: ShiftFifo, bench) -> None:
    simulator = Simulator(fifo)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("depth", [2, 3, 4, 7])
def test_keeps_order_and_counts(depth: int) -> None:
    fifo, rng, held = ShiftFifo(16, depth), random.Random(depth), deque()

    async def bench(ctx):
        seen_full = seen_empty = 0
        for cycle in range(3000):
            mood = (0.9, 0.1, 0.5)[cycle // 100 % 3]
            offers, takes, value = rng.random() < mood, rng.random() < 1 - mood, rng.getrandbits(16)
            ctx.set(fifo.i.valid, offers)
            ctx.set(fifo.i.payload, value)
            ctx.set(fifo.o.ready, takes)
            assert ctx.get(fifo.level) == len(held)
            assert ctx.get(fifo.i.ready) == (len(held) < depth)  # whatever the other side does
            assert ctx.get(fifo.o.valid) == bool(held)
            seen_full, seen_empty = seen_full + (len(held) == depth), seen_empty + (not held)
            if held:
                assert ctx.get(fifo.o.payload) == held[0]
            pushes, pops = offers and len(held) < depth, takes and bool(held)
            await ctx.tick()
            if pops:
                held.popleft()
            if pushes:
                held.append(value)
        assert seen_full and seen_empty

    simulate(fifo, bench)


def test_full_rate_with_one_cycle_of_latency() -> None:
    fifo = ShiftFifo(8, 2)

    async def bench(ctx):
        ctx.set(fifo.i.valid, 1)
        ctx.set(fifo.o.ready, 1)
        for value in range(50):
            ctx.set(fifo.i.payload, value)
            assert ctx.get(fifo.i.ready)
            await ctx.tick().repeat(ShiftFifo.LATENCY)
            assert ctx.get(fifo.o.valid) and ctx.get(fifo.o.payload) == value

    simulate(fifo, bench)


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
@pytest.mark.parametrize("depth", [1, 0, -3, 2.0])
def test_depth_is_checked(depth: object) -> None:
    with pytest.raises(ValueError, match=r"ShiftFifo depth=.*must be an integer of 2 or more"):
        ShiftFifo(8, depth)
    gc.collect()  # what is left of it warns when it goes
