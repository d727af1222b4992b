"""The program of a product of matrices: loads, GEMMs, ROUNDs and stores in the order of its plan."""

from weft.gen.compiler.builder import ProgramBuilder
from weft.gen.compiler.dependences import Region
from weft.gen.compiler.gemm.plan import ACTIVATIONS, RESULTS, WEIGHTS, Gemm
from weft.gen.isa import WORD_BYTES

ONE = 0x3F80_0000  # as an fp32


def program(plan: Gemm, position: int, factor: int = ONE) -> list[int]:
    """Instruction words. `position`: of the accumulators' window. `factor`: code of the results' fp32 factor, if they have one."""
    config, kept, places, builder = plan.config, plan.config.results, plan.places, ProgramBuilder()
    line, half, row_lines = config.line_bytes, config.accumulator_lines // 2, plan.result_row_lines
    builder.configure("GEMM_SHAPE", rows=plan.rows, row_stride=plan.present * plan.chunk_bytes,
                      scale_stride=plan.present * plan.chunk_scales, groups=plan.groups, position=position)
    builder.configure("ROUND_SHAPE", rows=plan.rows, stride=row_lines * line, scale_stride=plan.result_scale_bytes, position=position,
                      factor=factor)
    scale_place = Region("scratchpad", places.result_scales, plan.result_scale_lines)
    slots: dict[int, int] = {}  # which piece of weights lies where
    block = -1  # of activations that is there
    side = 0
    for band, span, at_pass in ((b, s, p) for b in range(plan.bands) for s in range(plan.spans) for p in range(plan.passes)):
        accumulator, top = side * half, at_pass * plan.rows
        for fold, chunk in ((f, c) for f in range(kept.folds) for c in range(plan.chunks)):
            wanted = band * plan.chunks // plan.present + chunk // plan.present
            if wanted != block:
                block = wanted
                _load(builder, ACTIVATIONS, block * (plan.element_lines + plan.scale_lines), places.elements, plan.element_lines)
                _load(builder, ACTIVATIONS, block * (plan.element_lines + plan.scale_lines) + plan.element_lines, places.scales,
                           plan.scale_lines)
            strip = (span * kept.folds + fold) * plan.chunks + chunk
            piece, inside = divmod(strip * plan.chunk_lines, plan.piece_lines)
            slot = piece % plan.buffers
            if slots.get(slot) != piece:
                slots[slot] = piece
                _load(builder, WEIGHTS, piece * plan.piece_lines, places.weights + slot * plan.piece_lines, plan.piece_lines)
            weights, first = places.weights + slot * plan.piece_lines + inside, chunk % plan.present
            builder.run("GEMM", reads=[Region("scratchpad", places.elements, plan.element_lines),
                                       Region("scratchpad", places.scales, plan.scale_lines),
                                       Region("scratchpad", weights, plan.chunk_lines)],
                        writes=[Region("accumulator", accumulator + fold * plan.rows, plan.rows)],
                        activation=places.elements * line + (top * plan.present + first) * plan.chunk_bytes,
                        scales=places.scales * line + (top * plan.present + first) * plan.chunk_scales, weight_line=weights,
                        accumulator=accumulator + fold * plan.rows, accumulate=int(chunk > 0))
        at_bundle, beside = divmod(span, plan.bundle)
        buffer = side * plan.result_lines if plan.bundle == 1 else at_bundle % 2 * plan.result_lines + top * row_lines
        place = Region("scratchpad", places.results + buffer, plan.rows * row_lines)
        builder.run("ROUND", reads=[Region("accumulator", accumulator, plan.rows * kept.folds)], writes=[place, scale_place],
                    accumulator=accumulator, destination=place.first * line + beside * kept.row_bytes,
                    scales=places.result_scales * line + top * plan.result_scale_bytes + span * kept.row_scales if kept.blocked else 0,
                    flags=0)
        if beside == plan.bundle - 1:
            _store(plan, builder, place, ((band * plan.band_rows + top) * plan.bundles + at_bundle) * row_lines, plan.rows, row_lines)
        side ^= 1
        if scale_place.count and (span, at_pass) == (plan.spans - 1, plan.passes - 1):
            _store(plan, builder, scale_place, plan.bands * plan.band_rows * plan.bundles * row_lines + band * scale_place.count, 1,
                        scale_place.count)
    builder.halt()
    return builder.words()


def _load(builder: ProgramBuilder, window: int, dram_line: int, line: int, count: int) -> None:
    if count:
        builder.configure("LOAD_SHAPE", rows=1, dram_stride=0, scratchpad_stride=0, pad_before=0, pad_after=0, pad_value=0)
        builder.run("LOAD", reads=[], writes=[Region("scratchpad", line, count)], window=window, dram_line=dram_line,
                    scratchpad_line=line, length=count)


def _store(plan: Gemm, builder: ProgramBuilder, place: Region, dram_line: int, rows: int, length: int) -> None:
    builder.configure("STORE_SHAPE", rows=rows, dram_stride=plan.bundles * length if rows > 1 else 0,
                      scratchpad_stride=length if rows > 1 else 0)
    builder.run("STORE", reads=[place], writes=[], window=RESULTS, scratchpad_line=place.first, length=length, dram_line=dram_line)


def window_bytes(plan: Gemm) -> tuple[int, int, int, int]:
    """Of the four windows."""
    return (len(program(plan, 0)) * WORD_BYTES, *plan.operand_bytes)
