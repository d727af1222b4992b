"""VECTOR: one sweep of up to four loop levels through fetch, scaling, ALU or reduction, post-processing and write-back.

Lanes are int64 arrays (iterations, lanes) that hold 32-bit values. Everything an instruction reads is read before
anything is written, which is what the pipeline does as long as no iteration reads what an earlier one writes.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from weft.gen.isa import REDUCTIONS, Alu, Cause, Destination, Rounding, Select, Source
from weft.verif.golden import rounding
from weft.verif.golden.faults import Trap, raise_first
from weft.verif.golden.memory import ACCUMULATOR, SCRATCHPAD, Access, Addresses, Effect, Memory, first_beyond, sweep, wrap32

Lanes = NDArray[np.int64]
LEVELS = 4
TABLE = "table"
OPERAND_A, OPERAND_B, DESTINATION = range(3)  # VECTOR_STRIDE's `operand`


@dataclasses.dataclass(frozen=True)
class Setup:
    """What the set-up instructions left: fields of VECTOR_LOOP, of VECTOR_STRIDE per operand, of VECTOR_SCALE and VECTOR_POST."""

    loop: dict[str, int]
    strides: tuple[dict[str, int], dict[str, int], dict[str, int]]
    scale: dict[str, int]
    post: dict[str, int]

    def counts(self) -> list[int]:
        return [self.loop[f"count_{level}"] for level in range(LEVELS)]

    def steps(self, operand: int) -> list[int]:
        return [self.strides[operand][f"stride_{level}"] for level in range(LEVELS)]


def vector(memory: Memory, setup: Setup, values: dict[str, int]) -> Effect:
    """Perform one VECTOR. Raises `Trap` for illegal combinations and for the first access out of range, iteration by
    iteration and there A, B, result; nothing is written in that case. Needs memory for all iterations at once."""
    _check_operands(memory, setup, values)
    counts, reduced = setup.counts(), setup.loop["reduce"]
    a_addresses = sweep(values["a"], counts, setup.steps(OPERAND_A))
    b_addresses = sweep(values["b"], counts, setup.steps(OPERAND_B))
    passes = int(np.prod(counts[:reduced], dtype=np.int64))  # iterations that make one result
    targets = sweep(values["destination"], counts, setup.steps(DESTINATION))[passes - 1 :: passes]
    a_kind, b_kind = Source(values["a_source"]), Source(values["b_source"])
    kind = Destination(values["destination_kind"])
    _check_range([
        (a_addresses, 1, _source_range(memory, a_kind)),
        (b_addresses, 1, _source_range(memory, b_kind)),
        (targets, passes, _destination_range(memory, kind, values["lanes"])),
    ])

    y = _fetch(memory, b_addresses, b_kind)
    v = _scale(memory, setup.scale, _fetch(memory, a_addresses, a_kind), y, values["parameter"])
    alu = Alu(setup.post["alu"])
    u = _reduce(alu, v.reshape(-1, passes, v.shape[1])) if reduced else _combine(alu, v, y)
    z = np.minimum(np.maximum(wrap32(u + setup.post["post"]), setup.post["low"]), setup.post["high"])
    if setup.post["table"]:
        z = memory.table[z & 255].astype(np.int64)
    _write(memory, targets, kind, z, values["lanes"])

    accesses = [_source_access(memory, a_kind, a_addresses), _source_access(memory, b_kind, b_addresses),
                *_internal_reads(setup, values["parameter"], len(a_addresses)), _destination_access(kind, targets, values["lanes"])]
    return Effect([access for access in accesses if access], {"VECTOR_ITERATIONS": len(a_addresses)})


def _check_operands(memory: Memory, setup: Setup, values: dict[str, int]) -> None:
    config = memory.config
    if values["lanes"] > config.lanes or (setup.loop["reduce"] and setup.post["alu"] not in REDUCTIONS) or (
            setup.scale["rounding"] == Rounding.FLOAT32 and not config.vector.float32):
        raise Trap(Cause.ILLEGAL_OPERAND)
    if values["parameter"] >= config.vector.parameter_sets:
        raise Trap(Cause.PARAMETER, values["parameter"])


def _source_size(kind: Source, lanes: int) -> int:
    """Bytes of the scratchpad that one access of the kind touches; 0: it touches none."""
    return {Source.INT8: lanes, Source.UINT8: lanes, Source.SPLAT_INT8: 1, Source.SPLAT_UINT8: 1, Source.SPLAT_INT32: 4}.get(kind, 0)


Range = tuple[int, int, Cause]  # size of an access, size of its memory, cause when it is beyond


def _source_range(memory: Memory, kind: Source) -> Range | None:
    if kind is Source.ACCUMULATOR:
        return 1, memory.config.accumulator_lines, Cause.ACCUMULATOR
    size = _source_size(kind, memory.config.lanes)
    return (size, memory.config.scratchpad_bytes, Cause.SCRATCHPAD) if size else None


def _destination_range(memory: Memory, kind: Destination, lanes: int) -> Range | None:
    match kind:
        case Destination.ACCUMULATOR:
            return 1, memory.config.accumulator_lines, Cause.ACCUMULATOR
        case Destination.BYTES:
            return lanes, memory.config.scratchpad_bytes, Cause.SCRATCHPAD
        case Destination.PARAMETER_PRE | Destination.PARAMETER_MULTIPLIER | Destination.PARAMETER_SHIFT:
            return 1, memory.config.vector.parameter_sets, Cause.PARAMETER
    return None


def _check_range(operands: list[tuple[Addresses, int, Range | None]]) -> None:
    """Operands are (addresses, iterations between two of them, range)."""
    found = []
    for order, (starts, every, limits) in enumerate(operands):
        if limits is None:
            continue
        size, limit, cause = limits
        if (index := first_beyond(starts, size, limit)) is not None:
            found.append((((index + 1) * every, order), cause, int(starts[index])))
    raise_first(found)


def _source_access(memory: Memory, kind: Source, addresses: Addresses) -> Access | None:
    if kind is Source.ACCUMULATOR:
        return Access(ACCUMULATOR, addresses, 1, write=False)
    size = _source_size(kind, memory.config.lanes)
    return Access(SCRATCHPAD, addresses, size, write=False) if size else None


def _internal_reads(setup: Setup, parameter: int, iterations: int) -> list[Access]:
    """What every iteration reads of the parameter set and of the table (any entry, as the data will have it)."""
    fields = {"pre_select": "pre", "multiplier_select": "multiplier", "left_select": "shift", "right_select": "shift"}
    spaces = {f"parameter {fields[name]}" for name in fields if setup.scale[name] == Select.PARAMETER}
    sets = np.full(iterations, parameter, dtype=np.int64)
    reads = [Access(space, sets, 1, write=False) for space in sorted(spaces)]
    if setup.post["table"]:
        reads.append(Access(TABLE, np.zeros(iterations, dtype=np.int64), 256, write=False))
    return reads


def _destination_access(kind: Destination, targets: Addresses, lanes: int) -> Access | None:
    match kind:
        case Destination.NONE:
            return None
        case Destination.BYTES:
            return Access(SCRATCHPAD, targets, lanes, write=True)
        case Destination.ACCUMULATOR:
            return Access(ACCUMULATOR, targets, 1, write=True)
        case Destination.TABLE:
            return Access(TABLE, targets & 255, 1, write=True)
        case _:
            return Access(f"parameter {kind.name.removeprefix('PARAMETER_').lower()}", targets, 1, write=True)


def _fetch(memory: Memory, addresses: Addresses, kind: Source) -> Lanes:
    shape = (len(addresses), memory.config.lanes)
    match kind:
        case Source.NONE:
            return np.zeros(shape, dtype=np.int64)
        case Source.ACCUMULATOR:
            return memory.accumulators[addresses].astype(np.int64)
        case Source.SPLAT_INT32:
            values = memory.gather(addresses, 4).view("<i4")
        case _:
            values = memory.gather(addresses, _source_size(kind, memory.config.lanes))
            if kind in (Source.INT8, Source.SPLAT_INT8):
                values = values.view(np.int8)
    return np.broadcast_to(values.astype(np.int64), shape)


def _scale(memory: Memory, scale: dict[str, int], a: Lanes, y: Lanes, parameter: int) -> Lanes:
    def select(field: str, entry: NDArray[np.int32], mask: int = -1) -> Lanes:
        match Select(scale[f"{field}_select"]):
            case Select.CONSTANT:
                return np.array(scale[field], dtype=np.int64)
            case Select.PARAMETER:
                return entry.astype(np.int64)
            case _:
                return y & mask

    pre = select("pre", memory.pre[parameter])
    left = select("left", memory.left[parameter], 31)
    x = wrap32(wrap32(a + pre) << left)
    multiplier = select("multiplier", memory.multiplier[parameter])
    right = select("right", memory.right[parameter], 63)
    return rounding.scale(x, multiplier, right, Rounding(scale["rounding"]))


def _combine(alu: Alu, v: Lanes, y: Lanes) -> Lanes:
    match alu:
        case Alu.PASS:
            return v
        case Alu.ADD:
            return wrap32(v + y)
        case Alu.SUBTRACT:
            return wrap32(v - y)
        case Alu.MAXIMUM:
            return np.maximum(v, y)
        case Alu.MINIMUM:
            return np.minimum(v, y)
        case Alu.CONCATENATE:
            return wrap32(y << 8 | v & 255)
        case Alu.LEADING_ZEROS:
            return 32 - np.frexp((v & 0xFFFFFFFF).astype(np.float64))[1].astype(np.int64)


def _reduce(alu: Alu, v: Lanes) -> Lanes:
    """(results, passes, lanes) -> (results, lanes)."""
    running: Lanes
    match alu:
        case Alu.ADD:
            running = wrap32(v.sum(axis=1))
        case Alu.MAXIMUM:
            running = v.max(axis=1)
        case Alu.MINIMUM:
            running = v.min(axis=1)
        case _:
            running = v[:, 0]
            for index in range(max(1, v.shape[1] - 4), v.shape[1]):  # older bytes have left the 32 bits
                running = wrap32(running << 8 | v[:, index] & 255)
    return running


def _write(memory: Memory, targets: Addresses, kind: Destination, z: Lanes, lanes: int) -> None:
    """Results in order: where two meet, the later one stays."""
    match kind:
        case Destination.ACCUMULATOR:
            memory.accumulators[targets] = z
        case Destination.BYTES:
            memory.scratchpad[targets[:, None] + np.arange(lanes)] = (z[:, :lanes] & 255).astype(np.uint8)
        case Destination.PARAMETER_PRE:
            memory.pre[targets] = z
        case Destination.PARAMETER_MULTIPLIER:
            memory.multiplier[targets] = z
        case Destination.PARAMETER_SHIFT:
            memory.right[targets] = z & 63
            memory.left[targets] = z >> 8 & 31
        case Destination.TABLE:
            memory.table[targets & 255] = z[:, 0]
