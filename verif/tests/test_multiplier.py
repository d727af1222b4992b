"""The multiplier: values and latency of the behavioural form, and the proof that a technology's block does the same."""

import contextlib
import random
import re

import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from weft.fpga.technology.ecp5 import Ecp5
from weft.fpga.technology.gowin import Gowin
from weft.fpga.technology.ice40 import Ice40
from weft.gen.verilog import convert
from weft.hdl.multiplier import Multiplier, MultiplierPair
from weft.verif.bench.blocks import ecp5_model, gowin_model, ice40_model
from weft.verif.tests.yosys import YosysError, run_yosys

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


class SharedPair(wiring.Component):
    """A `MultiplierPair`; with `together`, one wire drives both enables."""

    def __init__(self, together):
        self._together = together
        super().__init__({**{f"{name}_{half}": In(8) for name in "ab" for half in range(2)}, "enable": In(2),
                          "p_0": Out(16), "p_1": Out(16)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.pair = pair = MultiplierPair(together=self._together)
        for half in range(2):
            m.d.comb += [pair.a[half].eq(getattr(self, f"a_{half}")), pair.b[half].eq(getattr(self, f"b_{half}")),
                         pair.b_enable[half].eq(self.enable[0 if self._together else half]),
                         getattr(self, f"p_{half}").eq(pair.p[half])]
        return m


def ecp5_registers(dut):
    """Behavioural register -> width, the register in the model of the block that does its work, and its lowest bit there."""
    registers = {"left": (dut.a_bits, "block.input_a.value", 18), "right": (dut.b_bits, "block.input_b.value", 18)} if dut.inputs else {}
    registers |= {"result": (len(dut.p), "block.result.value", 36)} if dut.output else {}
    return {name: (used, register, width - used) for name, (used, register, width) in registers.items()}


def gowin_registers(dut):
    """Operands are registered in front of the block, the product inside. The behavioural ones have the same names in front."""
    return {"result": (len(dut.p), "block.result.value", 0)} if dut.output else {}


def ice40_registers(together):
    registers = {}
    for half, product in enumerate(("rG", "rF")):
        registers[f"pair.half_{half}.result"] = 16, f"pair.block.{product}", 0
        registers[f"pair.half_{half}.left"] = 8, "pair.block.rA", 8 * half
        registers[f"pair.half_{half}.right"] = (8, "pair.block.rB", 8 * half) if together else (8, f"pair.right_{half}", 0)
    return registers


def prove(folder, behavioural, text, model, registers):
    """Yosys proves that `text`, with `model` for its blocks, equals the behavioural component, register bit by register bit."""
    for name, content in (("gold.v", convert(behavioural, "top")), ("gate.v", text), ("block.v", model)):
        (folder / name).write_text(content)
    flat = ["hierarchy -check -top top", "proc", "flatten", "opt -full", "dffunmap", "splitnets"]
    names = [f"rename {block}[{low + bit}] {name}[{bit}]" for name, (width, block, low) in registers.items() for bit in range(width)]
    run_yosys("\n".join([
        "read_verilog gold.v", *flat, "rename top gold", "design -stash gold",
        "read_verilog -sv gate.v block.v", *flat, "cd top", *names, "cd ..", "rename top gate", "design -stash gate",
        "design -copy-from gold -as gold gold", "design -copy-from gate -as gate gate", "equiv_make gold gate equal",
        "hierarchy -top equal", "opt_clean", "equiv_struct", "equiv_simple -undef", "equiv_status -assert"]), folder)


def spoilt(text, change):
    """`text` with one error in the block's connections."""
    before, after = change
    assert text.count(before) == 1
    return text.replace(before, after)


def noticed(error):
    """What the proof must say of an error: bits differ, or a register that should be there is not."""
    return pytest.raises(YosysError, match=r"Found \d+ unproven|value\[\d+\]' not found") if error else contextlib.nullcontext()


ECP5_ERRORS = {"clock enable": ('INPUTB_CE("CE1")', 'INPUTB_CE("CE0")'), "operand": (".A17(a[7])", ".A17(a[6])"),
               "sign": (".SIGNEDB(1'h1)", ".SIGNEDB(1'h0)"), "missing register": ('OUTPUT_CLK("CLK0")', 'OUTPUT_CLK("NONE")')}
GOWIN_ERRORS = {"clock enable": (".CE(p_enable)", ".CE(a_enable)"), "operand": (".A({ left[7], left })", ".A({ 1'h0, left })"),
                "sign": (".BSIGN(1'h1)", ".BSIGN(1'h0)"), "missing register": (".OUT_REG(1'h1)", ".OUT_REG(1'h0)")}
ICE40_ERRORS = {"mode": (".MODE_8x8(1'h1)", ".MODE_8x8(1'h0)"), "halves": ("{ a__1, a__0 }", "{ a__0, a__1 }"),
                "sign": (".A_SIGNED(1'h1)", ".A_SIGNED(1'h0)"), "hold": (".CE(1'h1)", ".CE(b_enable__0)")}


@pytest.mark.parametrize(("shape", "error"), [*((shape, None) for shape in SHAPES), *((SHAPES[0], name) for name in ECP5_ERRORS)])
def test_ecp5_block_is_proved_equal(tmp_path, shape, error):
    """For all operands and all sequences of enables; and the proof notices an error."""
    dut, same = (Multiplier(shape[0], shape[1], inputs=shape[2], output=shape[3]) for _ in range(2))
    text = convert(dut, "top", platform=Ecp5())
    assert len(re.findall(r"\bMULT18X18D #", text)) == 1 and "*" not in text.split("*/")[1] and "reg " not in text
    with noticed(error):
        prove(tmp_path, same, spoilt(text, ECP5_ERRORS[error]) if error else text, ecp5_model(), ecp5_registers(dut))


@pytest.mark.parametrize(("shape", "error"), [*((shape, None) for shape in SHAPES), *((SHAPES[0], name) for name in GOWIN_ERRORS)])
def test_gowin_block_is_proved_equal(tmp_path, shape, error):
    dut, same = (Multiplier(shape[0], shape[1], inputs=shape[2], output=shape[3]) for _ in range(2))
    text = convert(dut, "top", platform=Gowin())
    width = 9 if max(shape[:2]) <= 9 else 18
    assert len(re.findall(rf"\bMULT{width}X{width} #", text)) == 1 and " * " not in text.split("*/")[1]
    with noticed(error):
        prove(tmp_path, same, spoilt(text, GOWIN_ERRORS[error]) if error else text, gowin_model(), gowin_registers(dut))


@pytest.mark.parametrize(("together", "error"), [(True, None), (False, None), *((True, name) for name in ICE40_ERRORS)])
def test_ice40_block_is_proved_equal(tmp_path, together, error):
    text = convert(SharedPair(together), "top", platform=Ice40())
    assert len(re.findall(r"\bSB_MAC16 #", text)) == 1 and "*" not in text.split("*/")[1] and ("reg " in text) != together
    text = spoilt(text, ICE40_ERRORS[error]) if error else text
    with noticed(error):
        prove(tmp_path, SharedPair(together), text, ice40_model(), ice40_registers(together))


def test_a_mode_that_the_model_lacks_is_an_error(tmp_path):
    (tmp_path / "gate.v").write_text('module top; MULT18X18D #(.REG_OUTPUT_CLK("CLK1")) block (); endmodule\n')
    (tmp_path / "block.v").write_text(ecp5_model())
    with pytest.raises(YosysError, match="MULT18X18D_MODE_NOT_MODELLED"):
        run_yosys("read_verilog -sv gate.v block.v\nhierarchy -check -top top", tmp_path)
