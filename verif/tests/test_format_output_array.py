"""FormatOutputArray in amaranth.sim: tiles at random distances between anything, sums of several tiles, a reset in the middle."""

import random

import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.hdl.formats.array import Arrangement
from weft.hdl.formats.output_array import FormatOutputArray
from weft.verif.bench.codes import fixed, floats, specials


def finite(name, chance):
    return chance.choice([code for code in range(1 << OPERANDS[name].element.bits) if abs(floats(name)[code]) < float("inf")])


@pytest.mark.parametrize(("names", "packing"), [(("e4m3", "e5m2"), 1), (("int8", "int4"), 1), (("e2m1", "e2m1"), 4)],
                         ids=["e4m3-e5m2", "int8-int4", "e2m1-4"])
def test_sums_that_stay(names, packing):
    chance = random.Random(names[0])
    a = Arrangement(OperandPair(*(OPERANDS[name] for name in names)), 3, 4, packing, dataflow="output_stationary")
    n, rows, products = a.numbers, a.height, a.products
    inputs, due, cycle = {}, {}, rows

    def anything(bits):
        return chance.getrandbits(bits)

    def tile(start, ends, totals):
        """Adds the tile to `totals`, positions x results."""
        lines = [[finite(names[0], chance) for _ in range(rows * products)] for _ in range(rows)]
        weights = [[[finite(names[1], chance) for _ in range(products)] for _ in range(a.width)] for _ in range(rows)]
        for k in range(rows):
            word = sum(code << a.pair.weight.bits * (column * products + p) for column, codes in enumerate(weights[k])
                       for p, code in enumerate(codes))
            vector = sum(code << a.pair.activation.bits * p for p, code in enumerate(lines[k]))
            inputs[start + k] = {"swap": int(k == 0), "ends": ends if k == 0 else anything(1), "weights": word, "activations": vector}
            for column in range(a.width):
                totals[k][column] += sum(fixed(names[0])[lines[k][j * products + p]] * fixed(names[1])[weights[j][column][p]]
                                         for j in range(rows) for p in range(products))
        return start + rows

    reset_at = 0
    for number in range(24):
        totals = [[0] * a.width for _ in range(rows)]
        count = chance.choice([1, 2, a.in_place])
        for place in range(count):
            cycle = tile(cycle, int(place == count - 1), totals) + chance.choice([0, 0, chance.randint(1, 9)])
            if number == 12 and not place:  # its sums, and those that are on their way, are lost
                reset_at = cycle
                due = {when: line for when, line in due.items() if when < cycle}
                cycle, totals = cycle + 1 + rows, [[0] * a.width for _ in range(rows)]
                if count == 1:
                    break
        else:
            first = max(when for when, values in inputs.items() if values["swap"])
            due |= {first + k + a.latency: totals[k] for k in range(rows)}

    dut, reset, checked = FormatOutputArray(a), Signal(), []

    async def testbench(ctx):
        for now in range(max(due) + 1):
            # What comes with no tile is anything, numbers or not.
            idle = {"swap": 0, "ends": anything(1), "weights": anything(len(dut.weights)), "activations": anything(len(dut.activations))}
            for name, value in inputs.get(now, idle).items():
                ctx.set(getattr(dut, name), value)
            ctx.set(reset, int(now == reset_at))
            if now in due:
                bits = n.shape.width
                assert ctx.get(dut.sums) == sum(total % (1 << bits) << bits * column for column, total in enumerate(due[now])), now
                if "flags" in n.lanes:
                    assert ctx.get(dut.flags) == 0
                checked.append(now)
            await ctx.tick()

    simulator = Simulator(ResetInserter(reset)(dut))
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert len(checked) == len(due) >= 20 * rows


def test_an_infinity_stays_in_its_sum_only():
    """Infinity times 0 is not a number, and that with no tile no product."""
    pair = OperandPair(OPERANDS["e5m2"], OPERANDS["e5m2"])
    a = Arrangement(pair, 2, 2, dataflow="output_stationary")
    dut, infinity, one = FormatOutputArray(a), 0x7C, 0x3C
    assert specials(floats("e5m2")[infinity], floats("e5m2")[one]) == 2

    async def testbench(ctx):
        seen = []
        for now in range(20):
            tile, k = divmod(now - 2, 2)
            ctx.set(dut.swap, int(tile in (0, 1) and k == 0))
            ctx.set(dut.ends, 1)
            # Position 0 of the first tile has the infinity, once.
            ctx.set(dut.activations, (infinity if now == 2 else one) | one << 8)
            ctx.set(dut.weights, one | one << 8 if tile in (0, 1) else infinity | infinity << 8)
            seen.append(ctx.get(dut.flags))
            await ctx.tick()
        start = 2 + a.latency
        assert seen[start:start + 4] == [0b010010, 0, 0, 0]

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
