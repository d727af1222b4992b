"""ProcessingElement against integers: as Verilog in Verilator, and in amaranth.sim."""

import random

import cocotb
import pytest
from amaranth.sim import Simulator
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from weft.hdl.matrix.pe import ProcessingElement
from weft.verif.bench import runner

INT8 = range(-128, 128)


def _wrap(value, bits):
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


@pytest.mark.parametrize("sum_bits", [16, 20, 32])
def test_registers_follow_their_definition(sum_bits):
    dut, chance = ProcessingElement(sum_bits), random.Random(sum_bits)

    async def testbench(ctx):
        shadow = active = activation = None  # unknown until written
        for _ in range(3000):
            inputs = {"activation": chance.choice([-128, 127, chance.choice(INT8)]), "weight": chance.choice([-128, chance.choice(INT8)]),
                      "load": chance.random() < 0.3, "swap": chance.random() < 0.3,
                      "sum": chance.randrange(-1 << (sum_bits - 1), 1 << (sum_bits - 1))}
            for name, value in inputs.items():
                ctx.set(getattr(dut, name), value)
            await ctx.tick()
            if active is not None and activation is not None:
                assert ctx.get(dut.sum_out) == _wrap(inputs["sum"] + activation * active, sum_bits)
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


def test_every_activation_with_corner_weights():
    """One a cycle, through the latency that the constant states."""
    dut = ProcessingElement(16)

    async def testbench(ctx):
        expected = []
        for weight in (-128, -127, -1, 0, 1, 2, 85, 127):
            ctx.set(dut.weight, weight)
            ctx.set(dut.load, 1)
            await ctx.tick()
            ctx.set(dut.load, 0)
            for activation in INT8:
                ctx.set(dut.swap, activation == INT8[0])
                ctx.set(dut.activation, activation)
                await ctx.tick()
                expected.append(activation * weight)
                if activation > INT8[0]:
                    assert ctx.get(dut.sum_out) == expected[-ProcessingElement.LATENCY]

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("sum_bits", [15, 33, "20"])
def test_illegal_widths_are_named(sum_bits):
    with pytest.raises(ValueError, match="sum_bits"):
        type("Unused", (ProcessingElement,), {"_MustUse__silence": True})(sum_bits)


@cocotb.test()
async def vectors_meet_their_weight(dut) -> None:
    """Random streams and pauses; a reset at any time changes nothing. What leaves follows from what entered one and two cycles ago."""
    bits, chance = runner.bench_parameters()["sum_bits"], random.Random(cocotb.RANDOM_SEED)
    Clock(dut.clk, 10, unit="ns").start()
    shadow = active = None  # unknown until loaded, until swapped
    entered, products, checked = [], [], 0  # per cycle: inputs; activation times the weight that it is to meet
    busy, inputs = False, {}
    for cycle in range(5000):
        if not cycle or chance.random() < 0.2:
            busy = not cycle or chance.random() < 0.7
        if busy:
            inputs = {"activation": chance.choice([-128, 127, chance.choice(INT8)]), "sum": chance.randrange(-1 << bits - 1, 1 << bits - 1)}
        # Weights come and are swapped while vectors stream and while they pause.
        controls = {"weight": chance.choice([-128, chance.choice(INT8)]), "load": chance.random() < 0.3, "swap": chance.random() < 0.2}
        for name, value in {**inputs, **controls, "rst": chance.random() < 0.1}.items():
            getattr(dut, name).value = int(value)
        await ReadOnly()
        if cycle:
            assert dut.activation_out.value.to_signed() == entered[-1]["activation"], cycle
        if cycle > 1 and products[-2] is not None:
            assert dut.sum_out.value.to_signed() == _wrap(entered[-1]["sum"] + products[-2], bits), cycle
            checked += 1
        if controls["swap"]:
            active = shadow
        if controls["load"]:
            shadow = controls["weight"]
        entered.append(inputs)
        products.append(None if active is None else inputs["activation"] * active)
        await FallingEdge(dut.clk)
    assert checked > 4000


@pytest.mark.integration
@pytest.mark.parametrize("sum_bits", [16, 20, 32])
def test_verilog(sum_bits):
    runner.run(ProcessingElement(sum_bits), "processing_element", "weft.verif.bench.bench_pe", parameters={"sum_bits": sum_bits})
