"""The figures of a build's report."""

from typing import Any

from weft.sim.report.svg import Figure

Report = dict[str, Any]

WIDTH, LEFT, RIGHT = 1080, 90, 12
COLOURS = 8


def parts(report: Report) -> list[dict[str, Any]]:
    """The units that a build is made of: below the core's, if it has some; largest in LUTs first."""
    whole, *found = report["units"]
    for level in range(4):
        large = [unit for unit in found if unit["path"].count(".") == level and unit["resources"]["LUT"] * 20 >= whole["resources"]["LUT"]]
        if len(large) > 1:
            return sorted(large, key=lambda unit: -unit["resources"]["LUT"])
    return [whole]


def shares(report: Report) -> str:
    """One bar a resource: which unit takes how much of the whole."""
    whole = report["units"][0]["resources"]
    names = [name for name in report["resources"] if whole[name]]
    height, gap = 26, 10
    figure = Figure(WIDTH, len(names) * (height + gap), "share of each resource that each unit takes")
    for row, name in enumerate(names):
        top, left = row * (height + gap), float(LEFT)
        figure.text(LEFT - 8, top + height / 2 + 4, name, "name", "end")
        figure.rect(LEFT, top, WIDTH - LEFT - RIGHT, height, "s-idle", f"other: see the table; {whole[name]:,} in all")
        for index, unit in enumerate(parts(report)):
            count = unit["resources"][name]
            width = (WIDTH - LEFT - RIGHT) * count / whole[name]
            if width:
                figure.rect(left, top, width, height, f"c{index % COLOURS}", f"{unit['path']}: {count:,} {name}, {count / whole[name]:.1%}")
            if width > 60:
                figure.text(left + width / 2, top + height / 2 + 4, unit["path"].rpartition(".")[2][:int(width / 8)], "onfill", "middle")
            left += width
    return str(figure)


def path(report: Report) -> str:
    """The critical path along a scale of time."""
    hops, period = report["path"]["hops"], 1e3 / report["clock"]["mhz"]
    total = max(period, sum(hop["delay"] for hop in hops))
    scale = (WIDTH - LEFT - RIGHT) / total
    figure = Figure(WIDTH, 72, "delays along the critical path")
    left = float(LEFT)
    figure.text(LEFT - 8, 30, "path", "name", "end")
    for hop in hops:
        text = f"{hop['kind']} {hop['delay']:.2f} ns: {hop['cell']} in {hop['unit']}" + (f"\n{hop['signal']}" if hop["signal"] else "")
        if hop["delay"]:
            figure.rect(left, 12, hop["delay"] * scale, 28, "s-wait_load" if hop["kind"] == "routing" else "s-run", text)
        left += hop["delay"] * scale
    edge = LEFT + period * scale
    figure.line(edge, 4, edge, 48, "roof")
    figure.text(edge, 62, f"{period:.2f} ns wanted", "axis", "end")
    figure.text(LEFT, 62, "0", "axis")
    return str(figure)
