"""`make bench`: number formats side by side; rewrites docs/formats.md. `weft formats` shows the same tables."""

import sys
from collections.abc import Mapping
from math import log10

from rich.console import Console

from weft.fpga import format_compared
from weft.fpga.flow.tools import YOSYS
from weft.fpga.formats import PERIOD, ROWS, Cost, costs
from weft.gen.config import Config
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.sim import format_error
from weft.sim.docs_page import ROOT, rewrite, third_party
from weft.sim.gemm_measure import measure
from weft.sim.report.svg import Figure

TABLE = ROOT / "docs" / "formats.md"
CELLS = "sg13g2_stdcell_typ_1p20V_25C.lib"
Row = tuple[str, ...]

FACTS: Row = ("format", "bits", "block", "scale", "largest", "smallest", "fixed-point bits", "product bits", "sum of 32",
              "sum of 4096", "with scales")
FIGURES: Row = ("element", "sum bits", "LUTs", "LUTs, small", "registers", "um2", "of int8", "ns", "pJ a product", "products a cycle")

ERRORS: Row = ("format", "bits", "error", "dB")
PRODUCTS: Row = ("configuration", "operands", "results", "cycles", "products a cycle", "DRAM bytes", "of int8, each operand once")
LARGE = (256, 1024, 1024)

HEADER = """# Number formats

Written by `make bench`; do not edit. `weft formats` shows these tables, `weft formats --area` measures.

## What they hold

Bits are those of an element in memory, its share of the block's scale included. Largest and smallest are those of an element before
scales. Every element is an integer times the smallest; fixed-point bits hold that integer, and sums of products are exact in the widths
given (`gen/formats/pair.py` has the proof). With scales: the width of a sum of 4096 products in blocks with any scales whatever;
accumulators have a window of 64 bits instead and say when a term leaves it (`gen/formats/window.py`).

{facts}

## What they do to real data

Weights and activations of the linear layers of stories260K, a language model, in each format (int8 and what has no block scales: a
scale for each row), over the tokens of a story: root of the mean square of what that changes in a layer's results, over that of the
results in float32 with the same activations; mean over the layers. `weft formats --data` measures. `docs/stories.md` has the same layers
on the RTL.

{errors}

## A large product

256 x 1024 x 1024 on the RTL with 16 x 16 elements and 16 bytes of DRAM bandwidth a cycle, all included, every bit as the golden model
has it: on `configs/edge16.toml` as a layer of a network with results in int8, on `configs/mxfp4.toml` with results in MXFP4. `weft gemm`
measures. In int8 each operand once is 1,572,864 bytes.

{products}

## What an element costs

One processing element of the weight-stationary array (`hdl/formats/element.py`): two weights, activation, and a sum as wide as {rows} rows
need. LUTs are those of ECP5 without DSP blocks, a CCU2C counted as two: as `synth_ecp5 -nodsp` maps them, and small, that is without
multiplexers between LUTs and with Booth's multiplier where it is smaller. um2 and ns are of IHP's SG13G2 cells (typical, 1.2 V),
mapped by abc for {period} ns, the smaller of plain and Booth's multiplier, wires left out. The energy is an estimate: area times
0.28 fJ / um2, which two gate-level estimates of an int8 element gave in the same cells. bf16 sums in a window of 64 bits. Products a
cycle: an array of 16 x 16 elements with tiles that follow each other without a gap; the bench of `FormatUnit` counts them for MXFP4
with packing 4. Yosys {yosys}.

{figures}
"""


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
            str(both.accumulator_bits(4096)) if operand.scale else ""))
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


def figures(measured: list[Cost]) -> list[Row]:
    """A row of `FIGURES` for each element; areas in relation to int8's if that is among them."""
    reference = next((each.area for each in measured if each.name == "int8"), None)
    return [(each.name, str(each.sum_bits), str(each.luts), str(each.luts_small), str(each.registers),
             *(("",) * 4 if each.area is None or each.delay is None or each.energy is None else (
                 f"{each.area:.0f}", f"{each.area / reference:.2f}" if reference else "", f"{each.delay:.2f}", f"{each.energy:.2f}")),
             str(ROWS * ROWS * each.packing)) for each in measured]


def plot(measured: list[Cost], errors: Mapping[str, float]) -> str:
    """An SVG of its own: bars for LUTs and for cell area of elements, each in relation to the largest; and for errors on real data, by
    their logarithm from the least to the largest, a tenth of the width at the least."""
    left, right, step = 150, 640, 34
    figure = Figure(right + 90, step * len(measured) + 20 * len(errors) + 50, "Cost and error of number formats")
    most_luts, most_area = (max((value or 0 for value in values), default=0) for values in (
        [each.luts for each in measured], [each.area for each in measured]))
    for k, each in enumerate(measured):
        y = 20 + step * k
        figure.text(left - 8, y + 15, each.name, "name", "end")
        figure.rect(left, y, (right - left) * each.luts / most_luts, 11, "luts")
        figure.text(left + (right - left) * each.luts / most_luts + 4, y + 10, f"{each.luts} LUTs")
        if each.area:
            figure.rect(left, y + 13, (right - left) * each.area / most_area, 11, "area")
            figure.text(left + (right - left) * each.area / most_area + 4, y + 23, f"{each.area:.0f} um2")
    low, high = (log10(limit(errors.values())) for limit in (min, max)) if errors else (0.0, 1.0)
    for k, (name, error) in enumerate(errors.items()):
        y, width = 30 + step * len(measured) + 20 * k, (right - left) * (0.1 + 0.9 * (log10(error) - low) / max(high - low, 1e-9))
        figure.text(left - 8, y + 10, f"{name}, {float(OPERANDS[name].bits_per_element):g} bits", "name", "end")
        figure.rect(left, y, width, 11, "error")
        figure.text(left + width + 4, y + 10, f"error {error:.4f}")
    style = "<style>text{font:11px sans-serif}.luts{fill:#3b6ea5}.area{fill:#c27a2c}.error{fill:#7a4a8c}</style>"
    return str(figure).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(">", f">{style}", 1)


def markdown(header: Row, rows: list[Row]) -> str:
    lines = [header, ("---", *["---:"] * (len(header) - 1)), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> int:
    console = Console(highlight=False)
    library = third_party("WEFT_LIBERTY", "liberty", CELLS)
    if not library.is_file():
        console.print(f"no {library.name} in $WEFT_LIBERTY or ../shared/liberty: {TABLE.relative_to(ROOT)} is left alone")
        return 0

    def text() -> str:
        large, errors = product_rows(), format_error.errors()
        measured = costs(library, lambda step, done, total: console.print(f"{step} ({done + 1} of {total})"))
        return HEADER.format(facts=markdown(FACTS, facts()), figures=markdown(FIGURES, figures(measured)), rows=ROWS,
                             errors=markdown(ERRORS, data_rows(errors)), products=markdown(PRODUCTS, large),
                             period=PERIOD // 1000, yosys=YOSYS.version) + format_compared.following(TABLE)

    return rewrite(TABLE, text, console)


if __name__ == "__main__":
    sys.exit(main())
