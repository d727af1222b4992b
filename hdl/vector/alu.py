"""Last arithmetic of one lane: combine with operand B or reduce, post-add and clamp."""

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

# The same in every lane, for what stands before the stage that uses it (`CONTROL_STAGES`); decoded, because the operation decides about
# the longest path. extreme: MAXIMUM or MINIMUM. With `reduces` the running value takes the place of operand B.
# Clamping takes low <= high; min(max(z, low), high) with low > high is the same as with low = high.
AluControl = data.StructLayout({
    "reduces": 1, "extreme": 1, "minimum": 1, "adds": 1, "subtracts": 1, "concatenates": 1, "counts_zeros": 1,
    "post": signed(32), "low": signed(32), "high": signed(32)})

CONTROL_STAGES = {**{name: 0 for name, _ in AluControl}, "post": 1, "low": 2, "high": 2}


class Alu(wiring.Component):
    """z = min(max(u + post, low), high), where u = alu(v, y), or the running value of a reduction, as `isa.Alu` defines it.

    Stage 0 forms u. Its register is also the running value: in a reduction every iteration goes through stage 0, and the caller
    lets only the last one of a pass into stage 1. Stage 1 adds, stage 2 clamps. Everything wraps to 32 bits.

    Parameters
    ----------
    turns: channels that take turns in this lane, always in the same order: the running value is that of `turns` steps before.

    Members
    -------
    control: `AluControl`, from registers; each field belongs to what its stage takes.
    step: bit k lets stage k take its input at the end of this cycle.
    first: with the operands of stage 0: they begin a reduction, so v stands for itself. Ignored without `reduces`.
    v, y: operands, taken by stage 0.
    z: result, `LATENCY` steps after v.
    """

    LATENCY = 3

    def __init__(self, *, turns: int = 1) -> None:
        self._turns = turns
        super().__init__({
            "control": In(AluControl), "step": In(self.LATENCY), "first": In(1),
            "v": In(signed(32)), "y": In(signed(32)), "z": Out(signed(32))})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, control, v = Module(), self.control, self.v
        u = Signal(signed(32), reset_less=True)
        running = u
        for turn in range(1, self._turns):
            later = Signal(signed(32), name=f"u_{turn}", reset_less=True)
            with m.If(self.step[0]):
                m.d.sync += later.eq(running)
            running = later
        other = Signal(signed(32))
        total = Signal(32)
        plain = Signal(signed(32))
        difference = Signal(signed(33))  # one carry chain, where a signed comparison becomes two
        takes_v = Signal()
        begins = Signal()
        # The comparison is the longest path, and through u it is a loop: everything else is chosen beside it.
        m.d.comb += [
            other.eq(Mux(control.reduces, running, self.y)),
            total.eq((v + (other ^ control.subtracts.replicate(32)).as_signed() + control.subtracts)[:32]),
            plain.eq(v), begins.eq(control.reduces & self.first),
            difference.eq(other - v), takes_v.eq(begins | (control.extreme & (difference[-1] ^ control.minimum)))]
        with m.If(control.adds):
            m.d.comb += plain.eq(total.as_signed())
        with m.If(control.concatenates):
            m.d.comb += plain.eq(Cat(v[:8], other[:24]).as_signed())
        with m.If(control.counts_zeros):
            m.d.comb += plain.eq(self._leading_zeros(m))
        with m.If(self.step[0]):
            m.d.sync += u.eq(Mux(takes_v, v, Mux(control.extreme, other, plain)))

        moved = Signal(signed(32), reset_less=True)
        z = Signal(signed(32), reset_less=True)
        under = Signal(signed(33))
        over = Signal(signed(33))
        m.d.comb += [under.eq(moved - control.low), over.eq(control.high - moved)]
        with m.If(self.step[1]):
            m.d.sync += moved.eq((u + control.post)[:32].as_signed())
        with m.If(self.step[2]):
            m.d.sync += z.eq(Mux(under[-1], control.low, Mux(over[-1], control.high, moved)))
        m.d.comb += self.z.eq(z)
        return m

    def _leading_zeros(self, m: Module) -> Signal:
        """Fill everything below the highest one, keep that one alone, encode its distance from the top; 32 for zero."""
        filled = self.v[:]
        for distance in (1, 2, 4, 8, 16):
            wider = Signal(32, name=f"filled_{distance}")
            m.d.comb += wider.eq(filled | filled >> distance)
            filled = wider
        highest = Signal(32)
        count = Signal(6, name="leading_zeros")
        m.d.comb += [
            highest.eq(filled ^ filled >> 1),
            count.eq(Cat(*(Cat(highest[n] for n in range(32) if 31 - n >> k & 1).any() for k in range(5)), ~filled[0]))]
        return count
