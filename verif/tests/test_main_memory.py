"""Main memory: random bursts both ways and the byte port at once, against a byte array; errors, order, throughput."""

import random

import pytest
from amaranth.sim import Simulator

from weft.gen.config import Config
from weft.gen.sections import Array, Axi
from weft.hdl.interfaces import DECERR, OKAY
from weft.hdl.mem.main_memory import MainMemory

KIB = 8
LIMIT = 20_000  # cycles after which a bench counts as hung


def _config(rows):
    return Config(array=Array(rows=rows, columns=rows), axi=Axi(data_bits=8 * rows))


async def _watch(ctx):
    for _ in range(LIMIT):
        await ctx.tick()
    raise AssertionError("the bench hangs")


def _simulate(dut, *testbenches):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(_watch, background=True)
    for testbench in testbenches:
        simulator.add_testbench(testbench)
    simulator.run()


async def _send(ctx, stream, chance, **payload):
    """Offer a payload, after a random pause."""
    if chance:
        await ctx.tick().repeat(chance.choice((0, 0, 0, 1, 5)) + 1)
    for name, value in payload.items():
        ctx.set(getattr(stream.payload, name), value)
    ctx.set(stream.valid, 1)
    await ctx.tick().until(stream.ready)
    ctx.set(stream.valid, 0)


@pytest.mark.parametrize(("rows", "distance"), [(4, 0), (8, 1), (16, 2)])
def test_random_traffic(rows, distance):
    """Each client has a third of every page for itself, so that what it must read does not depend on the order of the others."""
    dut, line, done = MainMemory(_config(rows), KIB, distance), rows, []
    third = 4096 // 3 // line

    def burst(chance, client):
        length = chance.randrange(1, 17)
        start = chance.randrange(third - length) + client * third
        return (4096 * chance.randrange(KIB // 4) + line * start), length

    reader_image, pending = {}, []

    async def seed(ctx):
        """The byte port first fills what the reader will read."""
        chance = random.Random(1)
        for _ in range(300):
            address = 4096 * chance.randrange(KIB // 4) + chance.randrange(third * line)
            value = chance.randrange(256)
            await access(ctx, address, value)
            reader_image[address] = value
        pending.append(1)

    async def access(ctx, address, value=None):
        ctx.set(dut.port.address, address)
        ctx.set(dut.port.write, value is not None)
        ctx.set(dut.port.write_data, value or 0)
        ctx.set(dut.port.valid, 1)
        await ctx.tick().until(dut.port.ready)
        ctx.set(dut.port.valid, 0)
        if value is None:
            while not ctx.get(dut.port.read_valid):
                await ctx.tick()
        return ctx.get(dut.port.read_data)

    async def port(ctx):
        await seed(ctx)
        chance, image = random.Random(2), {}
        for _ in range(800):
            address = 4096 * chance.randrange(KIB // 4) + 2 * third * line + chance.randrange(third * line)
            value = chance.randrange(256) if chance.random() < 0.5 or address not in image else None
            given = await access(ctx, address, value)
            if value is None:
                assert given == image[address]
            else:
                image[address] = value
            await ctx.tick().repeat(chance.choice((1, 1, 4)))
        done.append("port")

    requests, written = [], {}

    async def ask(ctx):
        while not pending:
            await ctx.tick()
        chance = random.Random(3)
        for number in range(50):
            address, length = burst(chance, 0)
            requests.append((address, length, number % 2))
            await _send(ctx, dut.read.ar, chance, address=address, length=length - 1, id=number % 2)

    async def take(ctx):
        chance, count = random.Random(4), 0
        while count < 50:
            ctx.set(dut.read.r.ready, chance.random() < 0.7)
            _, _, valid, ready, beat = await ctx.tick().sample(dut.read.r.valid, dut.read.r.ready, dut.read.r.payload)
            if not (valid and ready):
                continue
            address, length, identifier = requests[0]
            given = int(beat.data).to_bytes(line, "little")
            assert beat.id == identifier and beat.response == OKAY and beat.last == (length == 1)
            assert all(given[at] == reader_image[address + at] for at in range(line) if address + at in reader_image)
            requests[0] = (address + line, length - 1, identifier)
            if length == 1:
                requests.pop(0)
                count += 1
        done.append("read")

    async def write(ctx):
        chance = random.Random(5)
        for _ in range(50):
            address, length = burst(chance, 1)
            await _send(ctx, dut.write.aw, chance, address=address, length=length - 1)
            for beat in range(length):
                data = chance.randbytes(line)
                written.update({address + beat * line + at: byte for at, byte in enumerate(data)})
                pause = chance if chance.random() < 0.3 else None
                await _send(ctx, dut.write.w, pause, data=int.from_bytes(data, "little"), last=beat == length - 1)
            ctx.set(dut.write.b.ready, 1)
            (response,) = await ctx.tick().sample(dut.write.b.payload.response).until(dut.write.b.valid)
            assert response == OKAY
            ctx.set(dut.write.b.ready, 0)
        while len(done) < 2:
            await ctx.tick()
        for address in sorted(written)[::7]:
            assert await access(ctx, address) == written[address]
            await ctx.tick()
        done.append("write")

    _simulate(dut, port, ask, take, write)
    assert sorted(done) == ["port", "read", "write"]


@pytest.mark.parametrize("address", [1024 * KIB, 1 << 20, (1 << 32) - 4096])
def test_outside_is_an_error_and_changes_nothing(address):
    dut, seen = MainMemory(_config(4), KIB), []

    async def testbench(ctx):
        await _send(ctx, dut.write.aw, None, address=address, length=1)
        for last in (0, 1):
            await _send(ctx, dut.write.w, None, data=0x55555555, last=last)
        ctx.set(dut.write.b.ready, 1)
        (response,) = await ctx.tick().sample(dut.write.b.payload.response).until(dut.write.b.valid)
        seen.append(response)
        await _send(ctx, dut.read.ar, None, address=address, length=1, id=1)
        ctx.set(dut.read.r.ready, 1)
        for _ in range(2):
            (beat,) = await ctx.tick().sample(dut.read.r.payload).until(dut.read.r.valid)
            seen.append((beat.response, beat.last, beat.id))
        await _send(ctx, dut.read.ar, None, address=0, length=255, id=0)
        for _ in range(256):
            (beat,) = await ctx.tick().sample(dut.read.r.payload).until(dut.read.r.valid)
            assert (beat.data, beat.response) == (0, OKAY)
        seen.append("end")

    _simulate(dut, testbench)
    assert seen == [DECERR, (DECERR, 0, 1), (DECERR, 1, 1), "end"]


def test_bursts_follow_each_other_without_a_gap():
    dut, beats = MainMemory(_config(8), KIB), []

    async def ask(ctx):
        for number in range(4):
            await _send(ctx, dut.read.ar, None, address=512 * number, length=15, id=0)

    async def take(ctx):
        ctx.set(dut.read.r.ready, 1)
        for cycle in range(100):
            if ctx.get(dut.read.r.valid):
                beats.append(cycle)
            await ctx.tick()

    _simulate(dut, ask, take)
    assert beats == list(range(beats[0], beats[0] + 64))


@pytest.mark.parametrize("kib", [0, 3, 6, 4.0])
def test_illegal_sizes_are_named(kib):
    class Unused(MainMemory):
        _MustUse__silence = True  # amaranth warns of components that are never elaborated

    with pytest.raises(ValueError, match="MainMemory kib="):
        Unused(_config(4), kib)
