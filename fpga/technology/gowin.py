"""Gowin LittleBee and Arora: multipliers in DSP blocks."""

from amaranth import C, Cat, ClockSignal, Module, Signal
from amaranth.hdl import Instance

from weft.hdl.multiplier import Multiplier

_NARROW, _WIDE = 9, 18  # bits of an operand of MULT9X9 and MULT18X18


class Gowin:
    """Platform of `weft.gen.verilog.convert`: Verilog for Yosys' ``synth_gowin`` and nextpnr-himbaechel.

    Yosys puts no flip-flop into a block, so the block is instantiated with the register of its product. One clock enable serves all
    registers of a block, and the operands' enables differ from the product's; so the operands' registers stand in front of it. Block and
    ports: Gowin UG287 (DSP user guide). nextpnr 0.11 knows no times of these blocks; `weft.fpga.flow.block_timing` does.
    """

    def get_multiplier(self, multiplier: Multiplier) -> Module:
        """One MULT9X9, or one MULT18X18 for operands of more than nine bits."""
        m = Module()
        width = _NARROW if max(multiplier.a_bits, multiplier.b_bits) <= _NARROW else _WIDE
        operands = []
        for name, value, enable in (("left", multiplier.a, multiplier.a_enable), ("right", multiplier.b, multiplier.b_enable)):
            operand = Signal.like(value, name=name, reset_less=True)
            if multiplier.inputs:
                with m.If(enable):
                    m.d.sync += operand.eq(value)
            else:
                m.d.comb += operand.eq(value)
            operands.append(Cat(operand, operand[-1].replicate(width - len(operand))))
        whole = Signal(2 * width)
        clocked = {"i_CLK": ClockSignal(), "i_CE": multiplier.p_enable} if multiplier.output else {"i_CLK": C(0, 1), "i_CE": C(0, 1)}
        m.submodules.block = Instance(
            f"MULT{width}X{width}", p_AREG=C(0, 1), p_BREG=C(0, 1), p_PIPE_REG=C(0, 1), p_ASIGN_REG=C(0, 1), p_BSIGN_REG=C(0, 1),
            p_SOA_REG=C(0, 1), p_OUT_REG=C(multiplier.output, 1), p_MULT_RESET_MODE="SYNC", i_A=operands[0], i_B=operands[1],
            i_ASIGN=C(1, 1), i_BSIGN=C(1, 1), i_ASEL=C(0, 1), i_BSEL=C(0, 1), i_SIA=C(0, width), i_SIB=C(0, width), i_RESET=C(0, 1),
            **clocked, o_DOUT=whole)
        m.d.comb += multiplier.p.eq(whole[:len(multiplier.p)].as_signed())
        return m
