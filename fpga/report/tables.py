"""The report of a build in the terminal."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

DEPTH = 3  # of the hierarchy shown


def rows(report: dict[str, Any], depth: int) -> list[dict[str, Any]]:
    """Units to show: down to `depth`, without those that have less than a hundredth of every resource of the whole."""
    whole = report["units"][0]["resources"]
    return [unit for unit in report["units"] if level(unit) <= depth and any(
        count * 100 >= whole[name] for name, count in unit["resources"].items() if whole[name])]


def level(unit: dict[str, Any]) -> int:
    """0 for the whole design."""
    return unit["path"].count(".") + 1 if unit["path"] else 0


def label(unit: dict[str, Any]) -> str:
    """Name in a table that shows the hierarchy by indentation."""
    return "  " * (level(unit) - 1) + unit["path"].rpartition(".")[2] if unit["path"] else "whole design"


def compact(hops: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The path without nets that cost nothing and have no name, and with equal neighbours, such as the cells of a carry chain, as one
    step with their `count`."""
    found: list[dict[str, Any]] = []
    for hop in hops:
        if not hop["delay"] and not hop["signal"]:
            continue
        same = found and hop["kind"] == "logic" and all(found[-1][key] == hop[key] for key in ("kind", "cell", "unit", "signal"))
        if same:
            found[-1] = found[-1] | {"delay": found[-1]["delay"] + hop["delay"], "count": found[-1]["count"] + 1}
        else:
            found.append(hop | {"count": 1})
    return found


def show(report: dict[str, Any], console: Console) -> None:
    """Print utilisation by unit, the critical path, and the verdict."""
    whole = report["units"][0]["resources"]
    names = [name for name in report["resources"] if whole[name]]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("unit", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for unit in rows(report, DEPTH):
        table.add_row(escape(label(unit)), *(f"{unit['resources'][name]:,}" if unit["resources"][name] else "" for name in names),
                      style=None if unit["path"] else "bold")
    console.print(table)
    console.print()
    console.print(f"[bold]{report['board']['device']}[/] after placement: " + ", ".join(
        f"{name} {entry['used']:,} of {entry['available']:,} ({entry['used'] / entry['available']:.0%})"
        for name, entry in report["device"].items() if entry["used"]), highlight=False, soft_wrap=True)
    _show_path(report, console)
    console.print()
    for good, text in verdicts(report):
        console.print(f"[{'green' if good else 'red'}]{'✓' if good else '✗'}[/] {escape(text)}", highlight=False, soft_wrap=True)


def _show_path(report: dict[str, Any], console: Console) -> None:
    path = report["path"]
    if not path["hops"]:
        return
    console.print(f"\ncritical path, {path['logic_ns'] + path['routing_ns']:.2f} ns: {path['logic_ns']:.2f} ns in cells, "
                  f"{path['routing_ns']:.2f} ns between them", highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (("ns", "right"), ("kind", "left"), ("cell", "left"), ("unit", "left"), ("signal", "left")):
        table.add_column(name, justify=justify, no_wrap=name != "signal", overflow="fold")  # type: ignore[arg-type]
    for hop in compact(path["hops"]):
        cells = f"{hop['count']} x {hop['cell']}" if hop["count"] > 1 else hop["cell"]
        table.add_row(f"{hop['delay']:.2f}", hop["kind"], cells, escape(hop["unit"]), escape(hop["signal"]))
    console.print(table)


def verdicts(report: dict[str, Any]) -> list[tuple[bool, str]]:
    """What has to be true of a build: (it is, how it is)."""
    timing, products, collisions = report["clock"], report["products"], report["collisions"]
    blocks = sum(memory["kind"] in ("block RAM", "SPRAM") for memory in report["memories"])
    said = [(timing["met"], f"{timing['achieved_mhz']:.2f} MHz reached, {timing['mhz']:g} MHz wanted")]
    if report["device"].get("DSP"):
        said.append((products["in_dsp"] == products["array"],
                     f"{products['in_dsp']} of the array's {products['array']} products in DSP blocks"))
    clean = not collisions["memories"] and not collisions["cells"]
    said.append((clean, f"{blocks} memories in block RAM, " + (
        "none with logic for collisions" if clean else f"{', '.join(collisions['memories'])} with logic for collisions")))
    return said
