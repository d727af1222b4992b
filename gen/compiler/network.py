"""The result of a compilation: program, constants, windows, and how to read everything back."""

import dataclasses
from typing import Any

import numpy as np

from weft.gen import isa
from weft.gen.compiler.constant_channels import Kept
from weft.gen.compiler.layout import Layout
from weft.gen.config import Config
from weft.gen.graph import Graph


@dataclasses.dataclass(frozen=True)
class Layer:
    """One node as tables show it. `tile` (the largest of a band: rows x columns x channels; if bands differ, from the smallest
    of these on) and `estimated_cycles` are the compiler's, not measured."""

    name: str
    op: str
    source: str
    shape: tuple[int, int, int]
    tile: str
    macs: int
    estimated_cycles: int


@dataclasses.dataclass(frozen=True)
class Placed:
    """A tensor in a DRAM window: rows of `data_lines` lines each, or densely packed."""

    window: int
    line: int
    layout: Layout

    @property
    def lines(self) -> int:
        return self.layout.body_lines if self.layout.dense else self.layout.rows * self.layout.data_lines

    def pack(self, values: np.ndarray) -> bytes:
        """int8 (H, W, C) to the window's bytes; what is left of a line holds the zero point."""
        size, layout = self.layout.line_bytes, self.layout
        if layout.dense:
            return values.tobytes().ljust(self.lines * size, b"\0")
        rows = np.full((layout.rows, layout.data_lines * size), layout.tensor.zero_point, dtype=np.int8)
        rows[:, : layout.data_bytes] = values.reshape(layout.rows, layout.data_bytes)
        return rows.tobytes()

    def unpack(self, window: bytes | np.ndarray) -> np.ndarray:
        """The tensor, int8 (H, W, C), from all bytes of its window."""
        size, layout = self.layout.line_bytes, self.layout
        raw = np.frombuffer(bytes(window), dtype=np.int8)[self.line * size : (self.line + self.lines) * size]
        dense = layout.rows * layout.data_bytes
        raw = raw[:dense] if layout.dense else raw.reshape(layout.rows, -1)[:, : layout.data_bytes]
        return raw.reshape(layout.tensor.shape).copy()


def program_bytes(instructions: int, config: Config) -> int:
    """Bytes that a program takes in window 0; the constants start behind it, on a line."""
    size = max(config.line_bytes, isa.WORD_BYTES)
    return -(-instructions * isa.WORD_BYTES // size) * size


@dataclasses.dataclass(frozen=True)
class CompiledNetwork:
    """Everything that a host needs to run a network on one configuration.

    Windows: 0 program and constants (read), 1 input (read), 2 outputs (write), 3 spilled and dumped tensors (both).
    `layer_of_pc[pc]` is the layer that an instruction works for, -1 for none. `tensors` are those that can be read back after a
    run: outputs, and with dump=True all that a node produces. `kept`: what is stored of tensors with constant channels.
    `constant_kinds`: bytes of each kind of constant. `memory_map`:
    (first layer, last layer, tensor, first line, lines).
    """

    config: Config
    graph: Graph
    kept: dict[str, Kept]
    program: list[int]
    constants: bytes
    constant_kinds: dict[str, int]
    window_bytes: tuple[int, int, int, int]
    layers: list[Layer]
    layer_of_pc: list[int]
    input: Placed
    outputs: list[Placed]
    tensors: dict[str, Placed]
    memory_map: list[tuple[int, int, str, int, int]]
    ring: tuple[int, int]
    spilled: list[str]

    WINDOW_READ = (True, True, False, True)
    WINDOW_WRITE = (False, False, True, True)

    @property
    def program_bytes(self) -> int:
        """Bytes of the program, padded to whole lines."""
        return program_bytes(len(self.program), self.config)

    @property
    def estimated_cycles(self) -> int:
        """Of one inference."""
        return sum(layer.estimated_cycles for layer in self.layers)

    @property
    def image(self) -> bytes:
        """Window 0: the program, then the constants."""
        words = b"".join(word.to_bytes(isa.WORD_BYTES, "little") for word in self.program)
        return words.ljust(self.program_bytes, b"\0") + self.constants

    def pack_input(self, held: np.ndarray) -> bytes:
        """Window 1 for one sample, given as held int8 (H, W, C)."""
        return self.input.pack(held)

    def unpack_outputs(self, window: bytes | np.ndarray) -> list[np.ndarray]:
        """Outputs as held int8 (H, W, C), from window 2."""
        return [placed.unpack(window) for placed in self.outputs]

    def unpack_tensor(self, name: str, windows: dict[int, Any]) -> np.ndarray:
        """A tensor of `tensors`, from the bytes of each window."""
        placed = self.tensors[name]
        values = placed.unpack(windows[placed.window])
        return self.kept[name].whole(values) if name in self.kept else values

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)
