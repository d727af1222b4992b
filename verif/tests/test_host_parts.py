"""CRC and framing units of the host link against zlib and the host's own framing."""

import random
import zlib

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

from weft.fpga.link.framing import Decoder, encode
from weft.gen import link
from weft.hdl.host.crc import Crc32
from weft.hdl.host.deframer import FIRST, Deframer
from weft.hdl.host.framer import Framer


def _run(dut, *testbenches):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for testbench in testbenches:
        simulator.add_testbench(testbench)
    simulator.run()


def test_crc_equals_zlib_and_drains():
    dut, data = Crc32(), random.Random(1).randbytes(50)

    async def feed(ctx, byte, drain=0):
        ctx.set(dut.data, byte)
        ctx.set(dut.feed, 1)
        ctx.set(dut.drain, drain)
        await ctx.tick()
        ctx.set(dut.feed, 0)
        await ctx.tick().repeat(Crc32.CYCLES)

    async def testbench(ctx):
        for _ in range(2):
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            for count, byte in enumerate(data, start=1):
                await feed(ctx, byte)
                assert ctx.get(dut.value) == zlib.crc32(data[:count])
            for byte in zlib.crc32(data).to_bytes(4, "little"):
                assert ctx.get(dut.value) & 0xFF == byte
                await feed(ctx, 0xC3, drain=1)

    _run(dut, testbench)


def test_residue():
    assert zlib.crc32(b"weft" + zlib.crc32(b"weft").to_bytes(4, "little")) ^ 0xFFFF_FFFF == link.CRC_RESIDUE


class _Pair(wiring.Component):
    """A unit with its CRC register."""

    def __init__(self, unit):
        self.unit, self.crc = unit, Crc32()
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit, m.submodules.crc = self.unit, self.crc
        m.d.comb += [getattr(self.crc, name).eq(getattr(self.unit, f"crc_{name}"))
                     for name in ("clear", "feed", "data", "drain") if hasattr(self.unit, f"crc_{name}")]
        m.d.comb += self.unit.crc_value.eq(self.crc.value)
        return m


def _deframe(line):
    """Give characters, each a byte, (byte, 1) for a damaged one, or "busy" / "free"; what came: frames as bytes, and dropped pulses."""
    pair, frames = _Pair(Deframer()), []
    dut, memory, dropped = pair.unit, {}, 0

    async def testbench(ctx):
        nonlocal dropped
        for item in line:
            if isinstance(item, str):
                ctx.set(dut.busy, item == "busy")
                continue
            byte, damaged = item if isinstance(item, tuple) else (item, 0)
            ctx.set(dut.valid, 1)
            ctx.set(dut.i.data, byte)
            ctx.set(dut.i.damaged, damaged)
            if ctx.get(dut.write_enable):
                memory[ctx.get(dut.write_address)] = ctx.get(dut.write_data)
            dropped += ctx.get(dut.dropped)
            if ctx.get(dut.frame):
                end = ctx.get(dut.end)
                length = (end - FIRST) % 512
                frames.append(bytes(memory[(FIRST + at) % 512] for at in range(length - link.CRC_BYTES)))
            await ctx.tick()
            ctx.set(dut.valid, 0)
            await ctx.tick().repeat(10)

    _run(pair, testbench)
    return frames, dropped


LONG = bytes(range(0x60, 0x83)) * 7  # with FLAG and ESCAPE bytes


def test_deframer_takes_frames():
    contents = [b"\x01\x02\x03\x04\x05\x06\x07", LONG[:link.HEADER_BYTES + 3], random.Random(2).randbytes(263)]
    line = b"".join(encode(content) for content in contents)
    assert _deframe(line) == (contents, 0)


def test_deframer_drops_damage_and_is_ready_at_the_next_flag():
    good, other = encode(b"1234567"), encode(b"7654321")
    flipped = bytes([*good[:4], good[4] ^ 1, *good[5:]])
    cases = [
        list(flipped), list(good[:5]), list(good[3:]), [*good[:3], (good[3], 1), *good[4:]], list(b"noise\x7d\x7d"),
        [*good[:-1], link.ESCAPE, link.FLAG], list(encode(bytes(300))), [link.FLAG, link.ESCAPE, link.ESCAPE, *good[1:]]]
    for case in cases:
        frames, dropped = _deframe([*case, *other])
        assert frames == [b"7654321"], case
        assert dropped or case in ([*good[3:]], list(b"noise\x7d\x7d")), case  # outside a frame there is nothing to drop


def test_deframer_ignores_what_comes_while_busy():
    assert _deframe([*encode(b"1234567"), "busy", *encode(b"abcdefg")[:-1], "free", *encode(b"7654321")])[0] == [b"1234567", b"7654321"]


def test_framer_escapes_and_appends_the_crc():
    pair, sent = _Pair(Framer()), bytearray()
    dut, contents = pair.unit, [b"\x00", LONG, bytes([link.FLAG, link.ESCAPE]), b"\x5a" * 20]

    async def writer(ctx):
        for content in contents:
            for index, byte in enumerate(content):
                ctx.set(dut.i.payload.data, byte)
                ctx.set(dut.i.payload.last, index == len(content) - 1)
                ctx.set(dut.i.valid, 1)
                await ctx.tick().until(dut.i.ready)
                ctx.set(dut.i.valid, 0)
            await ctx.tick().until(dut.idle)

    async def reader(ctx):
        total = sum(len(encode(content)) for content in contents)
        while len(sent) < total:
            sent.append(await _take(ctx))
        ctx.set(dut.o.ready, 1)

    async def _take(ctx):
        """A character, and the time that it takes on the line."""
        ctx.set(dut.o.ready, 1)
        (byte,) = await ctx.tick().sample(dut.o.payload).until(dut.o.valid)
        ctx.set(dut.o.ready, 0)
        await ctx.tick().repeat(10 * link.DIVISOR_MINIMUM - 1)
        return byte

    _run(pair, writer, reader)
    assert bytes(sent) == b"".join(map(encode, contents))
    assert Decoder().feed(bytes(sent)) == contents
