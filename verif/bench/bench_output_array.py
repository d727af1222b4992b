"""OutputArray against numpy: blocks and tiles at random distances, sums that end and go on, and with the switch the other dataflow."""

import dataclasses

import numpy as np
import pytest
from amaranth.hdl import Fragment
from amaranth.sim import Simulator

from weft.gen.config import FOLDS_IN_PLACE
from weft.hdl.matrix.output_array import OutputArray
from weft.verif.bench.bench_array import InPairs, Stream, _pack, _unpack, square


@dataclasses.dataclass
class Schedule:
    """Cycle -> what the inputs of that cycle are, and cycle -> the sums that must come; `lanes` R and C."""

    lanes: int
    latency: int
    inputs: dict[int, dict[str, object]] = dataclasses.field(default_factory=dict)
    sums: dict[int, list[int]] = dataclasses.field(default_factory=dict)

    def put(self, cycle: int, **values: object) -> None:
        self.inputs.setdefault(cycle, {}).update(values)

    def stationary(self, chance, cycle: int, blocks: int) -> int:
        """Sums of `blocks` blocks, one after the other, from `cycle` on; gives the first cycle after them."""
        expected = np.zeros((self.lanes, self.lanes), dtype=int)
        extreme = chance.random() < 0.2
        for block in range(blocks):
            cycle += int(chance.choice([0, 0, 1, chance.integers(2 * self.lanes)])) if block else 0
            lines = chance.integers(-128, 128, (self.lanes, self.lanes))
            tile = chance.integers(-128, 128, (self.lanes, self.lanes))
            if extreme:
                lines, tile = np.full_like(lines, -128), np.full_like(tile, -128)
            expected += lines @ tile
            for k in range(self.lanes):
                self.put(cycle + k, stays=1, take=1 << k, lines=_pack(lines[k], 8), weights=_pack(tile[k], 8), gives=0)
            cycle += self.lanes
        self.put(cycle - 1, gives=1)
        for row in range(self.lanes):
            self.sums[cycle - 1 + self.latency + 2 - self.lanes + row] = expected[row].tolist()
        return cycle

    def moving(self, chance, cycle: int, stream: Stream | None) -> int:
        """A weight tile and its vectors."""
        tile = chance.integers(-128, 128, (self.lanes, self.lanes))
        for k in range(self.lanes):
            self.put(cycle + k, stays=0, load=int(k == 0), weights=_pack(tile[k], 8))
        for position in range(self.lanes + int(chance.integers(4))):
            vector = chance.integers(-128, 128, self.lanes)
            values = {"stays": 0, "swap": int(position == 0), "activations": _pack(vector, 8)}
            if stream:
                values |= {"valid": 1, "stream": {"depthwise": 1, "begins": int(position == 0), "line": stream.line,
                                                  "fill": stream.fill & 255}}
            self.put(cycle + 1 + position, **values)
            expected = stream.sums(vector, tile) if stream else vector @ tile
            self.sums[cycle + 1 + position + self.latency] = list(map(int, expected))
        return cycle + 2 + position

    def random(self, chance, jobs: int, *, switched: bool, depthwise: bool) -> None:
        """Until `jobs` sums have ended or tiles have been used. Between dataflows everything leaves."""
        cycle, stays = 4, None
        for _ in range(jobs):
            now = not switched or bool(chance.random() < 0.5)
            if now is not stays:
                cycle += 5 * self.lanes + 4 if stays is not None else 0
                self.put(cycle - 1, gives=1, stays=int(now))
                stays = now
            elif chance.random() < 0.3:
                cycle += int(chance.integers(3 * self.lanes))
            if now:
                cycle = self.stationary(chance, cycle, int(chance.choice([1, 2, FOLDS_IN_PLACE])))
            else:
                # Loads follow the swap of the tile before from the next cycle on; its vectors may still be on their way.
                own = depthwise and chance.random() < 0.5
                stream = Stream(self.lanes, int(chance.integers(1, 6)), int(chance.integers(-128, 128))) if own else None
                cycle = self.moving(chance, cycle, stream)


@pytest.mark.parametrize(("rows", "jobs"), [(4, 120), (8, 24)])
@pytest.mark.parametrize(("options", "platform"), [
    ({"dataflow": "output_stationary"}, None), ({"dataflow": "both"}, None),
    ({"dataflow": "output_stationary", "product_register": True}, InPairs()),
    ({"dataflow": "both", "product_register": True}, None), ({"dataflow": "both", "product_register": True}, InPairs()),
    ({"dataflow": "both", "depthwise": True}, None)])
def test_sums_that_stay(rows, jobs, options, platform):
    config, chance = square(rows, **options), np.random.default_rng(11)
    switched, depthwise = config.array.weight_stationary, config.array.depthwise
    dut = OutputArray(config)
    schedule = Schedule(rows, OutputArray.latency(config))
    schedule.random(chance, jobs, switched=switched, depthwise=depthwise)
    checked = []

    async def testbench(ctx):
        stays = 0
        for cycle in range(max(schedule.sums) + 1):
            given = schedule.inputs.get(cycle, {})
            stays = given.get("stays", stays)
            # What nobody reads is anything.
            ctx.set(dut.lines, given.get("lines", _pack(chance.integers(-128, 128, rows), 8)))
            ctx.set(dut.weights, given.get("weights", _pack(chance.integers(-128, 128, rows), 8)))
            ctx.set(dut.take, given.get("take", 0))
            ctx.set(dut.gives, given.get("gives", 0))
            if switched:
                ctx.set(dut.stays, stays)
                ctx.set(dut.swap, given.get("swap", 0))
                ctx.set(dut.load, given.get("load", 0))
                ctx.set(dut.activations, given.get("activations", _pack(chance.integers(-128, 128, rows), 8)))
            if depthwise:
                ctx.set(dut.valid, given.get("valid", 0))
                ctx.set(dut.stream, given.get("stream", {"depthwise": 0, "begins": 1, "line": 3, "fill": 77}))
            if cycle in schedule.sums:
                assert _unpack(ctx.get(dut.sums), config.partial_sum_bits, rows) == schedule.sums[cycle], cycle
                checked.append(cycle)
            await ctx.tick()

    simulator = Simulator(Fragment.get(dut, platform))
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert len(checked) == len(schedule.sums) >= jobs * rows
