"""The array's figures on an FPGA: the harness around it, the table, and the limits that it keeps."""

import dataclasses
import re

import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from weft.fpga import measure
from weft.fpga.peers import PEERS
from weft.fpga.technology.ice40 import Ice40
from weft.gen.config import Config


class Pins(wiring.Component):
    """Two inputs, two outputs that depend on all of them."""

    def __init__(self):
        super().__init__({"a": In(3), "b": In(2), "x": Out(5), "y": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [self.x[:3].eq(self.a), self.x[3:].eq(self.b), self.y.eq(self.a.xor())]
        return m


def test_harness_reaches_every_pin():
    block = Pins()
    dut = measure.Harness(block)
    latency = 1 + 1 + 2  # input, held, 6 bits to 2 to 1
    expected = []

    async def testbench(ctx):
        seen = 0
        for cycle in range(200):
            bit = (cycle * cycle >> 2 ^ cycle) & 1
            ctx.set(dut.d, bit)
            seen = (seen << 1 | bit) & 31  # bit k: k cycles ago
            a, b = seen & 7, seen >> 3
            expected.append((a ^ a >> 1 ^ a >> 2 ^ b ^ b >> 1) & 1 ^ (a ^ a >> 1 ^ a >> 2) & 1)
            await ctx.tick()
            if cycle >= latency - 1:
                assert ctx.get(dut.q) == expected[cycle - latency + 1], cycle

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert 0 < sum(expected) < len(expected)


def test_elements_have_no_edges_and_the_same_pins():
    config = Config.load(measure.CONFIG)
    whole, bare = measure.SystolicArray(config), measure.Elements(config)
    assert whole.signature == bare.signature
    whole, bare = (measure.convert(block, "array") for block in (whole, bare))
    assert "stage_0" in whole and "stage_" not in bare


def test_table_is_what_the_code_writes():
    text = measure.TABLE.read_text()
    for peer in PEERS:
        assert measure.line(peer) in text
    own = [[cell.strip() for cell in line.split("|")[1:7]] for line in text.splitlines() if line.startswith("| weft")]
    plain, others = own[:2], own[2:]
    assert [name for name, *_ in others] == [f"weft (edge8), {name}" for name in measure.dataflows(Config.load(measure.CONFIG))]
    for *_, luts, registers, blocks, clocks in plain:
        assert float(luts) <= 26 and float(registers) <= 50 and int(blocks) == 64 and len(clocks.split("/")) == 3
    for *_, luts, _registers, blocks, _clocks in others:
        assert float(luts) <= float(plain[0][2]) + 60 and int(blocks) == 64


@pytest.mark.integration
@pytest.mark.parametrize("dataflow", ["output_stationary", "both"])
def test_stationary_sums_cost_at_most_60_luts(tmp_path, dataflow):
    config = Config.load(measure.CONFIG)
    other = dataclasses.replace(config, array=dataclasses.replace(config.array, dataflow=dataflow))
    (plain, own) = (measure.synthesise(kind(chosen), "array", tmp_path)
                    for kind, chosen in ((measure.SystolicArray, config), (measure.OutputArray, other)))
    more = sum(size * (own.get(cell, 0) - plain.get(cell, 0)) for cell, size in (("LUT4", 1), ("CCU2C", 2)))
    assert more <= 60 * config.macs_per_cycle and own["MULT18X18D"] == 64


@pytest.mark.integration
def test_array_keeps_its_limits():
    """At most 26 LUT equivalents and 50 flip-flops an element, every product in a DSP block, 150 MHz."""
    config = Config.load(measure.CONFIG)
    figures = measure.measure(measure.SystolicArray, config, "weft", "", seeds=(1,))
    assert figures.luts <= 26 and figures.registers <= 50 and figures.blocks == 64
    assert figures.clocks[0] >= 150


@pytest.mark.integration
def test_ice40_array_takes_eight_blocks(tmp_path):
    config = Config.load(measure.ROOT / "configs" / "tiny4.toml")
    (tmp_path / "array.v").write_text(measure.convert(measure.SystolicArray(config), "array", platform=Ice40()))
    measure.YOSYS.run(["-q", "-p", "read_verilog array.v; synth_ice40 -dsp -top array; tee -q -o stat.txt stat"], tmp_path)
    text = (tmp_path / "stat.txt").read_text()
    cells = {name: int(count) for count, name in re.findall(r"^ +(\d+) +(SB_\w+)$", text, re.MULTILINE)}
    assert cells["SB_MAC16"] == 8
    # 694 registers: 16 shadow weights, 12 copies of activations, 16 sums, the edges, and the weights of 4 elements without a partner
    assert sum(count for name, count in cells.items() if name.startswith("SB_DFF")) <= 700
