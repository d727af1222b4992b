"""The multiplier: values and latency of the behavioural form, and the proof that a technology's block does the same."""

import contextlib
import random
import re
from pathlib import Path

import pytest
from amaranth.sim import Simulator

from weft.fpga.technology.ecp5 import Ecp5
from weft.gen.verilog import convert
from weft.hdl.multiplier import Multiplier
from weft.verif.tests.yosys import YosysError, run_yosys

MODELS = Path(__file__).resolve().parents[2] / "fpga" / "models"
SHAPES = [(8, 8, True, True), (17, 17, True, True), (18, 18, True, False), (5, 12, False, True), (18, 2, False, False)]


@pytest.mark.parametrize(("a_bits", "b_bits", "inputs", "output"), SHAPES)
def test_registers_follow_their_definition(a_bits, b_bits, inputs, output):
    dut, chance = Multiplier(a_bits, b_bits, inputs=inputs, output=output), random.Random(a_bits)

    def value(bits):
        return chance.choice([-1 << bits - 1, (1 << bits - 1) - 1, chance.randrange(-1 << bits - 1, 1 << bits - 1)])

    async def testbench(ctx):
        a = b = p = None  # unknown until written
        for _ in range(2000):
            new = {"a": value(a_bits), "b": value(b_bits)}
            enables = {f"{name}_enable": chance.random() < 0.7 for name in "abp"}
            for name, given in {**new, **enables}.items():
                ctx.set(getattr(dut, name), given)
            if output and enables["p_enable"]:
                p = a * b if inputs and None not in (a, b) else None if inputs else new["a"] * new["b"]
            if inputs:
                a, b = new["a"] if enables["a_enable"] else a, new["b"] if enables["b_enable"] else b
            if not dut.latency:
                p = new["a"] * new["b"]
                assert ctx.get(dut.p) == p
                continue
            await ctx.tick()
            if inputs and not output and None not in (a, b):
                p = a * b
            if p is not None:
                assert ctx.get(dut.p) == p

    simulator = Simulator(dut)
    if dut.latency:
        simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize(("inputs", "output"), [(True, True), (True, False), (False, True)])
def test_latency_is_as_stated_and_enables_that_nothing_drives_are_one(inputs, output):
    dut = Multiplier(8, 8, inputs=inputs, output=output)

    async def testbench(ctx):
        for a in range(-128, 127, 5):
            ctx.set(dut.a, a)
            ctx.set(dut.b, a + 1)
            await ctx.tick().repeat(dut.latency)
            assert ctx.get(dut.p) == a * (a + 1)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("widths", [(1, 8), (8, 19), ("8", 8)])
def test_illegal_widths_are_named(widths):
    with pytest.raises(ValueError, match=r"Multiplier [ab]_bits="):
        type("Unused", (Multiplier,), {"_MustUse__silence": True})(*widths)


def ecp5_registers(dut):
    """Behavioural register -> its bits in the model of the block: the upper ones."""
    registers = {"left": ("input_a", 18, dut.a_bits), "right": ("input_b", 18, dut.b_bits)} if dut.inputs else {}
    registers |= {"result": ("result", 36, len(dut.p))} if dut.output else {}
    return {name: f"block.{register}.value" + (f"[{width - 1}:{width - used}]" if used < width else "")
            for name, (register, width, used) in registers.items()}


def proof(models, registers):
    """Yosys script: gold.v, behavioural, equals gate.v with models of the blocks, register by register."""
    script = ["read_verilog gold.v", "hierarchy -check -top top", "proc", "flatten", "opt -full", "dffunmap", "rename top gold",
              "design -stash gold", f"read_verilog -sv gate.v {models}", "hierarchy -check -top top", "proc", "flatten", "opt -full",
              "dffunmap", "splitnets -driver", "cd top"]
    script += [f"rename {block} {name}" for name, block in registers.items()]
    return "\n".join([
        *script, "cd ..", "rename top gate", "design -stash gate", "design -copy-from gold -as gold gold",
        "design -copy-from gate -as gate gate", "equiv_make gold gate equal", "hierarchy -top equal", "opt_clean", "equiv_struct",
        "equiv_simple -undef", "equiv_status -assert"])


BREAKS = {"clock enable": ('INPUTB_CE("CE1")', 'INPUTB_CE("CE0")'), "operand": (".A17(a[7])", ".A17(a[6])"),
          "sign": (".SIGNEDB(1'h1)", ".SIGNEDB(1'h0)"), "missing register": ('OUTPUT_CLK("CLK0")', 'OUTPUT_CLK("NONE")')}


@pytest.mark.parametrize(("shape", "broken"), [*((shape, None) for shape in SHAPES), *((SHAPES[0], name) for name in BREAKS)])
def test_ecp5_block_is_proved_equal(tmp_path, shape, broken):
    """For all operands and all sequences of enables; and the proof notices an error in the block's connections."""
    def dut():
        return Multiplier(shape[0], shape[1], inputs=shape[2], output=shape[3])

    (tmp_path / "gold.v").write_text(convert(dut(), "top"))
    text = convert(dut(), "top", platform=Ecp5())
    assert len(re.findall(r"\bMULT18X18D #", text)) == 1 and "*" not in text.split("*/")[1] and "reg " not in text
    if broken:
        before, after = BREAKS[broken]
        assert text.count(before) == 1
        text = text.replace(before, after)
    (tmp_path / "gate.v").write_text(text)
    (tmp_path / "block.v").write_text((MODELS / "ecp5_mult18x18d.v").read_text())
    unused = dut()
    unused._MustUse__silence = True
    with pytest.raises(YosysError) if broken else contextlib.nullcontext():
        run_yosys(proof("block.v", ecp5_registers(unused)), tmp_path)


def test_a_mode_that_the_model_lacks_is_an_error(tmp_path):
    (tmp_path / "gate.v").write_text('module top; MULT18X18D #(.REG_OUTPUT_CLK("CLK1")) block (); endmodule\n')
    (tmp_path / "block.v").write_text((MODELS / "ecp5_mult18x18d.v").read_text())
    with pytest.raises(YosysError, match="MULT18X18D_MODE_NOT_MODELLED"):
        run_yosys("read_verilog -sv gate.v block.v\nhierarchy -check -top top", tmp_path)
