"""Settings of the PLLs, compared with the calculators of Project Trellis, Project IceStorm and Project Apicula."""

import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from weft.fpga.technology import ecp5_pll, gowin_pll, ice40_pll
from weft.fpga.technology.pll import MHZ, Range, closest
from weft.gen.errors import WeftError

BIN = Path(sys.executable).parent


def best(module: object, input_mhz: float, mhz: float) -> tuple[float, dict[str, int]]:
    input_hz = Fraction(str(input_mhz)) * MHZ
    setting = closest(module.settings(input_hz), mhz, input_hz, module.OUTPUT, "test")  # type: ignore[attr-defined]
    return float(setting.hertz) / MHZ, setting.dividers


def run(*command: str) -> str:
    return subprocess.run([str(BIN / command[0]), *command[1:]], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("source", "wanted"), [(25, 90), (12, 90), (48, 90), (25, 97.3), (12, 133), (50, 33.3)])
def test_ecp5_is_as_near_as_ecppll(source: float, wanted: float) -> None:
    """ecppll takes the second output for resolution too. It goes down to 3.125 MHz at the detector, which is finer; the data sheet
    allows 10 MHz and more."""
    said = run("yowasp-ecppll", "-i", str(source), "-o", str(wanted), "--highres")
    theirs = float(re.search(r"clkout1 frequency: ([\d.]+)", said)[1])  # type: ignore[index]
    detector = source / int(re.search(r"Refclk divisor: (\d+)", said)[1])  # type: ignore[index]
    ours, _ = best(ecp5_pll, source, wanted)
    assert abs(ours - wanted) <= (abs(theirs - wanted) + 1e-3 if detector >= 10 else 0.02 * wanted)


@pytest.mark.parametrize(("source", "wanted"), [(25, 90), (12, 90), (48, 61.44), (8, 400)])
def test_ecp5_settings_are_legal(source: float, wanted: float) -> None:
    try:
        mhz, dividers = best(ecp5_pll, source, wanted)
    except WeftError:
        assert source == 8  # below the detector's range
        return
    detector = source / dividers["CLKI_DIV"]
    oscillator = detector * dividers["CLKFB_DIV"] * dividers["CLKOP_DIV"]
    assert 10 <= detector <= 400 and 400 <= oscillator <= 800
    assert mhz == pytest.approx(oscillator / dividers["CLKOS_DIV"])
    assert all(1 <= value <= 128 for value in dividers.values())


@pytest.mark.parametrize("wanted", [16, 18, 20, 24, 33, 48.5, 100, 250])
@pytest.mark.parametrize("source", [12, 16, 100])
def test_ice40_equals_icepll(source: float, wanted: float) -> None:
    said = run("yowasp-icepll", "-i", str(source), "-o", str(wanted))
    theirs = {name: int(value) for name, value in re.findall(r"^(DIVR|DIVF|DIVQ|FILTER_RANGE): +(\d+)", said, re.MULTILINE)}
    ours, dividers = best(ice40_pll, source, wanted)
    frequency = source * (theirs["DIVF"] + 1) / (theirs["DIVR"] + 1) / 2 ** theirs["DIVQ"]
    assert ours >= 16 and (frequency < 16 or abs(ours - wanted) <= abs(frequency - wanted) + 1e-6)
    if dividers["DIVR"] == theirs["DIVR"]:
        assert dividers["FILTER_RANGE"] == theirs["FILTER_RANGE"]


@pytest.mark.parametrize("device", ["GW2A-LV18PG256C8/I7", "GW1NR-LV9QN88PC6/I5"])
@pytest.mark.parametrize(("source", "wanted"), [(27, 40.5), (27, 61), (27, 108), (50, 33.3), (12, 500)])
def test_gowin_is_as_near_as_gowin_pll(device: str, source: float, wanted: float) -> None:
    """And its settings are within what that program takes for the device's limits."""
    said = run("gowin_pll", "-i", str(source), "-o", str(wanted), "-d", device)
    theirs = float(re.search(r"-> CLKOUT = ([\d.]+) MHz", said)[1])  # type: ignore[index]
    ours, dividers = best(gowin_pll, source, wanted)
    assert abs(ours - wanted) <= abs(theirs - wanted) + 1e-6
    detector = source / (dividers["IDIV_SEL"] + 1)
    assert ours == pytest.approx(detector * (dividers["FBDIV_SEL"] + 1))
    made = {"PFD": detector, "CLKOUT": ours, "VCO": ours * dividers["ODIV_SEL"]}
    limits = dict((name, (float(low), float(high))) for name, low, high in re.findall(
        r"-> (\w+) = [\d.]+ MHz \(range: ([\d.]+)-([\d.]+) MHz\)", said))
    assert set(limits) == set(made) and all(limits[name][0] <= mhz <= limits[name][1] for name, mhz in made.items())
    assert all(0 <= dividers[name] < 64 for name in ("IDIV_SEL", "FBDIV_SEL")) and dividers["ODIV_SEL"] in gowin_pll.OUTPUT_DIVIDERS


@pytest.mark.parametrize(("wanted", "fix"), [(1, "use 3.125"), (1000, "use 400")])
def test_frequency_outside_the_range(wanted: float, fix: str) -> None:
    with pytest.raises(WeftError) as caught:
        best(ecp5_pll, 25, wanted)
    assert caught.value.fix.startswith(fix)


def test_ranges_include_their_ends() -> None:
    assert Fraction(10 * MHZ) in Range(10, 20) and Fraction(20 * MHZ) in Range(10, 20) and Fraction(20 * MHZ + 1) not in Range(10, 20)
