"""report.html: one file, nothing loaded from anywhere."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from weft.sim.report import figures
from weft.sim.report.svg import si, size

FOLDER = Path(__file__).parent


def environment(*folders: Path) -> Environment:
    """Templates of `folders` and this one, whose ``base.html`` is the frame of every page."""
    made = Environment(loader=FileSystemLoader([*folders, FOLDER]), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                       lstrip_blocks=True)
    made.filters |= {"si": si, "bytes": size, "words": figures.words}
    return made


def render(report: dict[str, Any]) -> str:
    """The page for a report, as text."""
    drawn = {name: Markup(getattr(figures, name)(report))
             for name in ("over_time", "unit_shares", "gantt", "roofline", "memory_map")}
    return environment().get_template("page.html").render(
        report=report, figures=drawn, units=figures.UNITS, verdict=verdict(report),
        legend=[state for state in figures.STATES if any(report["units"][unit].get(state) for unit in figures.UNITS)])


def render_split(report: dict[str, Any]) -> str:
    """The page for a network of which the host computes some operators. Its parts have pages of their own."""
    return environment().get_template("split.html").render(report=report, verdict=verdict(report))


def verdict(report: dict[str, Any]) -> dict[str, Any]:
    """The sentence that matters most: are the results right?"""
    count, reference, wrong = report["inputs"], report["reference"], report["mismatches"]
    samples = f"{count} sample{'s' if count != 1 else ''}"
    if wrong["golden"] or wrong["reference"] or wrong["tensors"]:
        return {"good": False, "text": "results differ", "detail": "; ".join(wrong["details"][:3])}
    if reference["version"]:
        return {"good": True, "text": "bit-exact", "detail": f"{samples}: every output equals {reference['name']} {reference['version']}, "
                "every byte of memory equals the golden machine"}
    return {"good": True, "text": "equal to the golden machine", "detail": f"{samples}; not compared with {reference['name']}: "
            f"{reference['note']}"}
