"""What a matrix unit of number formats takes on an ECP5 with exact sums, and with those of graphics processors."""

import dataclasses
import tempfile
from pathlib import Path

from weft.fpga.measure import Harness, clock, synthesise
from weft.gen.formats.alignment import ALIGNMENTS, EXACT
from weft.gen.formats.element import ELEMENTS
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.hdl.formats.aligned_unit import format_unit
from weft.hdl.formats.array import Arrangement
from weft.hdl.formats.unit import FormatUnit

ROWS, COLUMNS, LINES, SEED = 16, 2, 64, 1
UNITS = (("mxfp8_e4m3", EXACT), ("mxfp8_e4m3", "aligned25"), ("mxfp4", EXACT), ("mxfp4", "aligned35"))


@dataclasses.dataclass(frozen=True)
class UnitCost:
    """`COLUMNS` columns of `ROWS` products with their accumulators and one rounding. `latency`: cycles from a vector until its line has the
    sums; `loop`: until the next vector may add to that line."""

    format: str
    kind: str
    luts: int
    registers: int
    blocks: int
    mhz: float
    latency: int
    loop: int


def unit(name: str, kind: str) -> FormatUnit:
    """Products of a format with itself, to fp32."""
    arrangement = Arrangement(OperandPair(OPERANDS[name], OPERANDS[name]), ROWS, COLUMNS, 1, ALIGNMENTS.get(kind))
    return format_unit(arrangement, ELEMENTS["fp32"], lines=LINES)


def cost(name: str, kind: str) -> UnitCost:
    """Synthesised out of context; the clock is nextpnr's with registered pins (`weft.fpga.measure`)."""
    with tempfile.TemporaryDirectory() as place:
        folder, block = Path(place), unit(name, kind)
        cells = synthesise(block, "unit", folder)
        synthesise(Harness(unit(name, kind)), "harness", folder)
        mhz = clock("harness", SEED, folder)
    return UnitCost(name, kind, cells.get("LUT4", 0) + 2 * cells.get("CCU2C", 0), cells["TRELLIS_FF"], cells.get("MULT18X18D", 0), mhz,
                    block.accumulate_latency, block.HAZARD)
