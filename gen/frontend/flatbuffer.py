"""Reads FlatBuffers tables with every access checked: a damaged file raises `Damaged`, nothing else."""

import struct
from typing import Any

import flatbuffers.number_types as number
import numpy as np
from flatbuffers import encode
from flatbuffers.table import Table

_PACKERS = {"bool": number.BoolFlags, "int8": number.Int8Flags, "uint8": number.Uint8Flags, "int32": number.Int32Flags,
            "uint32": number.Uint32Flags, "uint64": number.Uint64Flags, "float32": number.Float32Flags}


class Damaged(Exception):
    """An offset that points outside the file, a length that does not fit it, or text that is not UTF-8."""

    @classmethod
    def beyond(cls, data: bytes, end: int) -> "Damaged":
        """Something that ends at byte `end` is not all there."""
        return cls(f"the file ends at byte {len(data)} but refers to byte {end} (truncated download?)")


class Record:
    """One table. Fields are named by their slot, the position in the schema's declaration."""

    def __init__(self, data: bytes, position: int) -> None:
        if position > len(data) - 4:
            raise Damaged.beyond(data, position + 4)
        self.data, self.table = data, Table(data, position)
        vtable = position - self.table.Get(number.SOffsetTFlags, position)
        if vtable < 0:
            raise Damaged(f"a table at byte {position} without a description")
        if vtable > len(data) - 4:
            raise Damaged.beyond(data, vtable + 4)

    @classmethod
    def root(cls, data: bytes) -> "Record":
        """The table that the file's first word points to."""
        if len(data) < 8:
            raise Damaged(f"{len(data)} bytes are too few for a header")
        return cls(data, encode.Get(number.UOffsetTFlags.packer_type, data, 0))

    def scalar(self, slot: int, kind: str, default: Any) -> Any:
        """A number, or its default where the file leaves it out."""
        position = self._field(slot)
        if position is None:
            return default
        flags = _PACKERS[kind]
        self._check(position, flags.bytewidth)
        return self.table.Get(flags, position)

    def numbers(self, slot: int, dtype: str) -> np.ndarray | None:
        """A vector of numbers, read only, or None."""
        found = self._vector(slot, np.dtype(dtype).itemsize)
        if found is None:
            return None
        start, length = found
        return np.frombuffer(self.data, dtype=np.dtype(dtype).newbyteorder("<"), count=length, offset=start)

    def text(self, slot: int) -> str:
        """A string, "" where there is none."""
        raw = self.numbers(slot, "uint8")
        try:
            return "" if raw is None else raw.tobytes().decode()
        except UnicodeDecodeError as error:
            raise Damaged(f"text that is not UTF-8: {error}") from error

    def record(self, slot: int) -> "Record | None":
        """A nested table, or None."""
        position = self._field(slot)
        return None if position is None else Record(self.data, self._indirect(position))

    def records(self, slot: int) -> list["Record"]:
        """A vector of tables, empty where there is none."""
        start, length = self._vector(slot, 4) or (0, 0)
        return [Record(self.data, self._indirect(start + 4 * index)) for index in range(length)]

    def _field(self, slot: int) -> int | None:
        try:
            offset = self.table.Offset(4 + 2 * slot)
        except struct.error as error:
            vtable = self.table.Pos - self.table.Get(number.SOffsetTFlags, self.table.Pos)
            raise Damaged.beyond(self.data, vtable + 4 + 2 * slot + 2) from error
        return self.table.Pos + offset if offset else None

    def _vector(self, slot: int, item_bytes: int) -> tuple[int, int] | None:
        position = self._field(slot)
        if position is None:
            return None
        start = self._indirect(position)
        self._check(start, 4)
        length = self.table.Get(number.UOffsetTFlags, start)
        self._check(start + 4, length * item_bytes)
        return start + 4, length

    def _indirect(self, position: int) -> int:
        self._check(position, 4)
        offset: int = self.table.Get(number.UOffsetTFlags, position)
        return position + offset

    def _check(self, position: int, size: int) -> None:
        if position + size > len(self.data):
            raise Damaged.beyond(self.data, position + size)
