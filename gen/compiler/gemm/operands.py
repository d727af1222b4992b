"""Operands and results of a product of matrices as the bytes of DRAM windows: codes as bits without gaps, in the order of its plan."""

import numpy as np
from numpy.typing import NDArray

from weft.gen.compiler.gemm.plan import Gemm
from weft.gen.formats.element import Element

Codes = NDArray[np.integer]


def pack_weights(plan: Gemm, codes: Codes, scales: Codes | None) -> bytes:
    """Bytes of window `WEIGHTS` from codes [k, n] and scales [blocks, n]."""
    t, parts = plan.config.tiling, []
    depth, blocks = plan.groups * t.group_depth, plan.groups * t.folds * t.depth // max(1, t.operands.block)
    for strip in range(plan.spans * plan.config.results.folds):
        columns = slice(strip * t.width, (strip + 1) * t.width)
        for chunk in range(plan.chunks):
            own = _filled(codes[chunk * depth:(chunk + 1) * depth, columns], (depth, t.width))
            tiles = own.reshape(plan.groups, t.folds, t.rows, t.products, t.width).transpose(0, 1, 2, 4, 3)
            data = _bits(t.pair.weight, tiles.reshape(plan.groups, -1))
            if scales is not None and t.scale_lines:
                some = _filled(scales[chunk * blocks:(chunk + 1) * blocks, columns], (blocks, t.width))
                data = np.concatenate([some.reshape(plan.groups, -1).astype(np.uint8), data], axis=1)
            parts.append(data.tobytes())
    return b"".join(parts)


def pack_activations(plan: Gemm, codes: Codes, scales: Codes | None) -> bytes:
    """Bytes of window `ACTIVATIONS` from codes [m, k] and scales [m, blocks]."""
    t, parts, line = plan.config.tiling, [], plan.config.line_bytes
    depth, blocks = plan.present * plan.groups * t.group_depth, plan.present * plan.chunk_scales
    for band, part in ((b, p) for b in range(plan.bands) for p in range(plan.chunks // plan.present)):
        rows = slice(band * plan.band_rows, (band + 1) * plan.band_rows)
        own = _filled(codes[rows, part * depth:(part + 1) * depth], (plan.band_rows, depth))
        parts.append(_bits(t.pair.activation, own).tobytes().ljust(plan.element_lines * line, b"\0"))
        if scales is not None and blocks:
            some = _filled(scales[rows, part * blocks:(part + 1) * blocks], (plan.band_rows, blocks)).astype(np.uint8)
            parts.append(some.tobytes().ljust(plan.scale_lines * line, b"\0"))
    return b"".join(parts)


def unpack_results(plan: Gemm, data: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Codes [m, n] and scales [m, blocks] from the bytes of window `RESULTS`. Scales are bytes as they are."""
    kept, line = plan.config.results, plan.config.line_bytes
    size = plan.bands * plan.band_rows * plan.bundles * plan.result_row_lines * line
    elements = np.frombuffer(data[:size], np.uint8).reshape(plan.bands * plan.band_rows, -1)
    codes = _codes(kept.operand.element, elements)[:plan.m, :plan.n]
    if not kept.blocked:
        return codes, None
    bands = np.frombuffer(data[size:], np.uint8).reshape(plan.bands, -1)[:, :plan.band_rows * plan.result_scale_bytes]
    scales = bands.reshape(-1, plan.result_scale_bytes)[:plan.m, :-(-plan.n // kept.operand.block)]
    return codes, scales.astype(np.int64)


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
