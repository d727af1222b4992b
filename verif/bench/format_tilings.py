"""Ways to cut a product of matrices into pieces for an array: the usual one, and any other."""

import dataclasses
import random
from collections.abc import Callable

from weft.hdl.formats.array import Arrangement

Tile = tuple[range, ...]  # of each segment the k that it multiplies


@dataclasses.dataclass(frozen=True)
class Strip:
    """Results of `lines` and `columns`. `sums`: tiles in their order; those of one sum share their blocks, and may be added up in place."""

    lines: range
    columns: range
    sums: list[list[Tile]]


def ordered(a: Arrangement, shape: tuple[int, int, int], lines: int, order: list[int]) -> list[Strip]:
    """Full tiles in the order of their numbers, each a sum of its own."""
    return _full(a, shape, lines, lambda tiles: [[tiles[number]] for number in order])


def regular(a: Arrangement, shape: tuple[int, int, int], lines: int, chance: random.Random) -> list[Strip]:
    """Full tiles, those of a sum in random order."""
    return _full(a, shape, lines, lambda tiles: _sums(a, tiles, chance))


def _full(a: Arrangement, shape: tuple[int, int, int], lines: int, sums: Callable[[list[Tile]], list[list[Tile]]]) -> list[Strip]:
    rows, depth, columns = shape
    tiles = [_tile(a, k, depth) for k in range(0, depth, a.depth)]
    return [Strip(range(top, min(top + lines, rows)), range(left, min(left + a.width, columns)), sums(tiles))
            for top in range(0, rows, lines) for left in range(0, columns, a.width)]


def anyhow(a: Arrangement, shape: tuple[int, int, int], lines: int, chance: random.Random) -> list[Strip]:
    """Lines and columns in pieces of any size and in any order; of k too, and with each of them any others in the other segments."""
    rows, depth, columns = shape
    strips = []
    for own_lines in _pieces(range(rows), lines, chance):
        for own_columns in _pieces(range(columns), a.width, chance):
            scaled = a.operands.block > 1
            parts = [range(k, min(k + a.operands.block, depth)) for k in range(0, depth, a.operands.block)] if scaled else [range(depth)]
            pieces = [piece for part in parts for piece in _pieces(part, a.height * a.products, chance)]
            chance.shuffle(pieces)
            tiles = [tuple((*pieces[n:n + a.segments], *(range(0),) * a.segments)[:a.segments]) for n in range(0, len(pieces), a.segments)]
            strips.append(Strip(own_lines, own_columns, _sums(a, tiles, chance)))
    chance.shuffle(strips)
    return strips


def _tile(a: Arrangement, start: int, depth: int) -> Tile:
    part = a.height * a.products
    return tuple(range(min(k, depth), min(k + part, depth)) for k in range(start, start + a.depth, part))


def _pieces(whole: range, most: int, chance: random.Random) -> list[range]:
    pieces, start = [], whole.start
    while start < whole.stop:
        stop = min(start + chance.randint(1, most), whole.stop)
        pieces.append(range(start, stop))
        start = stop
    return pieces


def _sums(a: Arrangement, tiles: list[Tile], chance: random.Random) -> list[list[Tile]]:
    """Random order, random numbers of tiles in a sum."""
    together: dict[tuple[int, ...], list[Tile]] = {}
    for tile in tiles:
        together.setdefault(tuple(part.start // a.operands.block for part in tile) if a.operands.block > 1 else (), []).append(tile)
    sums = []
    for group in together.values():
        chance.shuffle(group)
        start = 0
        while start < len(group):
            count = chance.choice([a.in_place, chance.randint(1, a.in_place)])
            sums.append(group[start:start + count])
            start += count
    chance.shuffle(sums)
    return sums
