"""Gowin LittleBee and Arora: clocks from an rPLL."""

from fractions import Fraction

from amaranth import C, Elaboratable, Module, Signal
from amaranth.hdl import Instance

from weft.fpga.technology.pll import MHZ, Range, Setting

# Gowin DS102 (GW2A data sheet, C8/I7) and DS117 (GW1NR data sheet, C6/I5), "PLL Switching Characteristics": what both allow. UG286 (clock
# user guide) for the dividers.
INPUT, DETECTOR, OSCILLATOR, OUTPUT = Range(3, 400), Range(3, 400), Range(500, 1200), Range(3.90625, 600)
DIVIDER = 64
OUTPUT_DIVIDERS = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)


def settings(input_hz: Fraction) -> list[Setting]:
    """All frequencies of the first output, which feeds back, best jitter first: a high detector frequency, then a high oscillator
    frequency."""
    found = []
    for reference in range(DIVIDER):
        detector = input_hz / (reference + 1)
        if input_hz not in INPUT or detector not in DETECTOR:
            continue
        for feedback in range(DIVIDER):
            made = detector * (feedback + 1)
            found += [Setting(made, {"IDIV_SEL": reference, "FBDIV_SEL": feedback, "ODIV_SEL": output})
                      for output in reversed(OUTPUT_DIVIDERS) if made in OUTPUT and made * output in OSCILLATOR]
    return found


class GowinPll(Elaboratable):
    """A clock as `setting` says. `i`: the clock that comes in. `o`: the clock. `locked`: `o` has its frequency."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.i = Signal()
        self.o = Signal()
        self.locked = Signal()

    def elaborate(self, platform: object) -> Module:
        del platform
        m, dividers = Module(), self._setting.dividers
        came_in = self._setting.hertz * (dividers["IDIV_SEL"] + 1) / (dividers["FBDIV_SEL"] + 1) / MHZ
        zeros = {f"i_{name}": C(0, width) for name, width in (
            ("RESET", 1), ("RESET_P", 1), ("FBDSEL", 6), ("IDSEL", 6), ("ODSEL", 6), ("PSDA", 4), ("DUTYDA", 4), ("FDLY", 4))}
        # CLKFB has no wire, because the feedback is internal: nextpnr 0.11 looks for clock dividers behind whatever drives it, and a
        # constant drives everything.
        m.submodules.block = Instance(
            "rPLL", p_FCLKIN=f"{float(came_in):g}", **{f"p_{name}": value for name, value in dividers.items()}, i_CLKIN=self.i,
            **zeros, o_CLKOUT=self.o, o_LOCK=self.locked)
        return m
