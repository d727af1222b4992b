"""The read arbiter: requests of both managers reach the bus, every beat goes back to whom it belongs."""

import random

from amaranth.sim import Simulator

from weft.hdl.bus.read_arbiter import ReadArbiter
from weft.hdl.interfaces import ID_FETCH, ID_LOAD
from weft.verif.tests.programs import TINY
from weft.verif.tests.read_memory import ReadMemory

IMAGE = random.Random(1).randbytes(4096)
BURSTS = 60


def test_both_managers_get_their_data():
    dut = ReadArbiter(TINY)
    memory = ReadMemory(dut.axi, IMAGE, line_bytes=4, burst_beats=16)
    received = {}

    def manager(port, identifier, seed, busy):
        async def testbench(ctx):
            chance, asked, got, beats = random.Random(seed), 0, [], []
            while asked < BURSTS or len(got) < sum(length for _, length in beats):
                if asked < BURSTS and not ctx.get(port.ar.valid) and chance.random() < busy:
                    beats.append((4 * chance.randrange(1024 - 16), chance.randint(1, 8)))
                    address, length = beats[-1]
                    ctx.set(port.ar.valid, 1)
                    ctx.set(port.ar.payload.address, address)
                    ctx.set(port.ar.payload.length, length - 1)
                    ctx.set(port.ar.payload.id, identifier)
                ctx.set(port.r.ready, chance.random() < 0.7)
                _, _, took, beat, data = await ctx.tick().sample(
                    port.ar.valid & port.ar.ready, port.r.valid & port.r.ready, port.r.payload.data)
                if took:
                    asked += 1
                    ctx.set(port.ar.valid, 0)
                if beat:
                    got.append(data.to_bytes(4, "little"))
            expected = b"".join(IMAGE[address:address + 4 * length] for address, length in beats)
            received[identifier] = b"".join(got) == expected

        return testbench

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(manager(dut.load, ID_LOAD, 2, 1.0))
    simulator.add_testbench(manager(dut.fetch, ID_FETCH, 3, 0.3))
    simulator.add_testbench(memory.serve, background=True)
    simulator.run()
    assert received == {ID_LOAD: True, ID_FETCH: True}
    assert sorted({identifier for *_, identifier in memory.requests}) == [ID_LOAD, ID_FETCH]
    assert len(memory.requests) == 2 * BURSTS
