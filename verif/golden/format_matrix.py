"""GEMM and ROUND: products of matrices in number formats in the scratchpad, and their rounding."""

import numpy as np
from numpy.typing import NDArray

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause
from weft.verif.golden.faults import raise_first
from weft.verif.golden.formats.aligned import AlignedSums, Alignment, aligned_gemm
from weft.verif.golden.formats.blocks import Float32, Matrix, ScaleRule, quantise
from weft.verif.golden.formats.element import Codes, decode
from weft.verif.golden.formats.gemm import WINDOW, Sums, in_window, sums
from weft.verif.golden.formats.packing import pack, unpack
from weft.verif.golden.memory import ACCUMULATOR, SCRATCHPAD, Access, Addresses, Effect, Memory, first_beyond

MODULUS = 1 << isa.ADDRESS_BITS
NO_FACTOR = np.ones((1, 1), np.float32)


def gemm(memory: Memory, shape: dict[str, int], values: dict[str, int]) -> Effect:
    """Perform one GEMM with the fields of GEMM_SHAPE and GEMM.

    Raises `Trap` SCRATCHPAD or ACCUMULATOR for the first access out of range: tile by tile the weights' lines, then row
    by row elements, scales, accumulator. Nothing is written in that case.
    """
    config, t = memory.config, memory.config.tiling
    rows, groups, lanes = shape["rows"], shape["groups"], config.lanes
    row, tile, group = np.arange(rows), np.arange(groups * t.folds), np.arange(groups)
    lines = values["accumulator"] + row
    elements = (values["activation"] + row * shape["row_stride"] + tile[:, None] * t.vector_bytes) % MODULUS
    scales = (values["scales"] + row * shape["scale_stride"] + group[:, None] * t.segments) % MODULUS
    if not t.operands.activation.scale:
        scales = scales[:, :0]
    _check(memory, values["weight_line"], elements, scales, lines)
    a, b = _activations(memory, elements, scales), _weights(memory, values["weight_line"], groups)
    if t.alignment:
        memory.aligned = memory.aligned or empty_aligned(config)
        before = memory.aligned.rows(lines).total if values["accumulate"] else None
        memory.aligned.put(lines, AlignedSums(aligned_gemm(a, b, Alignment.of(t.alignment, t.depth), before)))
    else:
        found = sums(a, b, position=shape["position"] if in_window(t.operands, WINDOW, t.part) else 0, part=t.part)
        memory.sums = memory.sums or empty(config)
        memory.sums.put(lines, memory.sums.rows(lines) + found if values["accumulate"] else found)
    accesses = [Access(SCRATCHPAD, (elements + lanes * n).ravel(), lanes, write=False) for n in range(t.vector_reads)]
    if scales.size:
        accesses.append(Access(SCRATCHPAD, scales.ravel(), lanes, write=False))
    accesses += [Access(SCRATCHPAD, (values["weight_line"] + np.arange(groups * t.group_lines)) * lanes, lanes, write=False),
                 Access(ACCUMULATOR, lines, 1, write=True)]
    return Effect(accesses, {"MATRIX_VECTORS": elements.size, "WEIGHT_TILES": len(tile)})


def round_lines(memory: Memory, shape: dict[str, int], values: dict[str, int]) -> Effect:
    """Perform one ROUND with the fields of ROUND_SHAPE and ROUND.

    Raises `Trap`: row by row and part by part the accumulator line, then where the part, or its block, and then the block's scale goes.
    """
    config, kept, flags = memory.config, memory.config.results, bool(values["flags"])
    count, rows = config.results_per_cycle, np.arange(shape["rows"])
    lines = values["accumulator"] + np.arange(kept.folds) * shape["rows"] + rows[:, None]  # [rows, folds]
    parts = np.arange(kept.width // count)  # of a row
    piece = 1 if not kept.blocked or flags else kept.operand.block // count  # parts that go to memory together
    size = count if flags else piece * count * kept.operand.element.bits // 8
    starts = (values["destination"] + rows[:, None] * shape["stride"]) % MODULUS + parts[::piece] // piece * size
    scales = (values["scales"] + rows[:, None] * shape["scale_stride"]) % MODULUS + np.arange(0 if flags else kept.row_scales)
    starts, scales = starts % MODULUS, scales % MODULUS
    faults = []
    if (index := first_beyond(lines.ravel(), 1, config.accumulator_lines)) is not None:
        row, fold = divmod(index, kept.folds)
        faults.append(((row, fold * len(parts) // kept.folds, 0), Cause.ACCUMULATOR, int(lines[row, fold])))
    for kind, places, length in ((1, starts, size), (2, scales, 1)):
        if (index := first_beyond(places.ravel(), length, config.scratchpad_bytes)) is not None:
            row, number = divmod(index, places.shape[1])
            faults.append(((row, number * piece, kind), Cause.SCRATCHPAD, int(places[row, number])))
    raise_first(faults)
    found = _held(memory).rows(lines.ravel())
    if flags:
        noted: NDArray[np.uint8] = (found.overflow * 1 + found.underflow * 2).astype(np.uint8)
        elements, own = noted, None
    else:
        elements, own = _results(config, shape, found)
    for place, data in ((starts, elements), (scales, own)):
        if data is not None:
            for code_bytes, start in zip(data.reshape(place.size, -1), place.ravel(), strict=True):
                memory.scratchpad[start:start + len(code_bytes)] = code_bytes
    accesses = [Access(ACCUMULATOR, lines.ravel(), 1, write=False), Access(SCRATCHPAD, starts.ravel(), size, write=True)]
    if scales.size:
        accesses.append(Access(SCRATCHPAD, scales.ravel(), 1, write=True))
    return Effect(accesses, {"VECTOR_ITERATIONS": len(rows) * len(parts)})


def _held(memory: Memory) -> Sums | AlignedSums:
    """The accumulators."""
    if memory.config.tiling.alignment:
        return memory.aligned or empty_aligned(memory.config)
    return memory.sums or empty(memory.config)


def _results(config: Config, shape: dict[str, int], found: Sums | AlignedSums) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Bytes of the elements and of the scales of accumulators."""
    t, kept = config.tiling, config.results
    if isinstance(found, AlignedSums):
        codes = found.rounded(kept.rounded)
    else:
        codes = found.rounded(kept.rounded, t.operands.lsb_exponent + (shape["position"] if in_window(t.operands, WINDOW, t.part) else 0))
    codes = codes.reshape(shape["rows"], kept.width)
    if not kept.blocked:
        return pack(kept.rounded, codes), None
    factor = np.array([[shape["factor"]]], np.uint32).view(np.float32)
    return in_blocks(config, codes, factor).pack()


def in_blocks(config: Config, codes: Codes, factor: Float32) -> Matrix:
    """Results that were rounded to fp32, in the configuration's format with block scales."""
    kept, smallest = config.results, float(config.results.rounded.smallest_normal)
    values = decode(kept.rounded, codes)
    values = np.where(np.abs(values) < smallest, np.copysign(0.0, values), values)
    return quantise(kept.operand, values, rule=ScaleRule[config.array.scale_rule.upper()], factor=factor)


def empty(config: Config) -> Sums:
    """Accumulators of zeros."""
    shape = (config.accumulator_lines, config.tiling.width)
    none = [np.zeros(shape, bool) for _ in range(5)]
    return Sums(np.zeros(shape, np.int64), *none)


def empty_aligned(config: Config) -> AlignedSums:
    """Such accumulators of zeros."""
    return AlignedSums(np.zeros((config.accumulator_lines, config.tiling.width), np.float32))


def _activations(memory: Memory, elements: Addresses, scales: Addresses) -> Matrix:
    """Rows of activations from their vectors' places [tiles, rows] and their scales' [groups, rows]."""
    t = memory.config.tiling
    operand = t.operands.activation
    codes = unpack(operand.element, memory.gather(elements, t.vector_bytes), t.depth)
    codes = codes.transpose(1, 0, 2).reshape(elements.shape[1], -1)
    own = None
    if operand.scale:
        own = unpack(operand.scale, memory.gather(scales, t.segments), t.segments).transpose(1, 0, 2).reshape(scales.shape[1], -1)
    return Matrix(operand, codes, own, NO_FACTOR, codes.shape[1])


def _weights(memory: Memory, line: int, groups: int) -> Matrix:
    """Columns of weights, as rows, from groups of tiles."""
    t, lanes = memory.config.tiling, memory.config.lanes
    operand = t.operands.weight
    data = memory.scratchpad[line * lanes:(line + groups * t.group_lines) * lanes].reshape(groups, -1)
    scale_bytes = t.scale_lines * lanes
    codes = unpack(operand.element, data[:, scale_bytes:].reshape(groups * t.folds, -1), t.depth * t.width)
    codes = codes.reshape(groups * t.folds, t.rows, t.width, t.products).transpose(2, 0, 1, 3).reshape(t.width, -1)
    own = None
    if operand.scale:
        own = unpack(operand.scale, data[:, :scale_bytes], t.segments * t.width)
        own = own.reshape(groups, t.segments, t.width).transpose(2, 0, 1).reshape(t.width, -1)
    return Matrix(operand, codes, own, NO_FACTOR, codes.shape[1])


def _check(memory: Memory, weight_line: int, elements: Addresses, scales: Addresses, lines: Addresses) -> None:
    config, t, found = memory.config, memory.config.tiling, []
    tiles = np.arange(len(elements))
    first = tiles // t.folds * t.group_lines + np.where(tiles % t.folds == 0, 0, t.scale_lines + tiles % t.folds * t.tile_lines)
    end = tiles // t.folds * t.group_lines + t.scale_lines + (tiles % t.folds + 1) * t.tile_lines
    beyond = weight_line + end > config.scratchpad_lines
    if beyond.any():
        tile = int(np.argmax(beyond))
        found.append(((tile, -1, 0), Cause.SCRATCHPAD, max(weight_line + int(first[tile]), config.scratchpad_lines) * config.lanes))
    for part in range(t.vector_reads):
        places = elements.ravel() + part * config.lanes
        if (index := first_beyond(places % MODULUS, config.lanes, config.scratchpad_bytes)) is not None:
            found.append(((*divmod(index, elements.shape[1]), part), Cause.SCRATCHPAD, int(places[index] % MODULUS)))
    if (index := first_beyond(scales.ravel(), config.lanes, config.scratchpad_bytes)) is not None:
        group, row = divmod(index, scales.shape[1])
        found.append(((group * t.folds, row, t.vector_reads), Cause.SCRATCHPAD, int(scales.ravel()[index])))
    if (line := first_beyond(lines, 1, config.accumulator_lines)) is not None:
        found.append(((0, line, t.vector_reads + 1), Cause.ACCUMULATOR, int(lines[line])))
    raise_first(found)
