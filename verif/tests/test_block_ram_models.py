"""The models of block RAMs against the memories that they were synthesised from, on random traffic in Verilator."""

import re

import pytest

from weft.fpga.netlist import simulatable
from weft.gen.verilog import convert
from weft.hdl.mem.sram import SinglePortSram, Sram
from weft.sim.pins import PinSerial, Ports, build_pins
from weft.verif.tests.yosys import run_yosys

# Both memories get the same pseudo-random signals; `tx` falls, for good, when their outputs differ. Half of the addresses are among eight.
BENCH = """
module bench (input clk, input rx, output reg tx, output reg [31:0] reads);
    initial begin tx = 1; reads = 0; end
    reg [1023:0] noise = 1024'h{seed:x};
    integer bit_;
    always @(posedge clk) noise <= {{noise[1022:0], noise[1023] ^ noise[1021] ^ noise[1014] ^ noise[1001]}};
    wire [{a}:0] wa = noise[700] ? noise[{a}:0] & 7 : noise[{a}:0], ra = noise[701] ? noise[{a}+100:100] & 7 : noise[{a}+100:100];
    wire [{w}:0] data = noise[{w}+200:200], gold, gate;
    wire [{e}:0] we = noise[703:702] == 0 ? {{({e}+1){{1'b1}}}} : noise[704] ? noise[{e}+400:400] : 0;
    {body}
    reg valid = 0, written = 0;
    always @(posedge clk) begin
        if (valid && gold !== gate) tx <= 0;
        if (re) reads <= reads + 1;
        {valid}
    end
endmodule
"""
TWO_PORTS = """wire re = noise[705] && !(|we && wa == ra);
    gold a (.clk(clk), .rst(1'b0), .write__enable(we), .write__address(wa), .write__data(data), .read__enable(re), .read__address(ra),
            .read__data(gold));
    gate b (.clk(clk), .rst(1'b0), .write__enable(we), .write__address(wa), .write__data(data), .read__enable(re), .read__address(ra),
            .read__data(gate));"""
ONE_PORT = """wire en = noise[706], re = en && we == 0;
    gold a (.clk(clk), .rst(1'b0), .enable(en), .write(we), .address(wa), .write_data(data), .read_data(gold));
    gate b (.clk(clk), .rst(1'b0), .enable(en), .write(we), .address(wa), .write_data(data), .read_data(gate));"""
MEMORIES = (
    (Sram, {"depth": 512, "width": 36}), (Sram, {"depth": 512, "width": 32, "granularity": 8}), (Sram, {"depth": 1024, "width": 18}),
    (Sram, {"depth": 2048, "width": 9}), (Sram, {"depth": 4096, "width": 4}), (Sram, {"depth": 8192, "width": 2}),
    (Sram, {"depth": 16384, "width": 1}), (SinglePortSram, {"depth": 2048, "width": 32}), (SinglePortSram, {"depth": 16384, "width": 32}))
FAMILIES = {"ecp5": ("synth_lattice -family ecp5", "DP16KD"), "gowin": ("synth_gowin -family gw2a", "SPX?9?|SDPX?9?B|DPX?9?B")}


def _differs(tmp_path, family, kind, parameters, seed, change=lambda text: text):
    """Whether the outputs ever differed; the netlist's block RAMs."""
    synth, cells = FAMILIES[family]
    dut = kind(**parameters)
    (tmp_path / "gold.v").write_text(convert(dut, "gold"))
    run_yosys(f"read_verilog gold.v\n{synth} -top gold\nrename gold gate\nwrite_verilog -noattr gate.v", tmp_path)
    gate = (tmp_path / "gate.v").read_text()
    single = kind is SinglePortSram
    enables = parameters["width"] // 8 if single else parameters["width"] // parameters.get("granularity", parameters["width"])
    text = BENCH.format(seed=seed, a=(parameters["depth"] - 1).bit_length() - 1, w=parameters["width"] - 1, e=enables - 1,
                        body=ONE_PORT if single else TWO_PORTS,
                        valid="valid <= en ? re : valid;" if single else "valid <= valid | re;")
    text = change(simulatable(gate, family)) + (tmp_path / "gold.v").read_text() + text
    with PinSerial(build_pins(text, Ports("bench")), 1_000_000, 250_000) as pins:
        pins.run(100_000)
        return pins.framing_errors > 0, len(re.findall(rf"^  (?:{cells}) #", gate, re.MULTILINE))


@pytest.mark.integration
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("kind", "parameters"), MEMORIES)
def test_a_synthesised_memory_does_what_its_source_does(tmp_path, family, kind, parameters):
    differs, blocks = _differs(tmp_path, family, kind, parameters, 0xACE1_5EED_1234_5678_9ABC_DEF0)
    assert blocks and not differs


@pytest.mark.integration
@pytest.mark.parametrize(("family", "before", "after"), [
    ("ecp5", "{ address[13:5], 2'b0 }", "{ address[13:6], 3'b0 }"), ("ecp5", "{9{address[3]}}", "{9{address[2]}}"),
    ("ecp5", "else if (selected_b)", "else if (1)"),
    ("gowin", "{ address[13:5], 2'b0 }", "{ address[13:6], 3'b0 }"), ("gowin", "{GROUP{address[3]}}", "{GROUP{address[2]}}"),
    ("gowin", "else if (chosen_b)", "else if (1)")])
def test_the_comparison_notices_a_wrong_model(tmp_path, family, before, after):
    def change(text):
        assert before in text
        return text.replace(before, after)

    assert _differs(tmp_path, family, Sram, {"depth": 512, "width": 36, "granularity": 9}, 0xACE1_5EED_1234_5678_9ABC_DEF0, change)[0]
