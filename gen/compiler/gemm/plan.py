"""Plans a product of matrices in number formats: which part is where when."""

import dataclasses
from collections.abc import Iterator
from math import gcd

from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.formats.tiling import WINDOW

PROGRAM, WEIGHTS, ACTIVATIONS, RESULTS = range(4)  # what the windows hold
MOST = 4095  # rows and groups of an instruction
LONGEST_ROW = 65535  # lines of a LOAD


@dataclasses.dataclass(frozen=True)
class Places:
    """First scratchpad lines: elements and scales of activations, pieces of weights, two buffers of results, scales of results."""

    elements: int = 0
    scales: int = 0
    weights: int = 0
    results: int = 0
    result_scales: int = 0


@dataclasses.dataclass(frozen=True)
class Gemm:
    """activations [m, k] times weights [k, n] on a machine with number formats.

    A *pass* covers `rows` rows of the result, as many as half of the accumulators or less, and the columns of one *span*, which is what
    a row of a ROUND holds (`ResultRows`). Its sum over k comes in `chunks` of `groups` groups of weight tiles. A *band* is `passes`
    passes below each other, for which activations of all k stay on chip (`stays`), unless k is too large for that: then they come again
    chunk by chunk. Weights come in *pieces*, a chunk of one strip of the array's columns, or with more than one pass in a band all of a
    span; the next piece arrives, and the results of the last pass leave, while the array works. With `buffers` for all pieces they
    come only once.

    Build with `Gemm.plan`. Rows beyond m and columns beyond n are computed from zeros and not stored beyond whole bands and spans.
    """

    config: Config
    m: int
    k: int
    n: int
    rows: int
    passes: int
    groups: int
    stays: bool
    buffers: int = 2
    places: Places = Places()

    @classmethod
    def plan(cls, config: Config, m: int, k: int, n: int) -> "Gemm":
        """The plan that fits with the least sum of cycles of bus and array, as far as they are known beforehand.

        Raises `WeftError` for sizes below 1, a machine for int8 layers, or a scratchpad in which nothing fits."""
        if not config.array.formats:
            raise WeftError(f"configuration {config.name} multiplies no matrices", where="array.operand",
                            why="it is a machine for int8 layers", fix='give array.operand = "mxfp4", say')
        for name, value in (("m", m), ("k", k), ("n", n)):
            if value < 1:
                raise WeftError(f"{name} = {value}", where="product of matrices", why="a matrix has one row and column at least",
                                fix="use 1 or more")
        if not config.tiling.alignment and k > (most := config.tiling.part * WINDOW.terms):
            raise WeftError(f"k = {k}", where="product of matrices", fix=f"use {most} or less, and add up the results",
                            why=f"the accumulators have room for {WINDOW.terms} terms of {config.tiling.part} products")
        best = min(cls._candidates(config, m, k, n), key=lambda plan: (plan.cost, -plan.rows), default=None)
        if best:
            return best
        raise WeftError(f"a product of {m} x {k} and {k} x {n} does not fit", where="scratchpad.kib",
                        why=f"{config.scratchpad.kib} KiB hold not one row and one group of weight tiles twice",
                        fix=f"use {2 * config.scratchpad.kib}")

    @classmethod
    def _candidates(cls, config: Config, m: int, k: int, n: int) -> Iterator["Gemm"]:
        """Those that fit."""
        all_groups = -(-k // config.tiling.group_depth)
        most = min(m, config.accumulator_lines // 2 // config.results.folds, MOST)
        for rows in sorted({-(-m // -(-m // share)) for share in _halves(most)}):
            for groups in _halves(min(all_groups, MOST)):
                for stays in (True, False) if groups < all_groups else (True,):
                    for passes in _halves(-(-m // rows)) if groups == all_groups else (1,):
                        one = cls(config, m, k, n, rows, passes, groups, stays)
                        for buffers in sorted({2, one.pieces}):  # the fewer, the more banks are left
                            plan = dataclasses.replace(one, buffers=buffers)
                            if places := plan._place():
                                yield dataclasses.replace(plan, places=places)

    # -- sizes --------------------------------------------------------------------------------------------
    @property
    def chunks(self) -> int:
        return -(-self.k // (self.groups * self.config.tiling.group_depth))

    @property
    def bundle(self) -> int:
        """Spans beside each other whose elements fill whole lines, and leave together."""
        return self.config.line_bytes // gcd(self.config.results.row_bytes, self.config.line_bytes)

    @property
    def bundles(self) -> int:
        return -(-self.n // (self.config.results.width * self.bundle))

    @property
    def spans(self) -> int:
        return self.bundles * self.bundle

    @property
    def bands(self) -> int:
        return -(-self.m // self.band_rows)

    @property
    def band_rows(self) -> int:
        return self.rows * self.passes

    @property
    def pieces(self) -> int:
        return self.spans if self.passes > 1 else self.spans * self.config.results.folds * self.chunks

    @property
    def piece_lines(self) -> int:
        return self.chunk_lines * (self.config.results.folds if self.passes > 1 else 1)

    @property
    def chunk_lines(self) -> int:
        """Weights of a chunk of a strip."""
        return self.groups * self.config.tiling.group_lines

    @property
    def chunk_bytes(self) -> int:
        """Elements of a row in a chunk."""
        return self.groups * self.config.tiling.folds * self.config.tiling.vector_bytes

    @property
    def chunk_scales(self) -> int:
        """Bytes of the scales of a row in a chunk."""
        t = self.config.tiling
        return self.groups * t.segments if t.operands.activation.scale else 0

    @property
    def present(self) -> int:
        """Chunks of activations that are on chip together."""
        return self.chunks if self.stays else 1

    @property
    def element_lines(self) -> int:
        return self._lines(self.band_rows * self.present * self.chunk_bytes)

    @property
    def scale_lines(self) -> int:
        return self._lines(self.band_rows * self.present * self.chunk_scales)

    @property
    def activation_lines(self) -> int:
        """Of a band, in DRAM."""
        return self.chunks // self.present * (self.element_lines + self.scale_lines)

    @property
    def result_row_lines(self) -> int:
        """Elements of a row of a bundle."""
        return self.bundle * self.config.results.row_bytes // self.config.line_bytes

    @property
    def result_lines(self) -> int:
        """Of a buffer of results: a pass, or where several spans make a bundle, a band."""
        return (self.rows if self.bundle == 1 else self.band_rows) * self.result_row_lines

    @property
    def result_scale_bytes(self) -> int:
        """Of a whole row of the result."""
        return self.spans * self.config.results.row_scales

    @property
    def result_scale_lines(self) -> int:
        """Of a band."""
        return self._lines(self.band_rows * self.result_scale_bytes)

    def _lines(self, size: int) -> int:
        return -(-size // self.config.line_bytes)

    @property
    def operand_bytes(self) -> tuple[int, int, int]:
        """Of the windows for weights, activations and results."""
        line = self.config.line_bytes
        return (self.pieces * self.piece_lines * line, self.bands * self.activation_lines * line,
                self.bands * (self.band_rows * self.bundles * self.result_row_lines + self.result_scale_lines) * line)

    @property
    def cost(self) -> int:
        """Lines that cross the bus, the program's left out, and cycles of the array: of a tile as many as it has rows of activations, or
        as its weights take to come in."""
        t, strips = self.config.tiling, self.spans * self.config.results.folds
        weights = self.pieces * self.piece_lines * (1 if self.buffers >= self.pieces else self.bands)
        activations = self.bands * self.activation_lines * (1 if self.stays else strips)
        results = self.bands * (self.band_rows * self.bundles * self.result_row_lines + self.result_scale_lines)
        gear_rows, gear_lines = t.gear
        tile = max(self.rows, t.columns + t.rows * max(gear_rows, gear_lines) // gear_rows + 5)
        return weights + activations + results + self.bands * self.passes * strips * self.chunks * self.groups * t.folds * tile

    def _place(self) -> Places | None:
        """In banks of their own, as far as there are enough; None if there is no room."""
        config, t = self.config, self.config.tiling
        if max(self.element_lines, self.scale_lines, self.piece_lines, self.result_scale_lines) > LONGEST_ROW:
            return None
        rows = self.band_rows * self.present
        # Reads of whole lines run past what they need.
        sizes = {"elements": self._lines(rows * self.chunk_bytes + t.vector_reads * config.line_bytes - t.vector_bytes),
                 "scales": self._lines(rows * self.chunk_scales + config.line_bytes - 1) if self.chunk_scales else 0,
                 "weights": self.buffers * self.piece_lines, "results": 2 * self.result_lines,
                 "result_scales": self.result_scale_lines}
        # Elements and scales are read in the same cycles; results leave only when nothing else is read in their bank.
        results, bank = ("results", "result_scales"), config.bank_lines
        for together, unit in ((results, bank), (("weights", *results), bank), (tuple(sizes), 1)):
            starts, free = {}, 0
            for name, size in sizes.items():
                if not (name in together and together[0] != name):
                    free = -(-free // unit) * unit
                starts[name] = free
                free += size
            if free <= config.scratchpad_lines:
                return Places(**starts)
        return None

def _halves(most: int) -> list[int]:
    """most, half of it rounded up, and so on down to 1."""
    found = [most]
    while found[-1] > 1:
        found.append(-(-found[-1] // 2))
    return found
