"""Nested loops in hardware: one counter for the nest, one address generator for each operand that it walks."""

from collections.abc import Sequence

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa


class LoopNest(wiring.Component):
    """Counts a loop nest, level 0 innermost, one iteration a `step`.

    `start` begins a sweep with the counts of that cycle, which must then stay as they are until the sweep ends; the first iteration
    stands in the cycle after. `step` goes on to the next iteration. In the last iteration (`last[-1]`) a `step` leaves the flags
    undefined unless `start` comes with it: `start` wins, so sweeps follow each other without a gap. Whether a sweep is under way is for
    the caller to remember.

    Flags come from registers and two-input gates: the counters run down, and "none left" is a register of its own. `start` and `step`
    may come late in the cycle: they only enable registers, and `fresh` chooses what these take.

    Parameters
    ----------
    count_bits: width of the count of each level; a count is 1 or more.

    Members
    -------
    start, step: see above.
    fresh: high with every `start`, low with every other `step` but that of the last iteration; `start` itself will do, but a caller whose
        `start` comes late gives what comes early.
    count_0 ..: iterations of each level.
    first: bit k: levels 0 .. k all stand at their first iteration.
    last: bit k: levels 0 .. k all stand at their last iteration.
    ends: bit k: level k does; registers.
    level: one-hot, the level that the next `step` advances (those below it begin again); zero when all stand at the last.
    """

    def __init__(self, count_bits: Sequence[int]) -> None:
        self._count_bits = tuple(count_bits)
        levels = len(self._count_bits)
        if levels == 0 or min(self._count_bits) < 1:
            raise ValueError(f"LoopNest count_bits={count_bits!r}: must be one or more positive widths")
        super().__init__({
            "start": In(1), "step": In(1), "fresh": In(1), **{f"count_{k}": In(bits) for k, bits in enumerate(self._count_bits)},
            "first": Out(levels), "last": Out(levels), "ends": Out(levels), "level": Out(levels)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        levels = len(self._count_bits)
        for k, bits in enumerate(self._count_bits):
            count = getattr(self, f"count_{k}")
            left = Signal(bits, name=f"left_{k}", reset_less=True)  # iterations still to come at this level
            none_left = Signal(name=f"none_left_{k}", reset_less=True)  # left == 0
            full = Signal(name=f"full_{k}")  # the level begins again
            inner_last = self.last[k - 1] if k else 1
            m.d.comb += [full.eq(self.fresh | self.last[k]), self.ends[k].eq(none_left),
                         self.last[k].eq(none_left & inner_last), self.level[k].eq(~none_left & inner_last)]
            with m.If(self.start | (self.step & inner_last)):
                m.d.sync += [left.eq(Mux(full, count, left) - 1), none_left.eq(Mux(full, count, left) == 1)]
            # Below the level that advances everything is at its first iteration, from it upwards nothing can be.
            first = Signal(name=f"first_{k}", reset_less=True)
            m.d.comb += self.first[k].eq(first)
            with m.If(self.start | self.step):
                m.d.sync += first.eq(self.fresh | (self.level[k + 1:].any() if k + 1 < levels else 0))
        return m


class LoopAddress(wiring.Component):
    """Address of one operand of a loop nest: base + the sum of index times stride over the levels, modulo 2**isa.ADDRESS_BITS.

    Each level remembers the address at which its present iteration began, so a step is one addition whatever level it advances, and
    nothing is ever subtracted. `start` takes the base for the iteration in the next cycle; `step` with a one-hot `level` goes on.
    Strides must stay as they are during the sweep.

    Parameters
    ----------
    stride_bits: width of the signed stride of each level.

    Members
    -------
    start, step, fresh, level: those of the `LoopNest` (`level` is its output).
    base: address of the first iteration.
    stride_0 ..: step of each level.
    address: of the present iteration; a register.
    """

    def __init__(self, stride_bits: Sequence[int]) -> None:
        self._stride_bits = tuple(stride_bits)
        if not self._stride_bits or not all(1 <= bits <= isa.ADDRESS_BITS for bits in self._stride_bits):
            raise ValueError(f"LoopAddress stride_bits={stride_bits!r}: must be one or more widths of 1 .. {isa.ADDRESS_BITS}")
        super().__init__({
            "start": In(1), "step": In(1), "fresh": In(1), "level": In(len(self._stride_bits)), "base": In(isa.ADDRESS_BITS),
            **{f"stride_{k}": In(signed(bits)) for k, bits in enumerate(self._stride_bits)}, "address": Out(isa.ADDRESS_BITS)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        levels = range(len(self._stride_bits))
        began = [Signal(isa.ADDRESS_BITS, name=f"began_{k}", reset_less=True) for k in levels]
        old, stride, following = Signal(isa.ADDRESS_BITS), Signal(signed(isa.ADDRESS_BITS)), Signal(isa.ADDRESS_BITS)
        m.d.comb += [old.eq(began[-1]), stride.eq(getattr(self, f"stride_{levels[-1]}"))]
        for k in reversed(levels[:-1]):
            with m.If(self.level[k]):
                m.d.comb += [old.eq(began[k]), stride.eq(getattr(self, f"stride_{k}"))]
        m.d.comb += [following.eq(Mux(self.fresh, self.base, old + stride)), self.address.eq(began[0])]
        for k in levels:
            # An iteration of level k begins when k or a level above it advances.
            with m.If(self.start | (self.step & self.level[k:].any())):
                m.d.sync += began[k].eq(following)
        return m
