"""MATMUL, MATMUL_OS and DEPTHWISE: products and filters over a two-level position loop and a two-level fold loop."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause
from weft.verif.golden.faults import UndefinedProgram, raise_first
from weft.verif.golden.memory import ACCUMULATOR, SCRATCHPAD, Access, Addresses, Effect, Memory, Stream, first_beyond


def matmul(memory: Memory, shape: dict[str, int], values: dict[str, int]) -> Effect:
    """Perform one MATMUL with the fields of MATRIX_SHAPE and MATMUL.

    Products and sums of a fold are exact: they stay below 2**22, inside float32, whose matrix product is the fast one.
    Raises `Trap` SCRATCHPAD or ACCUMULATOR for the first access out of range: fold by fold the weight tile, then position
    by position activation before accumulator. Nothing is written in that case.
    """
    return _products(memory, _Sweep.of(memory, shape, values, skip=0), values)


def matmul_os(memory: Memory, shape: dict[str, int], values: dict[str, int]) -> Effect:
    """Perform one MATMUL_OS with the fields of MATRIX_SHAPE and MATMUL_OS.

    Sums wrap and so do not depend on the order: the result is that of a MATMUL with so many positions. What does depend on it is which
    access out of range is the first: block by block, fold by fold the weight tile, then the block's positions. Raises `Trap` for it.
    """
    return _products(memory, _Sweep.of_blocks(memory, shape, values), values)


def _products(memory: Memory, sweep: "_Sweep", values: dict[str, int]) -> Effect:
    total = sweep.before(memory, values["accumulate"])
    for vectors, tile in sweep.folds(memory):
        total += (vectors.astype(np.float32) @ tile.astype(np.float32)).astype(np.int64)
    memory.accumulators[sweep.lines] = total.astype(np.int32)
    return sweep.effect(memory.config.lanes)


def depthwise(memory: Memory, shape: dict[str, int], values: dict[str, int]) -> Effect:
    """Perform one DEPTHWISE with the fields of MATRIX_SHAPE and DEPTHWISE.

    Raises `Trap` as `matmul` does, positions that give no result without their accumulator line; `UndefinedProgram` for one that
    continues what is not there.
    """
    sweep = _Sweep.of(memory, shape, values, values["skip"])
    ages = _ages(memory.config, values["line"])
    span = int(ages.max())
    stream = Stream(values["line"], np.full((span, memory.config.lanes), values["fill"], np.uint8).view(np.int8))
    start = stream
    if values["continues"]:
        if memory.stream is None or memory.stream.line != values["line"]:
            raise UndefinedProgram("DEPTHWISE continues, but the one before has another line or there is none")
        start = memory.stream
    total = sweep.before(memory, values["accumulate"])
    for vectors, tile in sweep.folds(memory):
        seen = np.concatenate([start.vectors, vectors])
        for age, weights in zip(ages, tile.astype(np.int64), strict=True):
            total += (seen[span - age :][: len(vectors)] * weights)[values["skip"] :]
        memory.stream, start = Stream(values["line"], seen[len(seen) - span :]), stream
    memory.accumulators[sweep.lines] = total.astype(np.int32)
    return sweep.effect(memory.config.lanes)


def _ages(config: Config, line: int) -> NDArray[np.int64]:
    """How many vectors ago each row's came."""
    rows = np.arange(config.array.rows, dtype=np.int64)
    segment = np.minimum(rows // config.depthwise_taps, config.depthwise_segments - 1)
    ages: NDArray[np.int64] = segment * line + rows - segment * config.depthwise_taps
    return ages


@dataclasses.dataclass(frozen=True)
class _Sweep:
    """Activation bytes (folds, positions), first weight lines (folds,), accumulator lines (results,): all in range."""

    activations: Addresses
    weight_lines: Addresses
    lines: Addresses
    blocks: int = 1  # how many times the weight tiles come

    @classmethod
    def of(cls, memory: Memory, shape: dict[str, int], values: dict[str, int], skip: int) -> "_Sweep":
        """Raises `Trap`. The first `skip` positions have no accumulator line."""
        addresses = _addresses(memory, shape, values, skip)
        _check(memory, *addresses, skip)
        return cls(*addresses)

    @classmethod
    def of_blocks(cls, memory: Memory, shape: dict[str, int], values: dict[str, int]) -> "_Sweep":
        """The same in blocks of R positions, `last` + 1 in all. Raises `Trap`."""
        size, positions = memory.config.lanes, values["last"] + 1
        y_count = -(-positions // shape["x_count"])
        activations, weight_lines, lines = _addresses(memory, shape | {"y_count": y_count}, values, 0)
        activations, lines = activations[:, :positions], lines[:positions]
        for start in range(0, len(lines), size):
            block = slice(start, start + size)
            _check(memory, activations[:, block], weight_lines, lines[block], 0)
        return cls(activations, weight_lines, lines, -(-positions // size))

    def before(self, memory: Memory, accumulate: int) -> NDArray[np.int64]:
        """What the first fold adds to (results, lanes)."""
        return memory.accumulators[self.lines].astype(np.int64) * accumulate

    def folds(self, memory: Memory) -> Iterator[tuple[NDArray[np.int8], NDArray[np.int8]]]:
        """Vectors (positions, R) and weight tile (R, C) of each fold."""
        lanes = memory.config.lanes
        for addresses, line in zip(self.activations, self.weight_lines, strict=True):
            tile = memory.scratchpad[line * lanes : (line + lanes) * lanes].reshape(lanes, lanes).view(np.int8)
            yield memory.gather(addresses, lanes).view(np.int8), tile

    def effect(self, lanes: int) -> Effect:
        accesses = [
            Access(SCRATCHPAD, self.activations.ravel(), lanes, write=False),
            Access(SCRATCHPAD, self.weight_lines * lanes, lanes * lanes, write=False),
        ]
        if len(self.lines):
            accesses.append(Access(ACCUMULATOR, self.lines, 1, write=True))
        return Effect(accesses, {"MATRIX_VECTORS": self.activations.size, "WEIGHT_TILES": len(self.weight_lines) * self.blocks})


def _addresses(memory: Memory, shape: dict[str, int], values: dict[str, int], skip: int) -> tuple[Addresses, Addresses, Addresses]:
    """Activation bytes (folds, positions), first weight lines (folds,), accumulator lines (positions after the first `skip`,).

    Cut one past what the memories hold: all that follows traps anyway, and 12-bit counts squared would not fit a host.
    """
    config, modulus = memory.config, 1 << isa.ADDRESS_BITS
    positions = min(shape["x_count"] * shape["y_count"], config.accumulator_lines + 1 + skip)
    folds = min(shape["inner_count"] * shape["outer_count"], config.scratchpad_lines // config.lanes + 1)
    y, x = np.divmod(np.arange(positions, dtype=np.int64), shape["x_count"])
    outer, inner = np.divmod(np.arange(folds, dtype=np.int64), shape["inner_count"])
    along_folds = inner * shape["inner_stride"] + outer * shape["outer_stride"]
    along_positions = x * shape["x_stride"] + y * shape["y_stride"]
    activations = (values["activation"] + along_folds[:, None] + along_positions) % modulus
    weight_lines = values["weight_line"] + np.arange(folds, dtype=np.int64) * config.lanes
    return activations, weight_lines, values["accumulator"] + np.arange(max(0, positions - skip), dtype=np.int64)


def _check(memory: Memory, activations: Addresses, weight_lines: Addresses, lines: Addresses, skip: int) -> None:
    config, found = memory.config, []
    if (fold := first_beyond(weight_lines, config.lanes, config.scratchpad_lines)) is not None:
        found.append(((fold, -1, 0), Cause.SCRATCHPAD, int(weight_lines[fold]) * config.lanes))
    if (index := first_beyond(activations.ravel(), config.lanes, config.scratchpad_bytes)) is not None:
        fold, position = divmod(index, activations.shape[1])
        found.append(((fold, position, 0), Cause.SCRATCHPAD, int(activations[fold, position])))
    if (line := first_beyond(lines, 1, config.accumulator_lines)) is not None:
        found.append(((0, skip + line, 1), Cause.ACCUMULATOR, int(lines[line])))
    raise_first(found)
