"""The plot of `weft formats` and docs/formats.md: cost against error against bits, and bars for each."""

from collections.abc import Mapping, Sequence
from math import log10, sqrt

from weft.gen.formats.operand import OPERANDS
from weft.gen.formats.pair import Pair
from weft.sim.report.svg import Figure

Row = Sequence[str]
LEFT, RIGHT, TOP, HEIGHT = 150, 640, 40, 380
STEP, LABEL = 34, 12  # of bars; of labels that would lie on each other
STYLE = ("text{font:11px sans-serif;fill:#222}.title{font-weight:bold}.luts{fill:#3b6ea5}.area{fill:#c27a2c}.error{fill:#7a4a8c}"
         ".format{fill:#2a8c7a;fill-opacity:.55}.grid{stroke:#ddd}.paper{fill:#fff}")


def plot(elements: Sequence[Row], errors: Sequence[Row]) -> str:
    """An SVG of its own from the rows of `FIGURES` and of `ERRORS`: as far as both are there, a circle for each operand format, cell area
    of its element (without cells, LUTs) to the right, error on real data upwards, both by their logarithms, its area by the bits in
    memory; then bars for LUTs, for cell area and for errors."""
    cost = {row[0]: (int(row[2]), float(row[7]) if row[7] else None) for row in elements}
    error = {row[0]: float(row[2]) for row in errors}
    points = _points(cost, error)
    top = TOP + HEIGHT + 70 if points else 20
    figure = Figure(RIGHT + 110, top + STEP * len(cost) + 20 * len(error) + 40, "Cost, error and bits of number formats")
    figure.rect(0, 0, RIGHT + 110, top + STEP * len(cost) + 20 * len(error) + 40, "paper")
    if points:
        _scatter(figure, points, "um2 of cells" if any(area for _, area in cost.values()) else "LUTs")
    _bars(figure, top, cost, error)
    return str(figure).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(">", f"><style>{STYLE}</style>", 1)


def _points(cost: Mapping[str, tuple[int, float | None]], error: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Cost and error of the operand formats whose elements were measured."""
    found = {}
    cells = any(area for _, area in cost.values())
    for name, value in error.items():
        element = OPERANDS[name].element
        luts, area = cost.get(Pair(element, element).name, (None, None))
        if price := area if cells else luts:
            found[name] = float(price), value
    return found


def _scatter(figure: Figure, points: Mapping[str, tuple[float, float]], what: str) -> None:
    (low_x, high_x), (low_y, high_y) = ((min(values), max(values)) for values in zip(*points.values(), strict=True))

    def place(cost: float, error: float) -> tuple[float, float]:
        return (LEFT + (RIGHT - LEFT) * (log10(cost / low_x) / max(log10(high_x / low_x), 1e-9)),
                TOP + HEIGHT * (1 - log10(error / low_y) / max(log10(high_y / low_y), 1e-9)))

    figure.text(LEFT, 18, f"error on real data against {what} of an element; a circle's area is the bits of an element in memory", "title")
    for decade in range(-4, 6):
        for factor in (1, 2, 5):
            value = factor * 10.0**decade
            if low_y <= value <= high_y:
                figure.line(LEFT - 20, place(low_x, value)[1], RIGHT + 20, place(low_x, value)[1], "grid")
                figure.text(LEFT - 28, place(low_x, value)[1] + 4, f"{value:g}", anchor="end")
            if low_x <= value <= high_x:
                figure.line(place(value, low_y)[0], TOP - 10, place(value, low_y)[0], TOP + HEIGHT + 20, "grid")
                figure.text(place(value, low_y)[0], TOP + HEIGHT + 36, f"{value:g}", anchor="middle")
    labels: list[tuple[float, float]] = []
    for name, point in sorted(points.items(), key=lambda item: -item[1][1]):
        (x, y), bits = place(*point), float(OPERANDS[name].bits_per_element)
        figure.circle(x, y, 2.6 * sqrt(bits), "format", f"{name}: {bits:g} bits, error {point[1]:.4f}, {point[0]:g} {what}")
        while any(abs(x - other_x) < 100 and abs(y - other_y) < LABEL for other_x, other_y in labels):
            y += 1
        labels.append((x, y))
        figure.text(x + 12, y + 4, f"{name}, {bits:g}")


def _bars(figure: Figure, top: float, cost: Mapping[str, tuple[int, float | None]], error: Mapping[str, float]) -> None:
    """In relation to the largest; of errors by their logarithm from the least to the largest, a tenth of the width at the least."""
    most_luts, most_area = (max((value or 0 for value in values), default=0) for values in (
        [luts for luts, _ in cost.values()], [area for _, area in cost.values()]))
    for k, (name, (luts, area)) in enumerate(cost.items()):
        y = top + STEP * k
        figure.text(LEFT - 8, y + 15, name, "name", "end")
        figure.rect(LEFT, y, (RIGHT - LEFT) * luts / most_luts, 11, "luts")
        figure.text(LEFT + (RIGHT - LEFT) * luts / most_luts + 4, y + 10, f"{luts} LUTs")
        if area:
            figure.rect(LEFT, y + 13, (RIGHT - LEFT) * area / most_area, 11, "area")
            figure.text(LEFT + (RIGHT - LEFT) * area / most_area + 4, y + 23, f"{area:.0f} um2")
    low, high = (log10(limit(error.values())) for limit in (min, max)) if error else (0.0, 1.0)
    for k, (name, value) in enumerate(error.items()):
        y, width = top + 10 + STEP * len(cost) + 20 * k, (RIGHT - LEFT) * (0.1 + 0.9 * (log10(value) - low) / max(high - low, 1e-9))
        figure.text(LEFT - 8, y + 10, f"{name}, {float(OPERANDS[name].bits_per_element):g} bits", "name", "end")
        figure.rect(LEFT, y, width, 11, "error")
        figure.text(LEFT + width + 4, y + 10, f"error {value:.4f}")
