"""What a processing element costs in each pair of number formats: LUTs without DSP blocks, and area and delay in standard cells."""

import dataclasses
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from weft.fpga.flow.tools import YOSYS
from weft.gen.errors import WeftError
from weft.gen.formats.pair import Pair, pair
from weft.gen.formats.selection import PAIRS
from weft.gen.formats.tiling import EXACT_LIMIT
from weft.gen.formats.window import Window
from weft.gen.verilog import convert
from weft.hdl.formats.element import FormatElement, sum_shape

ROWS = 16
PERIOD = 5000  # ps that abc aims at
# Per cycle and area, in pJ / um2: 2.66 pJ for 9,277 um2 and 3.94 for 14,611, gate-level estimates of an int8 element with two weights, with
# and without Booth recoding, in the same library.
ENERGY = 0.00028
PACKED = ((pair("int4"), 2), (pair("int4"), 4), (pair("e2m1"), 2), (pair("e2m1"), 4))

LIBRARY = re.compile(r"^\s*library\s*\(", re.MULTILINE)

_READ = "read_verilog element.v; hierarchy -top element; proc; flatten; opt; wreduce; opt; "
_BOOTH = "booth; opt; "
_ABC = ("strash", "ifraig", "scorr", "dc2", "dch -f", f"map -B 0.9 -D {PERIOD}", "topo", "buffer -c -N 16", f"upsize -D {PERIOD}",
        f"dnsize -D {PERIOD}", "stime -d")  # the last one appends to stats.txt: .., area, delay


@dataclasses.dataclass(frozen=True)
class Cost:
    """One element. `luts`: LUT4 + 2 for each CCU2C, as `synth_ecp5 -nodsp` maps it; `luts_booth`: with Booth's multiplier if that is
    smaller; `luts_small`: so and without muxes between LUTs. `area` (um2, the smaller multiplier again) and `delay` (ns) are None without
    a cell library. `booth`: whether Booth recoding gave `luts_booth`, `luts_small` and `area`."""

    pair: Pair
    packing: int
    sum_bits: int
    luts: int
    luts_booth: int
    luts_small: int
    registers: int
    booth: tuple[bool, bool, bool]
    area: float | None = None
    delay: float | None = None

    @property
    def name(self) -> str:
        return self.pair.name + (f", {self.packing} in one" if self.packing > 1 else "")

    @property
    def energy(self) -> float | None:
        """pJ a product: an estimate from the area."""
        return self.area * ENERGY / self.packing if self.area else None


def cost(each: Pair, packing: int = 1, liberty: Path | None = None) -> Cost:
    """Synthesise one element with sums for ROWS rows."""
    depth = ROWS * (2 if packing > 1 else 1)
    window = Window() if each.accumulator_bits(depth) > EXACT_LIMIT else None
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "element.v").write_text(convert(FormatElement(each, depth, packing=packing, window=window), "element"))
        # Recoding changes multipliers only: without any it is not tried.
        recodings = (False, True) if min(each.activation.significand_bits, each.weight.significand_bits) > 2 else (False,)
        found = {booth: _ecp5(folder, booth, "") for booth in recodings}
        luts, registers = found[False]
        booths, how = min((each, booth) for booth, (each, _) in found.items())
        small, how_small = min((_ecp5(folder, booth, "-nowidelut")[0], booth) for booth in recodings)
        area, delay, how_cells = None, None, False
        if liberty:
            shutil.copy(liberty, folder / "cells.lib")
            area, delay, how_cells = min((*_cells(folder, booth), booth) for booth in recodings)
    return Cost(each, packing, sum_shape(each, depth, window).width, luts, booths, small, registers, (how, how_small, how_cells), area,
                delay)


def costs(liberty: Path | None = None, progress: Callable[[str, int, int], None] = lambda step, done, total: None,
          only: Iterable[str] = ()) -> list[Cost]:
    """Of all pairs in the table and the packed ones, or those of the names `only`. Raises `WeftError` if `liberty` is no library."""
    if liberty and not LIBRARY.search(liberty.read_text(errors="replace")):
        raise WeftError(f"{liberty} is no cell library", where="--liberty", why="no line of it begins with `library (`",
                        fix="give a .lib file, unpacked")
    wanted = [(each, 1) for each in PAIRS] + list(PACKED)
    if only:
        wanted = [(each, packing) for each, packing in wanted if each.name in set(only)]
    found = []
    for number, (each, packing) in enumerate(wanted):
        progress(f"synthesising {each.name}", number, len(wanted))
        found.append(cost(each, packing, liberty))
    return found


def _ecp5(folder: Path, booth: bool, option: str) -> tuple[int, int]:
    YOSYS.run(["-q", "-p", f"{_READ}{_BOOTH if booth else ''}synth_ecp5 -nodsp -noiopad {option} -top element; "
               "tee -q -o element.stat stat -json"], folder)
    cells: dict[str, int] = json.loads((folder / "element.stat").read_text())["design"]["num_cells_by_type"]
    return cells.get("LUT4", 0) + 2 * cells.get("CCU2C", 0), cells["TRELLIS_FF"]


def _cells(folder: Path, booth: bool) -> tuple[float, float]:
    """Area in um2 and the longest path between registers in ns, wires left out."""
    (folder / "stats.txt").unlink(missing_ok=True)
    (folder / "abc.script").write_text("\n".join(_ABC) + "\n")
    YOSYS.run(["-p", f"{_READ}{_BOOTH if booth else ''}synth -top element; dfflibmap -liberty cells.lib; "
               "abc -liberty cells.lib -script abc.script; opt_clean; tee -o element.stat stat -liberty cells.lib -json"], folder)
    area = float(json.loads((folder / "element.stat").read_text())["design"]["area"])
    delays = [float(line.split()[-1]) for line in (folder / "stats.txt").read_text().splitlines() if line.strip()]
    return area, max(delays) / 1000
