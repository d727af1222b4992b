"""Random programs with exactly one fault, and the error that the instruction set promises for it."""

import random
from collections import Counter
from collections.abc import Callable

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import CONTROL, REDUCTIONS, Alu, Cause, Destination, Field, Source, Unit
from weft.verif.golden.faults import Error
from weft.verif.random_programs import DATA, RESULT, SHARED, Program, Values, random_program

NO_WINDOW = 3  # random programs give it no bytes
Fault = tuple[list[int], Cause, int, int]  # words, the last of which is at fault; cause, queue, address


def random_illegal(config: Config, seed: int, *, fault: str | None = None, length: int = 4) -> tuple[Program, Error]:
    """A legal program whose HALT is replaced by a faulty instruction of the kind `fault` (one of `FAULTS`, or a random
    one), and the error that it must stop with. Everything before the fault is free of errors."""
    source = random.Random(seed)
    kind = fault or source.choice(sorted(FAULTS))
    program = random_program(config, seed, length)
    legal = program.words[:-1]
    words, cause, queue, address = FAULTS[kind](source, program)
    pc = len(legal) + len(words) - 1
    if kind != "program_end":
        words = [*words, isa.encode("HALT")]
    return program.with_words(legal + words), Error(cause, pc + (kind == "program_end"), queue, address)


def _known(program: Program) -> list[isa.Instruction]:
    """The instructions that the program's configuration has."""
    return [entry for entry in isa.INSTRUCTIONS if program.config.provides(entry.option)]


def _illegal_opcode(source: random.Random, program: Program) -> Fault:
    known = {entry.opcode for entry in _known(program)}
    missing = [entry.opcode for entry in isa.INSTRUCTIONS if entry.opcode not in known]
    opcode = source.choice(missing if missing and source.random() < 0.5 else [code for code in range(256) if code not in known])
    return [source.getrandbits(isa.WORD_BITS - 8) << 8 | opcode], Cause.ILLEGAL_OPCODE, CONTROL, 0


def _reserved_bits(source: random.Random, program: Program) -> Fault:
    instruction = source.choice([entry for entry in _known(program) if entry.bits < isa.WORD_BITS])
    word = isa.encode(instruction.name, **{field.name: field.minimum for field in instruction.fields})
    return [word | 1 << source.randrange(instruction.bits, isa.WORD_BITS)], Cause.ILLEGAL_OPERAND, CONTROL, 0


def _illegal_field(source: random.Random, program: Program) -> Fault:
    def raw_range(field: Field) -> range:
        return range(-(1 << field.bits - 1), 1 << field.bits - 1) if field.signed else range(1 << field.bits)

    candidates = [(instruction, field) for instruction in _known(program) for field in instruction.fields
                  if len(raw_range(field)) > field.maximum - field.minimum + 1]
    instruction, field = source.choice(candidates)
    values = range(field.minimum, field.maximum + 1)
    bad = source.choice([value for value in raw_range(field) if value not in values])
    word = isa.encode(instruction.name, **{other.name: other.minimum for other in instruction.fields})
    offset, mask = instruction.offsets()[field.name], (1 << field.bits) - 1
    return [word & ~(mask << offset) | (bad & mask) << offset], Cause.ILLEGAL_OPERAND, CONTROL, 0


def _program_end(*_: object) -> Fault:
    return [], Cause.PROGRAM_END, CONTROL, 0


def _deadlock(source: random.Random, program: Program) -> Fault:
    """A wait on a semaphore from which everything has been taken."""
    left: Counter[tuple[int, int]] = Counter()
    for word in program.words[:-1]:
        decoded = isa.decode(word)
        for other in Unit:
            left[decoded.instruction.unit, other] += decoded.signal >> other & 1
            left[other, decoded.instruction.unit] -= decoded.wait >> other & 1
    origin, unit = source.choice([(a, b) for a in Unit for b in Unit if left[a, b] == 0])
    word = isa.encode("STORE_SHAPE" if unit == Unit.STORE else SHAPES[unit][0], wait=1 << origin, **SHAPES[unit][1])
    return [word], Cause.DEADLOCK, unit, 0


SHAPES: dict[int, tuple[str, Values]] = {
    Unit.LOAD: ("LOAD_SHAPE", {"rows": 1, "dram_stride": 0, "scratchpad_stride": 0, "pad_before": 0, "pad_after": 0, "pad_value": 0}),
    Unit.STORE: ("STORE_SHAPE", {"rows": 1, "dram_stride": 0, "scratchpad_stride": 0}),
    Unit.MATRIX: ("MATRIX_SHAPE", {"x_count": 1, "x_stride": 0, "y_count": 1, "y_stride": 0, "inner_count": 1, "inner_stride": 0,
                                   "outer_count": 1, "outer_stride": 0}),
    Unit.VECTOR: ("VECTOR_LOOP", {"count_0": 1, "count_1": 1, "count_2": 1, "count_3": 1, "reduce": 0}),
}


def _dma(name: str, window: int, beyond: str) -> Callable[[random.Random, Program], Fault]:
    """One row that leaves the window, or the scratchpad, by a random amount."""
    def make(source: random.Random, program: Program) -> Fault:
        lines = program.config.scratchpad_lines
        size = len(program.windows[window].data) // program.config.line_bytes if window < len(program.windows) else 0
        length = source.randint(1, 40)
        values = {"window": window, "dram_line": 0, "scratchpad_line": source.randint(0, lines - length), "length": length}
        if beyond == "window":
            values["dram_line"] = max(0, size - length) + source.choice((1, source.randint(1, 1 << 20)))
        elif beyond == "scratchpad":
            values["scratchpad_line"] = lines - length + source.choice((1, source.randint(1, 1 << 18)))
        unit = isa.BY_NAME[name].unit
        shape, fields = SHAPES[unit]
        cause = Cause.SCRATCHPAD if beyond == "scratchpad" else Cause.WINDOW
        line = values["scratchpad_line" if beyond == "scratchpad" else "dram_line"]
        return [isa.encode(shape, **fields), isa.encode(name, **values)], cause, unit, line * program.config.line_bytes
    return make


def _matmul(operand: str) -> Callable[[random.Random, Program], Fault]:
    def make(source: random.Random, program: Program) -> Fault:
        config = program.config
        limits = {"activation": config.scratchpad_bytes - config.lanes, "weight_line": config.scratchpad_lines - config.lanes,
                  "accumulator": config.accumulator_lines - 1}
        name = "MATMUL" if config.array.weight_stationary else "MATMUL_OS"
        most = {field.name: field.maximum for field in isa.BY_NAME[name].fields}
        values = {"activation": 0, "weight_line": 0, "accumulator": 0, "accumulate": 0}
        step = source.choice((1, source.randint(1, most[operand] - limits[operand]))) if most[operand] > limits[operand] else 0
        positions = 1 if step else 2  # every address is legal: the second position leaves the accumulators
        values[operand] = limits[operand] + step
        if name == "MATMUL_OS":
            values["last"] = positions - 1
        shape, fields = SHAPES[Unit.MATRIX]
        address = values[operand] + positions - 1
        return ([isa.encode(shape, **fields | {"x_count": positions}), isa.encode(name, **values)],
                Cause.ACCUMULATOR if operand == "accumulator" else Cause.SCRATCHPAD, Unit.MATRIX,
                address * config.lanes if operand == "weight_line" else address)
    return make


def _vector(cause: Cause, address: Callable[[Config], int], values: Callable[[Config], Values], *, reduce: int = 0,
            alu: Alu = Alu.PASS) -> Callable[[random.Random, Program], Fault]:
    def make(_: random.Random, program: Program) -> Fault:
        config = program.config
        plain = {"a": 0, "a_source": Source.NONE, "b": 0, "b_source": Source.NONE, "destination": 0, "destination_kind": Destination.NONE,
                 "lanes": config.lanes, "parameter": 0, "overlap": 0}
        shape, fields = SHAPES[Unit.VECTOR]
        scale = {field.name: 0 for field in isa.BY_NAME["VECTOR_SCALE"].fields}
        strides = [isa.encode("VECTOR_STRIDE", operand=operand, stride_0=0, stride_1=0, stride_2=0, stride_3=0) for operand in range(3)]
        words = [isa.encode(shape, **fields | {"reduce": reduce}), *strides, isa.encode("VECTOR_SCALE", **scale),
                 isa.encode("VECTOR_POST", post=0, low=0, high=0, alu=alu, table=0), isa.encode("VECTOR", **plain | values(config))]
        return words, cause, Unit.VECTOR, address(config)
    return make


def _beyond(cause: Cause, operand: str, kind: Source | Destination, last: Callable[[Config], int]) -> Callable[..., Fault]:
    """A VECTOR whose operand starts one behind its last legal address."""
    name = f"{operand}_source" if isinstance(kind, Source) else "destination_kind"
    return _vector(cause, lambda config: last(config) + 1, lambda config: {operand: last(config) + 1, name: kind})


FAULTS: dict[str, Callable[[random.Random, Program], Fault]] = {
    "illegal_opcode": _illegal_opcode, "reserved_bits": _reserved_bits, "illegal_field": _illegal_field, "program_end": _program_end,
    "deadlock": _deadlock,
    "load_beyond_window": _dma("LOAD", SHARED, "window"), "load_not_readable": _dma("LOAD", RESULT, "permission"),
    "load_no_window": _dma("LOAD", NO_WINDOW, "permission"), "load_beyond_scratchpad": _dma("LOAD", DATA, "scratchpad"),
    "store_beyond_window": _dma("STORE", SHARED, "window"), "store_not_writable": _dma("STORE", DATA, "permission"),
    "store_beyond_scratchpad": _dma("STORE", SHARED, "scratchpad"),
    "activation": _matmul("activation"), "weights": _matmul("weight_line"), "matmul_accumulator": _matmul("accumulator"),
    "lanes": _vector(Cause.ILLEGAL_OPERAND, lambda _: 0, lambda config: {"lanes": config.lanes + 1}),
    "reduction": _vector(Cause.ILLEGAL_OPERAND, lambda _: 0, lambda _: {}, reduce=1,
                         alu=next(alu for alu in Alu if alu not in REDUCTIONS)),
    "parameter": _vector(Cause.PARAMETER, lambda config: config.vector.parameter_sets,
                         lambda config: {"parameter": config.vector.parameter_sets}),
    "vector_a": _beyond(Cause.SCRATCHPAD, "a", Source.INT8, lambda config: config.scratchpad_bytes - config.lanes),
    "vector_b": _beyond(Cause.SCRATCHPAD, "b", Source.SPLAT_INT32, lambda config: config.scratchpad_bytes - 4),
    "vector_accumulator": _beyond(Cause.ACCUMULATOR, "b", Source.ACCUMULATOR, lambda config: config.accumulator_lines - 1),
    "result_bytes": _beyond(Cause.SCRATCHPAD, "destination", Destination.BYTES, lambda config: config.scratchpad_bytes - config.lanes),
    "result_accumulator": _beyond(Cause.ACCUMULATOR, "destination", Destination.ACCUMULATOR, lambda config: config.accumulator_lines - 1),
    "result_parameter": _beyond(Cause.PARAMETER, "destination", Destination.PARAMETER_MULTIPLIER,
                                lambda config: config.vector.parameter_sets - 1),
}
