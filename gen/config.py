"""The hardware configuration: one frozen dataclass with rules between its sections and derived values, TOML at the edge.

Pure data: imports nothing of weft but sections, the error type and the table of number formats. Every legal combination elaborates; every
illegal one raises `WeftError` naming field, value, rule and the nearest legal value.
"""

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weft.gen.errors import WeftError, nearest
from weft.gen.formats.alignment import ALIGNMENTS, EXACT
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.gen.formats.results import RESULTS, ResultRows
from weft.gen.formats.tiling import WINDOW, Tiling
from weft.gen.option import check, require
from weft.gen.sections import Accumulator, Array, Axi, Counters, Machine, Queues, Scratchpad, Vector

FOLDS_IN_PLACE = 8  # weight tiles whose products an element adds up before the sum leaves it, where sums are stationary


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
                check(f"{section}.{option.name}", getattr(getattr(self, section), option.name), option)
        require(self.array.columns == self.array.rows, "array.columns", self.array.columns,
                 "must equal array.rows: a scratchpad line feeds one row vector and takes one result vector",
                 self.array.rows)
        require(self.axi.data_bits == 8 * self.array.rows, "axi.data_bits", self.axi.data_bits,
                 "must be 8 x array.rows: one bus beat is one scratchpad line", 8 * self.array.rows)
        low = max(4, 64 * self.lanes * self.scratchpad.banks // 1024)
        require(self.scratchpad.kib >= low, "scratchpad.kib", self.scratchpad.kib,
                 f"each of the {self.scratchpad.banks} banks needs at least 64 lines of {self.lanes} bytes", low)
        if self.array.formats:
            self._check_formats()
        else:
            require(self.accumulator.kind == EXACT, "accumulator.kind", self.accumulator.kind, "sums of int8 are exact", EXACT)
        low = max(1, 64 * self.accumulator_line_bytes // 1024)
        require(self.accumulator.kib >= low, "accumulator.kib", self.accumulator.kib,
                 f"both halves need at least 32 lines of {self.accumulator_line_bytes // self.accumulator_bytes} x "
                 f"{self.accumulator_bytes} bytes", low)
        high = 16 * self.accumulator_line_bytes
        require(self.accumulator.kib <= high, "accumulator.kib", self.accumulator.kib,
                 "an instruction addresses at most 16384 accumulator lines", high)
        require(self.vector.columns_per_lane <= self.array.columns, "vector.columns_per_lane", self.vector.columns_per_lane,
                 f"the array has {self.array.columns} columns", self.array.columns)
        require(self.array.dataflow != "output_stationary" or not self.array.depthwise, "array.depthwise", self.array.depthwise,
                 "DEPTHWISE adds sums from row to row, and with array.dataflow = \"output_stationary\" they never leave theirs", False)
        if self.machine.organisation == "sequential":
            for name, given, legal, rule in (
                    ("array.dataflow", self.array.dataflow, "weight_stationary", "MATMUL_OS has no microprogram"),
                    ("array.rows", self.array.rows, 4, "a scratchpad line is one word of the 32-bit datapath"),
                    ("array.depthwise", self.array.depthwise, False, "DEPTHWISE has no microprogram"),
                    ("vector.columns_per_lane", self.vector.columns_per_lane, 1, "one channel after the other is scaled anyway"),
                    ("axi.address_bits", self.axi.address_bits, 32, "a bus address is one word of the 32-bit datapath"),
                    ("counters.enabled", self.counters.enabled, False, "there are no units whose time could be counted")):
                require(given == legal, name, given, f"in the sequential organisation {rule}", legal)

    def _check_formats(self) -> None:
        """What number formats need and do not go with."""
        array, blocks = self.array, {OPERANDS[name].block for name in self.array.operand_names} - {1}
        require(len(blocks) < 2, "array.weights", array.weights, "both operands' blocks must have as many elements, or one of them none",
                 array.operand)
        wide = max(OPERANDS[name].element.bits for name in array.operand_names)
        require(array.packing == 1 or wide <= 4, "array.packing", array.packing,
                 f"only elements of 4 bits or fewer share a processing element, and these have {wide}", 1)
        for name, given, legal, rule in (
                ("machine.organisation", self.machine.organisation, "decoupled", "GEMM has no microprogram"),
                ("array.dataflow", array.dataflow, "weight_stationary", "weights stay"),
                ("array.depthwise", array.depthwise, False, "there is no DEPTHWISE"),
                ("array.product_register", array.product_register, False, "processing elements of number formats have none")):
            require(given == legal, name, given, f"with number formats {rule}", legal)
        if alignment := self.tiling.alignment:
            rule = alignment.refusal(self.tiling.operands) or ""
            require(not rule, "accumulator.kind", self.accumulator.kind, f"with {' and '.join(array.operand_names)} {rule}", EXACT)

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
