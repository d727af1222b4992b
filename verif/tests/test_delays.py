"""Static timing from SDF: paths, and what nextpnr leaves out."""

import json
from pathlib import Path

import pytest

from weft.fpga.flow.delays import SLOWEST, Delays, judge


def cell(kind: str, name: str, arcs: str = "", setups: str = "") -> str:
    """A cell with delays such as "CLK Q=20" and setup times such as "D=3"."""
    arcs = "".join(f"(IOPATH {arc} (0:0:{delay}) (0:0:{int(delay) // 2}))" for arc, delay in
                   (item.split("=") for item in arcs.split(";") if item))
    checks = "".join(f"(SETUPHOLD (posedge {port}) (posedge CLK) (1:2:{time}) (1:1:1))" for port, time in
                     (item.split("=") for item in setups.split(";") if item))
    return f'(CELL\n(CELLTYPE "{kind}")\n(INSTANCE {name})\n{arcs}{checks})\n'


def wire(driver: str, sink: str, delay: int) -> str:
    return f"(INTERCONNECT {driver} {sink} (0:0:{delay}) (0:0:{delay // 2}))\n"


# A block RAM, through a LUT that nextpnr added, to a flip-flop; and from that through a LUT with figures to another one.
FLIP_FLOP = ("CLK Q=20", "D=3;CE=4")
TEXT = "".join((
    cell("top", ""), cell("SP", "ram", "CLK DO0=2000"), cell("LUT4", "added_lut\\$"), cell("LUT4", "lut", "I0 F=300;I1 F=500"),
    cell("DFFE", "a", *FLIP_FLOP), cell("DFFE", "b", *FLIP_FLOP),
    wire("ram/DO0", "added_lut\\$/I3", 70), wire("added_lut\\$/F", "a/D", 0), wire("a/Q", "lut/I0", 40), wire("a/Q", "lut/I1", 10),
    wire("lut/F", "b/CE", 5), wire("pin/O", "lut/I2", 9999)))


def test_a_lut_without_figures_is_as_slow_as_the_slowest() -> None:
    path = Delays(TEXT).longest()
    assert path == [("clk-to-q", ("ram", "CLK"), ("ram", "DO0"), 2000), ("routing", ("ram", "DO0"), ("added_lut$", "I3"), 70),
                    ("logic", ("added_lut$", "I3"), ("added_lut$", "F"), 500), ("routing", ("added_lut$", "F"), ("a", "D"), 0),
                    ("setup", ("a", "D"), ("a", "D"), 3)]


def test_the_slower_of_two_ways_into_a_lut_counts() -> None:
    path = Delays(TEXT.replace("CLK DO0", "CLK DO9")).longest()  # nothing comes from the block RAM
    assert sum(delay for *_, delay in path) == 20 + 10 + 500 + 5 + 4 and path[-1][1] == ("b", "CE")
    path = Delays(TEXT.replace("CLK DO0", "CLK DO9").replace("a/Q lut/I0 (0:0:40)", "a/Q lut/I0 (0:0:240)")).longest()
    assert sum(delay for *_, delay in path) == 20 + 240 + 300 + 5 + 4


def test_without_any_figure_of_a_lut() -> None:
    path = Delays(TEXT.replace("I0 F", "I0 X").replace("I1 F", "I1 X")).longest()
    assert sum(delay for *_, delay in path) == 2000 + 70 + SLOWEST + 3


def test_a_product_leaves_its_block_like_a_word() -> None:
    text = TEXT + cell("MULT9X9", "product") + wire("product/DOUT3", "b/D", 800)
    path = Delays(text).longest()
    assert sum(delay for *_, delay in path) == 2000 + 800 + 3 and path[0][1:3] == (("product", "CLK"), ("product", "DOUT3"))


def test_the_report_gets_the_path_with_names_of_nets(tmp_path: Path) -> None:
    report, sdf, routed = tmp_path / "report.json", tmp_path / "delays.sdf", tmp_path / "routed.json"
    given = {"fmax": {"clk": {"achieved": 999.0, "constraint": 40.5}}, "critical_paths": [], "utilization": {"DFF": {}}}
    report.write_text(json.dumps(given))
    sdf.write_text(TEXT)
    routed.write_text(json.dumps({"modules": {"top": {"netnames": {"word[0]": {"bits": [7]}}, "cells": {
        "ram": {"connections": {"DO0": [7]}}, "added_lut$": {"connections": {"F": [8]}}}}}}))
    judge(report, sdf, routed)
    found = json.loads(report.read_text())
    assert found["fmax"] == {"clk": {"achieved": pytest.approx(1e6 / 2573), "constraint": 40.5}} and found["utilization"] == {"DFF": {}}
    (path,) = found["critical_paths"]
    assert path["from"] == path["to"] == "posedge clk"
    assert [(step["type"], step.get("net")) for step in path["path"]] == [
        ("clk-to-q", None), ("routing", "word[0]"), ("logic", None), ("routing", ""), ("setup", None)]
