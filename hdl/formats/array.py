"""The systolic array for any two operand formats: R x C elements between two skew triangles, for each block one."""

import dataclasses

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import FOLDS_IN_PLACE
from weft.gen.formats.tiling import WINDOW, Tiling
from weft.gen.formats.window import Window
from weft.hdl.formats.element import FormatElement, Numbers
from weft.hdl.formats.window import position_bits
from weft.hdl.matrix.skew import Skew


@dataclasses.dataclass(frozen=True)
class Arrangement(Tiling):
    """A tiling, with the accumulators' window."""

    window: Window = WINDOW
    dataflow: str = "weight_stationary"  # or "output_stationary"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dataflow not in (legal := ("weight_stationary",) if self.alignment else ("weight_stationary", "output_stationary")):
            raise ValueError(f"Arrangement dataflow={self.dataflow!r}: must be {' or '.join(legal)}"
                             f"{', sums that are aligned do not stay' if self.alignment else ''}")

    @property
    def stays(self) -> bool:
        """Sums stay in the elements."""
        return self.dataflow == "output_stationary"

    @property
    def in_place(self) -> int:
        """Tiles that an element may add up before its sum leaves: those of a block of scales, or as `MATMUL_OS` does."""
        return (self.folds if self.operands.block > 1 else FOLDS_IN_PLACE) if self.stays else 1

    @property
    def summed(self) -> int:
        """Most products of a sum before it gets its scales."""
        return self.height * self.products * self.in_place

    @property
    def numbers(self) -> Numbers:
        """Of an element."""
        return Numbers(self.pair, self.summed, self.packing, self.element_window)

    @property
    def element_window(self) -> Window | None:
        """Of the elements; None where their sums are exact."""
        return None if self.exact else self.window

    @property
    def scaled(self) -> bool:
        """Exact sums are moved to the window at the column ends: they have scales, or are too wide for a term."""
        wide = self.pair.accumulator_bits(self.summed) > self.window.term_bits
        return not self.element_window and (bool(self.operands.scales) or wide)

    @property
    def latency(self) -> int:
        """Cycles from activations to their sums; with an alignment, to their products."""
        return 1 if self.alignment else (self.height - 1) + (3 if self.stays else 2) + (self.columns - 1)


class FormatArray(wiring.Component):
    """One segment: sums[n] = sum over k of activations[k] * weights[k][n], exactly or in the window, one vector every cycle.

    A vector may enter in any cycle; its sums, and what travels beside them, leave `arrangement.latency` cycles later. `swap`, `load`
    and `weights` behave as those of `weft.hdl.matrix.array.SystolicArray`.

    Members
    -------
    activations: `height` words of `products` codes, row 0 lowest. weights: C words of `packing` codes. load: `height` bits. swap.
    sums: C x `sums` values. flags, outside: of each sum, as those of `FormatElement`. position: of the window.
    """

    def __init__(self, arrangement: Arrangement) -> None:
        self._arrangement = a = arrangement
        self._activation, self._weight, self._lanes = a.numbers.activation_bits, a.numbers.weight_bits, a.numbers.lanes
        super().__init__({
            "activations": In(self._activation * a.height), "weights": In(self._weight * a.columns), "load": In(a.height), "swap": In(1),
            **{name if name != "sum" else "sums": Out(bits * a.columns) for name, bits in self._lanes.items()},
            **({"position": In(position_bits(a.pair))} if a.element_window else {})})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        a = self._arrangement
        rows, columns, weight = a.height, a.columns, self._weight
        m.submodules.skew = skew = Skew(rows, self._activation)
        m.d.comb += skew.i.eq(self.activations)
        front = Signal(rows + columns - 2, reset_less=True)  # the swap on its way over the diagonals 1, 2, ..
        diagonals = Cat(self.swap, front)
        m.d.sync += front.eq(diagonals)
        above = [dict.fromkeys(self._lanes, 0)] * columns
        for r in range(rows):
            activation, below = skew.o[self._activation * r:self._activation * (r + 1)], []
            for c in range(columns):
                m.submodules[f"element_{r}_{c}"] = element = FormatElement(
                    a.pair, a.summed, packing=a.packing, window=a.element_window)
                m.d.comb += [
                    element.activation.eq(activation), element.weight.eq(self.weights[weight * c:weight * (c + 1)]),
                    element.load.eq(self.load[r]), element.swap.eq(diagonals[r + c])]
                m.d.comb += [getattr(element, name).eq(value) for name, value in above[c].items()]
                if a.element_window:
                    m.d.comb += element.position.eq(self.position)
                activation = element.activation_out
                below.append({name: getattr(element, f"{name}_out") for name in self._lanes})
            above = below
        for name, bits in self._lanes.items():
            m.submodules[f"deskew_{name}"] = deskew = Skew(columns, bits, reverse=True)
            m.d.comb += [deskew.i.eq(Cat(column[name] for column in above)),
                         getattr(self, "sums" if name == "sum" else name).eq(deskew.o)]
        return m
