"""`make formats`: what its products of matrices compared; rewrites that section of docs/formats.md."""

import dataclasses
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from weft.gen.errors import WeftError
from weft.gen.formats.operand import OPERANDS
from weft.sim.docs_page import ROOT, filled, rewrite

PAGE = ROOT / "docs" / "formats.md"
RECORDS = ROOT / "build" / "formats"  # where the bench leaves a file for each array
SIZES, DATAFLOWS = (4, 8, 16, 32), ("weight_stationary", "output_stationary")
COLUMNS = ("operands", "packing", "differences", *(f"weights stay, {size}" if dataflow == DATAFLOWS[0] else f"sums stay, {size}"
                                                   for dataflow in DATAFLOWS for size in SIZES))
HEADING = "## What was compared"
SEVERAL = 5  # results at least that are no numbers, for each reason that there may be: in each tiling of an array

TEXT = HEADING + """

Products of matrices on the RTL of `FormatUnit`, simulated by Verilator, against exact sums in Python integers that are rounded to fp32
once: {results} results on {arrays} arrays, {differences} differences. {same} of {pairs} pairs of formats gave the same bits on all of
their arrays. `make formats` measures. Arrays of 4, 8, 16 or 32 rows and columns get the same matrices, of M x K x N {shapes}. Either
weights stay in the array or sums do. Each product comes in {tilings} tilings: full tiles in random order, and lines, columns and K cut
anywhere, the pieces in any order and, with several segments, beside each other.

In every second product an eighth of the elements and scales of either operand are zeros, the smallest and the largest subnormals, the
smallest normal and the largest numbers, with either sign. As far as the formats have such, up to a quarter of the rows and of the columns
have an element that is NaN, an infinity, two of them, or a scale that is NaN, and opposite an infinity about a quarter of the others have
a 0. {numbers} results are numbers, {plus} infinity, {minus} -infinity and {nan} NaN: for elements that are NaN, for scales that are, for
infinity x 0 and for infinities of both signs in a sum. Each of these that a pair of formats can have, on each side, is the only cause of
{several} results or more that are NaN, in every tiling of every array.

Operands are such that all terms of finite ones fit the window of the accumulators, and for results that are numbers its flags must say
so: exponents of elements whose sums it could not hold, and of scales that are powers of two, are near each other, at one end of the range
or anywhere. Below: results that were compared. Where nothing stands, and in formats without a line, nothing was simulated.

{table}
"""


@dataclasses.dataclass(frozen=True)
class Record:
    """What one array has multiplied."""

    operands: tuple[str, str]
    rows: int
    columns: int
    packing: int
    dataflow: str
    shapes: tuple[tuple[int, ...], ...]
    tilings: int
    results: int
    differences: int
    kinds: dict[str, int]  # of the results: "number", "infinity", "-infinity", "NaN"
    digest: str  # of the results


def load(folder: Path) -> list[Record]:
    """Those of square arrays with one rounding to fp32 and the usual shapes: the ones that most arrays have had."""
    found = []
    for path in sorted(folder.glob("*.json")):
        known = json.loads(path.read_text())
        names, rows, columns, packing, dataflow = known["arrangement"]
        if rows == columns and known["target"] == "fp32":
            found.append(Record(tuple(names), rows, columns, packing, dataflow, tuple(map(tuple, known["shapes"])), known["tilings"],
                                known["results"], known["differences"], known["kinds"], known["digest"]))
    usual = [(each.shapes, each.tilings) for each in found]
    return [each for each in found if usual.count((each.shapes, each.tilings)) == max(map(usual.count, usual))]


def section(records: Iterable[Record]) -> str:
    """The page's. Raises `WeftError` if there is nothing to say."""
    records = list(records)
    if not records:
        raise WeftError(f"no records in {RECORDS.relative_to(ROOT)}", why="no product of matrices has been compared",
                        fix="run `make formats`")
    rows: dict[tuple[tuple[str, str], int], list[Record]] = {}
    digests: dict[tuple[str, str], set[str]] = {}
    for each in records:
        rows.setdefault((each.operands, each.packing), []).append(each)
        digests.setdefault(each.operands, set()).add(each.digest)
    lines = [COLUMNS, ("---", *["---:"] * (len(COLUMNS) - 1))]
    order = list(OPERANDS)
    for (operands, packing), own in sorted(rows.items(), key=lambda row: (
            row[0][0][0] != row[0][0][1], *map(order.index, row[0][0]), row[0][1])):
        cells = {(each.dataflow, each.rows): f"{each.results:,}" for each in own}
        lines.append((operands[0] if operands[0] == operands[1] else " x ".join(operands), str(packing),
                      str(sum(each.differences for each in own)),
                      *(cells.get((dataflow, size), "") for dataflow in DATAFLOWS for size in SIZES)))
    kinds: Counter[str] = Counter()
    for each in records:
        kinds.update(each.kinds)
    return filled(TEXT.format(
        numbers=f"{kinds['number']:,}", plus=f"{kinds['infinity']:,}", minus=f"{kinds['-infinity']:,}", nan=f"{kinds['NaN']:,}",
        several=SEVERAL,
        results=f"{sum(each.results for each in records):,}", arrays=len(records), differences=sum(each.differences for each in records),
        same=sum(len(own) == 1 for own in digests.values()), pairs=len(digests),
        shapes=", ".join(" x ".join(map(str, shape)) for shape in records[0].shapes), tilings=records[0].tilings,
        table="\n".join("| " + " | ".join(line) + " |" for line in lines)))


def kept(page: str) -> str:
    """The section as it stands on a page, "" if it does not."""
    found = re.search(rf"^{HEADING}\n.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


def following(page: Path) -> str:
    """The section as it follows the rest of a page, which `make bench` writes anew."""
    text = kept(page.read_text()) if page.is_file() else ""
    return f"\n{text}" if text else ""


def replaced(page: str, text: str) -> str:
    """The page with this section in place of the one that it has, or at its end."""
    before = kept(page)
    return page.replace(before, text) if before else f"{page}\n{text}"


def main() -> int:
    return rewrite(PAGE, lambda: replaced(PAGE.read_text(), section(load(RECORDS))), Console(highlight=False))


if __name__ == "__main__":
    sys.exit(main())
