"""The hardware configuration: one frozen dataclass with checks and derived values, TOML at the edge.

Pure data: imports nothing of weft but the error type and the table of number formats. Every legal combination elaborates; every illegal
one raises `WeftError` naming field, value, rule and the nearest legal value.
"""

import dataclasses
import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weft.gen.errors import WeftError, nearest
from weft.gen.formats.alignment import ALIGNMENTS, EXACT
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.gen.formats.results import RESULTS, SCALE_RULES, ResultRows
from weft.gen.formats.tiling import PACKINGS, WINDOW, Tiling

FOLDS_IN_PLACE = 8  # weight tiles whose products an element adds up before the sum leaves it, where sums are stationary


def _power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


def _nearest_power(value: float, low: int, high: int) -> int:
    powers = [1 << n for n in range(low.bit_length() - 1, high.bit_length())]
    return min(powers, key=lambda power: abs(power - value))


def _option(default: Any, doc: str, *, low: int | None = None, high: int | None = None, power: bool = False,
            choices: tuple[Any, ...] | None = None, extra: bool = False) -> Any:
    """`extra`: the canonical form leaves it out at its default, so that a new option changes nothing for who does not use it."""
    return dataclasses.field(
        default=default, metadata={"doc": doc, "low": low, "high": high, "power": power, "choices": choices, "extra": extra})


@dataclasses.dataclass(frozen=True)
class Machine:
    organisation: str = _option("decoupled", "units that run at the same time, or one small datapath that performs all instructions "
                                "one after the other", choices=("decoupled", "sequential"), extra=True)

    @property
    def overlaps(self) -> bool:
        """Units work at the same time."""
        return self.organisation != "sequential"


@dataclasses.dataclass(frozen=True)
class Array:
    rows: int = _option(16, "processing elements along the reduction (K); also the bytes of a scratchpad line",
                        low=4, high=64, power=True)
    columns: int = _option(16, "processing elements along the output channels (N); equal to rows",
                           low=4, high=64, power=True)
    dataflow: str = _option("weight_stationary", "what stays in the array: the weights, the sums, or either, as each instruction says",
                            choices=("weight_stationary", "output_stationary", "both"))
    operand: str = _option("int8", "operand format of activations, and of weights unless `weights` names one; anything but int8, or any "
                           "`weights`, makes a machine for products of matrices in these formats", choices=tuple(OPERANDS))
    weights: str = _option("", "operand format of weights (empty: that of activations)", choices=("", *OPERANDS), extra=True)
    packing: int = _option(1, "products of a processing element in a cycle, for elements of 4 bits or fewer", choices=tuple(PACKINGS),
                           extra=True)
    result: str = _option("fp32", "what exact sums of number formats are rounded to; formats with block scales by way of fp32",
                          choices=tuple(RESULTS), extra=True)
    scale_rule: str = _option("floor", "shared power of two of a block of results: that of its largest magnitude, so that the largest "
                              "may saturate, or the least with which nothing does", choices=SCALE_RULES, extra=True)
    product_register: bool = _option(
        False, "a register between multiplier and adder of each processing element: one more cycle, and on FPGAs a whole DSP block",
        choices=(False, True), extra=True)
    depthwise: bool = _option(False, "build the vertical path by which a depthwise layer gives a vector of results a cycle",
                              choices=(False, True), extra=True)

    @property
    def operand_names(self) -> tuple[str, str]:
        """Of activations and weights."""
        return self.operand, self.weights or self.operand

    @property
    def formats(self) -> bool:
        """Products of matrices in number formats: GEMM and ROUND instead of the instructions for int8 layers."""
        return self.operand != "int8" or self.weights != ""

    @property
    def integers(self) -> bool:
        return not self.formats

    @property
    def weight_stationary(self) -> bool:
        """MATMUL is there."""
        return self.integers and self.dataflow != "output_stationary"

    @property
    def output_stationary(self) -> bool:
        """MATMUL_OS is there."""
        return self.integers and self.dataflow != "weight_stationary"


@dataclasses.dataclass(frozen=True)
class Scratchpad:
    kib: int = _option(256, "capacity in KiB", low=4, high=1024, power=True)
    banks: int = _option(4, "independently addressed banks", low=2, high=16, power=True)
    late_grants: bool = _option(False, "for FPGAs, where the way to arbitration and back is long: load and store unit learn a cycle late "
                                "that a line was taken; a LOAD ends two cycles later, a burst of a STORE takes one more",
                                choices=(False, True), extra=True)


@dataclasses.dataclass(frozen=True)
class Accumulator:
    kib: int = _option(64, "capacity in KiB, both halves together", low=1, high=1024, power=True)
    bits: int = _option(32, "width of one accumulator", choices=(32,))
    kind: str = _option(EXACT, "how products in number formats add up: exactly, or as in tensor cores, aligned to the largest and cut off "
                        "so many bits below it", choices=(EXACT, *ALIGNMENTS), extra=True)


@dataclasses.dataclass(frozen=True)
class Vector:
    parameter_sets: int = _option(64, "per-channel parameter sets (bias, multiplier, shift) held on chip",
                                  low=32, high=256, power=True)
    float32: bool = _option(True, "include the FLOAT32 rounding mode of ONNX QOperator", choices=(True, False))
    columns_per_lane: int = _option(1, "columns of the array that share a lane of the vector unit and take turns there: a line takes as "
                                    "many cycles, and the lanes as much less area", choices=(1, 2, 4, 8), extra=True)


@dataclasses.dataclass(frozen=True)
class Axi:
    data_bits: int = _option(128, "width of the AXI4 data bus; 8 x array.rows, so that a beat is a line",
                             low=32, high=512, power=True)
    address_bits: int = _option(32, "width of AXI4 addresses", low=32, high=64)
    burst_beats: int = _option(16, "longest burst in beats", low=4, high=256, power=True)
    outstanding_reads: int = _option(8, "read bursts in flight", low=1, high=32, power=True)


@dataclasses.dataclass(frozen=True)
class Queues:
    depth: int = _option(16, "instructions that each unit's queue holds", low=2, high=256, power=True)
    fetch_depth: int = _option(64, "instructions that the fetch buffer holds", low=32, high=256, power=True)
    wait_register: bool = _option(False, "a register between semaphores and queues, for FPGAs: an instruction that waits for a semaphore "
                                  "passes a cycle later", choices=(False, True), extra=True)


@dataclasses.dataclass(frozen=True)
class Counters:
    enabled: bool = _option(True, "build the performance counters", choices=(True, False))


@dataclasses.dataclass(frozen=True)
class Config:
    """A whole accelerator. `name` is a label and does not enter the hash."""

    name: str = "edge16"
    machine: Machine = dataclasses.field(default_factory=Machine)
    array: Array = dataclasses.field(default_factory=Array)
    scratchpad: Scratchpad = dataclasses.field(default_factory=Scratchpad)
    accumulator: Accumulator = dataclasses.field(default_factory=Accumulator)
    vector: Vector = dataclasses.field(default_factory=Vector)
    axi: Axi = dataclasses.field(default_factory=Axi)
    queues: Queues = dataclasses.field(default_factory=Queues)
    counters: Counters = dataclasses.field(default_factory=Counters)

    def __post_init__(self) -> None:
        for section in sections():
            for option in dataclasses.fields(getattr(self, section)):
                _check(f"{section}.{option.name}", getattr(getattr(self, section), option.name), option)
        _require(self.array.columns == self.array.rows, "array.columns", self.array.columns,
                 "must equal array.rows: a scratchpad line feeds one row vector and takes one result vector",
                 self.array.rows)
        _require(self.axi.data_bits == 8 * self.array.rows, "axi.data_bits", self.axi.data_bits,
                 "must be 8 x array.rows: one bus beat is one scratchpad line", 8 * self.array.rows)
        low = max(4, 64 * self.lanes * self.scratchpad.banks // 1024)
        _require(self.scratchpad.kib >= low, "scratchpad.kib", self.scratchpad.kib,
                 f"each of the {self.scratchpad.banks} banks needs at least 64 lines of {self.lanes} bytes", low)
        if self.array.formats:
            self._check_formats()
        else:
            _require(self.accumulator.kind == EXACT, "accumulator.kind", self.accumulator.kind, "sums of int8 are exact", EXACT)
        low = max(1, 64 * self.accumulator_line_bytes // 1024)
        _require(self.accumulator.kib >= low, "accumulator.kib", self.accumulator.kib,
                 f"both halves need at least 32 lines of {self.accumulator_line_bytes // self.accumulator_bytes} x "
                 f"{self.accumulator_bytes} bytes", low)
        high = 16 * self.accumulator_line_bytes
        _require(self.accumulator.kib <= high, "accumulator.kib", self.accumulator.kib,
                 "an instruction addresses at most 16384 accumulator lines", high)
        _require(self.vector.columns_per_lane <= self.array.columns, "vector.columns_per_lane", self.vector.columns_per_lane,
                 f"the array has {self.array.columns} columns", self.array.columns)
        _require(self.array.dataflow != "output_stationary" or not self.array.depthwise, "array.depthwise", self.array.depthwise,
                 "DEPTHWISE adds sums from row to row, and with array.dataflow = \"output_stationary\" they never leave theirs", False)
        if self.machine.organisation == "sequential":
            for name, given, legal, rule in (
                    ("array.dataflow", self.array.dataflow, "weight_stationary", "MATMUL_OS has no microprogram"),
                    ("array.rows", self.array.rows, 4, "a scratchpad line is one word of the 32-bit datapath"),
                    ("array.depthwise", self.array.depthwise, False, "DEPTHWISE has no microprogram"),
                    ("vector.columns_per_lane", self.vector.columns_per_lane, 1, "one channel after the other is scaled anyway"),
                    ("axi.address_bits", self.axi.address_bits, 32, "a bus address is one word of the 32-bit datapath"),
                    ("counters.enabled", self.counters.enabled, False, "there are no units whose time could be counted")):
                _require(given == legal, name, given, f"in the sequential organisation {rule}", legal)

    def _check_formats(self) -> None:
        """What number formats need and do not go with."""
        array, blocks = self.array, {OPERANDS[name].block for name in self.array.operand_names} - {1}
        _require(len(blocks) < 2, "array.weights", array.weights, "both operands' blocks must have as many elements, or one of them none",
                 array.operand)
        wide = max(OPERANDS[name].element.bits for name in array.operand_names)
        _require(array.packing == 1 or wide <= 4, "array.packing", array.packing,
                 f"only elements of 4 bits or fewer share a processing element, and these have {wide}", 1)
        for name, given, legal, rule in (
                ("machine.organisation", self.machine.organisation, "decoupled", "GEMM has no microprogram"),
                ("array.dataflow", array.dataflow, "weight_stationary", "weights stay"),
                ("array.depthwise", array.depthwise, False, "there is no DEPTHWISE"),
                ("array.product_register", array.product_register, False, "processing elements of number formats have none")):
            _require(given == legal, name, given, f"with number formats {rule}", legal)
        if alignment := self.tiling.alignment:
            rule = alignment.refusal(self.tiling.operands) or ""
            _require(not rule, "accumulator.kind", self.accumulator.kind, f"with {' and '.join(array.operand_names)} {rule}", EXACT)

    # -- derived values ----------------------------------------------------------------------------
    @property
    def tiling(self) -> Tiling:
        """How the array works in number formats."""
        return Tiling(OperandPair(*(OPERANDS[name] for name in self.array.operand_names)), self.array.rows, self.array.columns,
                      self.array.packing, ALIGNMENTS.get(self.accumulator.kind))

    @property
    def results(self) -> ResultRows:
        """What sums of number formats are rounded to, and how that lies in memory."""
        return ResultRows(RESULTS[self.array.result], self.tiling.width)

    @property
    def results_per_cycle(self) -> int:
        """Sums of number formats that are rounded in a cycle: as many as fill a line in fp32."""
        return self.line_bytes // 4

    @property
    def accumulator_bytes(self) -> int:
        """Of one accumulator; the flags of exact ones of number formats come on top."""
        return WINDOW.width // 8 if self.array.formats and self.accumulator.kind == EXACT else 4

    @property
    def accumulator_line_bytes(self) -> int:
        return self.accumulator_bytes * (self.tiling.width if self.array.formats else self.array.columns)

    @property
    def lanes(self) -> int:
        """Rows = columns = channels of a vector = bytes of a line."""
        return self.array.rows

    @property
    def vector_lanes(self) -> int:
        """Lanes that the vector unit is built with."""
        return self.array.columns // self.vector.columns_per_lane

    @property
    def line_bytes(self) -> int:
        """Bytes of a scratchpad line and of a bus beat."""
        return self.array.rows

    @property
    def scratchpad_bytes(self) -> int:
        return self.scratchpad.kib * 1024

    @property
    def scratchpad_lines(self) -> int:
        return self.scratchpad_bytes // self.line_bytes

    @property
    def bank_lines(self) -> int:
        """Lines of one bank. Bank b holds lines b * bank_lines and up; even and odd lines are separate memories."""
        return self.scratchpad_lines // self.scratchpad.banks

    @property
    def accumulator_lines(self) -> int:
        """Lines of C x 32 bits, or of number formats `tiling.width` x 64, both halves. The upper half of the addresses is the second
        bank."""
        return self.accumulator.kib * 1024 // self.accumulator_line_bytes

    @property
    def partial_sum_bits(self) -> int:
        """Exact width of a column's sum of R int8 x int8 products (numerics.md section 5.5), or of as many as an element adds up in
        place."""
        products = self.array.rows * (FOLDS_IN_PLACE if self.array.output_stationary else 1)
        return 16 + (products - 1).bit_length()

    @property
    def depthwise_segments(self) -> int:
        """Kernel rows that one fold of a DEPTHWISE takes: the array's rows are cut into so many segments."""
        return min(3, self.array.rows // 4)

    @property
    def depthwise_taps(self) -> int:
        """Taps of a kernel row that one fold takes: rows of a segment (the last segment also has what the division leaves)."""
        return self.array.rows // self.depthwise_segments

    @property
    def macs_per_cycle(self) -> int:
        return self.array.rows * self.array.columns * self.array.packing

    def provides(self, option: str | None) -> bool:
        """Whether a boolean option ("section.name"), or a property of a section, is on; no option is always there."""
        section, _, name = (option or "").partition(".")
        return option is None or bool(getattr(getattr(self, section), name))

    def canonical(self) -> dict[str, Any]:
        """Every option that shapes the hardware, in declaration order, without the name; extra ones that are off left out."""
        tables = {section: {option.name: getattr(getattr(self, section), option.name) for option in dataclasses.fields(kind)
                            if not option.metadata["extra"] or getattr(getattr(self, section), option.name) != option.default}
                  for section, kind in sections().items()}
        return {section: table for section, table in tables.items() if table}

    @property
    def hash(self) -> int:
        """First 32 bits of the SHA-256 of the canonical form; CSR CONFIG_HASH."""
        text = json.dumps(self.canonical(), sort_keys=True)
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")

    # -- TOML ---------------------------------------------------------------------------------------
    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], *, name: str, where: str = "") -> "Config":
        """Build from nested tables; unknown sections and keys are errors that suggest the nearest known one."""
        try:
            tables = {}
            for section, table in data.items():
                if section not in sections():
                    raise WeftError(f"unknown section [{section}]", where=where, why="no such section in a configuration",
                                    fix=nearest(section, sections()))
                if not isinstance(table, Mapping):
                    raise WeftError(f"{section} = {table!r}", where=where, why=f"{section} is a section, not a value",
                                    fix=f"write [{section}] and its keys below it")
                kind = sections()[section]
                known = [option.name for option in dataclasses.fields(kind)]
                for key in table:
                    if key not in known:
                        raise WeftError(f"unknown key {section}.{key}", where=where,
                                        why=f"section [{section}] has no such key", fix=nearest(key, known))
                tables[section] = kind(**table)
            return cls(name=name, **tables)
        except WeftError as error:
            if error.where or not where:
                raise
            raise WeftError(error.what, where=where, why=error.why, fix=error.fix) from None

    @classmethod
    def load(cls, path: str | Path) -> "Config":
        """Read a TOML file; the configuration is named after the file."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise WeftError(f"no configuration {path}", where="command line", why="the file does not exist",
                            fix="give one of configs/*.toml, or copy one of them") from None
        except (OSError, UnicodeDecodeError) as error:
            raise WeftError(f"cannot read configuration {path}", where=str(path), why=str(error), fix="give a readable TOML file") from None
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise WeftError(f"{path} is not TOML", where=str(path), why=str(error),
                            fix="see configs/edge16.toml for the form") from None
        return cls.from_mapping(data, name=path.stem, where=str(path))


def sections() -> dict[str, type]:
    """Section name -> dataclass, in declaration order."""
    return {field.name: field.type for field in dataclasses.fields(Config) if field.name != "name"}  # type: ignore[misc]


def _require(condition: bool, field: str, value: Any, rule: str, legal: Any) -> None:
    if not condition:
        raise WeftError(f"{field} = {value!r}", why=rule, fix=f"use {legal!r}")


def _legal(value: Any, option: dataclasses.Field[Any]) -> int:
    """The legal value of an integer option that is nearest to a number, or to a number written as text; otherwise the default."""
    meta = option.metadata
    default: int = option.default  # type: ignore[assignment]
    try:
        number = value if type(value) is int else float(value) if isinstance(value, float | str) else math.nan
    except ValueError:
        return default
    if not (isinstance(number, int) or math.isfinite(number)):
        return default
    if meta["choices"] is not None:
        return min(meta["choices"], key=lambda choice: abs(choice - number))  # type: ignore[no-any-return]
    low, high = meta["low"], meta["high"]
    return _nearest_power(number, low, high) if meta["power"] else round(min(max(number, low), high))


def _check(field: str, value: Any, option: dataclasses.Field[Any]) -> None:
    """One option against its own rule."""
    meta, expected = option.metadata, option.type
    if type(value) is not expected:
        name = getattr(expected, "__name__", str(expected))
        raise WeftError(f"{field} = {value!r}", why=f"{field} takes a value of type {name}",
                        fix=f"use {json.dumps(_legal(value, option) if expected is int else option.default)}")
    if meta["choices"] is not None and value not in meta["choices"]:
        listed = ", ".join(repr(choice) for choice in meta["choices"])
        close = nearest(value, meta["choices"]) if isinstance(value, str) else f"use {_legal(value, option)!r}"
        raise WeftError(f"{field} = {value!r}", why=f"{field} is one of {listed}", fix=close)
    if meta["low"] is not None:
        low, high, legal = meta["low"], meta["high"], _legal(value, option)
        rule = f"{field} lies in {low} .. {high}" + (" and is a power of two" if meta["power"] else "")
        _require(low <= value <= high and (not meta["power"] or _power_of_two(value)), field, value, rule, legal)
