"""The systolic array: R x C processing elements between two skew triangles."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.hdl.matrix.pe import ProcessingElement
from weft.hdl.matrix.skew import Skew


class SystolicArray(wiring.Component):
    """Vector times matrix, one vector every cycle: sums[n] = sum over k of activations[k] * weights[k][n], exactly.

    An activation vector may enter in any cycle; its sums leave `latency(config)` cycles later. What happens between vectors that matter is
    the caller's to ignore; it should hold `activations` still then, which keeps the whole array still.

    `swap` with a vector makes it the first of a new tile. PE(r, c) then takes its shadow weight r + c cycles later: that depends on
    the diagonal only, so one register a diagonal serves all its PEs. Shadow row k takes `weights` in a cycle with load[k]; it must
    do so at most k - 1 cycles after the vector with `swap` enters (the PE at its left end takes the weight at the end of cycle k)
    and not before k + C - 1 cycles after the swap before it (when the PE at its right end has taken the weight before).

    PEs are modules of their own: Verilator inlines them (the C++ is then the same as for one flat module), and identical
    modules are merged at export.

    Members
    -------
    activations: R bytes, signed, row 0 lowest.
    swap: 1 bit.
    weights: C bytes, signed, column 0 lowest.
    load: R bits, at most one of them set.
    sums: C x partial_sum_bits, signed, column 0 lowest.
    """

    def __init__(self, config: Config) -> None:
        self._rows, self._columns, self._sum_bits = config.array.rows, config.array.columns, config.partial_sum_bits
        super().__init__({
            "activations": In(8 * self._rows), "swap": In(1), "weights": In(8 * self._columns), "load": In(self._rows),
            "sums": Out(self._sum_bits * self._columns)})

    @staticmethod
    def latency(config: Config) -> int:
        """Cycles from `activations` to `sums`: down the rows, and along the columns to the last one."""
        return (config.array.rows - 1) + ProcessingElement.LATENCY + (config.array.columns - 1)

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        rows, columns, bits = self._rows, self._columns, self._sum_bits
        m.submodules.skew = skew = Skew(rows, 8)
        m.submodules.deskew = deskew = Skew(columns, bits, reverse=True)
        front = Signal(rows + columns - 2, reset_less=True)  # the swap on its way over the diagonals 1, 2, ..
        diagonals = Cat(self.swap, front)
        m.d.sync += front.eq(diagonals)
        m.d.comb += skew.i.eq(self.activations)
        zero = Signal(bits)
        above = [zero] * columns
        for r in range(rows):
            activation, below = skew.o[8 * r:8 * r + 8], []
            for c in range(columns):
                m.submodules[f"pe_{r}_{c}"] = pe = ProcessingElement(bits)
                m.d.comb += [
                    pe.activation.eq(activation), pe.sum.eq(above[c]), pe.weight.eq(self.weights[8 * c:8 * c + 8]),
                    pe.load.eq(self.load[r]), pe.swap.eq(diagonals[r + c])]
                activation = pe.activation_out
                below.append(pe.sum_out)
            above = below
        m.d.comb += [deskew.i.eq(Cat(above)), self.sums.eq(deskew.o)]
        return m
