"""Places activations so that what the array reads lies away from the bank that weights come from, chain by chain."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from weft.gen.compiler.memory import Buffer, place
from weft.gen.compiler.planning.readings import Readings, waits


def move_apart(buffers: Sequence[Buffer], readings: Readings, height: int, first: int) -> None:
    """Move buffers that lie below `height` if fewer weights, which come from lines `first` and on, wait then. Lifetimes stay apart."""
    for together in _connected(buffers):
        best = [buffer.line for buffer in together]
        least = waits(together, readings, first)
        for _ in _arrangements(together, readings, height, first):
            if not least:
                break
            if (now := waits(together, readings, first)) < least:
                best, least = [buffer.line for buffer in together], now
        for buffer, line in zip(together, best, strict=True):
            buffer.line = line


def _connected(buffers: Sequence[Buffer]) -> Iterator[list[Buffer]]:
    """Buffers that are live together, directly or through others."""
    group: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda item: item.start):
        if group and buffer.start > max(other.end for other in group):
            yield group
            group = []
        group.append(buffer)
    if group:
        yield group


def _arrangements(buffers: Sequence[Buffer], readings: Readings, height: int, first: int) -> Iterator[None]:
    """Give buffers other lines, below `height`: what was highest comes lowest; what is read with most weights; the largest, but after
    more and more of those that lay among weights. Each of these upside down, too."""
    def weight(buffer: Buffer) -> int:
        return sum(reading.tiles * reading.parts for reading in readings.get(buffer.name, ()))

    def lowest(order: Callable[[Buffer], tuple[int, ...]]) -> bool:
        return place(sorted(buffers, key=order), height, order) is not None

    def upside_down() -> None:
        ends = {buffer.name: buffer.line + buffer.lines for buffer in buffers}
        lowest(lambda buffer: (-ends[buffer.name], -buffer.lines, buffer.start))  # always fits

    low = _among(buffers, readings, first)
    upside_down()
    yield
    if lowest(lambda buffer: (-weight(buffer), -buffer.lines, buffer.start)):
        yield
        upside_down()
        yield
    while lowest(partial(_after, low)):
        yield
        more = low | _among(buffers, readings, first)
        upside_down()
        yield
        if more == low:
            return
        low = more


def _after(low: set[str], buffer: Buffer) -> tuple[int, ...]:
    return buffer.name not in low, -buffer.lines, buffer.start


def _among(buffers: Sequence[Buffer], readings: Readings, first: int) -> set[str]:
    """Those that weights wait for."""
    return {buffer.name for buffer in buffers if waits([buffer], readings, first)}
