"""ProcessingElement against integers: as Verilog in Verilator, and in amaranth.sim."""

import random

import cocotb
import pytest
from amaranth.sim import Simulator
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from weft.fpga.technology.ecp5 import Ecp5
from weft.hdl.matrix.pe import ProcessingElement
from weft.hdl.matrix.product import Product
from weft.verif.bench import runner
from weft.verif.bench.blocks import ecp5_model

INT8 = range(-128, 128)
FORMS = [Product.DIRECT, Product.REGISTERED]


def _wrap(value, bits):
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


@pytest.mark.parametrize("product", FORMS)
@pytest.mark.parametrize("sum_bits", [16, 20, 32])
def test_registers_follow_their_definition(sum_bits, product):
    dut, chance = ProcessingElement(sum_bits, product), random.Random(sum_bits)

    async def testbench(ctx):
        shadow = active = activation = before = None  # unknown until written
        for _ in range(3000):
            inputs = {"activation": chance.choice([-128, 127, chance.choice(INT8)]), "weight": chance.choice([-128, chance.choice(INT8)]),
                      "load": chance.random() < 0.3, "swap": chance.random() < 0.3,
                      "sum": chance.randrange(-1 << (sum_bits - 1), 1 << (sum_bits - 1))}
            for name, value in inputs.items():
                ctx.set(getattr(dut, name), value)
            await ctx.tick()
            product_now = None if active is None or activation is None else activation * active
            met = product_now if product is Product.DIRECT else before
            if met is not None:
                assert ctx.get(dut.sum_out) == _wrap(inputs["sum"] + met, sum_bits)
            before = product_now
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


@pytest.mark.parametrize("product", FORMS)
def test_every_activation_with_corner_weights(product):
    """One a cycle, through the latency that is stated."""
    dut = ProcessingElement(16, product)

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
                if activation >= INT8[0] + product.latency - 1:
                    assert ctx.get(dut.sum_out) == expected[-product.latency]

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
    """Random streams and pauses; a reset at any time changes nothing. What leaves follows from what entered `latency` cycles ago."""
    parameters, chance = runner.bench_parameters(), random.Random(cocotb.RANDOM_SEED)
    bits, latency = parameters["sum_bits"], parameters["latency"]
    Clock(dut.clk, 10, unit="ns").start()
    shadow = active = None  # unknown until loaded, until swapped
    entered, products, checked = [], [], 0  # per cycle: inputs; activation times the weight that it is to meet
    busy, inputs = False, {}
    for cycle in range(parameters["cycles"]):
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
        if cycle >= latency and products[-latency] is not None:
            assert dut.sum_out.value.to_signed() == _wrap(entered[-1]["sum"] + products[-latency], bits), cycle
            checked += 1
        if controls["swap"]:
            active = shadow
        if controls["load"]:
            shadow = controls["weight"]
        entered.append(inputs)
        products.append(None if active is None else inputs["activation"] * active)
        await FallingEdge(dut.clk)
    assert checked > 0.8 * parameters["cycles"]


@cocotb.test()
async def every_pair_of_operands(dut) -> None:
    """All 65,536 products, one a cycle; the next weight is loaded meanwhile."""
    parameters = runner.bench_parameters()
    bits, latency = parameters["sum_bits"], parameters["latency"]
    Clock(dut.clk, 10, unit="ns").start()
    for name in ("rst", "swap", "activation", "sum"):
        getattr(dut, name).value = 0
    dut.weight.value, dut.load.value = INT8[0], 1
    await FallingEdge(dut.clk)
    coming, checked = [], 0
    for weight in INT8:
        dut.weight.value = min(weight + 1, INT8[-1])
        for activation in INT8:
            dut.swap.value, dut.load.value = int(activation == INT8[0]), int(activation == INT8[-1])
            dut.activation.value = activation
            coming.append(activation * weight)
            await FallingEdge(dut.clk)
            if len(coming) >= latency:
                assert dut.sum_out.value.to_signed() == _wrap(coming[-latency], bits), (weight, activation)
                checked += 1
    assert checked == 65_536 - latency + 1


@pytest.mark.integration
@pytest.mark.parametrize("product", FORMS)
@pytest.mark.parametrize("sum_bits", [16, 20, 32])
def test_verilog(sum_bits, product):
    run(ProcessingElement(sum_bits, product), sum_bits, product)


@pytest.mark.integration
def test_verilog_with_the_ecp5_block():
    run(ProcessingElement(19, Product.REGISTERED), 19, Product.REGISTERED, platform=Ecp5(), blocks=ecp5_model(), cycles=100_000)


@pytest.mark.integration
def test_an_error_in_the_block_is_noticed():
    blocks = ecp5_model()
    assert blocks.count("value <= d;") == 1
    with pytest.raises(runner.BenchError, match="2 of 2 tests failed"):
        run(ProcessingElement(19, Product.REGISTERED), 19, Product.REGISTERED, platform=Ecp5(),
            blocks=blocks.replace("value <= d;", "value <= d | 36'h100000000;"))


def run(dut, sum_bits, product, cycles=5000, **options):
    runner.run(dut, "processing_element", "weft.verif.bench.bench_pe",
               parameters={"sum_bits": sum_bits, "latency": product.latency, "cycles": cycles}, **options)
