"""The scratchpad against a byte array: data, latency, exact waits, throughput, counters (amaranth.sim, small shapes)."""

import dataclasses
import random

import pytest
from amaranth.sim import Simulator

from weft.gen.config import Config
from weft.hdl.interfaces import ScratchpadRead
from weft.hdl.mem.scratchpad import ALIGNED, READERS, WRITERS
from weft.verif.bench.scratchpad_model import Request, ScratchpadModel
from weft.verif.bench.scratchpad_top import ScratchpadTop


def _config(rows: int, kib: int, banks: int) -> Config:
    default = Config()
    return Config(
        name="test", array=dataclasses.replace(default.array, rows=rows, columns=rows),
        scratchpad=dataclasses.replace(default.scratchpad, kib=kib, banks=banks),
        accumulator=dataclasses.replace(default.accumulator, kib=8), axi=dataclasses.replace(default.axi, data_bits=8 * rows))


def _play(config: Config, cycles: int, choose) -> dict[str, int]:
    """Drive `choose(name, cycle)` requests (None: idle), each held until it is taken. Gives the number taken per client."""
    dut, model, taken = ScratchpadTop(config), ScratchpadModel(config), dict.fromkeys(READERS + WRITERS, 0)

    async def testbench(ctx):
        pending: dict[str, Request | None] = dict.fromkeys(taken)
        due: dict[tuple[int, str], int] = {}
        for cycle in range(cycles):
            for name in taken:
                pending[name] = pending[name] or choose(name, cycle)
                port, request = getattr(dut, name), pending[name]
                ctx.set(port.valid, request is not None)
                if request is not None:
                    ctx.set(port.address, request.address)
                    if name in WRITERS:
                        ctx.set(port.data, request.data)
                        ctx.set(port.count, request.count)
            grants = {name for name in taken if pending[name] and ctx.get(getattr(dut, name).ready)}
            assert grants == model.expected_grants(pending), cycle
            assert (ctx.get(dut.reads), ctx.get(dut.writes)) == model.lines_of_last_cycle(), cycle
            for name in READERS:
                if (cycle, name) in due:
                    assert ctx.get(getattr(dut, name).data) == due.pop((cycle, name)), (cycle, name)
            for name, value in model.step({name: pending[name] for name in grants}).items():
                due[cycle + ScratchpadRead.LATENCY, name] = value
            for name in grants:
                pending[name] = None
                taken[name] += 1
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return taken


@pytest.mark.parametrize(("rows", "kib", "banks", "load"), [(4, 4, 4, 0.6), (4, 4, 2, 0.1), (8, 4, 8, 0.6)])
def test_random_traffic(rows, kib, banks, load):
    config, chance = _config(rows, kib, banks), random.Random(rows * banks)
    lines = config.scratchpad_lines
    # All clients meet at the borders of banks and in a few lines, so that conflicts and hazards are frequent.
    hot = [bank * config.bank_lines for bank in range(1, banks)] + [lines // 2 + 8]

    def choose(name, _cycle):
        if chance.random() >= load:
            return None
        near = (chance.choice(hot) + chance.randrange(-3, 3)) * rows if chance.random() < 0.7 else chance.randrange(lines) * rows
        address = near if name in ALIGNED else min(near + chance.randrange(rows), config.scratchpad_bytes - rows)
        return Request(address, chance.getrandbits(8 * rows), chance.randint(1, rows))

    taken = _play(config, 600, choose)
    assert min(taken.values()) > 15, taken  # every client gets through


def test_clients_in_different_banks_never_wait():
    config = _config(4, 16, 8)
    bank_bytes = config.bank_lines * config.line_bytes

    def choose(name, cycle):
        bank = (READERS + WRITERS).index(name)
        step = 0 if name in ALIGNED else 1 + cycle % 3
        return Request(bank * bank_bytes + 4 * (cycle % 60) + step, cycle, 4)

    taken = _play(config, 200, choose)
    assert set(taken.values()) == {200}


def test_readers_and_writers_share_a_bank_at_full_rate():
    config = _config(4, 4, 2)

    def choose(name, cycle):
        if name == "activations":
            return Request(4 * (cycle % 32) + 2, 0, 0)
        if name == "vector_write":
            return Request(4 * (cycle % 32 + 40) + 1, cycle * 0x01010101, 4)
        return None

    taken = _play(config, 200, choose)
    assert (taken["activations"], taken["vector_write"]) == (200, 200)


@pytest.mark.parametrize("name", ALIGNED)
def test_unaligned_line_is_an_assertion_failure(name):
    def choose(client, _cycle):
        return Request(6, 0, 4) if client == name else None

    with pytest.raises(AssertionError, match=f"{name} is not line-aligned"):
        _play(_config(4, 4, 2), 4, choose)
