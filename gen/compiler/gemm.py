"""A product of matrices in number formats as a program: which part is where when, and how operands lie in DRAM."""

import dataclasses
from collections.abc import Iterator
from math import gcd

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
ONE = 0x3F80_0000  # as an fp32

Codes = NDArray[np.integer]


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
    def window_bytes(self) -> tuple[int, int, int, int]:
        """Of the four windows."""
        line = self.config.line_bytes
        return (len(self.program(0)) * 16, self.pieces * self.piece_lines * line, self.bands * self.activation_lines * line,
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

    # -- program ----------------------------------------------------------------------------------------
    def program(self, position: int, factor: int = ONE) -> list[int]:
        """Instruction words. `position`: of the accumulators' window. `factor`: code of the results' fp32 factor, if they have one."""
        config, kept, places, builder = self.config, self.config.results, self.places, ProgramBuilder()
        line, half, row_lines = config.line_bytes, config.accumulator_lines // 2, self.result_row_lines
        builder.configure("GEMM_SHAPE", rows=self.rows, row_stride=self.present * self.chunk_bytes,
                          scale_stride=self.present * self.chunk_scales, groups=self.groups, position=position)
        builder.configure("ROUND_SHAPE", rows=self.rows, stride=row_lines * line, scale_stride=self.result_scale_bytes, position=position,
                          factor=factor)
        scale_place = Region("scratchpad", places.result_scales, self.result_scale_lines)
        slots: dict[int, int] = {}  # which piece of weights lies where
        block = -1  # of activations that is there
        side = 0
        for band, span, at_pass in ((b, s, p) for b in range(self.bands) for s in range(self.spans) for p in range(self.passes)):
            accumulator, top = side * half, at_pass * self.rows
            for fold, chunk in ((f, c) for f in range(kept.folds) for c in range(self.chunks)):
                wanted = band * self.chunks // self.present + chunk // self.present
                if wanted != block:
                    block = wanted
                    self._load(builder, ACTIVATIONS, block * (self.element_lines + self.scale_lines), places.elements, self.element_lines)
                    self._load(builder, ACTIVATIONS, block * (self.element_lines + self.scale_lines) + self.element_lines, places.scales,
                               self.scale_lines)
                strip = (span * kept.folds + fold) * self.chunks + chunk
                piece, inside = divmod(strip * self.chunk_lines, self.piece_lines)
                slot = piece % self.buffers
                if slots.get(slot) != piece:
                    slots[slot] = piece
                    self._load(builder, WEIGHTS, piece * self.piece_lines, places.weights + slot * self.piece_lines, self.piece_lines)
                weights, first = places.weights + slot * self.piece_lines + inside, chunk % self.present
                builder.run("GEMM", reads=[Region("scratchpad", places.elements, self.element_lines),
                                           Region("scratchpad", places.scales, self.scale_lines),
                                           Region("scratchpad", weights, self.chunk_lines)],
                            writes=[Region("accumulator", accumulator + fold * self.rows, self.rows)],
                            activation=places.elements * line + (top * self.present + first) * self.chunk_bytes,
                            scales=places.scales * line + (top * self.present + first) * self.chunk_scales, weight_line=weights,
                            accumulator=accumulator + fold * self.rows, accumulate=int(chunk > 0))
            at_bundle, beside = divmod(span, self.bundle)
            buffer = side * self.result_lines if self.bundle == 1 else at_bundle % 2 * self.result_lines + top * row_lines
            place = Region("scratchpad", places.results + buffer, self.rows * row_lines)
            builder.run("ROUND", reads=[Region("accumulator", accumulator, self.rows * kept.folds)], writes=[place, scale_place],
                        accumulator=accumulator, destination=place.first * line + beside * kept.row_bytes,
                        scales=places.result_scales * line + top * self.result_scale_bytes + span * kept.row_scales if kept.blocked else 0,
                        flags=0)
            if beside == self.bundle - 1:
                self._store(builder, place, ((band * self.band_rows + top) * self.bundles + at_bundle) * row_lines, self.rows, row_lines)
            side ^= 1
            if scale_place.count and (span, at_pass) == (self.spans - 1, self.passes - 1):
                self._store(builder, scale_place, self.bands * self.band_rows * self.bundles * row_lines + band * scale_place.count, 1,
                            scale_place.count)
        builder.halt()
        return builder.words()

    def _load(self, builder: ProgramBuilder, window: int, dram_line: int, line: int, count: int) -> None:
        if count:
            builder.configure("LOAD_SHAPE", rows=1, dram_stride=0, scratchpad_stride=0, pad_before=0, pad_after=0, pad_value=0)
            builder.run("LOAD", reads=[], writes=[Region("scratchpad", line, count)], window=window, dram_line=dram_line,
                        scratchpad_line=line, length=count)

    def _store(self, builder: ProgramBuilder, place: Region, dram_line: int, rows: int, length: int) -> None:
        builder.configure("STORE_SHAPE", rows=rows, dram_stride=self.bundles * length if rows > 1 else 0,
                          scratchpad_stride=length if rows > 1 else 0)
        builder.run("STORE", reads=[place], writes=[], window=RESULTS, scratchpad_line=place.first, length=length, dram_line=dram_line)

    # -- operands ---------------------------------------------------------------------------------------
    def pack_weights(self, codes: Codes, scales: Codes | None) -> bytes:
        """Bytes of window `WEIGHTS` from codes [k, n] and scales [blocks, n]."""
        t, parts = self.config.tiling, []
        depth, blocks = self.groups * t.group_depth, self.groups * t.folds * t.depth // max(1, t.operands.block)
        for strip in range(self.spans * self.config.results.folds):
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
        depth, blocks = self.present * self.groups * t.group_depth, self.present * self.chunk_scales
        for band, part in ((b, p) for b in range(self.bands) for p in range(self.chunks // self.present)):
            rows = slice(band * self.band_rows, (band + 1) * self.band_rows)
            own = _filled(codes[rows, part * depth:(part + 1) * depth], (self.band_rows, depth))
            parts.append(_bits(t.pair.activation, own).tobytes().ljust(self.element_lines * line, b"\0"))
            if scales is not None and blocks:
                some = _filled(scales[rows, part * blocks:(part + 1) * blocks], (self.band_rows, blocks)).astype(np.uint8)
                parts.append(some.tobytes().ljust(self.scale_lines * line, b"\0"))
        return b"".join(parts)

    def unpack_results(self, data: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
        """Codes [m, n] and scales [m, blocks] from the bytes of window `RESULTS`. Scales are bytes as they are."""
        kept, line = self.config.results, self.config.line_bytes
        size = self.bands * self.band_rows * self.bundles * self.result_row_lines * line
        elements = np.frombuffer(data[:size], np.uint8).reshape(self.bands * self.band_rows, -1)
        codes = _codes(kept.operand.element, elements)[:self.m, :self.n]
        if not kept.blocked:
            return codes, None
        bands = np.frombuffer(data[size:], np.uint8).reshape(self.bands, -1)[:, :self.band_rows * self.result_scale_bytes]
        scales = bands.reshape(-1, self.result_scale_bytes)[:self.m, :-(-self.n // kept.operand.block)]
        return codes, scales.astype(np.int64)


def _halves(most: int) -> list[int]:
    """most, half of it rounded up, and so on down to 1."""
    found = [most]
    while found[-1] > 1:
        found.append(-(-found[-1] // 2))
    return found


def _filled(codes: Codes, shape: tuple[int, int]) -> Codes:
    """With zeros up to `shape`."""
    return np.pad(codes, [(0, size - given) for size, given in zip(shape, codes.shape, strict=True)])


def _bits(element: Element, codes: Codes) -> NDArray[np.uint8]:
    """Rows of codes as bytes: lowest bit of the first code first, without gaps."""
    bits = (codes[..., None] >> np.arange(element.bits) & 1).astype(np.uint8)
    return np.packbits(bits.reshape(len(codes), -1), axis=1, bitorder="little")


def _codes(element: Element, data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Inverse of `_bits` for rows of whole bytes."""
    bits = np.unpackbits(data, axis=1, bitorder="little").reshape(len(data), -1, element.bits).astype(np.int64)
    codes: NDArray[np.int64] = (bits << np.arange(element.bits)).sum(-1)
    return codes
