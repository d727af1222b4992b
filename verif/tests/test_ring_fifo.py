"""The queue of wide entries: order, capacity, rate, and no path from one side to the other."""

import random
from collections import deque

import pytest
from amaranth.sim import Simulator

from weft.hdl.ring_fifo import RingFifo


def _simulate(fifo: RingFifo, bench) -> None:
    simulator = Simulator(fifo)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("depth", [2, 3, 5, 8])
def test_against_a_model(depth: int) -> None:
    fifo, rng = RingFifo(16, depth), random.Random(depth)

    async def bench(ctx):
        entries, head, seen = deque(), None, set()
        for cycle in range(3000):
            mood = (0.9, 0.1, 0.5)[cycle // 100 % 3]
            offers, takes, value = rng.random() < mood, rng.random() < 1 - mood, rng.getrandbits(16)
            ctx.set(fifo.i.valid, offers)
            ctx.set(fifo.i.payload, value)
            ctx.set(fifo.o.ready, takes)
            assert ctx.get(fifo.level) == len(entries)
            assert ctx.get(fifo.i.ready) == (len(entries) < depth)  # whatever the other side does
            assert ctx.get(fifo.o.valid) == (head is not None)
            if head is not None:
                assert ctx.get(fifo.o.payload) == head
            seen.add((len(entries), head is not None))
            room, free = len(entries) < depth, head is None or takes
            await ctx.tick()
            if free:
                head = entries.popleft() if entries else None
            if offers and room:
                entries.append(value)
        assert {(0, False), (depth, True)} <= seen

    _simulate(fifo, bench)


def test_full_rate_and_latency() -> None:
    fifo = RingFifo(8, 2)

    async def bench(ctx):
        ctx.set(fifo.i.valid, 1)
        ctx.set(fifo.o.ready, 1)
        for value in range(50):
            ctx.set(fifo.i.payload, value)
            assert ctx.get(fifo.i.ready)
            await ctx.tick()
            if value >= RingFifo.LATENCY - 1:
                assert ctx.get(fifo.o.valid) and ctx.get(fifo.o.payload) == value - (RingFifo.LATENCY - 1)

    _simulate(fifo, bench)


@pytest.mark.parametrize("depth", [1, 0, -3, 2.0])
def test_depth_is_checked(depth: object) -> None:
    with pytest.raises(ValueError, match=r"RingFifo depth=.*must be an integer of 2 or more"):
        RingFifo(8, depth)
