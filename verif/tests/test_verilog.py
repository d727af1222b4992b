"""Export to Verilog: what the netlist passes and text rewrites promise, and that they never change logic."""

import contextlib
import re

import pytest
from amaranth import Cat, Module, Signal
from amaranth.back import verilog
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import rtlil, verilog_text
from weft.gen.verilog import convert
from weft.hdl.mem.sram import Sram
from weft.verif.tests.yosys import YosysError, run_yosys


class Stage(wiring.Component):
    """Two registers, one with a reset, a case statement, a truncated sum."""

    enable: In(1)
    select: In(2)
    a: In(8)
    b: In(8)
    y: Out(8)
    count: Out(4, init=3)

    def elaborate(self, platform):
        m = Module()
        total, held = Signal(8), Signal(8, reset_less=True)
        m.d.comb += total.eq(self.a + self.b)
        with m.If(self.enable):
            m.d.sync += self.count.eq(self.count + 1)
            with m.Switch(self.select):
                with m.Case(0):
                    m.d.sync += held.eq(total)
                with m.Case(1):
                    m.d.sync += held[2:6].eq(self.b)
                with m.Case(2):
                    m.d.sync += held.eq(held ^ self.a)
        m.d.comb += self.y.eq(held)
        return m


class Chain(wiring.Component):
    """Stages that differ in nothing but their place, and a memory."""

    def __init__(self, stages=6):
        self._stages = stages
        super().__init__({"enable": In(1), "select": In(2), "a": In(8), "y": Out(8), "total": Out(4), "word": Out(8)})

    def elaborate(self, platform):
        m = Module()
        value, counts = self.a, []
        for number in range(self._stages):
            m.submodules[f"stage_{number}"] = stage = Stage()
            m.d.comb += [stage.enable.eq(self.enable), stage.select.eq(self.select), stage.a.eq(value), stage.b.eq(self.a)]
            value = stage.y
            counts.append(stage.count)
        total = Signal(4)
        m.d.comb += total.eq(counts[0] ^ counts[-1] ^ counts[len(counts) // 2])
        m.submodules.memory = memory = Sram(depth=32, width=8, granularity=2)
        m.d.comb += [self.y.eq(value), self.total.eq(total), memory.write.address.eq(value[:5]), memory.write.data.eq(self.a),
                     memory.write.enable.eq(Cat(self.enable, self.select, self.a[7])),
                     memory.read.address.eq(self.a[:5]), self.word.eq(memory.read.data),
                     memory.read.enable.eq(~self.enable)]
        return m


def test_equal_modules_appear_once_under_their_class_name():
    text = convert(Chain(), "chain")
    modules = re.findall(r"^module (\S+?)\(", text, re.MULTILINE)
    assert len(modules) == len(set(modules))
    assert "chain" in modules and "chain_sram" in modules
    assert len([module for module in modules if module.startswith("chain_stage")]) <= 3, modules  # first, last, the rest
    assert len(re.findall(r"^  chain_stage\w* stage_\d+ \(", text, re.MULTILINE)) == 6


def test_text_grows_with_different_parts_only():
    lines = [convert(Chain(stages), "chain").count("\n") for stages in (8, 16, 32)]
    assert lines[2] - lines[1] <= 2 * (lines[1] - lines[0]) + 8
    assert lines[2] - lines[1] < 16 * 20  # an instance and its nets, not a module


def test_no_escapes_dots_or_generated_attributes():
    text = convert(Chain(), "chain")
    assert "\\" not in text and "$auto" not in text and "full_case" not in text and "generator" not in text
    assert "posedge clk" in text


def test_registers_are_assigned_under_their_conditions():
    text = convert(Stage(), "stage")
    assert re.search(r"always @\(posedge clk\) begin\n    if \(enable\) begin\n      count <= ", text), text
    assert "always @*" not in text


def test_memory_is_inferred_without_a_bypass_or_contents():
    text = convert(Sram(depth=64, width=32, granularity=8), "memory")
    assert "no_rw_check" in text and "initial" not in text
    assert text.count("always") == 3 and text.count("`ifdef VERILATOR") == 1  # write (also in one piece), read


def test_assertions_are_kept_on_request_only():
    assert "assert" not in convert(Sram(depth=64, width=8), "memory")
    assert "assert" in convert(Sram(depth=64, width=8), "memory", assertions=True)


def test_merging_looks_into_children():
    """Two modules with equal text whose children differ must stay apart."""
    modules = rtlil.parse("".join(f"module \\{name}\n\n{body}\n\nend\n" for name, body in {
        "top": "  cell \\a \\u\n  end\n\n  cell \\b \\v\n  end", "a": "  cell \\c \\w\n  end", "b": "  cell \\d \\w\n  end",
        "c": "  wire width 1 \\x", "d": "  wire width 2 \\x"}.items()))
    assert [module.name for module in rtlil.merge(modules, lambda _name: "part")] == ["top", "part", "part_2", "part_3", "part_4"]


def test_ports_are_renamed_as_in_their_module():
    """The instance's port x$8 is x_8, also where a net of that name is something else."""
    modules = rtlil.parse("".join(f"module \\{name}\n\n{body}\n\nend\n" for name, body in {
        "top": "  wire width 1 input 0 \\x_8\n\n  cell \\part \\u\n    connect \\x$8 \\x_8 [0]\n  end",
        "part": "  wire width 1 input 0 \\x$8"}.items()))
    rtlil.tidy(modules)
    assert "connect \\x_8 \\x_8 [0]" in str(modules[0]) and "input 1 \\x_8" in str(modules[1])


def test_keywords_get_an_underscore():
    text = verilog_text.rewrite("module m(\\use );\n  input \\use ;\n  wire use_;\n  m i (\n    .\\use (\\use )\n  );\nendmodule\n")
    assert text == "module m(use__);\n  input use__;\n  wire use_;\n  m i (\n    .use__(use__)\n  );\nendmodule\n"


@pytest.mark.parametrize("body", [
    "  assign y = _0_;\n",  # someone else reads the next value
    "  assign y = _0_[3];\n"])
def test_a_next_value_that_is_read_is_not_folded(body):
    text = ("module m(clk, y);\n  reg [3:0] _0_;\n  reg [3:0] q;\n  always @(posedge clk)\n    q <= _0_;\n  always @* begin\n"
            f"    _0_ = q;\n    if (e) begin\n      _0_ = d;\n    end\n  end\n{body}endmodule\n")
    assert verilog_text.rewrite(text) == text
    folded = verilog_text.rewrite(text.replace(body, ""))
    assert "always @*" not in folded and "_0_" not in folded and "q <= d;" in folded


PROOF = """
read_verilog -sv gold.v
hierarchy -top chain
proc
flatten
memory_map
opt_clean
rename chain gold
design -stash gold
read_verilog {define} gate.v
hierarchy -top chain
proc
flatten
memory_map
opt_clean
rename chain gate
design -stash gate
design -copy-from gold -as gold gold
design -copy-from gate -as gate gate
equiv_make gold gate equal
hierarchy -top equal
equiv_struct
equiv_simple -undef
equiv_status -assert
"""


@pytest.mark.parametrize(("broken", "define"), [(False, ""), (False, "-DVERILATOR"), (True, "")])
def test_exported_logic_is_proved_equal_to_what_amaranth_writes(tmp_path, broken, define):
    """Yosys proves register by register that the passes changed nothing; and would notice if they did."""
    gold, gate = tmp_path / "gold.v", tmp_path / "gate.v"
    gold.write_text(verilog.convert(Chain(), name="chain", emit_src=False))
    text = convert(Chain(), "chain")
    gate.write_text(re.sub(r"count \+ 1'h1", "count - 1'h1", text) if broken else text)
    if broken:
        assert gate.read_text() != text
    with pytest.raises(YosysError, match="unproven") if broken else contextlib.nullcontext():
        run_yosys(PROOF.format(define=define), tmp_path)
