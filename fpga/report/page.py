"""report.html of a build: one file, nothing loaded from anywhere."""

import itertools
from pathlib import Path
from typing import Any

from markupsafe import Markup

from weft.fpga.report import figures, tables
from weft.sim.report.page import environment

DEPTH = 4  # of the hierarchy shown


def render(report: dict[str, Any]) -> str:
    """The page for a report, as text."""
    whole = report["units"][0]["resources"]
    hops = tables.compact(report["path"]["hops"])
    sums = itertools.accumulate(hop["delay"] for hop in hops)
    return environment(Path(__file__).parent).get_template("fpga.html").render(
        report=report, verdicts=tables.verdicts(report), resources=[name for name in report["resources"] if whole[name]],
        parts=[unit["path"] for unit in figures.parts(report)],
        units=[{**unit, "label": tables.label(unit).strip(), "level": tables.level(unit)} for unit in tables.rows(report, DEPTH)],
        hops=[{**hop, "sum": total} for hop, total in zip(hops, sums, strict=True)],
        figures={name: Markup(getattr(figures, name)(report)) for name in ("shares", "path")})
