"""Lattice iCE40 UltraPlus: two 8 x 8 products in one SB_MAC16."""

from amaranth import C, Cat, ClockSignal, Module, Signal
from amaranth.hdl import Instance

from weft.hdl.multiplier import MultiplierPair


class Ice40:
    """Platform of `weft.gen.verilog.convert`: Verilog for Yosys' ``synth_ice40 -dsp`` and nextpnr-ice40.

    Yosys finds a block for one product of up to 16 x 16 bits, with its registers, but never one for two products. nextpnr takes
    every port of the block for registered, so its timing is right only with the registers on both sides in use, as here.
    Block and ports: Lattice iCE Technology Library, SB_MAC16.
    """

    def get_multiplier_pair(self, pair: MultiplierPair) -> Module:
        """One SB_MAC16 in 8 x 8 mode. Both operands of an input share a register's hold: b of unequal enables is registered in front."""
        m = Module()
        b = Cat(pair.b[0], pair.b[1])
        if not pair.together:
            held = [Signal.like(pair.b[half], name=f"right_{half}", reset_less=True) for half in range(2)]
            for half in range(2):
                with m.If(pair.b_enable[half]):
                    m.d.sync += held[half].eq(pair.b[half])
            b = Cat(held)
        zeros = {f"i_{name}": C(0, 1) for name in (
            "AHOLD", "CHOLD", "DHOLD", "IRSTTOP", "IRSTBOT", "ORSTTOP", "ORSTBOT", "OLOADTOP", "OLOADBOT", "ADDSUBTOP", "ADDSUBBOT",
            "OHOLDTOP", "OHOLDBOT", "CI", "ACCUMCI", "SIGNEXTIN")}
        m.submodules.block = Instance(
            "SB_MAC16", p_MODE_8x8=C(1, 1), p_A_SIGNED=C(1, 1), p_B_SIGNED=C(1, 1), p_A_REG=C(1, 1), p_B_REG=C(pair.together, 1),
            p_TOP_8x8_MULT_REG=C(1, 1), p_BOT_8x8_MULT_REG=C(1, 1), p_TOPOUTPUT_SELECT=C(2, 2), p_BOTOUTPUT_SELECT=C(2, 2),
            i_CLK=ClockSignal(), i_CE=C(1, 1), i_A=Cat(pair.a[0], pair.a[1]), i_B=b, i_C=C(0, 16), i_D=C(0, 16),
            i_BHOLD=~pair.b_enable[0] if pair.together else C(0, 1), o_O=Cat(pair.p[0], pair.p[1]), **zeros)
        return m
