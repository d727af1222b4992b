"""The performance counters against a count in Python."""

import collections
import dataclasses
import random

from amaranth.sim import Simulator

from weft.gen import csr
from weft.gen.isa import State, Unit
from weft.gen.sections import Counters as Option
from weft.hdl.control.counters import EVENTS, Counters
from weft.verif.tests.programs import TINY

NAMES = [counter.name for counter in csr.COUNTERS]


async def _values(ctx, dut):
    values = {}
    for index, name in enumerate(NAMES):
        ctx.set(dut.select, index)
        await ctx.tick().repeat(3)
        values[name] = ctx.get(dut.value)
    return values


def test_they_count_while_told_to_and_begin_at_zero():
    chance, dut = random.Random(1), Counters(TINY)

    async def testbench(ctx):
        for _ in range(2):
            expected = collections.Counter(dict.fromkeys(NAMES, 0))
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            for _ in range(400):
                counting = chance.random() < 0.7
                ctx.set(dut.counting, counting)
                expected["CYCLES"] += counting
                for unit in Unit:
                    state = chance.choice(list(State))
                    ctx.set(getattr(dut, f"state_{unit.value}"), state)
                    expected[f"{unit.name}_{state.name}"] += counting
                for name in EVENTS:
                    events = chance.randrange(1 << Counters.EVENT_BITS)
                    ctx.set(getattr(dut, name.lower()), events)
                    expected[name] += events * counting
                await ctx.tick()
            ctx.set(dut.counting, 0)
            await ctx.tick().repeat(3)
            assert await _values(ctx, dut) == expected

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_without_counters_all_read_zero():
    dut = Counters(dataclasses.replace(TINY, counters=Option(enabled=False)))

    async def testbench(ctx):  # there is not even a clock
        ctx.set(dut.counting, 1)
        for index in range(len(NAMES)):
            ctx.set(dut.select, index)
            await ctx.delay(1e-9)
            assert ctx.get(dut.value) == 0

    simulator = Simulator(dut)
    simulator.add_testbench(testbench)
    simulator.run()
