"""The serial line: characters at every rate, disturbed ones, and what the transmitter puts on the line."""

import random

import pytest
from amaranth.sim import Simulator

from weft.gen.link import DIVISOR_MINIMUM
from weft.hdl.host.uart import UartReceiver, UartTransmitter


def _run(dut, *testbenches):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for testbench in testbenches:
        simulator.add_testbench(testbench)
    simulator.run()


def _receive(divisor, levels):
    """Put (level, cycles) on the line; what the receiver shows as (character, damaged)."""
    dut, seen = UartReceiver(), []

    async def line(ctx):
        ctx.set(dut.divisor, divisor)
        for level, cycles in [(1, 10), *levels, (1, 20 * divisor)]:
            ctx.set(dut.pin, level)
            for _ in range(cycles):
                valid, character = ctx.get(dut.valid), (ctx.get(dut.o.data), ctx.get(dut.o.damaged))
                await ctx.tick()
                if valid:
                    seen.append(character)

    _run(dut, line)
    return seen


def _character(byte, edges, stop=1):
    """Levels of a character whose bit k ends at cycle edges(k + 1)."""
    bits = [0, *(byte >> k & 1 for k in range(8)), stop]
    return [(bit, edges(k + 1) - edges(k)) for k, bit in enumerate(bits)]


@pytest.mark.parametrize("divisor", [DIVISOR_MINIMUM, 5, 217])
def test_characters_back_to_back(divisor):
    data = random.Random(divisor).randbytes(40 if divisor < 10 else 4)
    assert _receive(divisor, [level for byte in data for level in _character(byte, lambda k: k * divisor)]) == [(byte, 0) for byte in data]


@pytest.mark.parametrize("error", [-0.04, 0.04])
def test_a_rate_that_is_four_percent_off(error):
    levels = [level for byte in b"\x00\xff\x55\xa3" for level in _character(byte, lambda k: round(k * 50 * (1 + error)))]
    assert _receive(50, levels) == [(byte, 0) for byte in b"\x00\xff\x55\xa3"]


def test_a_low_stop_bit_is_damage():
    assert _receive(8, [*_character(0x3C, lambda k: 8 * k, stop=0), (1, 30), *_character(0x3D, lambda k: 8 * k)]) == [(0x3C, 1), (0x3D, 0)]


def test_a_break_is_one_damaged_character():
    assert _receive(8, [(0, 1000), (1, 9), *_character(0x41, lambda k: 8 * k)]) == [(0, 1), (0x41, 0)]


def test_a_short_pulse_is_no_start_bit():
    assert _receive(16, [(0, 6), (1, 40), *_character(0x99, lambda k: 16 * k)]) == [(0x99, 0)]


@pytest.mark.parametrize("divisor", [DIVISOR_MINIMUM, 7, 100])
def test_transmitter_waveform(divisor):
    dut, data, line = UartTransmitter(), b"\x00\xff\xa5\x5a", []
    edges = [level for byte in data for level in _character(byte, lambda k: k * divisor)]
    expected = [level for level, cycles in edges for _ in range(cycles)]

    async def writer(ctx):
        ctx.set(dut.divisor, divisor)
        for byte in data:
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)

    async def watcher(ctx):
        for _ in range(len(expected) + 4 * divisor):
            line.append(ctx.get(dut.pin))
            await ctx.tick()

    _run(dut, writer, watcher)
    first = line.index(0)
    gaps = len(data) - 1  # one idle cycle between characters: the line is free only after the stop bit
    spread = line[first:]
    for number in range(len(data)):
        begin = number * (10 * divisor + 1)
        assert spread[begin:begin + 10 * divisor] == expected[number * 10 * divisor:(number + 1) * 10 * divisor]
    assert all(spread[len(expected) + gaps:])
