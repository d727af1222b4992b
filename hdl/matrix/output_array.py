"""The systolic array whose sums stay where they are added up, or, with a switch, move down the columns as well."""

from functools import reduce
from operator import or_

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.hdl.matrix.array import SystolicArray, product_of
from weft.hdl.matrix.depthwise import STREAM
from weft.hdl.matrix.output_pe import OutputElement
from weft.hdl.matrix.product import Product
from weft.hdl.matrix.transposer import Transposer


class OutputArray(SystolicArray):
    """R x C elements, each with the sum of one position and one column.

    Output-stationary: line r of a block of R lines is one position's activations, and comes r cycles after line 0 (`take`); line k of a
    weight tile comes k cycles after line 0 of the tile, which comes with line 0 of the block. Row r meets byte k of its line with line
    k of the tile, so a block adds to sum (r, n) the products of line r and column n of the tile. Blocks take R cycles each and may
    follow each other without a gap; between them everything is added to the same sums. `gives` in the cycle of a tile's last line
    ends them: `latency(config)` + 2 - R + r cycles later position r is at `sums`, and what comes next begins with zero. Before the
    first block after power-up, and after a switch, `gives` in the cycle before its line 0.

    With `config.array.weight_stationary` that is so while `stays` is 1. While it is 0, this is a `SystolicArray` but for `load`: one
    bit, which comes with row 0 of a tile; the other rows must follow in the next cycles. `stays` changes while nothing is on its way.

    Weights are slanted in time like activations, and everything that steers an element depends on its diagonal only.

    Members
    -------
    weights: C bytes, signed, column 0 lowest.
    lines: R bytes of one position; take: R bits, the row that they are for.
    gives: one bit.
    sums: C x partial_sum_bits, signed, column 0 lowest.
    stays, activations, swap, load, valid, stream: only with `config.array.weight_stationary`, the last two with
        `config.array.depthwise`.
    """

    def __init__(self, config: Config) -> None:
        self._rows, self._columns, self._sum_bits = config.array.rows, config.array.columns, config.partial_sum_bits
        self._config, self._product, self._switched = config, product_of(config), config.array.weight_stationary
        both = {"stays": In(1), "activations": In(8 * self._rows), "swap": In(1), "load": In(1)} if self._switched else {}
        wiring.Component.__init__(self, {
            **({"valid": In(1), "stream": In(STREAM)} if config.array.depthwise else {}), **both,
            "weights": In(8 * self._columns), "lines": In(8 * self._rows), "take": In(self._rows), "gives": In(1),
            "sums": Out(self._sum_bits * self._columns)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows, columns, bits = self._rows, self._columns, self._sum_bits
        in_pairs = self._product is Product.REGISTERED and hasattr(platform, "get_multiplier_pair")
        m.submodules.transposer = transposer = Transposer(rows)
        m.submodules.weight_skew = weights = self.edge(columns, 8)
        m.submodules.deskew = deskew = self.edge(columns, bits, reverse=True)
        m.d.comb += [transposer.line.eq(self.lines), transposer.take.eq(self.take), weights.i.eq(self.weights)]
        entering, vertical = Signal(8 * rows), None
        gives = self._diagonals(m, "gives", self.gives, late=self._product.latency + 1)
        stays = swap = load = [Const(1)] * len(gives)
        if self._switched:
            m.submodules.skew = skew = self.edge(rows, 8)
            stays = self._diagonals(m, "stays", self.stays)
            swap = self._diagonals(m, "swap", self.swap | self.stays)
            load = self._diagonals(m, "load", self.load | self.stays)
            m.d.comb += skew.i.eq(self.activations)
            vertical = self._vertical(m, skew.o) if self._config.array.depthwise else None
            for r in range(rows):
                row = slice(8 * r, 8 * r + 8)
                m.d.comb += entering[row].eq(Mux(stays[r], transposer.o[row], skew.o[row]))
        else:
            m.d.comb += entering.eq(transposer.o)

        elements: dict[tuple[int, int], OutputElement] = {}
        for r in range(rows):
            activation = entering[8 * r:8 * r + 8]
            for c in range(columns):
                m.submodules[f"pe_{r}_{c}"] = pe = OutputElement(
                    bits, Product.GIVEN if in_pairs else self._product, switched=self._switched)
                elements[r, c] = pe
                column = weights.o[8 * c:8 * c + 8]
                above = elements.get((r - 1, c))
                if vertical:
                    step = vertical[r][c]
                    m.d.comb += step.left.eq(activation)
                    if not step.first and above:
                        m.d.comb += step.above.eq(above.activation_out)
                    activation = step.activation
                m.d.comb += [pe.activation.eq(activation), pe.weight.eq(above.weight_out if above else column), pe.gives.eq(gives[r + c]),
                             pe.swap.eq(swap[r + c])]
                if self._switched:
                    m.d.comb += [pe.column.eq(column), pe.load.eq(load[r + c]), pe.stays.eq(stays[r + c]),
                                 pe.sum.eq(above.sum_out if above else 0)]
                activation = pe.activation_out

        # Of each column the row that gives its sum in this cycle; while sums move, the last. Said by a register a row and column, so that
        # two rows fit a LUT.
        for c in range(columns):
            rows_here = [gives[r + c] for r in range(rows)]
            if self._switched:
                rows_here[-1] = Signal(name=f"last_gives_{c}")
                m.d.sync += rows_here[-1].eq(gives[rows + c - 2] | ~stays[rows + c - 2])
            m.d.comb += deskew.i[bits * c:bits * (c + 1)].eq(
                _any([Mux(here, elements[r, c].sum_out, 0) for r, here in enumerate(rows_here)]))
        m.d.comb += self.sums.eq(deskew.o)
        if in_pairs:
            self._share_multipliers(m, elements)
        return m

    def _diagonals(self, m: Module, name: str, value: Signal, late: int = 0) -> list[Signal]:
        """`value`, `late` cycles later on diagonal 0 and d more on diagonal d."""
        count = self._rows + self._columns - 1
        front = Signal(late + count - 1, reset_less=True, name=f"{name}_front")
        line = Signal(late + count, name=f"{name}_diagonals")
        m.d.comb += line.eq(Cat(value, front))
        m.d.sync += front.eq(line[:len(front)])
        return [line[late + d] for d in range(count)]


def _any(values: list[Signal]) -> Signal:
    """The one that is not zero, as a tree of two levels for each LUT."""
    while len(values) > 1:
        values = [reduce(or_, values[start:start + 2]) for start in range(0, len(values), 2)]
    return values[0]
