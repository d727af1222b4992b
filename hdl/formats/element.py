"""Processing element for any pair of element formats: decode, multiply, add, registers."""

import dataclasses
from collections.abc import Mapping

from amaranth import C, Cat, Module, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.formats.element import Specials
from weft.gen.formats.pair import Pair
from weft.gen.formats.tiling import PACKINGS
from weft.gen.formats.window import Window
from weft.hdl.formats.product import FLAGS, Product, fixed_point, multiply
from weft.hdl.formats.window import OUTSIDE, position_bits, windowed


def sum_shape(pair: Pair, depth: int, window: Window | None = None) -> Shape:
    """Of exact sums of `depth` products; of a window if there is one."""
    return Shape(window.width, signed=True) if window else Shape(pair.accumulator_bits(depth), signed=pair.product_range[0] < 0)


def flags_of(pair: Pair) -> int:
    """Bits of `FLAGS` that a sum needs: none if every code is a finite number."""
    return 0 if all(each.specials is Specials.NONE for each in (pair.activation, pair.weight)) else FLAGS.size


def add(m: Module, pair: Pair, product: Product, total: Value, name: str) -> Signal:
    """`total` plus a product, in the shape of `total`, exactly as long as it fits. Combinational."""
    term, carry = fixed_point(m, pair, product, name)
    if pair.activation.integer and pair.weight.integer:
        result = Signal.like(total, name=f"{name}_sum")
        m.d.comb += result.eq(total + term)
        return result
    # The carry of the negation enters below the least significant bit: one adder, not two.
    wide, addend = Signal(len(total) + 1, name=f"{name}_wide"), Signal(total.shape(), name=f"{name}_addend")
    result = Signal(total.shape(), name=f"{name}_sum")
    m.d.comb += [addend.eq(term), wide.eq(Cat(C(1, 1), total) + Cat(carry, addend)), result.eq(wide[1:])]
    return result


@dataclasses.dataclass(frozen=True)
class Numbers:
    """What an element multiplies and adds, in whichever dataflow; the parameters of `FormatElement`."""

    pair: Pair
    depth: int
    packing: int
    window: Window | None

    def __post_init__(self) -> None:
        if self.packing not in PACKINGS:
            raise ValueError(f"FormatElement packing={self.packing!r}: must be one of {', '.join(map(str, PACKINGS))}")

    @property
    def shape(self) -> Shape:
        """Of a sum."""
        return sum_shape(self.pair, self.depth, self.window)

    @property
    def activation_bits(self) -> int:
        return self.pair.activation.bits * PACKINGS[self.packing][0]

    @property
    def weight_bits(self) -> int:
        return self.pair.weight.bits * self.packing

    @property
    def lanes(self) -> dict[str, int]:
        """Bits of the sums and of what travels beside them."""
        sums, flags = PACKINGS[self.packing][1], flags_of(self.pair)
        return {"sum": self.shape.width * sums, **({"flags": flags * sums} if flags else {}),
                **({"outside": OUTSIDE.size * sums} if self.window else {})}


class FormatElement(wiring.Component):
    """One cell of a weight-stationary array of any two element formats; timing of `weft.hdl.matrix.pe.ProcessingElement`.

    In every cycle `activation_out` becomes `activation`, and each `sum_out` becomes its `sum` plus the products of `activation_out` with
    that sum's active weights, where the active weights are what the shadow register held when `swap` was last 1.

    With `packing` the element holds several small products instead of one: 2 multiplies two activations with two weights into one sum,
    4 does so for two sums (of two columns, with weights of their own). Two codes of 4 bits take the wires of one of 8 bits.

    Sums are exact integers in units of the pair's `lsb_exponent` while they fit, and wrap beyond; the caller chooses a `depth` that
    no column exceeds. Instead of exactly, sums can be kept in a `window` of the exact width (see `Window`): every product is then
    moved by `position` and floored, which `outside_out` notes. Beside each sum travel the `FLAGS` of the products in it, if the
    formats have codes that are not finite: a flag, once set, stays.

    No register has a reset; while nothing streams, the array's edge holds its inputs still.

    Parameters
    ----------
    pair: formats of activations and weights.
    depth: most products in a sum.
    packing: products a cycle, 1, 2 or 4.
    window: None for exact sums.

    Members
    -------
    activation, weight, load, swap: codes, lowest product first; weights of sum 0 below those of sum 1.
    sum, sum_out: sum 0 lowest, each `sum_shape` wide. flags, flags_out: `FLAGS` of each sum; only with formats that need them.
    activation_out: to the right.
    position, outside, outside_out: only with `window`: of `windowed`; its flags, `OUTSIDE` of each sum.

    Raises
    ------
    ValueError: for an unknown `packing`.
    """

    def __init__(self, pair: Pair, depth: int, *, packing: int = 1, window: Window | None = None) -> None:
        self._numbers = n = Numbers(pair, depth, packing, window)
        super().__init__({
            "activation": In(n.activation_bits), "weight": In(n.weight_bits), "load": In(1), "swap": In(1), "sum": In(n.lanes["sum"]),
            "activation_out": Out(n.activation_bits), "sum_out": Out(n.lanes["sum"]),
            **({"flags": In(n.lanes["flags"]), "flags_out": Out(n.lanes["flags"])} if "flags" in n.lanes else {}),
            **({"position": In(position_bits(pair)), "outside": In(n.lanes["outside"]), "outside_out": Out(n.lanes["outside"])}
               if window else {})})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        shadow, active, activation = (Signal.like(like, name=name, reset_less=True) for name, like in (
            ("shadow", self.weight), ("active", self.weight), ("held", self.activation)))
        with m.If(self.load):
            m.d.sync += shadow.eq(self.weight)
        with m.If(self.swap):
            m.d.sync += active.eq(shadow)
        m.d.sync += activation.eq(self.activation)
        m.d.comb += self.activation_out.eq(activation)
        accumulate(m, self, self._numbers, activation, active, {name: getattr(self, name) for name in self._numbers.lanes})
        return m


def accumulate(m: Module, element: wiring.Component, numbers: Numbers, activation: Value, weight: Value,
               before: Mapping[str, Value]) -> None:
    """One cycle of an element: its outputs of `numbers.lanes` are registers that become `before` with the products in them."""
    products, sums = PACKINGS[numbers.packing]
    a_bits, w_bits, bits = numbers.pair.activation.bits, numbers.pair.weight.bits, numbers.shape.width
    for s in range(sums):
        total = Signal(numbers.shape, name=f"sum_{s}")
        m.d.comb += total.eq(before["sum"][bits * s:bits * (s + 1)])
        found, lost = [], []
        for p in range(products):
            name, lane = f"product_{s}_{p}", s * products + p
            product = multiply(m, numbers.pair, activation[a_bits * p:a_bits * (p + 1)], weight[w_bits * lane:w_bits * (lane + 1)], name)
            if numbers.window:
                value, outside = windowed(m, numbers.window, numbers.pair, product, element.position, name)
                above, total = total, Signal.like(total, name=f"{name}_sum")
                m.d.comb += total.eq(above + value)
                lost.append(outside)
            else:
                total = add(m, numbers.pair, product, total, name)
            found.append(product.flags)
        result = Signal(bits, reset_less=True, name=f"result_{s}")
        m.d.sync += result.eq(total)
        m.d.comb += element.sum_out[bits * s:bits * (s + 1)].eq(result)
        if "flags" in numbers.lanes:
            _sticky(m, before["flags"], element.flags_out, found, s, "flags")
        if numbers.window:
            _sticky(m, before["outside"], element.outside_out, lost, s, "outside")


def _sticky(m: Module, before: Value, after: Value, new: list[Value], place: int, name: str) -> None:
    """Flags of sum `place`: those from above and new ones."""
    size = len(Value.cast(new[0]))
    held = Signal(size, reset_less=True, name=f"{name}_{place}")
    gathered = before[size * place:size * (place + 1)]
    for flags in new:
        gathered |= Value.cast(flags)
    m.d.sync += held.eq(gathered)
    m.d.comb += after[size * place:size * (place + 1)].eq(held)
