"""All instructions: opcodes, fields and what they do."""

from weft.gen.isa.kinds import CONTROL, Alu, Destination, Rounding, Select, Source, Unit
from weft.gen.isa.layout import Field, Instruction

LONGEST_LINE = 235  # of a depthwise stream: what a memory of 256 vectors can delay it by for segments of up to 21 rows


def _dma_shape(direction: str) -> tuple[Field, ...]:
    return (
        Field("rows", 12, f"rows to {direction}", low=1),
        Field("dram_stride", 24, "distance of rows in DRAM, lines", signed=True),
        Field("scratchpad_stride", 18, "distance of rows in the scratchpad, lines", signed=True),
    )


def _dma_run(what: str) -> tuple[Field, ...]:
    return (
        Field("window", 2, "DRAM window"),
        Field("dram_line", 28, "first line inside the window"),
        Field("scratchpad_line", 20, "first scratchpad line"),
        Field("length", 16, f"lines of a row to {what}"),
    )


_INTEGERS, _FORMATS = "array.integers", "array.formats"

_MATRIX_RUN = (
    Field("activation", 20, "byte address of the first activation vector"),
    Field("weight_line", 20, "scratchpad line of the first weight tile"),
    Field("accumulator", 14, "first accumulator line"),
    Field("accumulate", 1, "1: the first fold adds to the accumulators; 0: it overwrites them"),
)

INSTRUCTIONS: tuple[Instruction, ...] = (
    Instruction("HALT", 0x01, CONTROL, True, (),
                "End of the program. Waits until every queue is empty and every unit idle, then raises DONE. Its masks are ignored."),
    Instruction("LOAD_SHAPE", 0x10, Unit.LOAD, False, (
        *_dma_shape("load"),
        Field("pad_before", 8, "lines of padding written before the data of each row"),
        Field("pad_after", 8, "lines of padding written after the data of each row"),
        Field("pad_value", 8, "byte that padding lines are filled with"),
    ), "Shape of the next LOADs."),
    Instruction("LOAD", 0x11, Unit.LOAD, True, _dma_run("read (0: padding only)"),
                "For r in 0 .. rows-1: from scratchpad line scratchpad_line + r * scratchpad_stride upwards, write "
                "pad_before lines of padding, then `length` lines read from window line dram_line + r * dram_stride, "
                "then pad_after lines of padding. DRAM lines count modulo 2**28, scratchpad lines modulo 2**24."),
    Instruction("STORE_SHAPE", 0x20, Unit.STORE, False, _dma_shape("store"), "Shape of the next STOREs."),
    Instruction("STORE", 0x21, Unit.STORE, True, _dma_run("write"),
                "For r in 0 .. rows-1: write `length` lines from scratchpad line scratchpad_line + r * "
                "scratchpad_stride to window line dram_line + r * dram_stride. Complete when the bus has answered."),
    Instruction("MATRIX_SHAPE", 0x30, Unit.MATRIX, False, (
        Field("x_count", 12, "positions along x (innermost)", low=1),
        Field("x_stride", 16, "bytes between them", signed=True),
        Field("y_count", 12, "positions along y", low=1),
        Field("y_stride", 20, "bytes between them", signed=True),
        Field("inner_count", 8, "weight tiles of the inner fold loop", low=1),
        Field("inner_stride", 12, "bytes between the activations of two inner folds", signed=True),
        Field("outer_count", 8, "weight tiles of the outer fold loop", low=1),
        Field("outer_stride", 20, "bytes between the activations of two outer folds", signed=True),
    ), "Loop nest of the next MATMULs and DEPTHWISEs.", option=_INTEGERS),
    Instruction("MATMUL", 0x31, Unit.MATRIX, True, _MATRIX_RUN,
       "For fold f = outer * inner_count + inner: weight tile W = lines weight_line + f * R .. + R - 1 (row k of the "
       "tile is line k, column n its byte n, int8). For each position p = y * x_count + x: the R bytes a at activation "
       "+ x * x_stride + y * y_stride + inner * inner_stride + outer * outer_stride (any alignment, int8) give "
       "acc[accumulator + p][n] (+)= sum_k a[k] * W[k][n], 32 bits, wrapping. Every fold after the first adds.",
       option="array.weight_stationary"),
    Instruction("DEPTHWISE", 0x32, Unit.MATRIX, True, (
        *_MATRIX_RUN,
        Field("continues", 1, "1: the first fold's stream goes on where that of the DEPTHWISE before ended"),
        Field("line", 8, "positions from one kernel row to the next", high=LONGEST_LINE),
        Field("skip", 9, "positions at the beginning of each fold that give no result"),
        Field("fill", 8, "byte that the vectors before the beginning of a stream consist of"),
    ), "Each column filters its own channel. Folds, tiles, positions and vectors are those of a MATMUL; a fold's vectors v_0, v_1, .. "
       "are a stream, and each p >= skip gives acc[accumulator + p - skip][n] (+)= sum_k v_(p - age(k))[n] * W[k][n]. The R rows are cut "
       "into G segments of S rows (R = 4: 1 of 4; R = 8: 2 of 4; R = 16, 32, 64: 3 of 5, 10, 21; the last segment also has the rows that "
       "are left over), and age(k) = g * line + k - g * S for a row k of segment g. Before v_0 come vectors of `fill` without end; or, in "
       "the first fold with `continues`, the last fold's stream of the DEPTHWISE before, which must belong to the same program and have "
       "the same `line`.",
       option="array.depthwise"),
    Instruction("MATMUL_OS", 0x33, Unit.MATRIX, True, (
        *_MATRIX_RUN,
        Field("last", 14, "number of the last position; y_count has no meaning"),
    ), "What MATMUL does, with the sums stationary: for the positions p = 0 .. last, of which p is at x = p mod x_count, y = p div "
       "x_count, in blocks of R: all folds of the first R positions, then all folds of the next. Weight tiles, activation vectors and "
       "results are those of a MATMUL with these positions.",
       option="array.output_stationary"),
    Instruction("VECTOR_LOOP", 0x40, Unit.VECTOR, False, (
        Field("count_0", 12, "iterations of level 0 (innermost)", low=1),
        Field("count_1", 12, "iterations of level 1", low=1),
        Field("count_2", 12, "iterations of level 2", low=1),
        Field("count_3", 12, "iterations of level 3 (outermost)", low=1),
        Field("reduce", 3, "how many innermost levels are reduced into one result", high=4),
    ), "Loop nest of the next VECTORs, shared by all operands.", option=_INTEGERS),
    Instruction("VECTOR_STRIDE", 0x41, Unit.VECTOR, False, (
        Field("operand", 2, "0: A, 1: B, 2: destination", high=2),
        Field("stride_0", 20, "step of level 0, bytes or lines or sets as the operand's kind counts", signed=True),
        Field("stride_1", 20, "step of level 1", signed=True),
        Field("stride_2", 20, "step of level 2", signed=True),
        Field("stride_3", 20, "step of level 3", signed=True),
    ), "Address steps of one operand. In a reduction the destination address is that of the last iteration.",
        option=_INTEGERS),
    Instruction("VECTOR_SCALE", 0x42, Unit.VECTOR, False, (
        Field("pre", 32, "pre-addend", signed=True),
        Field("multiplier", 32, "multiplier; in FLOAT32 the scale's 24-bit significand, signed", signed=True),
        Field("left", 5, "left shift"),
        Field("right", 6, "right shift"),
        Field("rounding", 3, "how the right shift rounds", kind=Rounding),
        Field("pre_select", 2, "source of the pre-addend: CONSTANT or PARAMETER", kind=Select, high=1),
        Field("multiplier_select", 2, "source of the multiplier", kind=Select),
        Field("left_select", 2, "source of the left shift (low 5 bits)", kind=Select),
        Field("right_select", 2, "source of the right shift (low 6 bits)", kind=Select),
    ), "Scaling stage: x = ((a + pre) << left), 32 bits wrapping; v = round(x * multiplier >> right), saturated to "
       "32 bits signed. FLOAT32 rounds x to 24 significant bits, the product to 24 significant bits and the shifted "
       "product to an integer, each to nearest even.", option=_INTEGERS),
    Instruction("VECTOR_POST", 0x43, Unit.VECTOR, False, (
        Field("post", 32, "post-addend, wrapping", signed=True),
        Field("low", 32, "lower clamp", signed=True),
        Field("high", 32, "upper clamp", signed=True),
        Field("alu", 4, "combining operation", kind=Alu),
        Field("table", 1, "1: replace the clamped lane by its table entry at its low 8 bits"),
    ), "Final stage: u = alu(v, y), or in a reduction the running value (the first v of a reduction stands for "
       "itself); then z = min(max(u + post, low), high); then the table.", option=_INTEGERS),
    Instruction("VECTOR", 0x44, Unit.VECTOR, True, (
        Field("a", 20, "first address of operand A"),
        Field("a_source", 3, "kind of operand A", kind=Source),
        Field("b", 20, "first address of operand B"),
        Field("b_source", 3, "kind of operand B", kind=Source),
        Field("destination", 20, "first address of the result"),
        Field("destination_kind", 3, "kind of the result", kind=Destination),
        Field("lanes", 7, "bytes written by BYTES, 1 .. C", low=1, high=64),
        Field("parameter", 8, "parameter set that PARAMETER selects read"),
        Field("overlap", 1, "1: reads nothing that the VECTOR before it writes, and may begin before that one has written it"),
    ), "Sweep the loop nest once: one iteration a cycle when memories allow. With reduce > 0 one result leaves for "
       "each pass over the reduced levels, and operand B may feed only the scaling stage; alu must be ADD, MAXIMUM, "
       "MINIMUM or CONCATENATE. Everything written is visible to the next VECTOR unless that has `overlap`; an iteration must "
       "not read what an earlier iteration of the same VECTOR writes, nor with `overlap` what the VECTOR before writes (scratchpad, "
       "accumulator, parameter set or table).", option=_INTEGERS),
    Instruction("GEMM_SHAPE", 0x38, Unit.MATRIX, False, (
        Field("rows", 12, "rows of activations", low=1),
        Field("row_stride", 20, "bytes between the elements of two rows", signed=True),
        Field("scale_stride", 16, "bytes between the block scales of two rows", signed=True),
        Field("groups", 12, "groups of weight tiles", low=1),
        Field("position", 10, "of the accumulators' window above the least product with the least scales"),
    ), "Shape of the next GEMMs.", option=_FORMATS),
    Instruction("GEMM", 0x39, Unit.MATRIX, True, (
        Field("activation", 20, "byte address of the first row's elements"),
        Field("scales", 20, "byte address of the first row's block scales; without effect if activations have none"),
        Field("weight_line", 20, "scratchpad line of the first group"),
        Field("accumulator", 14, "first accumulator line"),
        Field("accumulate", 1, "1: adds to the accumulators; 0: overwrites them"),
    ), "acc[accumulator + p][n] (+)= sum over k of A[p][k] * W[k][n], for each row p, with all block scales: exact sums of a tile's "
       "products in a block, times their scales, are floored into the window (or every product is, where exact sums are too wide) and "
       "noted in the accumulator's flags. With accumulator.kind other than exact each tile is a step of `gen/formats/alignment.py` "
       "instead, and flags stay 0. A tile has D = R * products rows and N = C * sums columns, with (products, sums) = (1, 1), "
       "(2, 1) or (2, 2) for packing 1, 2, 4. A group is max(1, block / D) tiles and lies in whole lines: its weight scales, if any, "
       "for each of its blocks N bytes; then its tiles, as bits without gaps, lowest first, in the order row / products, column, row % "
       "products. Elements of a row of A follow each other as bits without gaps, and its scales as bytes. A vector of D elements is "
       "read as as many whole lines, from any byte, as it needs at least, a row's scales for a tile as one line.",
       option=_FORMATS),
    Instruction("ROUND_SHAPE", 0x49, Unit.VECTOR, False, (
        Field("rows", 12, "rows of results", low=1),
        Field("stride", 20, "bytes between the elements of two rows", signed=True),
        Field("scale_stride", 16, "bytes between the block scales of two rows", signed=True),
        Field("position", 10, "that of the GEMMs"),
        Field("factor", 32, "scale of the tensor, a positive normal fp32; without effect on results that have none",
              low=0x0080_0000, high=0x7F7F_FFFF),
    ), "Shape of the next ROUNDs.", option=_FORMATS),
    Instruction("ROUND", 0x48, Unit.VECTOR, True, (
        Field("accumulator", 14, "first accumulator line"),
        Field("destination", 20, "byte address of the first row's elements"),
        Field("scales", 20, "byte address of the first row's block scales; without effect if results have none"),
        Field("flags", 1, "1: write no results, but a byte for each accumulator: bit 0: a term did not fit the window; bit 1: one lost "
                          "bits"),
    ), "Round the accumulators of each row once to nearest even and write the codes of a row one after the other as bits without gaps. "
       "An accumulator that saw NaN, or infinities of both signs, becomes NaN; one infinity stays. A row is an accumulator line; "
       "where results have blocks of more than N columns, it is F = block / N lines: row r lies in the lines accumulator + f * rows + r. "
       "Results with block scales are made of what was rounded to fp32, subnormal numbers counting as zero. E8M0 scale: power of two "
       "of the largest magnitude (with scale_rule up the least with which nothing saturates) over that of the largest element, its "
       "exponent clamped to -127 .. 127. UE4M3 scale: largest magnitude / (6 * factor) to nearest even; elements are divided by the "
       "rounded scale times factor. Elements to nearest even, saturated. A block with NaN or an infinity has the scale NaN and codes 0. "
       "Accumulators are read R / 4 at a time.",
       option=_FORMATS),
)

NUMBER_BITS = 4  # low bits of an opcode: they tell the instructions of a unit apart
BY_NAME = {instruction.name: instruction for instruction in INSTRUCTIONS}
BY_OPCODE = {instruction.opcode: instruction for instruction in INSTRUCTIONS}
