"""The systolic array: R x C processing elements between two skew triangles."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.hdl.matrix.depthwise import STREAM, VerticalFeed, VerticalStep
from weft.hdl.matrix.pe import ProcessingElement
from weft.hdl.matrix.product import Product
from weft.hdl.matrix.skew import Skew
from weft.hdl.multiplier import MultiplierPair


class SystolicArray(wiring.Component):
    """Vector times matrix, one vector every cycle: sums[n] = sum over k of activations[k] * weights[k][n], exactly.

    An activation vector may enter in any cycle; its sums leave `latency(config)` cycles later. What happens between vectors that matter is
    the caller's to ignore; it should hold `activations` still then, which keeps the whole array still.

    `swap` with a vector makes it the first of a new tile. PE(r, c) then takes its shadow weight r + c cycles later: that depends on
    the diagonal only, so one register a diagonal serves all its PEs. Shadow row k takes `weights` in a cycle with load[k]; it must
    do so at most k - 1 cycles after the vector with `swap` enters (the PE at its left end takes the weight at the end of cycle k)
    and not before k + C - 1 cycles after the swap before it (when the PE at its right end has taken the weight before).

    With `config.array.depthwise` a vector may also be one of a depthwise stream. Its element of column c then goes down that column
    (`VerticalStep`, `VerticalFeed`), and sums[n] = sum over k of weights[k][n] * element n of the stream's vector that came age(k) vectors
    earlier, as `weft.gen.isa` defines it. Everything follows the vectors diagonal by diagonal, so that streams and other
    vectors, and their tiles, may follow each other without a gap. Only vectors with `valid` belong to a stream.

    PEs are modules of their own: Verilator inlines them (the C++ is then the same as for one flat module), and identical
    modules are merged at export. On a platform whose blocks hold two multipliers each (`MultiplierPair`), elements with a product
    register share them: those on one diagonal, whose weights swap together, and then those that are left.

    Members
    -------
    activations: R bytes, signed, row 0 lowest.
    swap: 1 bit.
    weights: C bytes, signed, column 0 lowest.
    load: R bits, at most one of them set.
    valid, stream: there is a vector; what it is (`STREAM`). Only with `config.array.depthwise`.
    sums: C x partial_sum_bits, signed, column 0 lowest.
    """

    edge = Skew  # what slants activations and straightens sums; replaced to look at the elements alone

    def __init__(self, config: Config) -> None:
        self._rows, self._columns, self._sum_bits = config.array.rows, config.array.columns, config.partial_sum_bits
        self._config, self._product = config, product_of(config)
        super().__init__({
            **({"valid": In(1), "stream": In(STREAM)} if config.array.depthwise else {}),
            "activations": In(8 * self._rows), "swap": In(1), "weights": In(8 * self._columns), "load": In(self._rows),
            "sums": Out(self._sum_bits * self._columns)})

    @staticmethod
    def latency(config: Config) -> int:
        """Cycles from `activations` to `sums`: down the rows, and along the columns to the last one."""
        return (config.array.rows - 1) + product_of(config).latency + (config.array.columns - 1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows, columns, bits = self._rows, self._columns, self._sum_bits
        in_pairs = self._product is Product.REGISTERED and hasattr(platform, "get_multiplier_pair")
        elements: dict[tuple[int, int], ProcessingElement] = {}
        m.submodules.skew = skew = self.edge(rows, 8)
        m.submodules.deskew = deskew = self.edge(columns, bits, reverse=True)
        front = Signal(rows + columns - 2, reset_less=True)  # the swap on its way over the diagonals 1, 2, ..
        diagonals = Cat(self.swap, front)
        m.d.sync += front.eq(diagonals)
        m.d.comb += skew.i.eq(self.activations)
        vertical = self._vertical(m, skew.o) if self._config.array.depthwise else None
        zero = Signal(bits)
        above = [zero] * columns
        for r in range(rows):
            activation, below = skew.o[8 * r:8 * r + 8], []
            for c in range(columns):
                m.submodules[f"pe_{r}_{c}"] = pe = ProcessingElement(
                    bits, Product.GIVEN if in_pairs else self._product)
                elements[r, c] = pe
                if vertical:
                    step = vertical[r][c]
                    m.d.comb += step.left.eq(activation)
                    if not step.first:
                        m.d.comb += step.above.eq(elements[r - 1, c].activation_out)
                    activation = step.activation
                m.d.comb += [
                    pe.activation.eq(activation), pe.sum.eq(above[c]), pe.weight.eq(self.weights[8 * c:8 * c + 8]),
                    pe.load.eq(self.load[r]), pe.swap.eq(diagonals[r + c])]
                activation = pe.activation_out
                below.append(pe.sum_out)
            above = below
        m.d.comb += [deskew.i.eq(Cat(above)), self.sums.eq(deskew.o)]
        if in_pairs:
            self._share_multipliers(m, elements)
        return m

    def _share_multipliers(self, m: Module, elements: dict[tuple[int, int], ProcessingElement]) -> None:
        """Give every two elements a `MultiplierPair`."""
        couples, alone = [], []
        for diagonal in range(self._rows + self._columns - 1):
            places = [place for place in elements if sum(place) == diagonal]
            couples += [(first, second, True) for first, second in zip(places[::2], places[1::2], strict=False)]
            alone += places[len(places) & ~1:]
        couples += [(first, second, False) for first, second in zip(alone[::2], alone[1::2], strict=True)]
        for number, (first, second, together) in enumerate(couples):
            m.submodules[f"pair_{number}"] = pair = MultiplierPair(together=together)
            for half, place in enumerate((first, second)):
                pe = elements[place]
                m.d.comb += [pair.a[half].eq(pe.activation), pair.b[half].eq(pe.shadow), pair.b_enable[half].eq(pe.swap),
                             pe.given.eq(pair.p[half])]

    def _vertical(self, m: Module, slanted: Signal) -> list[list[VerticalStep]]:
        """A step in front of each element, [row][column], complete but for what comes from other elements."""
        config = self._config
        m.submodules.feed = feed = VerticalFeed(config)
        m.d.comb += [feed.valid.eq(self.valid), feed.vector.eq(self.activations), feed.stream.eq(self.stream)]
        starts = {0: slanted, **{g * config.depthwise_taps: getattr(feed, f"above_{g}") for g in range(1, config.depthwise_segments)}}
        steps = [[VerticalStep(first=r in starts) for _ in range(self._columns)] for r in range(self._rows)]
        for r, row in enumerate(steps):
            for c, step in enumerate(row):
                m.submodules[f"step_{r}_{c}"] = step
                m.d.comb += [
                    step.busy.eq(feed.busy), step.step.eq(feed.step[r + c]), step.begins.eq(feed.begins[r + c]),
                    step.fill.eq(feed.fill[8 * (r + c):8 * (r + c) + 8])]
                if step.first:
                    m.d.comb += step.above.eq(starts[r][8 * c:8 * c + 8])
        return steps


def product_of(config: Config) -> Product:
    """The elements' kind of product."""
    return Product.REGISTERED if config.array.product_register else Product.DIRECT
