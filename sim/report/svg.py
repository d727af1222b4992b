"""Small pieces of SVG. Colours come from the page's style sheet by class, so that figures follow light and dark."""

from collections.abc import Iterable, Sequence
from html import escape


class Figure:
    """An SVG of fixed coordinates that scales with the page; `label` is read to people who cannot see it."""

    def __init__(self, width: float, height: float, label: str) -> None:
        self._width, self._height, self._label = width, height, label
        self._parts: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, kind: str, title: str = "", radius: float = 0) -> None:
        """A box; `title` shows on hover."""
        rounded = f' rx="{radius:g}"' if radius else ""
        box = f'x="{x:.2f}" y="{y:.2f}" width="{max(width, 0.4):.2f}" height="{height:.2f}"'
        self._add(f'<rect {box}{rounded} class="{kind}"', "rect", title)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        self._parts.append(f'<line x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}" class="{kind}"/>')

    def circle(self, x: float, y: float, radius: float, kind: str, title: str = "") -> None:
        self._add(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:.2f}" class="{kind}"', "circle", title)

    def text(self, x: float, y: float, text: str, kind: str = "label", anchor: str = "start") -> None:
        self._parts.append(f'<text x="{x:.2f}" y="{y:.2f}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>')

    def path(self, points: Iterable[tuple[float, float]], kind: str, *, close: bool = False) -> None:
        """A polyline, or with `close` an area."""
        body = "L".join(f"{x:.2f} {y:.2f}" for x, y in points)
        self._parts.append(f'<path d="M{body}{"Z" if close else ""}" class="{kind}"/>')

    def steps(self, x: Sequence[float], low: Sequence[float], high: Sequence[float], kind: str) -> None:
        """The area between two step functions; x has one border more than there are steps."""
        upper = [point for index, y in enumerate(high) for point in ((x[index], y), (x[index + 1], y))]
        lower = [point for index, y in enumerate(low) for point in ((x[index], y), (x[index + 1], y))]
        self.path([*upper, *reversed(lower)], kind, close=True)

    def hover(self, x: float, y: float, width: float, height: float, title: str) -> None:
        """An invisible box that shows `title`."""
        self.rect(x, y, width, height, "hover", title)

    def __str__(self) -> str:
        return (f'<svg viewBox="0 0 {self._width:g} {self._height:g}" role="img" aria-label="{escape(self._label)}">'
                + "".join(self._parts) + "</svg>")

    def _add(self, opening: str, element: str, title: str) -> None:
        self._parts.append(f"{opening}><title>{escape(title)}</title></{element}>" if title else f"{opening}/>")


def ticks(limit: float, count: int = 8) -> list[float]:
    """Round numbers from 0 to `limit`, about `count` of them."""
    raw = limit / count
    power = 10 ** (len(f"{int(raw)}") - 1) if raw >= 1 else 1
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    return [step * index for index in range(int(limit / step) + 1)]


def si(value: float, digits: int = 3) -> str:
    """12.3 k, 4.56 M: short numbers for axes and headlines."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.{digits}g} {unit}"
    return f"{value:.{digits}g}" if value != int(value) else f"{int(value)}"


def size(count: float) -> str:
    """12.3 KiB, 4.56 MiB: bytes in binary units."""
    for limit, unit in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= limit:
            return f"{count / limit:.{0 if count >= 100 * limit else 1}f} {unit}"
    return f"{int(count)} B"
