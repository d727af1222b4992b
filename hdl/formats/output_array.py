"""The output-stationary array for any two operand formats: sums stay in R x C elements, both operands stream."""

from functools import reduce
from operator import or_

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.hdl.formats.array import Arrangement
from weft.hdl.formats.element import Numbers, accumulate
from weft.hdl.formats.window import position_bits
from weft.hdl.matrix.skew import Skew
from weft.hdl.matrix.transposer import Transposer


class FormatOutputElement(wiring.Component):
    """In every cycle `activation_out` becomes `activation`, `weight_out` becomes `weight`, and each sum becomes itself, or 0 in a cycle
    with `gives`, plus the products of `activation_out` and `weight_out`; so do the flags beside it. In the cycle with `gives` it is whole.

    Parameters and other members are those of `FormatElement`.
    """

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = n = numbers
        super().__init__({
            "activation": In(n.activation_bits), "weight": In(n.weight_bits), "gives": In(1), "activation_out": Out(n.activation_bits),
            "weight_out": Out(n.weight_bits), **{f"{name}_out": Out(bits) for name, bits in n.lanes.items()},
            **({"position": In(position_bits(n.pair))} if n.window else {})})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, before = Module(), {}
        activation, weight = (Signal.like(like, name=name, reset_less=True) for name, like in (
            ("activation_held", self.activation), ("weight_held", self.weight)))
        m.d.sync += [activation.eq(self.activation), weight.eq(self.weight)]
        m.d.comb += [self.activation_out.eq(activation), self.weight_out.eq(weight)]
        for name, bits in self._numbers.lanes.items():
            before[name] = Signal(bits, name=f"{name}_before")
            m.d.comb += before[name].eq(Mux(self.gives, 0, getattr(self, f"{name}_out")))
        accumulate(m, self, self._numbers, activation, weight, before)
        return m


class FormatOutputArray(wiring.Component):
    """One segment: `height` positions at a time, whose sums over k of activations[k] * weights[k][n] stay where they are added up.

    A tile is `height` rows of weights; row k of it comes k cycles after `swap`, and so does, for position k, the vector that it is
    multiplied with. Tiles may follow each other every `height` cycles, and what comes with no tile counts as 0. With `ends` beside `swap`
    the tile is the last of its sums: those of position k leave, with what travels beside them, `arrangement.latency` cycles after its
    vector, and the next tile begins with 0. At most `arrangement.in_place` tiles make a sum. A reset ends all sums; the first tile may
    come `height` cycles after it.

    Members
    -------
    activations: a position's, `height` words of `products` codes. weights: C words of `packing` codes. swap, ends: one bit each.
    sums, flags, outside, position: as those of `FormatArray`.
    """

    def __init__(self, arrangement: Arrangement) -> None:
        self._arrangement, self._numbers = arrangement, arrangement.numbers
        a, n = arrangement, arrangement.numbers
        super().__init__({
            "activations": In(n.activation_bits * a.height), "weights": In(n.weight_bits * a.columns), "swap": In(1), "ends": In(1),
            **{name if name != "sum" else "sums": Out(bits * a.columns) for name, bits in n.lanes.items()},
            **({"position": In(position_bits(a.pair))} if n.window else {})})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        n, rows, columns = self._numbers, self._arrangement.height, self._arrangement.columns
        a_bits, w_bits = n.activation_bits, n.weight_bits
        taken, take = Signal(rows - 1), Signal(rows)  # the row whose vector comes
        m.d.comb += take.eq(Cat(self.swap, taken))
        m.d.sync += taken.eq(take)
        m.submodules.transposer = transposer = Transposer(rows, a_bits)
        m.submodules.weight_skew = weights = Skew(columns, w_bits)
        held = Signal.like(self.weights, reset_less=True)
        m.d.sync += held.eq(Mux(take.any(), self.weights, 0))  # 0 also because 0 * infinity would be noted
        m.d.comb += [transposer.line.eq(self.activations), transposer.take.eq(take), weights.i.eq(held)]
        # Sums are whole height + 2 cycles after the swap on diagonal 0, d later on diagonal d. After a reset what registers hold
        # passes through the elements for as long, and no sum keeps it.
        late, diagonals = rows + 2, rows + columns - 1
        front, gives = Signal(late + diagonals - 1, init=-1), Signal(late + diagonals)
        m.d.comb += gives.eq(Cat(self.swap & self.ends, front))
        m.d.sync += front.eq(gives)
        elements: dict[tuple[int, int], FormatOutputElement] = {}
        for r in range(rows):
            activation = transposer.o[a_bits * r:a_bits * (r + 1)]
            for c in range(columns):
                m.submodules[f"element_{r}_{c}"] = elements[r, c] = element = FormatOutputElement(n)
                m.d.comb += [
                    element.activation.eq(activation), element.gives.eq(gives[late + r + c]),
                    element.weight.eq(elements[r - 1, c].weight_out if r else weights.o[w_bits * c:w_bits * (c + 1)])]
                if n.window:
                    m.d.comb += element.position.eq(self.position)
                activation = element.activation_out
        for name, bits in n.lanes.items():
            m.submodules[f"deskew_{name}"] = deskew = Skew(columns, bits, reverse=True)
            for c in range(columns):  # at most one row gives its sums
                m.d.comb += deskew.i[bits * c:bits * (c + 1)].eq(reduce(or_, (
                    Mux(gives[late + r + c], getattr(elements[r, c], f"{name}_out"), 0) for r in range(rows))))
            m.d.comb += getattr(self, "sums" if name == "sum" else name).eq(deskew.o)
        return m
