"""The exported scratchpad in Verilator against a byte array: every client at once, any address, exact waits, full rate."""

import random
from pathlib import Path

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from weft.gen.config import Config
from weft.verif.bench import runner
from weft.verif.bench.scratchpad_model import READERS, WRITERS, Request, ScratchpadModel

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
ALIGNED = ("weights", "store", "load_write")
LATENCY = 3


class Player:
    """Drives requests chosen by `choose(name, cycle)`, each held until it is taken, and checks all that the ports show."""

    def __init__(self, dut, config):
        self.dut, self.config, self.model = dut, config, ScratchpadModel(config)
        self.taken = dict.fromkeys(READERS + WRITERS, 0)

    def _port(self, name, member):
        return getattr(self.dut, f"{name}__{member}")

    async def reset(self):
        Clock(self.dut.clk, 10, unit="ns").start()
        self.dut.rst.value = 1
        for name in self.taken:
            self._port(name, "valid").value = 0
        for _ in range(2):
            await FallingEdge(self.dut.clk)
        self.dut.rst.value = 0

    async def play(self, cycles, choose):
        """Contents that were never written are unknown: `choose` reads only what it wrote, or `fill` comes first."""
        pending, due = dict.fromkeys(self.taken), {}
        for cycle in range(cycles):
            for name in self.taken:
                if pending[name] is None:
                    pending[name] = request = choose(name, cycle)
                    self._port(name, "valid").value = request is not None
                    if request is not None:
                        self._port(name, "address").value = request.address
                        if name in WRITERS:
                            self._port(name, "data").value = request.data
                            self._port(name, "count").value = request.count
            await ReadOnly()
            grants = {name for name in self.taken if pending[name] is not None and int(self._port(name, "ready").value)}
            assert grants == self.model.expected_grants(pending), cycle
            assert (int(self.dut.reads.value), int(self.dut.writes.value)) == self.model.lines_of_last_cycle(), cycle
            for name in READERS:
                if (cycle, name) in due:
                    assert int(self._port(name, "data").value) == due.pop((cycle, name)), (cycle, name)
            for name, value in self.model.step({name: pending[name] for name in grants}).items():
                due[cycle + LATENCY, name] = value
            for name in grants:
                pending[name] = None
                self.taken[name] += 1
            await FallingEdge(self.dut.clk)

    async def fill(self, chance):
        """Write every line once, through the load port."""
        size = self.config.line_bytes

        def choose(name, cycle):
            return Request(cycle * size, chance.getrandbits(8 * size), size) if name == "load_write" else None

        await self.play(self.config.scratchpad_lines, choose)
        for name in self.taken:
            self._port(name, "valid").value = 0


def _start(dut):
    return Player(dut, Config.load(CONFIGS / f"{runner.bench_parameters()['config']}.toml"))


@cocotb.test()
async def random_traffic_from_every_client(dut):
    player, chance = _start(dut), random.Random(random.getrandbits(32))
    config = player.config
    await player.reset()
    await player.fill(chance)
    size, lines = config.line_bytes, config.scratchpad_lines
    borders = [bank * config.bank_lines for bank in range(1, config.scratchpad.banks)]
    for load in (0.15, 0.5, 1.0):
        def choose(name, _cycle, load=load):
            if chance.random() >= load:
                return None
            line = chance.choice(borders) + chance.randrange(-3, 3) if chance.random() < 0.5 else chance.randrange(lines)
            address = line * size + (0 if name in ALIGNED else chance.randrange(size))
            return Request(min(address, config.scratchpad_bytes - size), chance.getrandbits(8 * size), chance.randint(1, size))

        before = dict(player.taken)
        await player.play(2000, choose)
        if load < 0.5:
            assert all(player.taken[name] - before[name] > 150 for name in player.taken)


@cocotb.test()
async def readers_in_a_bank_each_and_writers_in_others_never_wait(dut):
    """Unaligned, across lines, every cycle: three readers and one writer in four banks."""
    player, chance = _start(dut), random.Random(2)
    await player.reset()
    await player.fill(chance)
    size, bank_bytes = player.config.line_bytes, player.config.bank_lines * player.config.line_bytes
    place = {"activations": 0, "vector_a": 1, "vector_b": 2, "vector_write": 3}
    start = dict(player.taken)

    def choose(name, cycle):
        if name not in place:
            return None
        return Request(place[name] * bank_bytes + cycle % 24 * size + cycle % size, chance.getrandbits(8 * size), size)

    await player.play(500, choose)
    assert {name: player.taken[name] - start[name] for name in place} == dict.fromkeys(place, 500)


@pytest.mark.parametrize("config", ["tiny4", pytest.param("edge16", marks=pytest.mark.integration)])
def test_scratchpad(config):
    from weft.verif.bench.scratchpad_top import ScratchpadTop  # noqa: PLC0415 - the simulation does not need the hardware language

    runner.run(ScratchpadTop(Config.load(CONFIGS / f"{config}.toml")), "scratchpad", "weft.verif.bench.bench_scratchpad",
               parameters={"config": config})
