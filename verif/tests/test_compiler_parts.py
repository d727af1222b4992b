"""Pieces of the compiler against expectations written by hand."""

import numpy as np
import pytest

from weft.gen.compiler.constants import Field, parameter_sets, split_weights, weight_tiles
from weft.gen.compiler.dependences import DependenceTracker, Region
from weft.gen.compiler.layout import Halo, Layout
from weft.gen.compiler.lower.pooling import Span, division, spans
from weft.gen.compiler.memory import Buffer, ConstantRing, place
from weft.gen.compiler.planning.apart import move_apart
from weft.gen.compiler.planning.readings import Reading, waits
from weft.gen.errors import WeftError
from weft.gen.graph import Scale, Tensor
from weft.gen.isa import Destination, Rounding, Source, Unit


class TestDependences:
    def test_reader_waits_for_writer_of_another_unit(self) -> None:
        tracker = DependenceTracker()
        assert tracker.add(Unit.LOAD, 0, [], [Region("scratchpad", 0, 8)]) == []
        assert tracker.add(Unit.MATRIX, 1, [Region("scratchpad", 7, 4)], []) == [0]

    def test_disjoint_lines_and_spaces_do_not_wait(self) -> None:
        tracker = DependenceTracker()
        tracker.add(Unit.LOAD, 0, [], [Region("scratchpad", 0, 8)])
        assert tracker.add(Unit.MATRIX, 1, [Region("scratchpad", 8, 4), Region("accumulator", 0, 4)], []) == []

    def test_same_unit_is_ordered_by_hardware(self) -> None:
        tracker = DependenceTracker()
        tracker.add(Unit.VECTOR, 0, [], [Region("scratchpad", 0, 8)])
        assert tracker.add(Unit.VECTOR, 1, [Region("scratchpad", 0, 8)], [Region("scratchpad", 0, 8)]) == []

    def test_writer_waits_for_reader(self) -> None:
        tracker = DependenceTracker()
        tracker.add(Unit.MATRIX, 0, [Region("scratchpad", 0, 8)], [])
        assert tracker.add(Unit.LOAD, 1, [], [Region("scratchpad", 3, 1)]) == [0]

    def test_wait_is_not_repeated_and_covers_earlier_instructions(self) -> None:
        tracker = DependenceTracker()
        tracker.add(Unit.LOAD, 0, [], [Region("scratchpad", 0, 8)])
        tracker.add(Unit.LOAD, 1, [], [Region("scratchpad", 8, 8)])
        assert tracker.add(Unit.MATRIX, 2, [Region("scratchpad", 8, 8)], []) == [1]
        assert tracker.add(Unit.MATRIX, 3, [Region("scratchpad", 0, 8)], []) == []

    def test_wait_that_another_wait_implies_is_dropped(self) -> None:
        tracker = DependenceTracker()
        tracker.add(Unit.LOAD, 0, [], [Region("scratchpad", 0, 8)])
        tracker.add(Unit.MATRIX, 1, [Region("scratchpad", 0, 8)], [Region("accumulator", 0, 1)])
        waits = tracker.add(Unit.VECTOR, 2, [Region("accumulator", 0, 1), Region("scratchpad", 0, 8)], [])
        assert waits == [1], "the matrix unit had waited for the load already"


class TestLayout:
    def test_dense_rows_follow_each_other(self) -> None:
        layout = Layout(Tensor("t", (3, 5, 3), 1.0, 0), 16, rows=3)
        assert (layout.row_bytes, layout.body_lines, layout.address(2, 1, 2)) == (15, 3, 2 * 15 + 3 + 2)

    def test_halo_rows_start_on_lines(self) -> None:
        layout = Layout(Tensor("t", (4, 5, 3), 1.0, 7), 16, Halo(1, 1, 1, 1), rows=4).at(10)
        # A row: one line that ends with the left pixel, one line with 15 bytes of pixels and one byte of slack, which does not
        # hold the three bytes of the right pixel: one line more.
        assert layout.row_lines == 3 and layout.body_lines == 6 * 3
        assert layout.address(0) % 16 == 0
        assert layout.address(0, -1) == layout.address(0) - 3
        assert layout.region(-1, 4).first >= 10
        assert layout.region(-1, 4).first + layout.region(-1, 4).count <= 10 + layout.lines


class TestMemory:
    def test_everything_side_by_side_when_it_fits(self) -> None:
        buffers = [Buffer("a", 10, 0, 1), Buffer("b", 20, 5, 6)]
        assert place(buffers, 30) == 30
        assert [buffer.line for buffer in buffers] == [0, 10]

    def test_space_is_reused_after_death(self) -> None:
        buffers = [Buffer("a", 10, 0, 1), Buffer("b", 10, 1, 2), Buffer("c", 10, 2, 3)]
        assert place(buffers, 20) == 20
        for first in buffers:
            for second in buffers:
                if first is not second and first.overlaps(second):
                    assert first.line + 10 <= second.line or second.line + 10 <= first.line

    def test_too_much_is_refused(self) -> None:
        assert place([Buffer("a", 10, 0, 1), Buffer("b", 11, 1, 2)], 20) is None

    def test_what_is_read_with_weights_moves_away_from_them(self) -> None:
        buffers = [Buffer("written", 10, 0, 1, line=0), Buffer("read", 6, 0, 2, line=10), Buffer("later", 4, 3, 3, line=12)]
        readings = {"read": [Reading(tiles=100, parts=3, enough=0)], "later": [Reading(tiles=5, parts=1, enough=0)]}
        assert waits(buffers, readings, first=12) == 100 * 2 + 5, "two of three parts lie wholly among the weights"
        move_apart(buffers, readings, height=16, first=12)
        assert waits(buffers, readings, first=12) == 0
        assert buffers[1].line + 6 <= buffers[0].line <= 16 - 10 and 0 <= buffers[2].line <= 12 - 4

    def test_a_part_that_begins_in_another_bank_may_hide_the_loading(self) -> None:
        buffer = Buffer("read", 8, 0, 0, line=8)
        found = [Reading(10, 2, enough).waits(buffer, first=14) for enough in (0.25, 0.5, 0.75)]
        assert found == [0, 10, 10], "half of the second part lies below line 14"
        assert Reading(10, 2, 1.5).waits(buffer, first=16) == 0, "nothing lies in the bank with weights"

    @pytest.mark.parametrize("seed", range(30))
    def test_buffers_that_live_together_stay_apart(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        buffers = [Buffer(str(index), int(rng.integers(1, 30)), int(start), int(start + rng.integers(0, 3)))
                   for index, start in enumerate(rng.integers(0, 12, 12))]
        height = next(limit for limit in range(20, 1000) if place(buffers, limit) is not None)
        readings = {str(index): [Reading(int(rng.integers(1, 100)), int(rng.integers(1, 5)), 0.5)]
                    for index in rng.choice(12, 6, replace=False)}
        before = waits(buffers, readings, height * 3 // 4)
        move_apart(buffers, readings, height, height * 3 // 4)
        assert waits(buffers, readings, height * 3 // 4) <= before
        assert all(0 <= buffer.line <= height - buffer.lines for buffer in buffers)
        assert all(a.line + a.lines <= b.line or b.line + b.lines <= a.line
                   for index, a in enumerate(buffers) for b in buffers[:index] if a.overlaps(b))

    @pytest.mark.parametrize("seed", range(20))
    def test_ring_never_overlaps_live_runs(self, seed: int) -> None:
        rng, ring, live, first = np.random.default_rng(seed), ConstantRing(100, 64), [], 100
        for turn in range(500):
            if turn % 50 == 49:
                first -= int(rng.integers(0, 20))
                ring.grow(first)
            size = int(rng.integers(1, 33))
            line = ring.allocate(size)
            if line is None:
                assert live, "an empty ring takes everything that fits"
                live.pop(0)
                ring.release()
                continue
            assert line >= first and line + size <= 164
            assert all(line + size <= other or other + length <= line for other, length in live)
            live.append((line, size))

    def test_ring_grows_into_what_is_free(self) -> None:
        ring = ConstantRing(100, 64)
        with pytest.raises(WeftError):
            ring.allocate(80)
        ring.grow(80)
        ring.grow(120)  # it never shrinks
        assert (ring.first, ring.lines, ring.allocate(80)) == (80, 84, 80)

    def test_ring_refuses_what_can_never_fit(self) -> None:
        with pytest.raises(WeftError, match="65 lines"):
            ConstantRing(0, 64).allocate(65)


class TestConstants:
    def test_weight_tile_holds_window_rows(self) -> None:
        weights = np.arange(2 * 3 * 3 * 3).reshape(2, 3, 3, 3).astype(np.int8)
        tiles = weight_tiles(weights, 4)
        assert tiles.shape == (1, 3, 3, 4, 4)  # 9 bytes of a window row make three chunks of four
        for output in range(2):
            for ky in range(3):
                row = tiles[0, ky, :, :, output].reshape(-1)
                assert row[:9].tolist() == weights[output, ky].reshape(-1).tolist() and not row[9:].any()

    def test_weights_beyond_int8_are_split(self) -> None:
        weights = np.array([-255, -129, -128, 0, 127, 128, 255], dtype=np.int16)
        parts = split_weights(weights)
        assert sum(part.astype(int) for part in parts).tolist() == weights.tolist()
        assert len(split_weights(np.array([-128, 127], dtype=np.int16))) == 1

    def test_parameter_planes_are_most_significant_first(self) -> None:
        scale = Scale(multiplier=np.array([0x01020304, -1]), right=np.array([33, 34]), left=np.array([1, 0]), rounding=Rounding.DOUBLE)
        sets = parameter_sets(scale, np.array([0x12345678, -2]), 2, 4)
        data = np.frombuffer(sets.data, dtype=np.uint8).reshape(10, 4)
        assert [field.planes for field in sets.fields] == [4, 4, 2] and sets.lines == 10
        assert data[:4, 0].tolist() == [0x12, 0x34, 0x56, 0x78] and data[:4, 1].tolist() == [255, 255, 255, 254]
        assert data[4:8, 0].tolist() == [1, 2, 3, 4] and data[8:10, 0].tolist() == [1, 33]

    @pytest.mark.parametrize(("low", "high", "source", "planes"), [
        (0, 0, Source.UINT8, 1), (0, 255, Source.UINT8, 1), (0, 256, Source.UINT8, 2), (-1, 127, Source.INT8, 1), (-1, 128, Source.INT8, 2),
        (-128, 0, Source.INT8, 1), (-129, 0, Source.INT8, 2), (0, (1 << 31) - 1, Source.UINT8, 4), (-(1 << 31), 0, Source.INT8, 4)])
    def test_a_parameter_has_as_many_planes_as_its_values_need(self, low: int, high: int, source: Source, planes: int) -> None:
        assert Field.of(Destination.PARAMETER_PRE, np.array([low, high])) == Field(Destination.PARAMETER_PRE, source, planes)


class TestPooling:
    @pytest.mark.parametrize("count", [2, 3, 4, 9, 25, 49, 64, 125, 1000])
    def test_division_is_exact(self, count: int) -> None:
        stage = division(count)
        sums = np.arange(-128 * count, 127 * count + 1, dtype=object)
        product = sums * stage.multiplier
        quotient = (product + (1 << (stage.right - 1)) - (product < 0)) >> stage.right
        expected = [int(np.sign(x)) * ((abs(x) + count // 2) // count) for x in sums]  # TFLite's integer formula
        assert list(quotient) == expected

    def test_spans_separate_clipped_windows(self) -> None:
        # Size 5, kernel 3, stride 2, one pixel of padding: windows 0-1, 1-3, 3-4.
        assert spans(0, 2, 3, 2, 1, 5) == [Span(0, 1, 0, 2), Span(1, 1, 1, 3), Span(2, 1, 3, 2)]

    def test_spans_join_equal_windows(self) -> None:
        assert spans(0, 3, 2, 2, 0, 8) == [Span(0, 4, 0, 2)]
