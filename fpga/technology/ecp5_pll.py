"""Lattice ECP5: clocks from an EHXPLLL."""

from fractions import Fraction

from amaranth import C, Elaboratable, Module, Signal
from amaranth.hdl import Instance

from weft.fpga.technology.pll import Range, Setting

# Lattice FPGA-DS-02012 (ECP5 data sheet), table "sysCLOCK PLL Timing", and FPGA-TN-02200 (PLL usage guide) for the dividers.
INPUT, DETECTOR, OSCILLATOR, OUTPUT = Range(8, 400), Range(10, 400), Range(400, 800), Range(3.125, 400)
DIVIDER = 128


def settings(input_hz: Fraction) -> list[Setting]:
    """All frequencies of the second output while the first one feeds back at the detector's frequency, best jitter first:
    a high detector frequency, then a high oscillator frequency."""
    found = []
    for reference in range(1, DIVIDER + 1):
        detector = input_hz / reference
        if input_hz not in INPUT or detector not in DETECTOR:
            continue
        for feedback in range(DIVIDER, 0, -1):
            oscillator = detector * feedback
            if oscillator in OSCILLATOR:
                found += [Setting(oscillator / output, {"CLKI_DIV": reference, "CLKFB_DIV": 1, "CLKOP_DIV": feedback, "CLKOS_DIV": output})
                          for output in range(1, DIVIDER + 1) if oscillator / output in OUTPUT]
    return found


class Ecp5Pll(Elaboratable):
    """A clock as `setting` says. `i`: the clock that comes in. `o`: the clock. `locked`: `o` has its frequency."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.i = Signal()
        self.o = Signal()
        self.locked = Signal()

    def elaborate(self, platform: object) -> Module:
        del platform
        m, feedback, dividers = Module(), Signal(), self._setting.dividers
        # A phase of divider - 1 is no shift (usage guide). The analogue settings are those that Lattice's tools write.
        m.submodules.block = Instance(
            "EHXPLLL", **{f"p_{name}": value for name, value in dividers.items()}, p_FEEDBK_PATH="CLKOP", p_CLKOP_ENABLE="ENABLED",
            p_CLKOS_ENABLE="ENABLED", p_CLKOP_CPHASE=dividers["CLKOP_DIV"] - 1, p_CLKOS_CPHASE=dividers["CLKOS_DIV"] - 1, p_CLKOP_FPHASE=0,
            p_CLKOS_FPHASE=0, p_PLLRST_ENA="DISABLED", p_STDBY_ENABLE="DISABLED", p_DPHASE_SOURCE="DISABLED", p_INTFB_WAKE="DISABLED",
            a_ICP_CURRENT="12", a_LPF_RESISTOR="8", a_MFG_ENABLE_FILTEROPAMP="1", a_MFG_GMCREF_SEL="2",
            i_CLKI=self.i, i_CLKFB=feedback, i_RST=C(0, 1), i_STDBY=C(0, 1), i_PHASESEL0=C(0, 1), i_PHASESEL1=C(0, 1), i_PHASEDIR=C(0, 1),
            i_PHASESTEP=C(0, 1), i_PHASELOADREG=C(0, 1), i_PLLWAKESYNC=C(0, 1), i_ENCLKOP=C(0, 1), i_ENCLKOS=C(0, 1),
            o_CLKOP=feedback, o_CLKOS=self.o, o_LOCK=self.locked)
        return m
