"""Copies of a register: equal in every cycle, and still apart after synthesis."""

from pathlib import Path

import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from weft.fpga.boards.board import find
from weft.fpga.flow.design import NAME
from weft.fpga.flow.family import ECP5, ICE40, Family
from weft.fpga.flow.netlist import Netlist
from weft.fpga.flow.steps import Steps
from weft.fpga.flow.synthesis import NETLIST, synthesise
from weft.fpga.technology.ecp5 import Ecp5
from weft.gen.verilog import convert
from weft.hdl import replica
from weft.hdl.replica import replicas

LANES, BITS = 4, 8


class Lanes(wiring.Component):
    """A register a lane, each enabled by a copy of its own."""

    enable: In(1)
    i: In(LANES * BITS)
    o: Out(LANES * BITS)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for lane, enable in enumerate(replicas(m, platform, self.enable, LANES, name="enable")):
            with m.If(enable):
                m.d.sync += self.o.word_select(lane, BITS).eq(self.i.word_select(lane, BITS))
        return m


def test_all_lanes_follow_a_cycle_later() -> None:
    dut = Lanes()

    async def bench(ctx: object) -> None:
        for value, enable in ((0x01020304, 1), (0x55667788, 0), (0x99AABBCC, 1)):
            before = ctx.get(dut.o)
            ctx.set(dut.enable, enable)
            await ctx.tick()
            ctx.set(dut.enable, 0)
            ctx.set(dut.i, value)
            await ctx.tick()
            assert ctx.get(dut.o) == (value if enable else before)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def registers(family: Family, board: str, verilog: str, folder: Path) -> int:
    """Flip-flops after synthesis."""
    source = folder / "source.v"
    source.write_text(verilog)
    done = synthesise(Steps(folder / "steps"), family, find(board).device, source)
    return sum("FF" in cell["type"] for cell in Netlist(done / NETLIST, NAME).cells.values())


@pytest.mark.integration
@pytest.mark.parametrize(("family", "board"), [(ECP5, "ulx3s"), (ICE40, "icebreaker")], ids=lambda value: getattr(value, "name", value))
def test_synthesis_keeps_them_apart(family: Family, board: str, tmp_path: Path) -> None:
    verilog = convert(Lanes(), NAME, platform=Ecp5())
    assert registers(family, board, verilog, tmp_path) == LANES * BITS + LANES
    unmarked = verilog.replace(f"(* {replica.ATTRIBUTE} =", "(* other =")
    assert registers(family, board, unmarked, tmp_path) == LANES * BITS + 1  # what the attribute is for


def test_one_register_where_a_platform_keeps_none() -> None:
    assert convert(Lanes(), NAME).count("reg enable_") == 1
    assert convert(Lanes(), NAME, platform=Ecp5()).count("reg enable_") == LANES
