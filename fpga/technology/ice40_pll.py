"""Lattice iCE40: clocks from an SB_PLL40."""

from fractions import Fraction

from amaranth import C, Elaboratable, Module, Signal
from amaranth.hdl import Instance
from amaranth.lib import io

from weft.fpga.technology.pll import MHZ, Range, Setting

# Lattice FPGA-DS-02029 (iCE40 LP/HX data sheet) and FPGA-DS-02008 (iCE40 UltraPlus data sheet), "sysCLOCK PLL Timing"; FPGA-TN-02052
# (PLL usage guide) for the dividers.
INPUT, DETECTOR, OSCILLATOR, OUTPUT = Range(10, 133), Range(10, 133), Range(533, 1066), Range(16, 275)
# FILTER_RANGE goes with the detector's frequency: below so many MHz it is 1, 2, ...
FILTER = (17, 26, 44, 66, 101, 133)


def settings(input_hz: Fraction) -> list[Setting]:
    """All frequencies in SIMPLE mode, best jitter first: a high detector frequency, then a high oscillator frequency."""
    found = []
    for reference in range(16):
        detector = input_hz / (reference + 1)
        if input_hz not in INPUT or detector not in DETECTOR:
            continue
        filtered = 1 + sum(detector >= limit * MHZ for limit in FILTER[:-1])
        for feedback in range(127, -1, -1):
            oscillator = detector * (feedback + 1)
            if oscillator in OSCILLATOR:
                found += [Setting(oscillator / 2**output, {"DIVR": reference, "DIVF": feedback, "DIVQ": output, "FILTER_RANGE": filtered})
                          for output in range(1, 7) if oscillator / 2**output in OUTPUT]
    return found


class Ice40Pll(Elaboratable):
    """A clock as `setting` says. `i`: the clock that comes in; with `pad`, the port of its pin, the PLL's own input takes it
    instead. `o`: the clock, on a global line. `locked`: `o` has its frequency."""

    def __init__(self, setting: Setting, *, pad: io.SingleEndedPort | None = None) -> None:
        self._setting, self._pad = setting, pad
        self.i = Signal()
        self.o = Signal()
        self.locked = Signal()

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        widths = {"DIVR": 4, "DIVF": 7, "DIVQ": 3, "FILTER_RANGE": 3}
        kind, pin = ("SB_PLL40_CORE", {"i_REFERENCECLK": self.i}) if self._pad is None else ("SB_PLL40_PAD", {"i_PACKAGEPIN": self._pad.io})
        m.submodules.block = Instance(
            kind, **pin, **{f"p_{name}": C(value, widths[name]) for name, value in self._setting.dividers.items()},
            p_FEEDBACK_PATH="SIMPLE", i_RESETB=C(1, 1), i_BYPASS=C(0, 1), o_PLLOUTGLOBAL=self.o, o_LOCK=self.locked)
        return m
