"""The output pixels of a layer in tiles: what lies in the accumulators at once."""

import dataclasses

from weft.gen.compiler.layout import lines_for
from weft.gen.compiler.lower.context import balanced
from weft.gen.config import Config


@dataclasses.dataclass(frozen=True)
class Tile:
    """Output pixels y .. y + rows - 1, x .. x + columns - 1; x counts what is computed together (see `columns`) as one."""

    y: int
    x: int
    rows: int
    columns: int


def parts_of(alone: bool) -> int:
    """Tiles that the only band of a layer has at least: the first ones then do not wait for the last rows of the layer before, and the
    vector unit has less to finish after the last one. Of several bands that follow each other none waits."""
    return 4 if alone else 1


def tiles_of(first: int, last: int, width: int, config: Config, parts: int, *, blocks: bool = False, room: int = 0) -> list[Tile]:
    """Cut rows first .. last of `width` pixels into tiles that fit an accumulator slot, whole rows if they fit; at least so many `parts`
    if they are long enough to hide a weight tile's loading. With `blocks`, where tiles cost as if their pixels were a multiple of R, as
    many rows as cost the least. `room`: accumulator lines of a slot, if they are fewer than usual."""
    most = min(room or config.accumulator_lines // 2, max((last - first + 1) * width // parts, 2 * config.lanes))
    columns = balanced(width, most)
    rows = balanced(last - first + 1, max(1, most // columns))
    if blocks and columns == width:
        height, usual = last - first + 1, rows

        def cost(rows: int) -> tuple[int, int]:
            whole, rest = divmod(height, rows)
            return whole * lines_for(rows * width, config.lanes) + lines_for(rest * width, config.lanes), abs(rows - usual)
        rows = min(range(1, min(height, config.accumulator_lines // 2 // width) + 1), key=cost)
    return [Tile(y, x, min(rows, last + 1 - y), min(columns, width - x))
            for y in range(first, last + 1, rows) for x in range(0, width, columns)]
