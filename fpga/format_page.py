"""`make bench`: number formats side by side; rewrites docs/formats.md and its plot. `weft formats` shows the same tables.

`--only SECTION` measures one table again and leaves the others as they are.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from math import log10
from statistics import fmean

from rich.console import Console

from weft.fpga import format_compared, format_plot, format_units
from weft.fpga.flow.family import ECP5
from weft.fpga.flow.tools import YOSYS
from weft.fpga.format_text import HEADER
from weft.fpga.formats import ENERGY, PERIOD, ROWS, Cost, costs
from weft.gen.config import Config
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.gen.formats.selection import OPERAND_PAIRS
from weft.gen.formats.tiling import WINDOW
from weft.sim import format_error, format_products, format_sums
from weft.sim.docs_page import ROOT, filled, rewrite, third_party
from weft.sim.gemm_measure import measure

TABLE, PLOT = ROOT / "docs" / "formats.md", ROOT / "docs" / "img" / "formats.svg"
CELLS = "sg13g2_stdcell_typ_1p20V_25C.lib"
Row = tuple[str, ...]
Progress = Callable[[str, int, int], None]

FACTS: Row = ("format", "bits", "block", "scale", "largest", "smallest", "fixed-point bits", "product bits", "sum of 32",
              "sum of 4096", "with scales", "MACs a cycle")
FIGURES: Row = ("element", "sum bits", "LUTs", "Booth", "small", "LUTs, of int8's", "registers", "um2", "of int8", "ns",
                "pJ a product", "products a cycle")

ERRORS: Row = ("format", "bits", "error", "dB")
PRODUCTS: Row = ("configuration", "operands", "results", "cycles", "products a cycle", "DRAM bytes", "of int8, each operand once")
EVERY: Row = ("operands", "packing", "k", "cycles", "products a cycle", "results", "DRAM bytes", "a product, of int8's")
SUMS: Row = ("format", "accumulator", "error", "shrink", "results with other bits", "results that depend on the order")
UNITS: Row = ("format", "accumulator", "LUTs", "flip-flops", "DSP blocks", "MHz", "latency", "loop")
LARGE = (256, 1024, 1024)

HEADERS = {"errors": ERRORS, "sums": SUMS, "products": PRODUCTS, "every": EVERY, "figures": FIGURES, "units": UNITS}
SECTIONS = ("errors", "sums", "products", "every", "figures", "units")  # what is measured, in this order on the page


def facts() -> list[Row]:
    """A row of `FACTS` for each operand format, paired with itself."""
    rows: list[Row] = []
    for operand in OPERANDS.values():
        both, element = OperandPair(operand, operand), operand.element
        scales = " + ".join(scale.name for scale in (operand.scale, operand.tensor_scale) if scale)
        rows.append((
            operand.name, f"{float(operand.bits_per_element):g}", str(operand.block) if operand.scale else "", scales,
            f"{float(element.largest):.6g}", f"{float(element.smallest_subnormal):.6g}", str(element.fixed_bits),
            str(both.elements.product_bits),
            str(both.elements.accumulator_bits(32)), str(both.elements.accumulator_bits(4096)),
            str(both.accumulator_bits(4096)) if operand.scale else "",
            str(format_products.peak(operand.name))))
    return rows


def data_rows(errors: Mapping[str, float]) -> list[Row]:
    """A row of `ERRORS` for each operand format that is among them."""
    return [(name, f"{float(OPERANDS[name].bits_per_element):g}", f"{error:.4f}", f"{-20 * log10(error):.1f}")
            for name, error in errors.items()]


def product_rows() -> list[Row]:
    """A row of `PRODUCTS` for each configuration of which docs/formats.md shows a large product; measured."""
    m, k, n = LARGE
    rows: list[Row] = []
    for name in ("edge16", "mxfp4"):
        found = measure(Config.load(ROOT / "configs" / f"{name}.toml"), m, k, n)
        rows.append((name, found.activations, found.result, f"{found.cycles:,}", f"{m * k * n / found.cycles:.1f}", f"{found.dram_bytes:,}",
                     f"{found.dram_bytes / (m * k + k * n + m * n):.3f}"))
    return rows


def every_rows(only: str, progress: Progress) -> list[Row]:
    """Rows of `EVERY`, measured, the last column left open; with `only` this one."""
    rows: list[Row] = []
    wanted = [pair for pair in OPERAND_PAIRS if only in ("", format_products.title(*pair))]
    for number, pair in enumerate(wanted):
        progress(f"multiplying {format_products.title(*pair)}", number, len(wanted))
        each = format_products.product(*pair)
        rows.append((each.config.name, str(each.config.array.packing), str(each.depth), f"{each.found.cycles:,}", f"{each.rate:.1f}",
                     each.found.result, f"{each.found.dram_bytes:,}", ""))
    return rows


def every_joined(kept: list[Row], new: list[Row]) -> list[Row]:
    """New rows in place of those before, in the order of the pairs, compared with that of int8."""
    found = {row[0]: row for row in (*kept, *new)}
    base = found.get("int8")
    return [(*found[name][:-1], f"{_bytes_each(found[name]) / _bytes_each(base):.3f}" if base else "")
            for pair in OPERAND_PAIRS if (name := format_products.title(*pair)) in found]


def _bytes_each(row: Row) -> float:
    """DRAM bytes for each product of a sum, of a row of `EVERY`."""
    return int(row[6].replace(",", "")) / int(row[2])


def sums_rows(found: Mapping[tuple[str, str], format_sums.Difference]) -> list[Row]:
    """A row of `SUMS` for each format and accumulator."""
    return [(name, kind, *(f"{mean:.1e}" if (mean := fmean(values)) else "0" for values in (each.errors, each.shrinks)),
             f"{each.changed / each.results:.2%}", f"{each.by_order / each.results:.2%}") for (name, kind), each in found.items()]


def unit_rows(only: str, progress: Progress) -> list[Row]:
    """A row of `UNITS` for each unit, measured; with `only` those of this format."""
    rows: list[Row] = []
    wanted = [unit for unit in format_units.UNITS if only in ("", unit[0])]
    for number, names in enumerate(wanted):
        progress(f"placing {', '.join(names)}", number, len(wanted))
        each = format_units.cost(*names)
        rows.append((*names, f"{each.luts:,}", f"{each.registers:,}", str(each.blocks), f"{each.mhz:.0f}", str(each.latency),
                     str(each.loop)))
    return rows


def units_joined(kept: list[Row], new: list[Row]) -> list[Row]:
    """New rows in place of those before."""
    found = {row[:2]: row for row in (*kept, *new)}
    return [found[names] for names in format_units.UNITS if names in found]


def figures(measured: list[Cost]) -> list[Row]:
    """A row of `FIGURES` for each element; areas in relation to int8's if that is among them."""
    int8 = next((each for each in measured if each.name == "int8"), None)
    reference = int8 and int8.area
    return [(each.name, str(each.sum_bits), *map(str, _luts(each)),
             " ".join(f"{own / its:.2f}" for own, its in zip(_luts(each), _luts(int8), strict=True)) if int8 else "", str(each.registers),
             *(("",) * 4 if each.area is None or each.delay is None or each.energy is None else (
                 f"{each.area:.0f}", f"{each.area / reference:.2f}" if reference else "", f"{each.delay:.2f}", f"{each.energy:.2f}")),
             str(ROWS * ROWS * each.packing)) for each in measured]


def _luts(each: Cost) -> tuple[int, int, int]:
    return each.luts, each.luts_booth, each.luts_small


def markdown(header: Row, rows: list[Row]) -> str:
    lines = [header, ("---", *["---:"] * (len(header) - 1)), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def committed(page: str) -> dict[str, list[Row]]:
    """The rows of each section's table on a page, by the header of the table."""
    blocks = [block.splitlines() for block in page.split("\n\n") if block.startswith("| ")]
    cells = [[tuple(cell.strip() for cell in line.strip("|").split("|")) for line in block] for block in blocks]
    tables = {block[0]: block[2:] for block in cells}
    return {name: tables.get(header, []) for name, header in HEADERS.items()}


def page(rows: Mapping[str, list[Row]]) -> str:
    """All of it from the rows of `SECTIONS`."""
    tables = {name: markdown(HEADERS[name], rows[name]) for name in SECTIONS}
    return filled(HEADER.format(
        facts=markdown(FACTS, facts()), rows=ROWS, period=PERIOD // 1000, energy=f"{ENERGY * 1000:.2g}", yosys=YOSYS.version,
        step=format_sums.STEP, nextpnr=ECP5.placer.version, seed=format_units.SEED, columns=format_units.COLUMNS,
        lines=format_units.LINES, size=" x ".join(map(str, format_products.SIZE)), deep=WINDOW.terms, missing=_missing(rows["every"]),
        **tables))


def _missing(every: list[Row]) -> str:
    """A sentence on the pairs that have no row."""
    there = {row[0] for row in every}
    names = [name for pair in OPERAND_PAIRS if (name := format_products.title(*pair)) not in there]
    return f" Not run: {', '.join(names)}." if names else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", choices=("", *SECTIONS), help="measure this table alone")
    parser.add_argument("--row", default="", help="with --only every or units: what begins with this name alone")
    given, console = parser.parse_args(), Console(highlight=False)
    library = third_party("WEFT_LIBERTY", "liberty", CELLS)
    if not library.is_file():
        console.print(f"no {library.name} in $WEFT_LIBERTY or ../shared/liberty: {TABLE.relative_to(ROOT)} is left alone")
        return 0

    def progress(step: str, done: int, total: int) -> None:
        console.print(f"{step} ({done + 1} of {total})")

    measured: dict[str, Callable[[], list[Row]]] = {
        "errors": lambda: data_rows(format_error.errors()), "sums": lambda: sums_rows(format_sums.differences()), "products": product_rows,
        "every": lambda: every_rows(given.row, progress), "figures": lambda: figures(costs(library, progress)),
        "units": lambda: unit_rows(given.row, progress)}

    def text() -> str:
        new = {name: measured[name]() for name in SECTIONS if given.only in ("", name)}
        rows = committed(TABLE.read_text())  # after the measurement: another one may have written meanwhile
        joined = {"every": every_joined, "units": units_joined}
        rows |= {name: joined[name](rows[name], own) if name in joined else own for name, own in new.items()}
        PLOT.write_text(format_plot.plot(rows["figures"], rows["errors"]))
        return page(rows) + format_compared.following(TABLE)

    return rewrite(TABLE, text, console)


if __name__ == "__main__":
    sys.exit(main())
