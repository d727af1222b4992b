"""Constants in DRAM: weight tiles and parameter sets in the order in which the machine reads them."""

import collections
import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np

from weft.gen.compiler.layout import lines_for
from weft.gen.graph import Scale
from weft.gen.isa import Destination, Rounding, Source

WEIGHTS, FILLING, TABLES = "weights", "filling of weight tiles", "tables"
PARAMETERS = {Destination.PARAMETER_PRE: "biases", Destination.PARAMETER_MULTIPLIER: "multipliers", Destination.PARAMETER_SHIFT: "shifts"}
FIELDS = (Destination.PARAMETER_PRE, Destination.PARAMETER_MULTIPLIER, Destination.PARAMETER_SHIFT)


class Image:
    """Grows the constant part of window 0; all positions are lines after the program."""

    def __init__(self, line_bytes: int) -> None:
        self.line_bytes = line_bytes
        self._parts: list[bytes] = []
        self.lines = 0
        self.kinds: collections.Counter[str] = collections.Counter()  # bytes, without what fills the last line of a block

    def add(self, data: bytes, kinds: Mapping[str, int]) -> "Block":
        """Append, padded to whole lines. `kinds`: bytes of each kind of constant in it."""
        self.kinds.update(kinds)
        count = lines_for(len(data), self.line_bytes)
        self._parts.append(data.ljust(count * self.line_bytes, b"\0"))
        block = Block(self.lines, count)
        self.lines += count
        return block

    def bytes(self) -> bytes:
        return b"".join(self._parts)


@dataclasses.dataclass(frozen=True)
class Block:
    """A run of lines of the constant image, from `line` on; without it room of that size on chip, into which nothing is fetched."""

    line: int | None
    lines: int


def split_weights(weights: np.ndarray) -> list[np.ndarray]:
    """int16 weights (-255 .. 255, after their zero point) as int8 arrays that add up to them.

    More than one is needed only where a value does not fit int8 (uint8 weights with a zero point).
    """
    parts: list[np.ndarray] = []
    rest = weights.astype(np.int16)
    while not parts or rest.any():
        parts.append(np.clip(rest, -128, 127).astype(np.int8))
        rest = rest - parts[-1]
    return parts


def weight_tiles(weights: np.ndarray, lanes: int) -> np.ndarray:
    """Weights (O, KH, KW, I) int8 as tiles [output group][ky][chunk][row][column], int8.

    A row of the kernel window, KW x I bytes, lies contiguously in a channels-last tensor; it is cut into chunks of
    `lanes` bytes. Rows and columns beyond the kernel and the outputs are zero.
    """
    outputs, height, width, inputs = weights.shape
    run, groups = width * inputs, lines_for(outputs, lanes)
    chunks = lines_for(run, lanes)
    padded = np.zeros((groups * lanes, height, chunks * lanes), dtype=np.int8)
    padded[:outputs, :, :run] = weights.reshape(outputs, height, run)
    tiles = padded.reshape(groups, lanes, height, chunks, lanes)
    return np.ascontiguousarray(tiles.transpose(0, 2, 3, 4, 1))


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of parameter sets in DRAM: `planes` lines of one byte a lane, most significant first, as many as the values need; `source`
    says whether the first of them has a sign."""

    kind: Destination
    source: Source
    planes: int

    @classmethod
    def of(cls, kind: Destination, values: np.ndarray) -> "Field":
        low, high = int(values.min()), int(values.max())
        source, bits = (Source.INT8, max(high, ~low).bit_length() + 1) if low < 0 else (Source.UINT8, high.bit_length())
        return cls(kind, source, max(1, lines_for(bits, 8)))


@dataclasses.dataclass(frozen=True)
class ParameterSets:
    """Parameter sets of a layer: int32 (sets, lanes) of each field."""

    values: dict[Destination, np.ndarray]

    @functools.cached_property
    def fields(self) -> tuple[Field, ...]:
        return tuple(Field.of(kind, values) for kind, values in self.values.items())

    @property
    def lines(self) -> int:
        """Lines of one set."""
        return sum(field.planes for field in self.fields)

    @property
    def count(self) -> int:
        return len(self.values[Destination.PARAMETER_PRE])

    @functools.cached_property
    def data(self) -> bytes:
        """Set by set the planes of each field."""
        return np.concatenate([_planes(self.values[field.kind], field.planes) for field in self.fields], axis=1).tobytes()

    def kinds(self, count: int, lanes: int) -> dict[str, int]:
        """Bytes of each field in `count` sets."""
        return {PARAMETERS[field.kind]: count * field.planes * lanes for field in self.fields}

    @staticmethod
    def joined(parts: Sequence["ParameterSets"]) -> "ParameterSets":
        """One after the other; zero where a part has no such field."""
        def values(part: ParameterSets, kind: Destination) -> np.ndarray:
            return part.values.get(kind, np.zeros_like(part.values[Destination.PARAMETER_PRE]))
        return ParameterSets({kind: np.concatenate([values(part, kind) for part in parts])
                              for kind in FIELDS if any(kind in part.values for part in parts)})


def varying_fields(scale: Scale) -> tuple[Destination, ...]:
    """The fields that differ from channel to channel, and always the pre-addend: a bias. What is the same everywhere stands in the
    instruction, and is not fetched."""
    def varies(*members: object) -> bool:
        return any(np.ptp(np.asarray(member)) != 0 for member in members)
    wanted = {Destination.PARAMETER_PRE: True, Destination.PARAMETER_MULTIPLIER: varies(scale.multiplier),
              Destination.PARAMETER_SHIFT: varies(scale.left, scale.right)}
    return tuple(field for field, needed in wanted.items() if needed)


def _planes(values: np.ndarray, count: int) -> np.ndarray:
    """int32 (sets, lanes) as its `count` lowest byte planes (sets, count, lanes), most significant first, as CONCATENATE wants them."""
    raw = np.ascontiguousarray(values.astype(">i4")).view(np.uint8).reshape(*values.shape, 4)
    return raw.transpose(0, 2, 1)[:, 4 - count:]


def parameter_sets(scale: Scale, pre: np.ndarray, channels: int, lanes: int) -> ParameterSets:
    """Parameter sets of a layer with the `varying_fields`: pre-addend, multiplier, left << 8 | right."""
    sets = lines_for(channels, lanes)

    def per_lane(values: object) -> np.ndarray:
        full = np.zeros(sets * lanes, dtype=np.int32)
        full[:channels] = np.broadcast_to(np.asarray(values, dtype=np.int64), channels).astype(np.int32)
        return full.reshape(sets, lanes)

    right = np.broadcast_to(np.asarray(scale.right), channels).copy()
    if scale.rounding is Rounding.DOUBLE and (right < 31).any():
        raise ValueError("DOUBLE needs right shifts of 31 and more")
    values = {Destination.PARAMETER_PRE: per_lane(pre), Destination.PARAMETER_MULTIPLIER: per_lane(scale.multiplier),
              Destination.PARAMETER_SHIFT: per_lane(np.broadcast_to(np.asarray(scale.left), channels) << 8 | right)}
    return ParameterSets({kind: values[kind] for kind in varying_fields(scale)})
