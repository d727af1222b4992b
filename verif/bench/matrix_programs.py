"""Programs for the matrix unit, and what they do, in plain loops from the text of `weft.gen.isa`."""

import itertools
import random

import numpy as np

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause

Error = tuple[int, int, int]  # cause, program counter, address


def shape(x=(1, 0), y=(1, 0), inner=(1, 0), outer=(1, 0), signal=0) -> int:
    """MATRIX_SHAPE from (count, stride) of each level."""
    levels = {"x": x, "y": y, "inner": inner, "outer": outer}
    return isa.encode("MATRIX_SHAPE", signal=signal, **{
        f"{name}_{part}": value for name, level in levels.items() for part, value in zip(("count", "stride"), level, strict=True)})


def matmul(activation=0, weight_line=0, accumulator=0, accumulate=0, signal=0) -> int:
    return isa.encode("MATMUL", signal=signal, activation=activation, weight_line=weight_line, accumulator=accumulator,
                      accumulate=accumulate)


def matmul_os(activation=0, weight_line=0, accumulator=0, accumulate=0, signal=0, *, last=0) -> int:
    return isa.encode("MATMUL_OS", signal=signal, activation=activation, weight_line=weight_line, accumulator=accumulator,
                      accumulate=accumulate, last=last)


def with_stationary_sums(program: list[int]) -> list[int]:
    """The same program with each MATMUL as a MATMUL_OS."""
    changed, last = [], 0
    for word in program:
        decoded = isa.decode(word)
        if decoded.instruction.name == "MATRIX_SHAPE":
            last = decoded.values["x_count"] * decoded.values["y_count"] - 1
        elif decoded.instruction.name == "MATMUL":
            changed.append(matmul_os(**decoded.values, signal=decoded.signal, last=last))
            continue
        changed.append(word)
    return changed


def depthwise(activation=0, weight_line=0, accumulator=0, accumulate=0, signal=0, *, continues=0, line=0, skip=0, fill=0) -> int:
    return isa.encode("DEPTHWISE", signal=signal, activation=activation, weight_line=weight_line, accumulator=accumulator,
                      accumulate=accumulate, continues=continues, line=line, skip=skip, fill=fill)


def ages(rows: int, line: int) -> list[int]:
    """How many vectors before the present one came that of each row."""
    segments, taps = {4: (1, 4), 8: (2, 4), 16: (3, 5), 32: (3, 10), 64: (3, 21)}[rows]
    return [min(row // taps, segments - 1) * line + row - min(row // taps, segments - 1) * taps for row in range(rows)]


def perform(config: Config, scratchpad: np.ndarray, accumulators: np.ndarray, program: list[int], *, first_pc: int = 0) -> Error | None:
    """Change `accumulators` as the program says; gives the first error, after which the accumulators mean nothing."""
    size, current = config.lanes, {}
    stream: list[np.ndarray] = []
    for pc, word in enumerate(program, first_pc):
        decoded = isa.decode(word)
        if decoded.instruction.name == "MATRIX_SHAPE":
            current = decoded.values
            continue
        values, filters = decoded.values, decoded.instruction.name == "DEPTHWISE"
        fill = np.full(size, values["fill"] if filters else 0, np.uint8).view(np.int8).astype(np.int64)
        positions = range(current["x_count"] * current["y_count"])
        blocks = [positions]
        if decoded.instruction.name == "MATMUL_OS":
            positions = range(values["last"] + 1)
            blocks = [positions[start:start + size] for start in range(0, len(positions), size)]
        for block, outer, inner in itertools.product(blocks, range(current["outer_count"]), range(current["inner_count"])):
            fold = outer * current["inner_count"] + inner
            line = values["weight_line"] + fold * size
            if line + size > config.scratchpad_lines:
                return Cause.SCRATCHPAD, pc, line * size
            tile = scratchpad[line * size:(line + size) * size].view(np.int8).reshape(size, size).astype(np.int64)
            skip = values["skip"] if filters else 0
            if filters and (fold or not values["continues"]):
                stream, before = [], fill
            for position in block:
                y, x = divmod(position, current["x_count"])
                address = (values["activation"] + x * current["x_stride"] + y * current["y_stride"]
                           + inner * current["inner_stride"] + outer * current["outer_stride"]) % (1 << isa.ADDRESS_BITS)
                if address + size > config.scratchpad_bytes:
                    return Cause.SCRATCHPAD, pc, address
                vector = scratchpad[address:address + size].view(np.int8).astype(np.int64)
                if filters:
                    stream.append(vector)
                target = values["accumulator"] + position - skip
                if target < values["accumulator"]:
                    continue
                if target >= config.accumulator_lines:
                    return Cause.ACCUMULATOR, pc, target
                if filters:
                    old = [stream[-1 - age] if age < len(stream) else before for age in ages(size, values["line"])]
                    sums = sum(vector * weights for vector, weights in zip(old, tile, strict=True))
                else:
                    sums = vector @ tile
                if fold or values["accumulate"]:
                    sums += accumulators[target]
                accumulators[target] = sums.astype(np.int32)
    return None


def random_program(config: Config, chance: random.Random, length: int, *, errors: bool = False) -> list[int]:
    """Shapes and what of MATMULs, DEPTHWISEs and MATMUL_OSs there is, that overlap in the accumulators as often as not; all accesses in
    range unless `errors`."""
    program: list[int] = []
    line_before = None  # of a stream that can go on
    for _ in range(length):
        small = chance.random() < 0.5
        counts = {"x": chance.randint(1, 3 if small else 9), "y": chance.randint(1, 2 if small else 5),
                  "inner": chance.randint(1, 3), "outer": chance.randint(1, 3)}
        if config.array.output_stationary and chance.random() < 0.2:  # more folds than are added up in place
            counts["inner"] = chance.randint(4, 9)
        strides = {"x": chance.randint(-40, 40), "y": chance.randint(-300, 300),
                   "inner": chance.randint(-300, 300), "outer": chance.randint(-300, 300)}
        program.append(shape(**{name: (counts[name], strides[name]) for name in counts}, signal=chance.getrandbits(4)))
        for _ in range(chance.randint(1, 3)):
            lowest = sum(min(0, (counts[name] - 1) * strides[name]) for name in counts)
            highest = sum(max(0, (counts[name] - 1) * strides[name]) for name in counts)
            activation = chance.randint(-lowest, config.scratchpad_bytes - config.line_bytes - highest)
            line = chance.randint(0, config.scratchpad_lines - counts["inner"] * counts["outer"] * config.lanes)
            target = chance.randint(0, 8)
            match chance.choice(["activation", "weights", "accumulator"]) if errors and chance.random() < 0.15 else "none":
                case "activation":
                    activation = chance.choice([chance.randint(0, 200), config.scratchpad_bytes - chance.randint(1, 300)])
                case "weights":
                    line = config.scratchpad_lines - chance.randint(1, 4 * config.lanes)
                case "accumulator":
                    target = config.accumulator_lines - chance.randint(1, 12)
            operands = activation, line, target, chance.getrandbits(1), chance.getrandbits(4)
            array = config.array
            if array.output_stationary and (not array.weight_stationary or chance.random() < 0.5):
                # Of the last row of positions any part; no y_count is looked at.
                last = counts["x"] * counts["y"] - 1 - chance.choice([0, chance.randrange(counts["x"])])
                program.append(matmul_os(*operands, last=last))
                continue
            if not array.depthwise or chance.random() < 0.4:
                program.append(matmul(*operands))
                continue
            continues = line_before is not None and chance.random() < 0.5
            if not continues:
                line_before = chance.choice([0, 1, 235, chance.randint(2, 20)])
            program.append(depthwise(*operands, continues=int(continues), line=line_before, fill=chance.getrandbits(8),
                                     skip=chance.choice([0, 1, chance.randint(0, 20), chance.randint(0, 511)])))
    return program
