"""A driver of FormatUnit: feeds it the tiles of products of matrices."""

import numpy as np
from cocotb.triggers import FallingEdge

from weft.gen.formats.element import ELEMENTS
from weft.hdl.formats.aligned_unit import format_unit
from weft.hdl.formats.array import Arrangement
from weft.hdl.formats.column import ColumnEnd
from weft.hdl.formats.element import FormatElement
from weft.hdl.formats.output_array import FormatOutputElement
from weft.hdl.formats.unit import FormatUnit
from weft.verif.bench.format_draw import Gemm
from weft.verif.bench.format_tilings import Strip, Tile

LINES = 64
KINDS = {FormatElement: "_numbers", FormatOutputElement: "_numbers", ColumnEnd: "_arrangement"}  # of which an array has many: for `parts`


class Driver:
    """Feeds a FormatUnit tile by tile; with stationary weights the next tile's while the present one streams."""

    def __init__(self, dut, arrangement: Arrangement) -> None:
        self._dut, self._a = dut, arrangement
        self._latency = format_unit(arrangement, ELEMENTS["fp32"]).accumulate_latency
        self.stream_cycles = 0  # from the first vector of a strip to the last

    async def reset(self) -> None:
        for name in ("swap", "valid", "read", "first", "rst", "ends" if self._a.stays else "load"):
            getattr(self._dut, name).value = 0
        for _ in range(self._a.height):
            await FallingEdge(self._dut.clk)

    async def multiply(self, gemm: Gemm, position: int, strips: list[Strip]) -> tuple[np.ndarray, np.ndarray]:
        """Result codes (M, N), and what left the window on the way to each. Every result lies in one of the strips."""
        shape = gemm.activations.shape[0], gemm.weights.shape[1]
        results, lost = np.full(shape, -1, dtype=np.int64), np.zeros(shape, dtype=int)
        self._dut.position.value = self._dut.read_position.value = position
        for strip in strips:
            events, first, end = (self._stays if self._a.stays else self._moves)(gemm, strip)
            self.stream_cycles = end - first
            for cycle in range(end + self._latency + 1):
                idle = {"ends" if self._a.stays else "load": 0, "valid": 0, "swap": 0}
                for name, value in {**idle, **events.get(cycle, {})}.items():
                    getattr(self._dut, name).value = value
                await FallingEdge(self._dut.clk)
            await self._read(strip, results, lost)
        return results, lost

    async def _read(self, strip: Strip, results: np.ndarray, lost: np.ndarray) -> None:
        """One result every cycle."""
        dut, latency, places = self._dut, FormatUnit.READ_LATENCY, [(m, n) for m in strip.lines for n in strip.columns]
        for cycle in range(len(places) + latency - 1):
            if cycle < len(places):
                m, n = places[cycle]
                dut.read_address.value, dut.part.value = m - strip.lines.start, n - strip.columns.start
            dut.read.value = int(cycle < len(places))
            await FallingEdge(dut.clk)
            if cycle >= latency - 1:
                place = places[cycle - latency + 1]
                results[place], lost[place] = int(dut.result.value), int(dut.outside.value)

    def _moves(self, gemm: Gemm, strip: Strip) -> tuple[dict[int, dict[str, int]], int, int]:
        """What the inputs are in which cycle, the first cycle of a vector, and the one after the last; with stationary weights."""
        a, events, start, first = self._a, {}, 0, 0
        for number, tile in enumerate(tile for tiles in strip.sums for tile in tiles):
            # Rows may be loaded when the swap before has passed all elements, and the swap come when all are loaded.
            loads = start + a.height + a.columns if number else 0
            start = max(loads + a.rows, start + len(strip.lines) if number else 0)
            first = first or start
            for r in range(a.rows):
                _at(events, loads + r, load=1 << r, weights=self._row(gemm, strip, tile[r // a.height], r % a.height))
            for place, m in enumerate(strip.lines):
                _at(events, start + place, **self._vector(gemm, m, tile), valid=1, first=int(not number), address=place,
                    swap=int(not place))
            if a.operands.weight.scale:
                _at(events, start + a.latency, weight_scales=self._weight_scales(gemm, strip, tile))
        return events, first, start + len(strip.lines)

    def _stays(self, gemm: Gemm, strip: Strip) -> tuple[dict[int, dict[str, int]], int, int]:
        """The same while sums stay: block by block of positions all tiles."""
        a, events, start = self._a, {}, 0
        row = a.pair.weight.bits * a.packing * a.columns
        for top in range(0, len(strip.lines), a.height):
            block = strip.lines[top:top + a.height]
            for number, tiles in enumerate(strip.sums):
                for tile in tiles:
                    ends = int(tile is tiles[-1])
                    for r in range(a.height):
                        _at(events, start + r, swap=int(not r), ends=ends, weights=sum(
                            self._row(gemm, strip, part, r) << row * s for s, part in enumerate(tile)))
                        if r < len(block):
                            _at(events, start + r, **self._vector(gemm, block[r], tile), valid=ends, first=int(not number), address=top + r)
                        else:
                            _at(events, start + r, activations=0)
                    if a.operands.weight.scale and ends:
                        _at(events, start + a.latency, weight_scales=self._weight_scales(gemm, strip, tile))
                    start += a.height
        return events, 0, start

    def _row(self, gemm: Gemm, strip: Strip, part: range, row: int) -> int:
        """A word for each column: row `row` of a segment that multiplies `part`."""
        a, word = self._a, 0
        for lane in range(a.width * a.products):
            k, n = row * a.products + lane % a.products, lane // a.products
            if k < len(part) and n < len(strip.columns):
                word |= int(gemm.weights[part[k], strip.columns[n]]) << a.pair.weight.bits * lane
        return word

    def _vector(self, gemm: Gemm, m: int, tile: Tile) -> dict[str, int]:
        a, bits, word, scales = self._a, self._a.pair.activation.bits, 0, 0
        scale = a.operands.activation.scale
        for s, part in enumerate(tile):
            for place, k in enumerate(part):
                word |= int(gemm.activations[m, k]) << bits * (s * a.height * a.products + place)
            if scale and part:
                scales |= int(gemm.activation_scales[m, part.start // a.operands.block]) << scale.bits * s
        return {"activations": word, **({"activation_scales": scales} if scale else {})}

    def _weight_scales(self, gemm: Gemm, strip: Strip, tile: Tile) -> int:
        a, word = self._a, 0
        for s, part in enumerate(tile):
            for place, n in enumerate(strip.columns):
                if part:
                    word |= (int(gemm.weight_scales[part.start // a.operands.block, n])
                             << a.operands.weight.scale.bits * (s * a.width + place))
        return word


def _at(events: dict[int, dict[str, int]], cycle: int, **values: int) -> None:
    events.setdefault(cycle, {}).update(values)
