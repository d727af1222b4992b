"""Plain-Python vector unit for benches: one iteration after the other, Python integers, written from the text of `weft.gen.isa`."""

import itertools
from collections.abc import Iterable, Mapping

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Alu, Cause, Destination, Rounding, Select, Source
from weft.verif.bench.rounding_model import rounded, wrap

BYTES = {Source.INT8: 0, Source.UINT8: 0, Source.SPLAT_INT8: 1, Source.SPLAT_UINT8: 1, Source.SPLAT_INT32: 4}  # 0: a line
SIGNED = (Source.INT8, Source.SPLAT_INT8)
PARAMETERS = {Destination.PARAMETER_PRE: 0, Destination.PARAMETER_MULTIPLIER: 1, Destination.PARAMETER_SHIFT: 2}


class ModelError(Exception):
    """The error that the unit must report."""

    def __init__(self, cause: Cause, address: int) -> None:
        self.cause, self.address = cause, address
        super().__init__(f"{cause.name} at {address}")


class Hazard(Exception):
    """An iteration reads what an earlier one of the same VECTOR writes, or with `overlap` the VECTOR before: the result is undefined."""


class Written:
    """Places that an iteration must not read: those of the VECTOR before, if it may still be under way, and of this one."""

    def __init__(self, before: set[tuple[str, int]], now: set[tuple[str, int]]) -> None:
        self.before, self.now = before, now

    def __contains__(self, place: tuple[str, int]) -> bool:
        return place in self.before or place in self.now

    def add(self, place: tuple[str, int]) -> None:
        self.now.add(place)

    def update(self, places: Iterable[tuple[str, int]]) -> None:
        self.now.update(places)


class VectorModel:
    """State and semantics. `perform` takes (name, field values) and applies one instruction."""

    def __init__(self, config: Config, scratchpad: bytearray, accumulators: list[list[int]]) -> None:
        self.config, self.scratchpad, self.accumulators = config, scratchpad, accumulators
        sets, lanes = config.vector.parameter_sets, config.lanes
        self.parameters = [[[0] * lanes for _ in range(3)] for _ in range(sets)]
        self.table = [0] * 256
        self.state: dict[str, dict[str, int]] = {}
        self.strides: dict[int, list[int]] = {}
        self.written: set[tuple[str, int]] = set()  # by the last VECTOR

    def perform(self, name: str, values: Mapping[str, int]) -> None:
        if name == "VECTOR_STRIDE":
            self.strides[values["operand"]] = [values[f"stride_{k}"] for k in range(4)]
        elif name != "VECTOR":
            self.state[name] = dict(values)
        else:
            self._vector(values)

    def _vector(self, run: Mapping[str, int]) -> None:
        loop, scale, post = (self.state[name] for name in ("VECTOR_LOOP", "VECTOR_SCALE", "VECTOR_POST"))
        config, alu = self.config, Alu(post["alu"])
        if (run["lanes"] > config.lanes or (loop["reduce"] and alu not in isa.REDUCTIONS)
                or (scale["rounding"] == Rounding.FLOAT32 and not config.vector.float32)):
            raise ModelError(Cause.ILLEGAL_OPERAND, 0)
        if run["parameter"] >= config.vector.parameter_sets:
            raise ModelError(Cause.PARAMETER, run["parameter"])
        parameters = [list(field) for field in self.parameters[run["parameter"]]]
        before, self.written = self.written if run["overlap"] else set(), set()
        if any((f"parameter {n}", run["parameter"]) in before for n, fields in enumerate((("pre",), ("multiplier",), ("left", "right")))
               if any(scale[f"{field}_select"] == Select.PARAMETER for field in fields)):
            raise Hazard
        written = Written(before, self.written)
        running = None
        counts = [loop[f"count_{k}"] for k in range(4)]
        for reverse in itertools.product(*(range(count) for count in reversed(counts))):
            index = reverse[::-1]
            address = [(base + sum(i * s for i, s in zip(index, self.strides[k], strict=True))) % (1 << isa.ADDRESS_BITS)
                       for k, base in enumerate((run["a"], run["b"], run["destination"]))]
            emit = all(index[k] == counts[k] - 1 for k in range(loop["reduce"]))
            a_kind, b_kind, kind = Source(run["a_source"]), Source(run["b_source"]), Destination(run["destination_kind"])
            self._check_source(a_kind, address[0])
            self._check_source(b_kind, address[1])
            if emit:
                self._check_destination(kind, address[2], run["lanes"])
            a, b = self._read(a_kind, address[0], written), self._read(b_kind, address[1], written)
            v = [self._scale(scale, [field[n] for field in parameters], a[n], b[n]) for n in range(config.lanes)]
            if loop["reduce"]:
                begins = not any(index[: loop["reduce"]])
                running = v if begins else [combine(alu, x, r) for x, r in zip(v, running, strict=True)]
                result = running
            else:
                result = [combine(alu, x, y) for x, y in zip(v, b, strict=True)]
            if emit:
                self._write(kind, address[2], [self._finish(post, u, written) for u in result], run["lanes"], written)

    def _check_source(self, kind: Source, address: int) -> None:
        if kind == Source.ACCUMULATOR and address >= self.config.accumulator_lines:
            raise ModelError(Cause.ACCUMULATOR, address)
        if kind in BYTES and address + (BYTES[kind] or self.config.lanes) > len(self.scratchpad):
            raise ModelError(Cause.SCRATCHPAD, address)

    def _check_destination(self, kind: Destination, address: int, lanes: int) -> None:
        if kind == Destination.ACCUMULATOR and address >= self.config.accumulator_lines:
            raise ModelError(Cause.ACCUMULATOR, address)
        if kind == Destination.BYTES and address + lanes > len(self.scratchpad):
            raise ModelError(Cause.SCRATCHPAD, address)
        if kind in PARAMETERS and address >= self.config.vector.parameter_sets:
            raise ModelError(Cause.PARAMETER, address)

    def _read(self, kind: Source, address: int, written: Written) -> list[int]:
        lanes = self.config.lanes
        if kind == Source.NONE:
            return [0] * lanes
        if kind == Source.ACCUMULATOR:
            if ("accumulator", address) in written:
                raise Hazard
            return list(self.accumulators[address])
        size = BYTES[kind] or lanes
        if any(("scratchpad", address + k) in written for k in range(size)):
            raise Hazard
        data = self.scratchpad[address : address + size]
        if kind == Source.SPLAT_INT32:
            return [int.from_bytes(data, "little", signed=True)] * lanes
        values = [byte - 256 * (kind in SIGNED and byte > 127) for byte in data]
        return values * lanes if size == 1 else values

    def _scale(self, scale: Mapping[str, int], parameters: list[int], a: int, b: int) -> int:
        pre, multiplier, shifts = parameters
        entries = {"pre": pre, "multiplier": multiplier, "left": shifts >> 8 & 31, "right": shifts & 63}
        masks = {"left": 31, "right": 63}

        def chosen(field: str) -> int:
            return {Select.CONSTANT: scale[field], Select.PARAMETER: entries[field],
                    Select.OPERAND_B: b & masks[field] if field in masks else b}[Select(scale[f"{field}_select"])]

        x = wrap(wrap(a + chosen("pre")) << chosen("left"))
        return rounded(Rounding(scale["rounding"]), x, chosen("multiplier"), chosen("right"))

    def _finish(self, post: Mapping[str, int], u: int, written: Written) -> int:
        z = min(max(wrap(u + post["post"]), post["low"]), post["high"])
        if post["table"]:
            if ("table", z & 255) in written:
                raise Hazard
            return self.table[z & 255]
        return z

    def _write(self, kind: Destination, address: int, lanes: list[int], count: int, written: Written) -> None:
        if kind == Destination.ACCUMULATOR:
            self.accumulators[address] = lanes
            written.add(("accumulator", address))
        elif kind == Destination.BYTES:
            self.scratchpad[address : address + count] = bytes(lane & 255 for lane in lanes[:count])
            written.update(("scratchpad", address + k) for k in range(count))
        elif kind in PARAMETERS:
            self.parameters[address][PARAMETERS[kind]] = lanes
            written.add((f"parameter {PARAMETERS[kind]}", address))
        elif kind == Destination.TABLE:
            self.table[address % 256] = lanes[0]
            written.add(("table", address % 256))


def combine(alu: Alu, v: int, y: int) -> int:
    """One lane; y is operand B or the running value."""
    match alu:
        case Alu.PASS:
            return v
        case Alu.ADD:
            return wrap(v + y)
        case Alu.SUBTRACT:
            return wrap(v - y)
        case Alu.MAXIMUM:
            return max(v, y)
        case Alu.MINIMUM:
            return min(v, y)
        case Alu.CONCATENATE:
            return wrap(y << 8 | v & 255)
        case Alu.LEADING_ZEROS:
            return 32 - (v % (1 << 32)).bit_length()
