"""Last arithmetic of one lane: combine with operand B or reduce, post-add and clamp."""

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from weft.gen import isa

# Constant during an instruction and the same in every lane. With `reduces` the running value takes the place of operand B.
# Clamping takes low <= high; min(max(z, low), high) with low > high is the same as with low = high.
AluControl = data.StructLayout({"alu": 4, "reduces": 1, "post": signed(32), "low": signed(32), "high": signed(32)})


class Alu(wiring.Component):
    """z = min(max(u + post, low), high), where u = alu(v, y), or the running value of a reduction, as `isa.Alu` defines it.

    Stage 0 forms u. Its register is also the running value: in a reduction every iteration goes through stage 0, and the caller
    lets only the last one of a pass into stage 1. Stage 1 adds, stage 2 clamps. Everything wraps to 32 bits.

    Members
    -------
    control: `AluControl`; must not change while operands are under way.
    step: bit k lets stage k take its input at the end of this cycle.
    first: with the operands of stage 0: they begin a reduction, so v stands for itself. Ignored without `reduces`.
    v, y: operands, taken by stage 0.
    z: result, `LATENCY` steps after v.
    """

    LATENCY = 3

    control: In(AluControl)
    step: In(LATENCY)
    first: In(1)
    v: In(signed(32))
    y: In(signed(32))
    z: Out(signed(32))

    def elaborate(self, platform: object) -> Module:
        del platform
        m, control, v = Module(), self.control, self.v
        u = Signal(signed(32), reset_less=True)
        other = Signal(signed(32))
        subtracts = Signal()
        total = Signal(32)
        # The comparison is the longest path, and through u it is a loop: everything else is chosen beside it.
        extreme = Signal()
        takes_v = Signal()
        plain = Signal(signed(32))
        m.d.comb += [
            other.eq(Mux(control.reduces, u, self.y)), subtracts.eq(control.alu == isa.Alu.SUBTRACT),
            total.eq((v + (other ^ subtracts.replicate(32)).as_signed() + subtracts)[:32]),
            takes_v.eq((v > other) ^ (control.alu == isa.Alu.MINIMUM)), plain.eq(v)]
        with m.If(~(control.reduces & self.first)), m.Switch(control.alu):
            with m.Case(isa.Alu.MAXIMUM, isa.Alu.MINIMUM):
                m.d.comb += extreme.eq(1)
            with m.Case(isa.Alu.ADD, isa.Alu.SUBTRACT):
                m.d.comb += plain.eq(total.as_signed())
            with m.Case(isa.Alu.CONCATENATE):
                m.d.comb += plain.eq(Cat(v[:8], other[:24]).as_signed())
            with m.Case(isa.Alu.LEADING_ZEROS):
                m.d.comb += plain.eq(self._leading_zeros(m))
        with m.If(self.step[0]):
            m.d.sync += u.eq(Mux(extreme, Mux(takes_v, v, other), plain))

        moved = Signal(signed(32), reset_less=True)
        z = Signal(signed(32), reset_less=True)
        with m.If(self.step[1]):
            m.d.sync += moved.eq((u + control.post)[:32].as_signed())
        with m.If(self.step[2]):
            m.d.sync += z.eq(Mux(moved < control.low, control.low, Mux(moved > control.high, control.high, moved)))
        m.d.comb += self.z.eq(z)
        return m

    def _leading_zeros(self, m: Module) -> Signal:
        """Binary search: is the upper half empty? Then look at the lower half."""
        rest, count = self.v[:], Signal(5)
        for level in reversed(range(5)):
            width = 1 << level
            empty, half = Signal(name=f"empty_{width}"), Signal(width, name=f"half_{width}")
            m.d.comb += [empty.eq(~rest[width:].any()), half.eq(Mux(empty, rest[:width], rest[width:])), count[level].eq(empty)]
            rest = half
        # Thirty-one empty halves and an empty last bit: 32.
        total = Signal(6, name="leading_zeros")
        m.d.comb += total.eq(count + ~rest[0])
        return total
