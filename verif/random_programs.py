"""Random legal programs: every instruction, source, destination and rounding, all units at once, and a result that shows.

A program begins by filling the places that it will use from DRAM, so that nothing depends on power-up state. It ends
by storing them: after a run, DRAM alone tells two machines apart.
"""

import copy
import dataclasses
import random
from collections.abc import Callable

import numpy as np

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import REDUCTIONS, Alu, Destination, Rounding, Select, Source
from weft.verif.golden.dma import load, store
from weft.verif.golden.faults import Trap, UndefinedProgram
from weft.verif.golden.machine import Machine
from weft.verif.golden.matrix import depthwise, matmul, matmul_os
from weft.verif.golden.memory import Access, Effect, Memory, Window
from weft.verif.golden.races import check_self_overlap, first_shared
from weft.verif.golden.vector import Setup, vector
from weft.verif.random_order import SemaphorePlanner

DATA, SHARED, RESULT = 0, 1, 2  # windows: read only (and the program), read and written, written only
DATA_LINES, SHARED_LINES = 768, 256
Values = dict[str, int]


@dataclasses.dataclass(frozen=True)
class Program:
    """A program with the memory that it expects.

    words: the instructions. windows: DRAM before the run; window 0 holds the program at byte `offset`. `machine()` gives a
    golden machine on a copy of that memory.
    """

    config: Config
    words: list[int]
    offset: int
    windows: list[Window]

    @property
    def length(self) -> int:
        return len(self.words)

    def machine(self, *, strict: bool = False) -> Machine:
        return Machine(self.config, copy.deepcopy(self.windows), strict=strict)

    def with_words(self, words: list[int]) -> "Program":
        """The same memory with another program."""
        windows = copy.deepcopy(self.windows)
        data = windows[DATA].data[: self.offset]
        code = np.frombuffer(b"".join(word.to_bytes(isa.WORD_BYTES, "little") for word in words), np.uint8)
        lines = -(-(len(data) + len(code)) // self.config.line_bytes)
        windows[DATA].data = np.concatenate([data, code, np.zeros(lines * self.config.line_bytes - len(data) - len(code), np.uint8)])
        return Program(self.config, words, self.offset, windows)


def random_program(config: Config, seed: int, length: int) -> Program:
    """A legal program without races and deadlocks. `length` counts its LOADs, STOREs, MATMULs and VECTORs between the
    filling and the storing of the memories."""
    return _Generator(config, seed).program(length)


class _Misplaced(Exception):
    """No room for the shape that was drawn: draw again."""


class _Generator:
    """Draws instructions, lets the golden units say what they touch, and has the planner order them."""

    def __init__(self, config: Config, seed: int) -> None:
        self.config, self.random = config, random.Random(seed)
        self.planner = SemaphorePlanner(self.random)
        self.instructions: list[tuple[str, Values, int]] = []  # name, fields, wait mask
        self.setup: dict[str, Values] = {}
        self.last_vector: list[Access] = []
        lanes, noise = config.lanes, np.random.default_rng(seed)
        lines = max(128, 512 // lanes, 6 * lanes)
        bank, half = config.bank_lines, config.accumulator_lines // 2
        sets = config.vector.parameter_sets
        # Places that are used, as (first, end): around borders of banks and halves, where addressing is most likely to be wrong.
        self.lines = _around([0, bank, config.scratchpad_lines - bank, config.scratchpad_lines], lines // 2, config.scratchpad_lines)
        self.bytes = [(first * lanes, end * lanes) for first, end in self.lines]
        self.accumulators = _around([0, half, 2 * half], 16, 2 * half)
        self.sets = _around([0, sets], 4, sets)
        result_lines = sum(end - first for first, end in self.lines) + sum(end - first for first, end in self.accumulators) * 4

        def window(count: int, readable: bool, writable: bool) -> Window:
            return Window(noise.integers(0, 256, count * lanes).astype(np.uint8), readable, writable)

        data_lines = -(-DATA_LINES * lanes // isa.WORD_BYTES) * isa.WORD_BYTES // lanes
        self.windows = [window(data_lines, True, False), window(SHARED_LINES, True, True), window(result_lines, False, True)]
        self.memory = Memory(config, [*copy.deepcopy(self.windows), Window(np.zeros(0, np.uint8), False, False)])

    # -- the whole ------------------------------------------------------------------------------------------------
    def program(self, length: int) -> Program:
        self._fill()
        kinds: list[Callable[[], None]] = [self._load, self._store, self._matmul, self._vector]
        for _ in range(length):
            kind = self.random.choices(kinds, weights=(2, 2, 3, 5))[0]
            while True:
                try:
                    kind()
                except _Misplaced:
                    continue
                break
        self._dump()
        self.planner.leave_signals()
        words = [isa.encode(name, wait=wait, signal=signal, **values)
                 for (name, values, wait), signal in zip(self.instructions, self.planner.signals, strict=True)]
        words.append(isa.encode("HALT", wait=self.random.randrange(16), signal=self.random.randrange(16)))
        return Program(self.config, words, len(self.windows[DATA].data), self.windows).with_words(words)

    # -- emitting ---------------------------------------------------------------------------------------------------
    def _emit(self, name: str, values: Values, effect: Effect) -> None:
        wait = self.planner.add(isa.BY_NAME[name].unit, effect.accesses)
        self.instructions.append((name, values, wait))

    def _run(self, name: str, values: Values, setup: dict[str, Values]) -> None:
        """The instruction after those of its set-up instructions that change something (and now and then one that does not).
        Raises `_Misplaced` if it would trap or if its result would be undefined."""
        try:
            effect = self._perform(name, values, setup)
            check_self_overlap(len(self.instructions), effect.accesses)
        except (Trap, UndefinedProgram):
            raise _Misplaced from None
        if name == "VECTOR":
            allowed = first_shared(effect.accesses, self.last_vector) is None
            values, self.last_vector = values | {"overlap": int(allowed and self.random.random() < 0.7)}, effect.accesses
        changes = [key for key, fields in setup.items() if self.setup.get(key) != fields or self.random.random() < 0.1]
        for key in self.random.sample(changes, len(changes)):
            self._emit(key.partition(" ")[0], setup[key], Effect([], {}))
            self.setup[key] = setup[key]
        self._emit(name, values, effect)

    def _perform(self, name: str, values: Values, setup: dict[str, Values]) -> Effect:
        match name:
            case "LOAD":
                return load(self.memory, setup["LOAD_SHAPE"], values)
            case "STORE":
                return store(self.memory, setup["STORE_SHAPE"], values)
            case "MATMUL":
                return matmul(self.memory, setup["MATRIX_SHAPE"], values)
            case "DEPTHWISE":
                return depthwise(self.memory, setup["MATRIX_SHAPE"], values)
            case "MATMUL_OS":
                return matmul_os(self.memory, setup["MATRIX_SHAPE"], values)
            case _:
                strides = (setup["VECTOR_STRIDE 0"], setup["VECTOR_STRIDE 1"], setup["VECTOR_STRIDE 2"])
                return vector(self.memory, Setup(setup["VECTOR_LOOP"], strides, setup["VECTOR_SCALE"], setup["VECTOR_POST"]), values)

    # -- drawing ----------------------------------------------------------------------------------------------------
    def _place(self, places: list[tuple[int, int]], size: int, nest: list[tuple[int, int]]) -> int:
        """A base address from which `size` units at every point of the nest of (count, stride) stay inside one place."""
        low = sum(min(0, (count - 1) * stride) for count, stride in nest)
        high = sum(max(0, (count - 1) * stride) for count, stride in nest) + size
        first, end = self.random.choice(places)
        if first - low > end - high:
            raise _Misplaced
        corner = self.random.random()
        return first - low if corner < 0.1 else end - high if corner < 0.2 else self.random.randint(first - low, end - high)

    def _word(self) -> int:
        """A 32-bit number, often a small one."""
        bits = self.random.choice((1, 4, 8, 8, 16, 25, 31, 31))
        return self.random.randint(-(1 << bits), (1 << bits) - 1)

    def _count(self, most: int) -> int:
        return self.random.choice((1, 1, 2, 3, self.random.randint(1, most)))

    def _dma(self, name: str, window: int) -> None:
        shape = self.setup.get(f"{name}_SHAPE")
        if shape is None or self.random.random() < 0.7:
            shape = {"rows": self._count(6), "dram_stride": self.random.randint(-24, 24), "scratchpad_stride": self.random.randint(-24, 24)}
            if name == "LOAD":
                shape |= {"pad_before": self.random.choice((0, 0, 1, 3)), "pad_after": self.random.choice((0, 0, 1, 4)),
                          "pad_value": self.random.randrange(256)}
        length = self.random.choice((0, 1, 2, 7, self.random.randint(1, 24), self.random.randint(1, 90)))
        total = max(1, length + shape.get("pad_before", 0) + shape.get("pad_after", 0))
        lines = len(self.windows[window].data) // self.config.line_bytes
        values = {
            "window": window, "length": length,
            "dram_line": self._place([(0, lines)], max(1, length), [(shape["rows"], shape["dram_stride"])]),
            "scratchpad_line": self._place(self.lines, total, [(shape["rows"], shape["scratchpad_stride"])])}
        self._run(name, values, {f"{name}_SHAPE": shape})

    def _load(self) -> None:
        self._dma("LOAD", self.random.choice((DATA, SHARED)))

    def _store(self) -> None:
        self._dma("STORE", self.random.choice((SHARED, SHARED, RESULT)))

    def _matmul(self) -> None:
        lanes, shape = self.config.lanes, self.setup.get("MATRIX_SHAPE")
        if shape is None or self.random.random() < 0.7:
            shape = {"x_count": self._count(10), "x_stride": self.random.randint(-2 * lanes, 2 * lanes),
                     "y_count": self._count(4), "y_stride": self.random.randint(-5 * lanes, 5 * lanes),
                     "inner_count": self._count(3), "inner_stride": self.random.randint(-lanes, lanes),
                     "outer_count": self.random.randint(1, 2), "outer_stride": self.random.randint(-5 * lanes, 5 * lanes)}
        nest = [(shape[f"{level}_count"], shape[f"{level}_stride"]) for level in ("x", "y", "inner", "outer")]
        values = {
            "activation": self._place(self.bytes, lanes, nest),
            "weight_line": self._place(self.lines, shape["inner_count"] * shape["outer_count"] * lanes, []),
            "accumulator": self._place(self.accumulators, shape["x_count"] * shape["y_count"], []),
            "accumulate": self.random.randrange(2)}
        name, array = "MATMUL", self.config.array
        if array.output_stationary and (not array.weight_stationary or self.random.random() < 0.5):
            name = "MATMUL_OS"
            values["last"] = shape["x_count"] * shape["y_count"] - 1 - self.random.choice((0, self.random.randrange(shape["x_count"])))
        elif array.depthwise and self.random.random() < 0.5:
            name, stream = "DEPTHWISE", self.memory.stream
            continues = stream is not None and self.random.random() < 0.5
            line = stream.line if continues else self.random.choice((0, 1, self.random.randint(1, 12), isa.LONGEST_LINE))
            positions = shape["x_count"] * shape["y_count"]
            values |= {"continues": int(continues), "line": line, "fill": self.random.randrange(256),
                       "skip": self.random.choice((0, 0, self.random.randrange(positions + 1), self.random.randrange(512)))}
        self._run(name, values, {"MATRIX_SHAPE": shape})

    def _vector(self) -> None:
        if "VECTOR_LOOP" not in self.setup or self.random.random() < 0.6:
            counts = [self._count(6) for _ in range(4)]
            self.random.shuffle(counts)
            loop = {f"count_{level}": count for level, count in enumerate(counts)} | {"reduce": self.random.choice((0, 0, 1, 2, 3, 4))}
        else:
            loop = self.setup["VECTOR_LOOP"]
        counts, reduced = [loop[f"count_{level}"] for level in range(4)], loop["reduce"]
        if int(np.prod(counts)) > 150:
            raise _Misplaced
        a_kind, b_kind = self.random.choice(list(Source)), self.random.choice((Source.NONE, *Source))
        kind = self.random.choice((*Destination, Destination.BYTES, Destination.BYTES, Destination.ACCUMULATOR))
        lanes = self.random.choice((self.config.lanes, self.random.randint(1, self.config.lanes)))
        strides = [self._strides(a_kind is Source.ACCUMULATOR), self._strides(b_kind is Source.ACCUMULATOR),
                   self._strides(kind is not Destination.BYTES, small=kind.name.startswith("PARAMETER"))]
        values = {
            "a": self._source(a_kind, counts, strides[0]), "a_source": a_kind, "b": self._source(b_kind, counts, strides[1]),
            "b_source": b_kind, "destination": self._destination(kind, counts, strides[2], reduced, lanes), "destination_kind": kind,
            "lanes": lanes, "parameter": self._place(self.sets, 1, []), "overlap": 0}
        alu = self.random.choice(REDUCTIONS if reduced else tuple(Alu))
        setup = {"VECTOR_LOOP": loop, "VECTOR_SCALE": self._scale(),
                 "VECTOR_POST": {"post": self._word(), **self._clamp(), "alu": alu, "table": int(self.random.random() < 0.3)}}
        setup |= {f"VECTOR_STRIDE {operand}": {"operand": operand} | {f"stride_{level}": step for level, step in enumerate(steps)}
                  for operand, steps in enumerate(strides)}
        self._run("VECTOR", values, setup)

    def _strides(self, lines: bool, *, small: bool = False) -> list[int]:
        reach = 1 if small else 4 if lines else 3 * self.config.lanes
        return [self.random.randint(-reach, reach) for _ in range(4)]

    def _source(self, kind: Source, counts: list[int], strides: list[int]) -> int:
        nest = list(zip(counts, strides, strict=True))
        match kind:
            case Source.NONE:
                return self.random.randrange(1 << 20)
            case Source.ACCUMULATOR:
                return self._place(self.accumulators, 1, nest)
            case Source.INT8 | Source.UINT8:
                return self._place(self.bytes, self.config.lanes, nest)
            case _:
                return self._place(self.bytes, 4 if kind is Source.SPLAT_INT32 else 1, nest)

    def _destination(self, kind: Destination, counts: list[int], strides: list[int], reduced: int, lanes: int) -> int:
        nest = list(zip(counts[reduced:], strides[reduced:], strict=True))
        # The address of a pass is that of its last iteration.
        ahead = sum((count - 1) * stride for count, stride in zip(counts[:reduced], strides[:reduced], strict=True))
        match kind:
            case Destination.NONE | Destination.TABLE:
                return self.random.randrange(1 << 20)
            case Destination.ACCUMULATOR:
                base = self._place(self.accumulators, 1, nest) - ahead
            case Destination.BYTES:
                base = self._place(self.bytes, lanes, nest) - ahead
            case _:
                base = self._place(self.sets, 1, nest) - ahead
        if not 0 <= base < 1 << 20:
            raise _Misplaced
        return base

    def _scale(self) -> Values:
        roundings = [rounding for rounding in Rounding if rounding is not Rounding.FLOAT32 or self.config.vector.float32]
        selects = (Select.CONSTANT, *Select)
        requantise = self.random.random() < 0.5  # as networks do, or anything
        return {
            "pre": self._word(), "multiplier": self.random.randint(1 << 30, (1 << 31) - 1) if requantise else self._word(),
            "left": self.random.choice((0, 0, 0, self.random.randrange(32))),
            "right": self.random.randint(30, 44) if requantise else self.random.randrange(64),
            "rounding": self.random.choice(roundings), "pre_select": self.random.randrange(2),
            **{f"{name}_select": self.random.choice(selects) for name in ("multiplier", "left", "right")}}

    def _clamp(self) -> Values:
        bounds = [(-(1 << 31), (1 << 31) - 1), (-128, 127), (0, 127), (self._word(), self._word())]
        low, high = self.random.choice(bounds)
        return {"low": low, "high": high}

    # -- filling and storing ------------------------------------------------------------------------------------------
    def _fill(self) -> None:
        """Every place gets data: scratchpad from window 0, the vector unit's memories from the scratchpad."""
        lanes, dram = self.config.lanes, 0
        shape = {"rows": 1, "dram_stride": 0, "scratchpad_stride": 0, "pad_before": 0, "pad_after": 0, "pad_value": 0}
        for first, end in self.lines:
            dram = dram if dram + end - first <= DATA_LINES else 0
            self._run("LOAD", {"window": DATA, "dram_line": dram, "scratchpad_line": first, "length": end - first}, {"LOAD_SHAPE": shape})
            dram += end - first

        def words(count: int, source: Source, kind: Destination, first: int, step: int) -> None:
            """`count` results from `first` on, each from 4 bytes a lane (a byte plane after the other) or one word."""
            planes = 1 if source is Source.SPLAT_INT32 else 4
            self._plain((planes, count), (lanes, step), (0, 1), int(planes > 1), Alu.CONCATENATE if planes > 1 else Alu.PASS, {
                "a": self.bytes[0][0], "a_source": source, "destination": first, "destination_kind": kind})

        for first, end in self.accumulators:
            words(end - first, Source.UINT8, Destination.ACCUMULATOR, first, 3)
        for first, end in self.sets:
            for kind in (Destination.PARAMETER_PRE, Destination.PARAMETER_MULTIPLIER, Destination.PARAMETER_SHIFT):
                words(end - first, Source.UINT8, kind, first, 5)
        words(256, Source.SPLAT_INT32, Destination.TABLE, 0, 1)

    def _plain(self, counts: tuple[int, int], a_steps: tuple[int, int], steps: tuple[int, int], reduce: int, alu: Alu,
               values: Values, right: int = 0) -> None:
        """A VECTOR over two levels that scales nothing but shifts right."""
        setup: dict[str, Values] = {
            "VECTOR_LOOP": {"count_0": counts[0], "count_1": counts[1], "count_2": 1, "count_3": 1, "reduce": reduce},
            "VECTOR_SCALE": {"pre": 0, "multiplier": 1, "left": 0, "right": right, "rounding": Rounding.FLOOR, "pre_select": 0,
                             "multiplier_select": 0, "left_select": 0, "right_select": 0},
            "VECTOR_POST": {"post": 0, "low": -(1 << 31), "high": (1 << 31) - 1, "alu": alu, "table": 0}}
        for operand, step in enumerate((a_steps, (0, 0), steps)):
            setup[f"VECTOR_STRIDE {operand}"] = {"operand": operand, "stride_0": step[0], "stride_1": step[1], "stride_2": 0, "stride_3": 0}
        self._run("VECTOR", {"b": 0, "b_source": Source.NONE, "lanes": self.config.lanes, "parameter": 0, "overlap": 0} | values, setup)

    def _dump(self) -> None:
        """Scratchpad places to the result window, then the accumulators as four byte planes through the first place."""
        lanes, dram = self.config.lanes, 0
        shape = {"STORE_SHAPE": {"rows": 1, "dram_stride": 0, "scratchpad_stride": 0}}

        def save(first: int, count: int) -> None:
            nonlocal dram
            self._run("STORE", {"window": RESULT, "dram_line": dram, "scratchpad_line": first, "length": count}, shape)
            dram += count

        for first, end in self.lines:
            save(first, end - first)
        for first, end in self.accumulators:
            count = end - first
            for plane in range(4):
                self._plain((count, 1), (1, 0), (lanes, 0), 0, Alu.PASS, right=8 * plane, values={
                    "a": first, "a_source": Source.ACCUMULATOR, "destination": self.bytes[0][0] + plane * count * lanes,
                    "destination_kind": Destination.BYTES})
            save(self.lines[0][0], 4 * count)


def _around(borders: list[int], reach: int, limit: int) -> list[tuple[int, int]]:
    """Ranges of `reach` to both sides of each border, or twice that from an end inwards, inside 0 .. limit."""
    ranges = []
    for border in borders:
        first = min(max(border - reach, 0), max(limit - 2 * reach, 0))
        ranges.append((first, min(first + 2 * reach, limit)))
    return ranges
