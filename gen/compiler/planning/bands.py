"""Buffers for bands of rows, before they have a place."""

import dataclasses

from weft.gen.compiler.layout import Halo, Layout
from weft.gen.compiler.memory import Buffer
from weft.gen.compiler.planning.turns import Rows
from weft.gen.graph import Tensor


class Bands:
    """`buffers` and the `lines` that they take. `layouts[step, tensor]`: for each band the name of its buffer and the rows that it then
    holds. `packed[step]`: names of its buffers for kernel windows. `made`, `handed`, `passing`, `in_parts` and `in_place` are those of the
    plan."""

    def __init__(self) -> None:
        self.buffers: list[Buffer] = []
        self.lines = 0
        self.layouts: dict[tuple[int, str], list[tuple[str, Layout]]] = {}
        self.packed: dict[int, list[str]] = {}
        self.made: dict[int, list[Rows]] = {}
        self.handed: set[int] = set()
        self.passing: set[str] = set()
        self.in_parts: set[int] = set()
        self.in_place: set[int] = set()

    def reserve(self, *buffers: Buffer) -> None:
        self.buffers += buffers
        self.lines += sum(buffer.lines for buffer in buffers)

    def hold(self, tensor: Tensor, line_bytes: int, key: tuple[int, str], held: list[Rows], side: Halo, copies: int, chain: range) -> None:
        """`copies` buffers for the rows `held` of an operand, with what stands beside them."""
        step, name = key
        whole = Layout(tensor, line_bytes, Halo(0, side.left, 0, side.right), True, rows=max(last - first + 1 for first, last in held))
        names = [f"{name}#{step}.{index}" for index in range(copies)]
        self.reserve(*(Buffer(label, whole.lines, chain.start, chain.stop - 1) for label in names))
        self.layouts[key] = [(names[index % copies], dataclasses.replace(whole, first_row=first, rows=last - first + 1))
                             for index, (first, last) in enumerate(held)]

    def pack(self, step: int, lines: int, copies: int, chain: range) -> None:
        """`copies` buffers of `lines` lines for kernel windows that a step packs."""
        self.packed[step] = [f"packed windows#{step}.{index}" for index in range(copies)]
        self.reserve(*(Buffer(name, lines, chain.start, chain.stop - 1) for name in self.packed[step]))

    def share(self, tensor: Tensor, keys: tuple[tuple[int, str], ...], other: tuple[int, str]) -> None:
        """Let an operand have the lines of another of the same shape."""
        held = [(name, dataclasses.replace(layout, tensor=tensor)) for name, layout in self.layouts[other]]
        self.layouts |= dict.fromkeys(keys, held)

    def add(self, other: "Bands | None") -> None:
        """Take in copies of another chain's buffers."""
        if other is None:
            return
        self.reserve(*(Buffer(buffer.name, buffer.lines, buffer.start, buffer.end) for buffer in other.buffers))
        self.layouts |= other.layouts
        self.packed |= other.packed
        self.made |= other.made
        self.handed |= other.handed
        self.passing |= other.passing
        self.in_parts |= other.in_parts
        self.in_place |= other.in_place
