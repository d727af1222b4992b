"""What `make formats` writes into docs/formats.md, and what stands there."""

import json
import re

import pytest

from weft.fpga import format_compared
from weft.fpga.format_compared import COLUMNS, DATAFLOWS, PAGE, SIZES
from weft.gen.errors import WeftError
from weft.gen.formats.selection import OPERAND_PAIRS
from weft.sim.format_products import title
from weft.verif.bench.bench_format_gemm import ALL

USUAL = {"target": "fp32", "shapes": [[1, 1, 1], [5, 33, 7]], "tilings": 2, "results": 72, "differences": 0, "digest": "d",
         "kinds": {"number": 60, "NaN": 11, "infinity": 1}}


def test_records_become_a_section(tmp_path):
    for number, change in enumerate((
            {"arrangement": [["int8", "int4"], 4, 4, 1, "weight_stationary"]},
            {"arrangement": [["mxfp4", "mxfp4"], 16, 16, 4, "output_stationary"], "differences": 3, "digest": "e"},
            {"arrangement": [["mxfp4", "mxfp4"], 8, 8, 4, "output_stationary"]},
            {"arrangement": [["int8", "int8"], 4, 4, 1, "weight_stationary"], "tilings": 12, "results": 999},
            {"arrangement": [["int8", "int8"], 4, 4, 1, "weight_stationary"], "target": "bf16"},
            {"arrangement": [["nvfp4", "nvfp4"], 32, 2, 1, "weight_stationary"]})):
        (tmp_path / f"{number}.json").write_text(json.dumps(USUAL | change))
    text = format_compared.section(format_compared.load(tmp_path))
    said = text.replace("\n", " ")
    assert "180 results are numbers, 3 infinity, 0 -infinity and 33 NaN" in said and "1 x 1 x 1, 5 x 33 x 7. " in said
    assert "216 results on 3 arrays, 3 differences" in said and "1 of 2 pairs of formats gave" in said
    assert text.index("| mxfp4 | 4 | 3 |  |  |  |  |  | 72 | 72 |  |") < text.index("| int8 x int4 | 1 | 0 | 72 |")
    page = format_compared.replaced("# Page\n\n## One\n", text)
    assert format_compared.kept(page) == text and format_compared.replaced(page + "## Two\n", "x\n") == "# Page\n\n## One\n\nx\n## Two\n"
    (tmp_path / "page.md").write_text(page)
    assert "# Page\n\n## One\n" + format_compared.following(tmp_path / "page.md") == page
    with pytest.raises(WeftError, match="no records"):
        format_compared.section([])


def test_page_has_no_difference_and_adds_up():
    text = format_compared.kept(PAGE.read_text())
    lines = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines() if line.startswith("| ")]
    assert tuple(lines[0]) == COLUMNS
    rows = [dict(zip(COLUMNS, line, strict=True)) for line in lines[2:]]
    assert rows and all(row["differences"] == "0" for row in rows)
    pairs = len({row["operands"] for row in rows})
    assert f"{pairs} of {pairs} pairs of formats gave the same bits on all of their arrays" in text.replace("\n", " ")
    wanted = {(title(*names), packing, dataflow, height) for names, height, columns, packing, dataflow in ALL if height == columns}
    assert {operands for operands, *_ in wanted} == {title(*pair) for pair in OPERAND_PAIRS}
    arrays = zip(COLUMNS[3:], ((dataflow, size) for dataflow in DATAFLOWS for size in SIZES), strict=True)
    found = {(row["operands"], int(row["packing"]), *array) for column, array in list(arrays) for row in rows if row[column]}
    assert found == wanted, "on the page and in `make formats`"
    numbers = re.search(r"([\d,]+) results are numbers, ([\d,]+) infinity, ([\d,]+) -infinity and ([\d,]+) NaN", text.replace("\n", " "))
    kinds = [int(own.replace(",", "")) for own in numbers.groups()]
    assert min(kinds) > 0
    counts = [int(row[column].replace(",", "")) for row in rows for column in COLUMNS[3:] if row[column]]
    assert sum(kinds) == sum(counts)
    assert f"{sum(counts):,} results on {len(counts)} arrays, 0 differences" in text.replace("\n", " ")
