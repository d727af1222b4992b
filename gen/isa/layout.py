"""Words: their sizes, and how the fields of an instruction lie in one."""

import dataclasses
import enum

WORD_BITS = 128
WORD_BYTES = WORD_BITS // 8
HEADER_BITS = 16
PC_BITS = 20  # instructions in a program
ADDRESS_BITS = 24  # address generators compute modulo 2**24 and trap at or beyond the memory's size
WINDOWS = 4  # DRAM windows that the host programs
SEMAPHORE_BITS = 16  # width of a counting semaphore


@dataclasses.dataclass(frozen=True)
class Field:
    """`bits` wide, two's complement if `signed`; legal values are low..high (default: all that fit)."""

    name: str
    bits: int
    doc: str
    signed: bool = False
    low: int | None = None
    high: int | None = None
    kind: type[enum.IntEnum] | None = None

    @property
    def minimum(self) -> int:
        return self.low if self.low is not None else (-(1 << (self.bits - 1)) if self.signed else 0)

    @property
    def maximum(self) -> int:
        if self.high is not None:
            return self.high
        if self.kind is not None:
            return max(self.kind)
        return (1 << (self.bits - self.signed)) - 1


@dataclasses.dataclass(frozen=True)
class Instruction:
    """`runs` is False for instructions that only set up state for the ones after them in the same queue. `option` is what the
    configuration must have ("section.name", as `Config.provides` takes it); without it the opcode is an unknown one. `array.integers`
    are machines for int8 layers, `array.formats` those for products of matrices in number formats."""

    name: str
    opcode: int
    unit: int
    runs: bool
    fields: tuple[Field, ...]
    doc: str
    option: str | None = None

    def __post_init__(self) -> None:
        if self.bits > WORD_BITS:
            raise ValueError(f"{self.name}: {self.bits} bits do not fit {WORD_BITS}")

    @property
    def bits(self) -> int:
        return HEADER_BITS + sum(field.bits for field in self.fields)

    def offsets(self) -> dict[str, int]:
        """Field name -> position of its lowest bit."""
        offsets, position = {}, HEADER_BITS
        for field in self.fields:
            offsets[field.name] = position
            position += field.bits
        return offsets
