"""What `weft formats` and docs/formats.md say, and the limits of the element in FP4."""

import json

import numpy as np
import pytest

from weft.fpga import format_compared, format_page, format_plot, formats
from weft.gen.cli import main
from weft.gen.formats.operand import OPERANDS
from weft.gen.formats.pair import pair
from weft.gen.formats.selection import PAIRS
from weft.sim import docs_page, format_error, format_products, format_sums
from weft.sim.docs_page import ROOT
from weft.sim.gemm_measure import Measured
from weft.verif.tests import third_party

LIBRARY = docs_page.third_party("WEFT_LIBERTY", "liberty", format_page.CELLS)
MADE_UP = [formats.Cost(pair("int8"), 1, 20, 400, 200, 150, 44, (True, True, True), 6000.0, 3.0),
           formats.Cost(pair("e2m1"), 4, 14, 300, 300, 200, 70, (False, False, False), 9000.0, 2.5),
           formats.Cost(pair("e2m1"), 1, 13, 76, 76, 41, 25, (False, False, False))]


def weft(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    return int(left.value.code or 0), *capsys.readouterr()


def test_command_shows_every_format(capsys):
    code, out, _ = weft(capsys, "formats")
    assert code == 0 and all(f"\n{name} " in out for name in OPERANDS)
    _, out, _ = weft(capsys, "formats", "--json")
    found = {row["format"]: row for row in json.loads(out)["formats"]}
    assert found["nvfp4"]["bits"] == "4.5" and found["mxfp4"]["sum of 32"] == "14"
    assert [found[name]["MACs a cycle"] for name in ("int8", "mxfp4", "bf16")] == ["256", "1024", "128"]
    assert "…" not in weft(capsys, "formats")[1]


def test_products_take_what_the_array_gives():
    """No row of the page has more products a cycle than the table says; those of one value a lane come close."""
    rows = format_page.committed((ROOT / "docs" / "formats.md").read_text())["every"]
    rate = {row[0]: float(row[4]) for row in rows if row[0] in OPERANDS}
    assert rate.keys() == OPERANDS.keys()
    assert all(rate[name] <= format_products.peak(name) for name in rate)
    assert all(rate[name] > 0.9 * format_products.peak(name) for name in ("int8", "e4m3", "e2m3", "mxint8", "bf16"))


def test_plot_makes_its_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(format_error, "errors", lambda: {"int8": 0.01, "mxfp4": 0.15})
    place = tmp_path / "new" / "plot.svg"
    assert weft(capsys, "formats", "--data", "--plot", str(place))[0] == 0
    assert "mxfp4, 4.25 bits" in place.read_text()


def test_products_of_some_formats(capsys, monkeypatch):
    """Each is measured once, and compared with int8's."""
    asked = []

    def measure(config, m, k, n):
        asked.append((config.array.operand, m, k, n))
        return Measured(config.array.operand, config.array.weights, config.array.result, 1 << 15, 1000 * len(asked))

    monkeypatch.setattr(format_products, "measure", measure)
    code, out, _ = weft(capsys, "formats", "--products", "--only", "int8", "--only", "bf16", "--json")
    assert code == 0 and asked == [("int8", 128, 512, 512), ("bf16", 128, 256, 512)]
    rows = json.loads(out)["products"]
    assert [(row["operands"], row["products a cycle"], row["a product, of int8's"]) for row in rows] == [
        ("int8", "1024.0", "1.000"), ("bf16", "512.0", "4.000")]


def test_rows_and_plot():
    rows = format_page.figures(MADE_UP)
    assert rows[0][7:] == ("6000", "1.00", "3.00", "1.68", "256") and rows[1][7:] == ("9000", "1.50", "2.50", "0.63", "1024")
    assert rows[2][5:] == ("0.19 0.38 0.27", "25", "", "", "", "", "256")
    text = format_plot.plot(rows, format_page.data_rows({"int8": 0.01, "mxfp4": 0.15}))
    assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg"') and "e2m1, 4 in one" in text and text.count('class="luts"') == 3
    assert text.count('class="error"') == 2 and "mxfp4, 4.25 bits" in text and 'class="format"' in text


def test_page_is_what_the_code_writes():
    """All of it but the measured figures; and these keep the limits."""
    text = (ROOT / "docs" / "formats.md").read_text()
    assert format_page.markdown(format_page.FACTS, format_page.facts()) in text
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    measured = {line[0]: dict(zip(format_page.FIGURES, line, strict=True)) for line in format_page.committed(text)["figures"]}
    assert measured.keys() >= {each.name for each in PAIRS}
    assert format_page.page(format_page.committed(text)) + format_compared.following(format_page.TABLE) == text
    large = {line[0]: dict(zip(format_page.PRODUCTS, line, strict=True)) for line in lines if len(line) == len(format_page.PRODUCTS)}
    rate = {name: float(large[name]["products a cycle"]) for name in ("edge16", "mxfp4")}
    assert rate["mxfp4"] >= 3.5 * rate["edge16"] and float(large["mxfp4"]["of int8, each operand once"]) <= 0.56
    fp4, int8 = measured["e2m1"], measured["int8"]
    assert int(fp4["LUTs"]) <= 0.2 * int(int8["LUTs"]) and float(fp4["of int8"]) <= 0.57


    sums = {(line[0], line[1]): dict(zip(format_page.SUMS, line, strict=True)) for line in lines if len(line) == len(format_page.SUMS)}
    assert sums.keys() >= {(name, kind) for name in format_sums.FORMATS for kind in format_sums.accumulators(OPERANDS[name])}
    by_order = {names: float(row["results that depend on the order"].rstrip("%")) for names, row in sums.items() if names[0] in OPERANDS}
    assert all(share == 0 for (_, kind), share in by_order.items() if kind == "exact")
    assert 0 < by_order["e4m3", "aligned25"] < by_order["e4m3", "aligned13"]


def test_rows_that_are_measured_again_take_the_place_of_others():
    kept = [("int8", "1", "512", "139,642", "240.3", "bf16", "460,896", "1.000"), ("mxfp4", "4", "512", "9", "9", "mxfp4", "9", "9.000")]
    new = [("bf16", "1", "256", "1", "1.0", "bf16", "460,896", ""), ("mxfp4", "4", "512", "72,511", "462.7", "mxfp4", "210,064", "")]
    joined = format_page.every_joined(kept, new)
    assert [(row[0], row[3], row[-1]) for row in joined] == [
        ("int8", "139,642", "1.000"), ("bf16", "1", "2.000"), ("mxfp4", "72,511", "0.456")]
    rows = {name: [] for name in format_page.SECTIONS} | {"every": joined, "errors": [("int8", "8", "0.01", "40.0")]}
    page = format_page.page(rows)
    assert format_page.committed(page) == rows and "Not run: int4," in page.replace("\n", " ")


def test_accumulators_on_a_layer():
    """Of three results one differs, by 2^-10, and depends on the order; the next layer is exact."""
    found, exact = format_sums.Difference(), np.array([[3.0, -4.0, 0.0]], np.float32)
    found.add(np.array([[3.0, -4 + 2**-10, 0.0]], np.float32), exact, exact)
    found.add(exact, exact, exact)
    assert (found.results, found.changed, found.by_order) == (6, 1, 1)
    assert found.errors == pytest.approx([2**-10 / 5, 0]) and found.shrinks == pytest.approx([2**-10 / 3 / (25 / 3) ** 0.5, 0])


@pytest.mark.integration
def test_accumulators_on_real_data_are_those_of_the_page(monkeypatch):
    third_party.model(format_error.MODEL)  # skips where there is none
    third_party.data_path(format_error.TEXT)
    monkeypatch.setattr(format_sums, "FORMATS", ("mxfp6_e2m3",))
    text = (ROOT / "docs" / "formats.md").read_text()
    rows = format_page.sums_rows(format_sums.differences())
    assert len(rows) == 4 and all("| " + " | ".join(row) + " |" in text for row in rows)


def test_errors_on_real_data_are_those_of_the_page():
    third_party.model(format_error.MODEL)  # skips where there is none
    third_party.data_path(format_error.TEXT)
    error = format_error.errors()
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in (ROOT / "docs" / "formats.md").read_text().splitlines()]
    page = {line[0]: float(line[2]) for line in lines if len(line) == len(format_page.ERRORS) and line[0] in OPERANDS}
    assert page == pytest.approx(error, rel=0.01, abs=1e-4)
    assert error["bf16"] < error["int8"] < error["mxfp8_e4m3"] < error["nvfp4"] < error["mxfp4"] < error["int2"]


@pytest.mark.integration
@pytest.mark.skipif(not LIBRARY.is_file(), reason=f"no {format_page.CELLS} in $WEFT_LIBERTY or ../shared/liberty")
def test_element_in_fp4_keeps_its_limits():
    """0.2 of the LUTs of int8's, both as the default flow maps them (docs/formats.md has the shares in others), and 0.57 of its area with
    Booth's multiplier."""
    int8, fp4 = (formats.cost(pair(name), liberty=LIBRARY) for name in ("int8", "e2m1"))
    assert int8.booth == (True, True, True), "the multiplier that is smaller"
    assert fp4.luts <= 0.2 * int8.luts
    assert fp4.area <= 0.57 * int8.area and fp4.delay < int8.delay
