"""Parts of the DMA alone (amaranth.sim): latencies as the classes state them, order and rate of the long queue."""

import gc
import random
from typing import Any

import pytest
from amaranth.sim import Simulator

from weft.gen.config import Config
from weft.hdl.dma.bursts import Bursts, Kind
from weft.hdl.dma.rows import Access
from weft.hdl.sram_fifo import SramFifo


def simulate(component: Any, testbench: Any) -> None:
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


async def cycles_until(ctx: Any, condition: Any) -> int:
    for count in range(100):
        if ctx.get(condition):
            return count
        await ctx.tick()
    raise AssertionError("never")


def test_queue_latency() -> None:
    fifo = SramFifo(8, 4)

    async def bench(ctx: Any) -> None:
        ctx.set(fifo.i.valid, 1)
        ctx.set(fifo.i.payload, 7)
        await ctx.tick()
        ctx.set(fifo.i.valid, 0)
        assert 1 + await cycles_until(ctx, fifo.o.valid) == SramFifo.LATENCY
        assert ctx.get(fifo.o.payload) == 7

    simulate(fifo, bench)


@pytest.mark.parametrize("rates", [(1.0, 1.0), (0.9, 0.3), (0.3, 0.9)])
def test_queue_order_and_rate(rates: tuple[float, float]) -> None:
    fifo, generator = SramFifo(8, 4), random.Random(1)
    sent, received, held, cycles = list(range(200)), [], False, 0

    async def bench(ctx: Any) -> None:
        nonlocal held, cycles
        left = list(sent)
        while len(received) < len(sent):
            held = bool(left) and (held or generator.random() < rates[0])
            ctx.set(fifo.i.valid, held)
            ctx.set(fifo.i.payload, left[0] if left else 0)
            ctx.set(fifo.o.ready, generator.random() < rates[1])
            _, _, taken, given, value = await ctx.tick().sample(
                fifo.i.valid & fifo.i.ready, fifo.o.valid & fifo.o.ready, fifo.o.payload)
            if taken:
                left.pop(0)
                held = False
            if given:
                received.append(value)
            cycles += 1
            assert cycles < 2000

    simulate(fifo, bench)
    assert received == sent
    if rates == (1.0, 1.0):
        assert cycles == len(sent) + SramFifo.LATENCY


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
@pytest.mark.parametrize("depth", [0, 1, 3, 12, "8"])
def test_queue_rejects_depth(depth: Any) -> None:
    with pytest.raises(ValueError, match=rf"depth={depth!r}"):
        SramFifo(8, depth)
    gc.collect()  # the half-made component warns that nobody used it


def test_burst_latency() -> None:
    bursts = Bursts(Config(), Access.READ)

    async def bench(ctx: Any) -> None:
        ctx.set(bursts.window_1.size, 0x1000)
        ctx.set(bursts.window_1.read, 1)
        ctx.set(bursts.window_1.base, 0x40000)
        ctx.set(bursts.rows.payload, {"window": 1, "length": 3, "total": 3, "dram_line": 2, "line": 9, "last": 1})
        ctx.set(bursts.rows.valid, 1)
        await ctx.tick()
        ctx.set(bursts.rows.valid, 0)
        assert 1 + await cycles_until(ctx, bursts.segments.valid) == Bursts.LATENCY
        segment = ctx.get(bursts.segments.payload)
        assert (segment.kind, segment.length, segment.address, segment.line, segment.last) == (Kind.DATA, 2, 0x40020, 9, 1)

    simulate(bursts, bench)
