"""Matrix unit for any two operand formats: array, scales at the column ends, wide accumulators, one rounding."""

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out
from amaranth.utils import ceil_log2

from weft.gen.formats.element import Element
from weft.hdl.delay import delayed
from weft.hdl.formats.array import Arrangement, FormatArray
from weft.hdl.formats.column import POSITION_BITS, ColumnEnd
from weft.hdl.formats.output_array import FormatOutputArray
from weft.hdl.formats.product import FLAGS
from weft.hdl.formats.rounding import UNIT_BITS, Rounder
from weft.hdl.formats.window import OUTSIDE
from weft.hdl.mem.sram import Sram

BANKS = 2  # of the accumulators


def members(a: Arrangement, target: Element, *, lines: int, results: int) -> dict[str, Member]:
    """Of a `FormatUnit` with these parameters."""
    activation, weight = a.operands.activation.scale, a.operands.weight.scale
    rows = a.segments if a.stays else 1  # of weights in a cycle
    return {
        "activations": In(a.pair.activation.bits * a.depth), "weights": In(a.pair.weight.bits * a.packing * a.columns * rows),
        **({"ends": In(1)} if a.stays else {"load": In(a.rows)}), "swap": In(1), "valid": In(1), "first": In(1),
        "address": In(ceil_log2(lines)),
        "position": In(POSITION_BITS), "read": In(1), "read_ready": Out(1), "read_address": In(ceil_log2(lines)),
        "part": In(max(1, ceil_log2(a.width // results))), "read_position": In(POSITION_BITS), "result": Out(target.bits * results),
        "outside": Out(OUTSIDE.size * results), "added": Out(1), "reads": Out(2),
        **({"activation_scales": In(activation.bits * a.segments)} if activation else {}),
        **({"weight_scales": In(weight.bits * a.segments * a.width)} if weight else {})}


class FormatUnit(wiring.Component):
    """Vectors of activations times a tile of weights, added up over tiles and rounded once.

    A vector with `valid` enters the array; `accumulate_latency` cycles later its scaled sums have been added to line `address` of the
    accumulators, or with `first` have replaced it. A line must not be touched again within `HAZARD` cycles. Weights go to the
    array as `FormatArray` says, all segments' rows one after the other; the scales of a tile's columns are taken from `weight_scales`
    in the cycle `arrangement.latency` after its `swap`.

    With `arrangement.stays` weights go to the arrays as `FormatOutputArray` says, a row for each segment in a cycle. `valid` belongs to the
    vectors of a tile with `ends`, whose sums, of all tiles since the last one with `ends`, go to line `address` after the same number of
    cycles; so do `first`, the activations' scales and the columns'.

    `read` with `read_ready` gives, `READ_LATENCY` cycles later, part `part` of line `read_address` as codes of `target`, and what left
    the window on their way. The accumulators are two banks by the highest address bit, and sums go first: a read waits while they read from
    its bank or write its line. `read_ready` does not depend on `read`.

    Parameters
    ----------
    target: format of the results. lines: of the accumulators. results: of a read, divides the line.

    Members
    -------
    activations: all rows' words; row 0 lowest. activation_scales: a code for each segment, lowest first.
    weights, load or ends, swap: to the array. weight_scales: a code for each result, those of segment 0 lowest.
    valid, first, address: of the vector. position: of the window's unit above the least product with the least scales; must hold still
    while vectors are under way. Without effect where sums have no scales and fit as they are.
    read, read_ready, read_address, part: see above. read_position: must hold still while reads are under way.
    result: codes. outside: `OUTSIDE` of each. added: a line is written; reads: lines that are read in this cycle, 0 .. 2.
    """

    HAZARD = 2
    READ_LATENCY = 2 + Rounder.LATENCY

    def __init__(self, arrangement: Arrangement, target: Element, *, lines: int = 64, results: int = 1) -> None:
        self._arrangement, self._target, self._depth, self._results = arrangement, target, lines, results
        super().__init__(members(arrangement, target, lines=lines, results=results))

    @property
    def accumulate_latency(self) -> int:
        """Cycles from a vector until its line holds its sums."""
        return self._arrangement.latency + ColumnEnd.LATENCY + 2

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        a, width = self._arrangement, self._arrangement.window.width
        entry = FLAGS.size + OUTSIDE.size + width  # of the accumulators, a result's
        banks = [Sram(depth=max(32, self._depth // BANKS), width=entry * a.width) for _ in range(BANKS)]
        for number, bank in enumerate(banks):
            m.submodules[f"bank_{number}"] = bank

        # What follows a vector: to the column ends, through them, and on to the memory.
        valid, first, address, swap = (
            delayed(m, getattr(self, name), a.latency, name=name) for name in ("valid", "first", "address", "swap"))
        codes = self._scales(m, swap)
        terms = [self._segment(m, s, codes) for s in range(a.segments)]
        valid, first, address = (delayed(m, value, ColumnEnd.LATENCY, name=f"{name}_end") for value, name in (
            (valid, "valid"), (first, "first"), (address, "address")))

        # Read | add | write. The columns' terms wait for the line.
        adding, fresh, line = Signal(), Signal(reset_less=True), Signal.like(self.address, reset_less=True)
        m.d.sync += [adding.eq(valid), fresh.eq(first), line.eq(address)]
        sums, written = Signal(entry * a.width), Signal(entry * a.width)
        self._lines(m, banks, valid & ~first, address, adding, line, written)
        m.d.comb += sums.eq(Mux(line[-1], banks[1].read.data, banks[0].read.data))
        for n in range(a.width):
            old = sums[entry * n:entry * (n + 1)]
            new = Signal(entry, name=f"new_{n}")
            flags, outside, value = (Signal(shape, name=f"{name}_{n}", reset_less=True) for name, shape in (
                ("flags", FLAGS.size), ("outside", OUTSIDE.size), ("value", signed(width))))
            total, seen, lost = 0, 0, 0
            for ends in terms:
                total, seen, lost = total + ends[n].term, seen | ends[n].term_flags.as_value(), lost | ends[n].term_outside.as_value()
            m.d.sync += [flags.eq(seen), outside.eq(lost), value.eq(total)]
            base = Signal(entry, name=f"base_{n}")
            m.d.comb += [
                base.eq(Mux(fresh, 0, old)),
                new.eq(Cat(base[:FLAGS.size] | flags, base[FLAGS.size:entry - width] | outside, (base[-width:] + value)[:width])),
                written[entry * n:entry * (n + 1)].eq(new)]
        self._round(m, banks, entry)
        return m

    def _lines(self, m: Module, banks: list[Sram], get: Value, address: Signal, adding: Signal, line: Signal, written: Signal) -> None:
        """Reads of line `address` for sums and of results, and writes of `line`."""
        gets, taken = Signal(), Signal()
        m.d.comb += [
            gets.eq(get), taken.eq(self.read & self.read_ready), self.added.eq(adding), self.reads.eq(gets + taken),
            self.read_ready.eq(~((gets & (address[-1] == self.read_address[-1])) | (adding & (line == self.read_address))))]
        for number, bank in enumerate(banks):
            own = Signal(name=f"own_{number}")
            m.d.comb += [
                own.eq(gets & (address[-1] == number)),
                bank.read.enable.eq(own | (taken & (self.read_address[-1] == number))),
                bank.read.address.eq(Mux(own, address[:-1], self.read_address[:-1])),
                bank.write.enable.eq(adding & (line[-1] == number)), bank.write.address.eq(line[:-1]), bank.write.data.eq(written)]

    def _scales(self, m: Module, swap: Signal) -> dict[str, Signal]:
        """Codes of the scales in the cycle of the sums that they belong to."""
        codes, a = {}, self._arrangement
        if a.operands.activation.scale:
            codes["activation"] = delayed(m, self.activation_scales, a.latency, name="activation_scales")
        if a.operands.weight.scale:
            held = Signal.like(self.weight_scales, reset_less=True, name="held_scales")
            codes["weight"] = Signal.like(held, name="present_scales")
            m.d.comb += codes["weight"].eq(Mux(swap, self.weight_scales, held))
            m.d.sync += held.eq(codes["weight"])
        return codes

    def _segment(self, m: Module, s: int, codes: dict[str, Signal]) -> list[ColumnEnd]:
        """An array of one block's rows, and its column ends."""
        a = self._arrangement
        m.submodules[f"array_{s}"] = array = FormatOutputArray(a) if a.stays else FormatArray(a)
        own = a.pair.activation.bits * a.products * a.height
        m.d.comb += [array.activations.eq(self.activations[own * s:own * (s + 1)]), array.swap.eq(self.swap)]
        if a.stays:
            row = len(array.weights)
            m.d.comb += [array.weights.eq(self.weights[row * s:row * (s + 1)]), array.ends.eq(self.ends)]
        else:
            m.d.comb += [array.weights.eq(self.weights), array.load.eq(self.load[s * a.height:(s + 1) * a.height])]
        if a.element_window:
            m.d.comb += array.position.eq(self.position)
        ends = []
        for n in range(a.width):
            m.submodules[f"end_{s}_{n}"] = end = ColumnEnd(a)
            ends.append(end)
            for name, source in (("sum", "sums"), ("flags", "flags"), ("outside", "outside")):
                if hasattr(array, source):
                    value = getattr(array, source)
                    bits = len(value) // a.width
                    m.d.comb += getattr(end, name).eq(value[bits * n:bits * (n + 1)])
            m.d.comb += end.position.eq(self.position)
            place = {"activation": s, "weight": s * a.width + n}
            for k, (side, code) in enumerate(codes.items()):
                bits = end.signature.members[f"scale_{k}"].shape
                m.d.comb += getattr(end, f"scale_{k}").eq(code[bits * place[side]:bits * (place[side] + 1)])
        return ends

    def _round(self, m: Module, banks: list[Sram], entry: int) -> None:
        """Accumulators that are read, `entry` bits each, become results."""
        a = self._arrangement
        part, upper, chosen = (Signal(shape, reset_less=True, name=name) for name, shape in (
            ("held_part", self.part.shape()), ("upper", 1), ("chosen", entry * self._results)))
        unit, line = Signal(signed(UNIT_BITS), reset_less=True), Signal(entry * a.width)
        m.d.comb += line.eq(Mux(upper, banks[1].read.data, banks[0].read.data))
        m.d.sync += [part.eq(self.part), upper.eq(self.read_address[-1]), chosen.eq(line.word_select(part, entry * self._results)),
                     unit.eq(a.operands.lsb_exponent + (self.read_position if a.scaled or a.element_window else 0))]
        for n in range(self._results):
            own = Signal(entry, name=f"own_{n}")
            m.d.comb += own.eq(chosen[entry * n:entry * (n + 1)])
            self._result(m, own, unit, n)

    def _result(self, m: Module, own: Signal, unit: Signal, n: int) -> None:
        """One of them, in units of 2^unit."""
        a, target, outside = self._arrangement, self._target, Signal(OUTSIDE.size, name=f"outside_of_{n}")
        m.submodules[f"rounder_{n}"] = rounder = Rounder(a.window.width, target)
        m.d.comb += [
            outside.eq(own[FLAGS.size:FLAGS.size + OUTSIDE.size]),
            rounder.value.eq(own[-a.window.width:]), rounder.unit.eq(unit), rounder.flags.eq(own[:FLAGS.size]),
            self.result[target.bits * n:target.bits * (n + 1)].eq(rounder.result),
            self.outside[OUTSIDE.size * n:OUTSIDE.size * (n + 1)].eq(delayed(m, outside, Rounder.LATENCY, name=f"outside_{n}"))]
