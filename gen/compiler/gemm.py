"""A product of matrices in number formats as a program: which part is where when, and how operands lie in DRAM."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from weft.gen.compiler.builder import ProgramBuilder
from weft.gen.compiler.dependences import Region
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.formats.element import Element
from weft.gen.formats.tiling import WINDOW

PROGRAM, WEIGHTS, ACTIVATIONS, RESULTS = range(4)  # what the windows hold
MOST = 4095  # rows and groups of an instruction
LONGEST_ROW = 65535  # lines of a LOAD

Codes = NDArray[np.integer]


@dataclasses.dataclass(frozen=True)
class Places:
    """First scratchpad lines: elements and scales of activations, two buffers each of weights and of results."""

    elements: int
    scales: int
    weights: tuple[int, int]
    results: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Gemm:
    """activations [m, k] times weights [k, n] on a machine with number formats.

    A pass covers `rows` rows of the result, as many as half of the accumulators or less, and `width` columns. Its sum over k comes in
    chunks of `groups` groups of weight tiles. Activations of a chunk stay for all columns if there is one chunk; the weights of
    the next chunk arrive, and the results of the last pass leave, while the array works.

    Build with `Gemm.plan`. Rows beyond m and columns beyond n are computed from zeros and not stored beyond whole passes.
    """

    config: Config
    m: int
    k: int
    n: int
    rows: int
    groups: int
    places: Places

    @classmethod
    def plan(cls, config: Config, m: int, k: int, n: int) -> "Gemm":
        """Raises `WeftError` for sizes below 1, a machine for int8 layers, or a scratchpad in which nothing fits."""
        if not config.array.formats:
            raise WeftError(f"configuration {config.name} multiplies no matrices", where="array.operand",
                            why="it is a machine for int8 layers", fix='give array.operand = "mxfp4", say')
        for name, value in (("m", m), ("k", k), ("n", n)):
            if value < 1:
                raise WeftError(f"{name} = {value}", where="product of matrices", why="a matrix has one row and column at least",
                                fix="use 1 or more")
        if k > (most := config.tiling.part * WINDOW.terms):
            raise WeftError(f"k = {k}", where="product of matrices", fix=f"use {most} or less, and add up the results",
                            why=f"the accumulators have room for {WINDOW.terms} terms of {config.tiling.part} products")
        rows, all_groups = min(m, config.accumulator_lines // 2, MOST), -(-k // config.tiling.group_depth)
        while rows:
            groups = min(all_groups, MOST)
            while groups:
                one = cls(config, m, k, n, rows, groups, Places(0, 0, (0, 0), (0, 0)))
                if places := one._place():
                    return dataclasses.replace(one, places=places)
                groups //= 2
            rows //= 2
        raise WeftError(f"a product of {m} x {k} and {k} x {n} does not fit", where="scratchpad.kib",
                        why=f"{config.scratchpad.kib} KiB hold not one row and one group of weight tiles twice",
                        fix=f"use {2 * config.scratchpad.kib}")

    # -- sizes in lines ---------------------------------------------------------------------------------
    @property
    def chunks(self) -> int:
        return -(-self._all_groups // self.groups)

    @property
    def _all_groups(self) -> int:
        return -(-self.k // self.config.tiling.group_depth)

    @property
    def strips(self) -> int:
        return -(-self.n // self.config.tiling.width)

    @property
    def passes(self) -> int:
        return -(-self.m // self.rows)

    @property
    def row_bytes(self) -> int:
        """Elements of a row in a chunk."""
        return self.groups * self.config.tiling.folds * self.config.tiling.vector_bytes

    @property
    def scale_bytes(self) -> int:
        t = self.config.tiling
        return self.groups * t.segments if t.operands.activation.scale else 0

    @property
    def element_lines(self) -> int:
        return self._lines(self.rows * self.row_bytes)

    @property
    def scale_lines(self) -> int:
        return self._lines(self.rows * self.scale_bytes)

    @property
    def weight_lines(self) -> int:
        return self.groups * self.config.tiling.group_lines

    @property
    def result_row_lines(self) -> int:
        return self._lines(self.config.tiling.width * self.config.result.bits // 8)

    def _lines(self, size: int) -> int:
        return -(-size // self.config.line_bytes)

    @property
    def window_bytes(self) -> tuple[int, int, int, int]:
        """Of the four windows."""
        line = self.config.line_bytes
        return (len(self.program(0)) * 16, self.strips * self.chunks * self.weight_lines * line,
                self.passes * self.chunks * (self.element_lines + self.scale_lines) * line,
                self.passes * self.rows * self.strips * self.result_row_lines * line)

    def _place(self) -> Places | None:
        """In banks of their own, as far as there are enough; None if there is no room."""
        config, t = self.config, self.config.tiling
        if max(self.element_lines, self.scale_lines, self.weight_lines) > LONGEST_ROW:
            return None
        # Reads of whole lines run past what they need.
        sizes = {"elements": self._lines(self.rows * self.row_bytes + t.vector_reads * config.line_bytes - t.vector_bytes),
                 "scales": self._lines(self.rows * self.scale_bytes + config.line_bytes - 1) if self.scale_bytes else 0,
                 "weights": 2 * self.weight_lines, "results": 2 * self.rows * self.result_row_lines}
        # Elements and scales are read in the same cycles; results leave only when nothing else is read in their bank.
        for together, unit in (((), config.bank_lines), (("weights", "results"), config.bank_lines), (tuple(sizes), 1)):
            starts, free = {}, 0
            for name, size in sizes.items():
                if not (name in together and together[0] != name):
                    free = -(-free // unit) * unit
                starts[name] = free
                free += size
            if free <= config.scratchpad_lines:
                return Places(starts["elements"], starts["scales"], (starts["weights"], starts["weights"] + self.weight_lines),
                              (starts["results"], starts["results"] + self.rows * self.result_row_lines))
        return None

    # -- program ----------------------------------------------------------------------------------------
    def program(self, position: int) -> list[int]:
        """Instruction words. `position`: of the accumulators' window."""
        config, places, builder = self.config, self.places, ProgramBuilder()
        line, results = config.line_bytes, self.rows * self.result_row_lines
        builder.configure("GEMM_SHAPE", rows=self.rows, row_stride=self.row_bytes, scale_stride=self.scale_bytes, groups=self.groups,
                          position=position)
        half, number, row_lines = config.accumulator_lines // 2, 0, self.result_row_lines
        for step, (at_pass, strip) in enumerate((p, s) for p in range(self.passes) for s in range(self.strips)):
            side, accumulator = step % 2, step % 2 * half
            for chunk in range(self.chunks):
                if strip == 0 or self.chunks > 1:
                    block = (at_pass * self.chunks + chunk) * (self.element_lines + self.scale_lines)
                    self._load(builder, ACTIVATIONS, block, places.elements, self.element_lines)
                    if self.scale_lines:
                        self._load(builder, ACTIVATIONS, block + self.element_lines, places.scales, self.scale_lines)
                weights = places.weights[number % 2]
                self._load(builder, WEIGHTS, (strip * self.chunks + chunk) * self.weight_lines, weights, self.weight_lines)
                builder.run("GEMM", reads=[Region("scratchpad", places.elements, self.element_lines),
                                           Region("scratchpad", places.scales, self.scale_lines),
                                           Region("scratchpad", weights, self.weight_lines)],
                            writes=[Region("accumulator", accumulator, self.rows)], activation=places.elements * line,
                            scales=places.scales * line, weight_line=weights, accumulator=accumulator, accumulate=int(chunk > 0))
                number += 1
            place = Region("scratchpad", places.results[side], results)
            builder.run("ROUND", reads=[Region("accumulator", accumulator, self.rows)], writes=[place], accumulator=accumulator,
                        rows=self.rows, destination=place.first * line, stride=row_lines * line, position=position, flags=0)
            builder.configure("STORE_SHAPE", rows=self.rows, dram_stride=self.strips * row_lines, scratchpad_stride=row_lines)
            builder.run("STORE", reads=[place], writes=[], window=RESULTS, scratchpad_line=place.first, length=row_lines,
                        dram_line=(at_pass * self.rows * self.strips + strip) * row_lines)
        builder.halt()
        return builder.words()

    def _load(self, builder: ProgramBuilder, window: int, dram_line: int, line: int, count: int) -> None:
        builder.configure("LOAD_SHAPE", rows=1, dram_stride=0, scratchpad_stride=0, pad_before=0, pad_after=0, pad_value=0)
        builder.run("LOAD", reads=[], writes=[Region("scratchpad", line, count)], window=window, dram_line=dram_line,
                    scratchpad_line=line, length=count)

    # -- operands ---------------------------------------------------------------------------------------
    def pack_weights(self, codes: Codes, scales: Codes | None) -> bytes:
        """Bytes of window `WEIGHTS` from codes [k, n] and scales [blocks, n]."""
        t, parts = self.config.tiling, []
        depth, blocks = self.groups * t.group_depth, self.groups * t.folds * t.depth // max(1, t.operands.block)
        for strip in range(self.strips):
            columns = slice(strip * t.width, (strip + 1) * t.width)
            for chunk in range(self.chunks):
                own = _filled(codes[chunk * depth:(chunk + 1) * depth, columns], (depth, t.width))
                tiles = own.reshape(self.groups, t.folds, t.rows, t.products, t.width).transpose(0, 1, 2, 4, 3)
                data = _bits(t.pair.weight, tiles.reshape(self.groups, -1))
                if scales is not None and t.scale_lines:
                    some = _filled(scales[chunk * blocks:(chunk + 1) * blocks, columns], (blocks, t.width))
                    data = np.concatenate([some.reshape(self.groups, -1).astype(np.uint8), data], axis=1)
                parts.append(data.tobytes())
        return b"".join(parts)

    def pack_activations(self, codes: Codes, scales: Codes | None) -> bytes:
        """Bytes of window `ACTIVATIONS` from codes [m, k] and scales [m, blocks]."""
        t, parts, line = self.config.tiling, [], self.config.line_bytes
        depth, blocks = self.groups * t.group_depth, self.scale_bytes
        for at_pass, chunk in self._blocks():
            rows = slice(at_pass * self.rows, (at_pass + 1) * self.rows)
            data = _bits(t.pair.activation, _filled(codes[rows, chunk * depth:(chunk + 1) * depth], (self.rows, depth))).tobytes()
            parts.append(data.ljust(self.element_lines * line, b"\0"))
            if scales is not None and blocks:
                some = _filled(scales[rows, chunk * blocks:(chunk + 1) * blocks], (self.rows, blocks)).astype(np.uint8)
                parts.append(some.tobytes().ljust(self.scale_lines * line, b"\0"))
        return b"".join(parts)

    def _blocks(self) -> Iterator[tuple[int, int]]:
        return ((at_pass, chunk) for at_pass in range(self.passes) for chunk in range(self.chunks))

    def unpack_results(self, data: bytes) -> NDArray[np.integer]:
        """Codes [m, n] from the bytes of window `RESULTS`."""
        kind = np.dtype(f"<u{self.config.result.bits // 8}")
        return np.frombuffer(data, kind).reshape(self.passes * self.rows, -1)[:self.m, :self.n].astype(np.int64)


def _filled(codes: Codes, shape: tuple[int, int]) -> Codes:
    """With zeros up to `shape`."""
    return np.pad(codes, [(0, size - given) for size, given in zip(shape, codes.shape, strict=True)])


def _bits(element: Element, codes: Codes) -> NDArray[np.uint8]:
    """Rows of codes as bytes: lowest bit of the first code first, without gaps."""
    bits = (codes[..., None] >> np.arange(element.bits) & 1).astype(np.uint8)
    return np.packbits(bits.reshape(len(codes), -1), axis=1, bitorder="little")
