"""The host link as a whole in amaranth's simulator: every command, every status, repetition, damage, time."""

import random
import struct

import pytest
from amaranth.sim import Simulator

from weft.fpga.link.framing import Decoder, encode
from weft.gen import link
from weft.gen.link import Command, Status
from weft.hdl.host.link import HostLink

MEMORY, CLOCK, DIVISOR = 4096, 3000, 4  # a slow clock, so that times are short: fall-back after 4096 cycles, WAIT after 256
LIMIT = 1 << 17  # cycles after which a bench counts as hung


async def until(ctx, condition, *samples):
    """As `ctx.tick().sample(...).until(...)`, which a bench in the background may not be inside when the simulation ends."""
    while True:
        _, _, met, *values = await ctx.tick().sample(condition, *samples)
        if met:
            return values


async def repeat(ctx, cycles):
    for _ in range(cycles):
        await ctx.tick()


class Bench:
    """A link with a model of registers and memory behind it, and a host on its line."""

    def __init__(self, testbench):
        self.dut, self.memory, self.writes = HostLink(MEMORY, CLOCK, DIVISOR), bytearray(MEMORY), []
        self.registers, self.divisor, self._line = {0: 0x54464557, 0x40: 5}, DIVISOR, bytearray()
        self._sequence = 0

        async def main(ctx):
            self.ctx = ctx
            await testbench(self)

        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(main)
        simulator.add_testbench(self._watch, background=True)
        for background in (self._listen, self._serve_memory, self._serve_reads, self._serve_writes):
            simulator.add_testbench(background, background=True)
        simulator.run()

    async def _watch(self, ctx):
        await repeat(ctx, LIMIT)
        raise AssertionError("the bench hangs")

    async def send(self, line):
        """Characters: bytes, or (byte, stop bit)."""
        for item in line:
            byte, stop = item if isinstance(item, tuple) else (item, 1)
            for bit in [0, *(byte >> k & 1 for k in range(8)), stop]:
                self.ctx.set(self.dut.rx, bit)
                await self.ctx.tick().repeat(self.divisor)
            self.ctx.set(self.dut.rx, 1)

    async def request(self, command, count, address=0, data=b"", *, new=True, patience=3000):
        """(data, status) of the answer, or None."""
        self._sequence = (self._sequence + new) % 256
        await self.send(encode(struct.pack("<BBBI", self._sequence, command, count - 1, address) + data))
        return await self.answer(patience)

    async def answer(self, patience=3000):
        decoder = Decoder()
        for _ in range(patience):
            frames = decoder.feed(bytes(self._line))
            self._line.clear()
            if frames:
                assert frames[0][0] == self._sequence
                return frames[0][1:-1], frames[0][-1]
            await self.ctx.tick()
        return None

    async def _listen(self, ctx):
        while True:
            await until(ctx, ~self.dut.tx)
            await repeat(ctx, self.divisor // 2 - 1)
            byte = 0
            for bit in range(8):
                await repeat(ctx, self.divisor)
                byte |= ctx.get(self.dut.tx) << bit
            await repeat(ctx, self.divisor)
            assert ctx.get(self.dut.tx) == 1
            self._line.append(byte)

    async def _serve_memory(self, ctx):
        port, chance = self.dut.memory, random.Random(1)
        while True:
            ready = chance.random() < 0.5
            ctx.set(port.ready, ready)
            _, _, valid, write, address, data = await ctx.tick().sample(port.valid, port.write, port.address, port.write_data)
            ctx.set(port.read_valid, 0)
            ctx.set(port.read_data, chance.randrange(256))  # what was read stands there for one cycle only
            if valid and ready and write:
                self.memory[address] = data
            elif valid and ready:
                ctx.set(port.ready, 0)
                await repeat(ctx, chance.randrange(4))
                ctx.set(port.read_data, self.memory[address])
                ctx.set(port.read_valid, 1)

    async def _serve_reads(self, ctx):
        axil, chance = self.dut.registers, random.Random(2)
        while True:
            ctx.set(axil.ar.ready, 1)
            (address,) = await until(ctx, axil.ar.valid, axil.ar.payload)
            ctx.set(axil.ar.ready, 0)
            await repeat(ctx, chance.randrange(1, 5))
            ctx.set(axil.r.payload.data, self.registers.get(address, 0))
            ctx.set(axil.r.payload.response, 0 if address in self.registers else 2)
            ctx.set(axil.r.valid, 1)
            await until(ctx, axil.r.ready)
            ctx.set(axil.r.valid, 0)

    async def _serve_writes(self, ctx):
        axil, chance = self.dut.registers, random.Random(3)
        while True:
            for first, second in [((axil.aw, axil.w) if chance.random() < 0.5 else (axil.w, axil.aw))]:
                for channel in (first, second):
                    await repeat(ctx, chance.randrange(1, 4))
                    ctx.set(channel.ready, 1)
                    (payload,) = await until(ctx, channel.valid, channel.payload)
                    ctx.set(channel.ready, 0)
                    if channel is axil.aw:
                        address = payload
                    else:
                        assert payload.strobe == 15
                        value = payload.data
            self.writes.append((address, value))
            ctx.set(axil.b.payload, 0 if address in self.registers else 2)
            ctx.set(axil.b.valid, 1)
            await until(ctx, axil.b.ready)
            ctx.set(axil.b.valid, 0)


def test_identity():
    async def run(bench):
        data, status = await bench.request(Command.IDENTIFY, link.IDENTITY_BYTES)
        assert status == Status.DONE
        assert struct.unpack("<HHIIHH", data) == (link.VERSION, link.DATA_LIMIT, MEMORY, CLOCK, DIVISOR, link.DIVISOR_MINIMUM)
        assert bench.ctx.get(bench.dut.alive) == 1 and bench.ctx.get(bench.dut.damaged) == 0

    Bench(run)


def test_memory():
    async def run(bench):
        chance, image = random.Random(5), bytearray(MEMORY)
        for count in (1, 2, 60):
            address, data = chance.randrange(MEMORY - count), chance.randbytes(count)
            assert await bench.request(Command.WRITE_MEMORY, count, address, data) == (b"", Status.DONE)
            image[address:address + count] = data
            assert bench.memory == image
            assert await bench.request(Command.READ_MEMORY, count, address) == (data, Status.DONE)

    Bench(run)


@pytest.mark.parametrize(("address", "inside"), [(MEMORY - 3, 3), (MEMORY, 0), (1 << 31, 0), (0xFFFF_FFFE, 0)])
def test_memory_outside(address, inside):
    async def run(bench):
        data, image = b"\x7e\x7d\x7c\x01\x02", bytearray(MEMORY)
        assert await bench.request(Command.WRITE_MEMORY, 5, address, data) == (b"", Status.OUTSIDE)
        image[address:address + inside] = data[:inside]
        assert bench.memory == image
        given, status = await bench.request(Command.READ_MEMORY, 5, address)
        assert status == Status.OUTSIDE and given[:inside] == data[:inside] and len(given) == 5
        assert await bench.request(Command.READ_MEMORY, 1, 0) == (b"\0", Status.DONE)

    Bench(run)


def test_registers_and_repetition():
    async def run(bench):
        assert await bench.request(Command.READ_REGISTER, 4, 0) == (b"WEFT", Status.DONE)
        assert (await bench.request(Command.READ_REGISTER, 4, 0x7C))[1] == Status.BUS_ERROR
        for address, value, status in ((0x40, 0x12345678, Status.DONE), (0x44, 0x9ABCDEF0, Status.BUS_ERROR)):
            data, before = value.to_bytes(4, "little"), len(bench.writes)
            assert await bench.request(Command.WRITE_REGISTER, 4, address, data) == (b"", status)
            for _ in range(3):
                assert await bench.request(Command.WRITE_REGISTER, 4, address, data, new=False) == (b"", status)
            assert bench.writes[before:] == [(address, value)]
        assert await bench.request(Command.WRITE_REGISTER, 4, 0x40, data) == (b"", Status.DONE)
        assert len(bench.writes) == 3

    Bench(run)


def test_wait():
    async def run(bench):
        assert await bench.request(Command.WAIT, 1) == (b"\0", Status.DONE)
        bench.ctx.set(bench.dut.irq, 1)
        assert await bench.request(Command.WAIT, 1) == (b"\1", Status.DONE)

    Bench(run)


def test_unknown_commands_are_refused():
    async def run(bench):
        for command in (7, 8, 0x43, 0xFE):
            data = b"\0\0" if command % 2 else b""
            assert await bench.request(command, 2, 0x40, data) == (b"", Status.UNKNOWN)
        assert not bench.writes and bench.memory == bytes(MEMORY)

    Bench(run)


def test_wrong_lengths_are_dropped():
    async def run(bench):
        for command, count, data in ((Command.WRITE_MEMORY, 3, b"ab"), (Command.WRITE_MEMORY, 3, b"abcd"), (Command.READ_MEMORY, 3, b"a"),
                                     (Command.WRITE_REGISTER, 4, b"")):
            assert await bench.request(command, count, 0x40, data, patience=500) is None
            assert bench.ctx.get(bench.dut.damaged) == 1
        await bench.send(encode(b"\1\3\0"))
        assert await bench.answer(500) is None
        assert await bench.request(Command.READ_MEMORY, 1, 0) == (b"\0", Status.DONE)
        assert not bench.writes and bench.memory == bytes(MEMORY) and bench.ctx.get(bench.dut.damaged) == 0

    Bench(run)


def test_divisor_and_fallback():
    async def run(bench):
        ctx = bench.ctx

        async def change(divisor):
            return await bench.request(Command.SET_DIVISOR, 2, 0, divisor.to_bytes(2, "little"))

        for wrong in (0, 3, 1 << link.DIVISOR_BITS, 0x8004):
            assert await change(wrong) == (b"", Status.OUTSIDE)
        assert await change(9) == (b"", Status.DONE)
        bench.divisor = 9
        await ctx.tick().repeat(100)
        assert await bench.request(Command.READ_MEMORY, 2, 0) == (b"\0\0", Status.DONE)
        assert ctx.get(bench.dut.alive) == 1
        await ctx.tick().repeat(1 << link.fallback_bits(CLOCK))
        assert ctx.get(bench.dut.alive) == 0
        bench.divisor = DIVISOR
        assert await bench.request(Command.READ_MEMORY, 2, 0) == (b"\0\0", Status.DONE)

    Bench(run)
