"""FormatElement in amaranth.sim: its registers, and a sample of every pair of formats; the whole of it is in the benches."""

import random

import pytest
from amaranth.sim import Simulator

from weft.gen.formats.pair import pair
from weft.hdl.formats.element import FormatElement, flags_of, sum_shape
from weft.verif.bench.codes import EXHAUSTIVE, products


@pytest.mark.parametrize("each", EXHAUSTIVE, ids=lambda each: each.name)
def test_registers_follow_their_definition(each):
    chance, dut, bits = random.Random(each.name), FormatElement(each, 16), sum_shape(each, 16).width
    table, specials = products(each.activation.name, each.weight.name)

    async def testbench(ctx):
        shadow = active = activation = None  # unknown until written
        for _ in range(400):
            inputs = {"activation": chance.getrandbits(each.activation.bits), "weight": chance.getrandbits(each.weight.bits),
                      "load": chance.random() < 0.3, "swap": chance.random() < 0.3, "sum": chance.getrandbits(bits)}
            if flags_of(each):
                inputs["flags"] = chance.getrandbits(3)
            for name, value in inputs.items():
                ctx.set(getattr(dut, name), value)
            await ctx.tick()
            if None not in (activation, active):
                special = specials[activation][active]
                if not special:
                    assert ctx.get(dut.sum_out) == (inputs["sum"] + table[activation][active]) % (1 << bits)
                if flags_of(each):
                    assert ctx.get(dut.flags_out) == inputs["flags"] | special
            activation = inputs["activation"]
            if inputs["swap"]:
                active = shadow  # the old one, even if a new one is loaded in this cycle
            if inputs["load"]:
                shadow = inputs["weight"]
            assert ctx.get(dut.activation_out) == activation

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_an_unknown_packing_is_named():
    with pytest.raises(ValueError, match="packing=3"):
        type("Unused", (FormatElement,), {"_MustUse__silence": True})(pair("e2m1"), 16, packing=3)
