"""Matrix unit whose sums are those of graphics processors: a dot product for each column, its addends aligned and cut off."""

from amaranth import Cat, Module, Mux, Signal

from weft.gen.formats.element import ELEMENTS, Element
from weft.hdl.delay import delayed
from weft.hdl.formats.aligned import AlignedAccumulator
from weft.hdl.formats.array import Arrangement
from weft.hdl.formats.decode import decode
from weft.hdl.formats.rounding import Rounder
from weft.hdl.formats.unit import BANKS, FormatUnit
from weft.hdl.mem.sram import Sram

SINGLE = ELEMENTS["fp32"]


class AlignedUnit(FormatUnit):
    """A `FormatUnit` with an `arrangement.alignment`; each vector is a step of each column's sums. To study the difference.

    Addends that are aligned must be there together, so that there is no systolic array: all columns see a vector in one cycle, and have
    two registers for each weight as the array's elements have. Accumulators are fp32. A sum is on its way for `HAZARD` cycles,
    more than with exact addition; no vector but the one of the next tile touches its line again, and that is later: a tile takes
    `rows` + `columns` cycles or more to come (`TileLoader`). So the steps of a sum follow each other without waiting.

    Members
    -------
    Those of `FormatUnit`. position, read_position: without effect. outside: 0.

    Raises
    ------
    ValueError: for an array so small that its tiles could be too fast, and as `AlignedAccumulator`.
    """

    READ = 1 + AlignedAccumulator.BEFORE - Sram.LATENCY  # cycles from a vector until the read of its line
    HAZARD = AlignedAccumulator.LATENCY - AlignedAccumulator.BEFORE + Sram.LATENCY + 1

    def __init__(self, arrangement: Arrangement, target: Element, *, lines: int = 64, results: int = 1) -> None:
        if arrangement.rows + arrangement.columns < self.HAZARD:
            raise ValueError(f"AlignedUnit rows={arrangement.rows!r} columns={arrangement.columns!r}: a tile must take "
                             f"{self.HAZARD} cycles or more, and takes as many as both together")
        super().__init__(arrangement, target, lines=lines, results=results)

    @property
    def accumulate_latency(self) -> int:
        return self._arrangement.latency + AlignedAccumulator.LATENCY + 1

    def elaborate(self, platform: object) -> Module:
        del platform
        m, a, entry = Module(), self._arrangement, SINGLE.bits
        banks = [Sram(depth=max(32, self._depth // BANKS), width=entry * a.width) for _ in range(BANKS)]
        for number, bank in enumerate(banks):
            m.submodules[f"bank_{number}"] = bank
        codes = self._scales(m, delayed(m, self.swap, a.latency, name="swap"))
        vector = delayed(m, self.activations, a.latency, name="vector", reset_less=True)
        columns = [self._column(m, n, vector, codes) for n in range(a.width)]

        valid, address = (delayed(m, getattr(self, name), self.READ, name=name) for name in ("valid", "address"))
        first = delayed(m, self.first, self.READ, name="first")
        later = self.HAZARD - 1
        fresh, upper = delayed(m, first, Sram.LATENCY, name="fresh"), delayed(m, address[-1], Sram.LATENCY, name="upper")
        written, sums = Signal(entry * a.width), Signal(entry * a.width)
        self._lines(m, banks, valid & ~first, address, delayed(m, valid, later, name="adding"), delayed(m, address, later, name="line"),
                    written)
        m.d.comb += [sums.eq(Mux(upper, banks[1].read.data, banks[0].read.data)), written.eq(Cat(column.result for column in columns)),
                     *(column.c.eq(Mux(fresh, 0, sums[entry * n:entry * (n + 1)])) for n, column in enumerate(columns))]
        self._round(m, banks, entry)
        return m

    def _column(self, m: Module, n: int, vector: Signal, codes: dict[str, Signal]) -> AlignedAccumulator:
        """Result `n` of every line: weights, shadow and active, and the dot product. Row k of the array has products k * `products` and
        up."""
        a = self._arrangement
        m.submodules[f"column_{n}"] = column = AlignedAccumulator(a.operands, a.alignment, terms=a.depth, segments=a.segments)
        own = a.pair.weight.bits * a.products
        active = Signal(own * a.rows, name=f"active_{n}", reset_less=True)
        shadow = [Signal(own, name=f"shadow_{n}_{k}", reset_less=True) for k in range(a.rows)]
        for k, row in enumerate(shadow):
            with m.If(self.load[k]):
                m.d.sync += row.eq(self.weights[own * n:own * (n + 1)])
        with m.If(self.swap):
            m.d.sync += active.eq(Cat(shadow))
        m.d.comb += [column.activations.eq(vector), column.weights.eq(active)]
        for side, code in codes.items():
            bits = len(code) // a.segments // (a.width if side == "weight" else 1)
            chosen = Cat(code.word_select(s * a.width + n if side == "weight" else s, bits) for s in range(a.segments))
            m.d.comb += getattr(column, f"{side}_scales").eq(chosen)
        return column

    def _result(self, m: Module, own: Signal, unit: Signal, n: int) -> None:
        del unit  # of a window
        target, parts = self._target, decode(m, SINGLE, own, f"own_{n}")
        width = max(SINGLE.significand_bits + 1, target.mantissa_bits + 3)
        m.submodules[f"rounder_{n}"] = rounder = Rounder(width, target)
        m.d.comb += [
            rounder.value.eq(Mux(parts.negative, -parts.significand, parts.significand)),
            rounder.unit.eq(parts.exponent - SINGLE.bias - SINGLE.mantissa_bits),
            rounder.flags.nan.eq(parts.nan), rounder.flags.plus.eq(parts.infinite & ~parts.negative),
            rounder.flags.minus.eq(parts.infinite & parts.negative),
            self.result[target.bits * n:target.bits * (n + 1)].eq(rounder.result)]


def format_unit(arrangement: Arrangement, target: Element, *, lines: int = 64, results: int = 1) -> FormatUnit:
    """The unit whose sums are those of the arrangement."""
    return (AlignedUnit if arrangement.alignment else FormatUnit)(arrangement, target, lines=lines, results=results)
