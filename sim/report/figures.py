"""The report's figures, each from the report dictionary."""

from math import log2
from typing import Any

from weft.gen.isa import State, Unit
from weft.sim.report.svg import Figure, si, ticks

Report = dict[str, Any]

WIDTH, LEFT, RIGHT = 1080, 76, 12  # all figures over time share one horizontal scale
STATES = [state.name.lower() for state in (State.RUN, State.SETUP, State.STALL_WEIGHTS, State.STALL_MEMORY, State.STALL_BUS,
                                           State.WAIT_LOAD, State.WAIT_MATRIX, State.WAIT_VECTOR, State.WAIT_STORE, State.IDLE)]
UNITS = [unit.name.lower() for unit in Unit]
LAYER_COLOURS = 8


def words(state: str) -> str:
    """`stall_bus` as a person says it."""
    return state.replace("_", " ").replace("wait ", "waits for ").replace("stall ", "stalled by ")


class _Time:
    """Horizontal scale in cycles."""

    def __init__(self, cycles: int) -> None:
        self.cycles = cycles

    def __call__(self, cycle: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(cycle, self.cycles) / self.cycles

    def axis(self, figure: Figure, top: float, bottom: float) -> None:
        """Grid and numbers of cycles."""
        for tick in ticks(self.cycles):
            figure.line(self(tick), top, self(tick), bottom, "grid")
            figure.text(self(tick), bottom + 14, si(tick), "axis", "middle")
        figure.text(WIDTH - RIGHT, bottom + 28, "cycles", "axis", "end")


def over_time(report: Report) -> str:
    """Layers, utilisation of the array, and what each unit does, one below the other on one scale of time."""
    timeline = report["timeline"]
    time, step = _Time(timeline["cycles"]), timeline["step"]
    count = -(-timeline["cycles"] // step)
    borders = [time(index * step) for index in range(count + 1)]
    layer_top, use_top, use_height, strip, gap = 4, 34, 120, 34, 8
    units_top = use_top + use_height + 16
    bottom = units_top + len(UNITS) * (strip + gap)
    figure = Figure(WIDTH, bottom + 34, "utilisation of the array and activity of every unit over time")
    time.axis(figure, use_top, bottom)
    _layer_bar(figure, report, time, layer_top)
    for percent in (0, 50, 100):
        y = use_top + use_height * (1 - percent / 100)
        figure.line(LEFT, y, WIDTH - RIGHT, y, "grid")
        figure.text(LEFT - 8, y + 4, f"{percent} %", "axis", "end")
    lengths = [min(step, timeline["cycles"] - index * step) for index in range(count)]
    busy = timeline["units"]["matrix"].get("run", [0] * count)
    heights = [use_top + use_height * (1 - value / length) for value, length in zip(busy, lengths, strict=True)]
    figure.steps(borders, [use_top + use_height] * count, heights, "s-run")
    for row, unit in enumerate(UNITS):
        top = units_top + row * (strip + gap)
        figure.text(LEFT - 8, top + strip / 2 + 4, unit, "name", "end")
        _strip(figure, timeline["units"][unit], lengths, borders, top, strip)
    for index in range(count):
        share = busy[index] / lengths[index]
        text = [f"cycles {index * step:,} to {index * step + lengths[index]:,}: array {share:.0%}"]
        for unit in UNITS:
            parts = {state: values[index] for state, values in timeline["units"][unit].items() if values[index]}
            text.append(f"{unit}: " + ", ".join(f"{words(state)} {value / lengths[index]:.0%}" for state, value in
                                                sorted(parts.items(), key=lambda item: -item[1])))
        figure.hover(borders[index], use_top, borders[index + 1] - borders[index], bottom - use_top, "\n".join(text))
    return str(figure)


def _layer_bar(figure: Figure, report: Report, time: _Time, top: float) -> None:
    """Which layer ends when; names where there is room."""
    figure.text(LEFT - 8, top + 14, "layer", "name", "end")
    begin = 0
    for index, layer in enumerate(report["layers"]):
        left, right = time(begin), time(layer["end"])
        title = f"{index + 1}: {layer['name']} ({layer['op']})\n{layer['cycles']:,} cycles, {layer['utilization']:.1%} of the array"
        figure.rect(left, top, right - left - 0.6, 20, f"c{index % LAYER_COLOURS}", title, 2)
        if right - left > 16:
            figure.text((left + right) / 2, top + 14, f"{index + 1}", "onfill", "middle")
        begin = layer["end"]


def _strip(figure: Figure, states: dict[str, list[int]], lengths: list[int], borders: list[float], top: float, height: float) -> None:
    """Shares of the states in each step of time, stacked."""
    below = [0] * len(lengths)
    for state in STATES:
        if state in states:
            above = [low + value for low, value in zip(below, states[state], strict=True)]
            figure.steps(borders, [top + height * (1 - low / length) for low, length in zip(below, lengths, strict=True)],
                         [top + height * (1 - high / length) for high, length in zip(above, lengths, strict=True)], f"s-{state}")
            below = above


def unit_shares(report: Report) -> str:
    """One bar a unit: where its cycles went."""
    height, gap = 26, 12
    figure = Figure(WIDTH, len(UNITS) * (height + gap), "share of cycles that each unit spent in each state")
    for row, unit in enumerate(UNITS):
        states, top = report["units"][unit], row * (height + gap)
        total = sum(states.values()) or 1
        figure.text(LEFT - 8, top + height / 2 + 4, unit, "name", "end")
        left = float(LEFT)
        for state in STATES:
            width = (WIDTH - LEFT - RIGHT) * states.get(state, 0) / total
            if width:
                title = f"{unit} {words(state)}: {states[state]:,} cycles, {states[state] / total:.1%}"
                figure.rect(left, top, width, height, f"s-{state}", title)
            if width > 44:
                figure.text(left + width / 2, top + height / 2 + 4, f"{states[state] / total:.0%}", f"on-{state}", "middle")
            left += width
    return str(figure)


def gantt(report: Report) -> str:
    """When each unit works for each layer: the overlap that decoupling buys."""
    time, row, lane = _Time(report["timeline"]["cycles"]), 19, 4
    layers = report["layers"]
    bottom = 4 + row * len(layers)
    figure = Figure(WIDTH, bottom + 34, "when each unit works for each layer")
    time.axis(figure, 0, bottom)
    for index, layer in enumerate(layers):
        top = 4 + index * row
        figure.text(LEFT - 8, top + 13, f"{index + 1} {layer['op']}"[:12], "axis", "end")
        for order, unit in enumerate(UNITS):
            for first, last in layer["active"].get(unit, []):
                figure.rect(time(first), top + 1 + order * lane, time(last) - time(first), lane - 0.6, f"u-{unit}",
                            f"{layer['name']}: {unit} unit, cycles {first:,} to {last:,}")
    return str(figure)


def roofline(report: Report) -> str:
    """MACs a cycle against MACs a byte of DRAM traffic, with the roofs of the array and of the bus to DRAM. Nothing for a network
    that multiplies nothing."""
    if not report["macs"]:
        return ""
    width, height, left, top, bottom = 620, 340, 56, 12, 40
    peak, bandwidth = report["macs_per_cycle"], report["dram_bandwidth"]
    points = []
    for index, layer in enumerate(report["layers"]):
        moved = layer["bytes"]["dram_read"] + layer["bytes"]["dram_write"]
        if layer["macs"] and layer["cycles"]:
            points.append((layer["macs"] / max(moved, 1), layer["macs"] / layer["cycles"], layer["cycles"], index,
                           f"{index + 1}: {layer['name']}"))
    total = sum(report["dram_bytes"].values())
    whole = (report["macs"] / max(total, 1), report["macs"] / report["cycles_per_inference"])
    knee = peak / bandwidth
    xs, ys = [log2(max(p[0], 2 ** -6)) for p in points] + [log2(knee), log2(whole[0])], [log2(p[1]) for p in points] + [log2(peak)]
    x_low, x_high = int(min(xs)) - 1, int(max(xs)) + 2
    y_low, y_high = min(int(min(ys)), int(log2(whole[1]))) - 1, log2(peak) + 0.6
    figure = Figure(width, height, "roofline: MACs a cycle against MACs a byte")

    def x_of(value: float) -> float:
        return left + (width - left - 12) * (log2(max(value, 2 ** -6)) - x_low) / (x_high - x_low)

    def y_of(value: float) -> float:
        return height - bottom - (height - top - bottom) * (log2(value) - y_low) / (y_high - y_low)
    for power in range(x_low, x_high + 1, max(1, (x_high - x_low) // 8)):
        figure.line(x_of(2.0 ** power), top, x_of(2.0 ** power), height - bottom, "grid")
        figure.text(x_of(2.0 ** power), height - bottom + 14, f"{2.0 ** power:g}" if power < 10 else si(2 ** power), "axis", "middle")
    for power in range(y_low, int(y_high) + 1, max(1, (int(y_high) - y_low) // 6)):
        figure.line(left, y_of(2.0 ** power), width - 12, y_of(2.0 ** power), "grid")
        figure.text(left - 6, y_of(2.0 ** power) + 4, f"{2.0 ** power:g}", "axis", "end")
    first = max(2.0 ** x_low, 2.0 ** y_low / bandwidth)
    figure.path([(x_of(first), y_of(first * bandwidth)), (x_of(knee), y_of(peak)), (x_of(2.0 ** x_high), y_of(peak))], "roof")
    figure.text(width - 14, y_of(peak) - 6, f"{peak} MACs a cycle", "axis", "end")
    largest = max((point[2] for point in points), default=1)
    for intensity, speed, cycles, index, name in points:
        figure.circle(x_of(intensity), y_of(speed), 3 + 9 * (cycles / largest) ** 0.5, f"c{index % LAYER_COLOURS} dot",
                      f"{name}\n{speed:.1f} MACs a cycle, {intensity:.3g} MACs a byte, {cycles:,} cycles")
    figure.circle(x_of(whole[0]), y_of(whole[1]), 6, "whole", f"whole network\n{whole[1]:.1f} MACs a cycle, {whole[0]:.3g} MACs a byte")
    figure.text(x_of(whole[0]) + 10, y_of(whole[1]) + 4, "network", "halo")
    figure.text(width - 12, height - 6, "MACs a byte of DRAM traffic", "axis", "end")
    figure.text(4, 10, "MACs a cycle", "axis")
    return str(figure)


def memory_map(report: Report) -> str:
    """Scratchpad lines against layers: which tensor lies where and how long."""
    memory, layers, height = report["memory_map"], report["layers"], 300
    figure = Figure(WIDTH, height + 34, "scratchpad memory over the layers")
    column = (WIDTH - LEFT - RIGHT) / max(1, len(layers))
    scale = height / memory["lines"]
    kib = memory["line_bytes"] / 1024
    for tick in ticks(memory["lines"] * kib, 6):
        figure.line(LEFT, height - tick / kib * scale, WIDTH - RIGHT, height - tick / kib * scale, "grid")
        figure.text(LEFT - 8, height - tick / kib * scale + 4, f"{tick:g} KiB", "axis", "end")
    first, lines = memory["ring"]
    figure.rect(LEFT, height - (first + lines) * scale, WIDTH - LEFT - RIGHT, lines * scale, "ring",
                f"weights and parameters, a ring\n{lines * kib:,.1f} KiB from line {first}")
    for index, buffer in enumerate(memory["buffers"]):
        left = LEFT + column * buffer["first_layer"]
        width = column * (buffer["last_layer"] - buffer["first_layer"] + 1)
        figure.rect(left + 1, height - (buffer["line"] + buffer["lines"]) * scale, width - 2, max(1.0, buffer["lines"] * scale - 0.6),
                    f"c{index % LAYER_COLOURS}", f"{buffer['tensor']}\n{buffer['lines'] * kib:,.2f} KiB from line {buffer['line']}\n"
                    f"layers {buffer['first_layer'] + 1} to {buffer['last_layer'] + 1}", 2)
    every = -(-len(layers) // 24)
    for index in range(0, len(layers), every):
        figure.text(LEFT + column * (index + 0.5), height + 16, f"{index + 1}", "axis", "middle")
    figure.text(WIDTH - RIGHT, height + 30, "layer", "axis", "end")
    return str(figure)
