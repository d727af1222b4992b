"""Scaling stage of one lane: pre-add, left shift, 32 x 32 multiply, rounding right shift, saturation."""

from amaranth import C, Cat, Module, Mux, Shape, Signal, signed
from amaranth.hdl import ShapeLike, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.gen.isa import Rounding
from weft.hdl.multiplier import Multiplier

# The same in every lane, for what stands before the stage that uses it: one bit for each place, because instructions follow each other
# through the stages. double, float32_*: first rounding as in that mode, of x, of the product's mask and of the product; float32_ties: the
# second one's. rounds: the second rounding is not FLOOR; away: it takes halves away from zero. The *_b bits take operand B instead of the
# factor.
ScaleControl = data.StructLayout({
    "double": 1, "float32_x": 1, "float32_mask": 1, "float32_p": 1, "float32_ties": 1, "rounds": 1, "away": 1,
    "multiplier_b": 1, "left_b": 1, "right_b": 1})


def scale_control(rounding: Value) -> dict[str, Value]:
    """The bits of `ScaleControl` that an `isa.Rounding` decides."""
    single = rounding == Rounding.FLOAT32
    return {"double": rounding == Rounding.DOUBLE, **{f"float32_{place}": single for place in ("x", "mask", "p", "ties")},
            "rounds": rounding != Rounding.FLOOR, "away": rounding.matches(Rounding.HALF_AWAY, Rounding.DOUBLE)}


def control_stages(*, float32: bool) -> dict[str, int]:
    """The stage that uses each bit of `ScaleControl`."""
    more = int(float32)
    return {"multiplier_b": 0, "left_b": 0, "right_b": 0, "float32_x": 1, "double": 3 + more, "float32_mask": 3 + more,
            "float32_p": 3 + 2 * more, **dict.fromkeys(("float32_ties", "rounds", "away"), 4 + 2 * more)}


# The factors of one lane, constant during an instruction: the instruction's fields or an entry of a parameter set.
Factors = data.StructLayout({"pre": signed(32), "multiplier": signed(32), "left": 5, "right": 6})

_SIGNIFICAND = 24  # bits of a float32 significand


class Scale(wiring.Component):
    """v = round(((a + pre) << left) * multiplier >> right), saturated to 32 bits, as `isa.Rounding` defines it.

    Two roundings in a row serve all modes. The first, at a bit position of its own, is active only in DOUBLE (halves up
    at bit 31) and FLOAT32 (halves to even after 24 bits). It adds the mask of the bits below the half and a carry, which rounds halves
    up. To even is up, and then clear the lowest bit if it was a half: that is found beside the addition, where looking at the lowest
    bit for the carry would come before it. The second is at bit `right`, behind the shift, where it is an increment of 32 bits. In
    DOUBLE with right < 31 the first rounding leaves zeros there, and the second step only shifts.

    Parameters
    ----------
    float32: build FLOAT32; the pipeline is two stages longer.

    Members
    -------
    control: `ScaleControl`, from registers; each bit belongs to what its stage (`control_stages`) takes.
    a, b, factors: taken together by stage 0. `control` may replace factors by `b`: left by its low 5 bits, right by its low 6.
    step: bit k lets stage k take its input at the end of this cycle.
    v: result, `latency` steps after a.
    y: b, delayed as much.
    """

    def __init__(self, *, float32: bool) -> None:
        self._float32 = float32
        super().__init__({
            "control": In(ScaleControl), "factors": In(Factors), "step": In(self.latency),
            "a": In(signed(32)), "b": In(signed(32)), "v": Out(signed(32)), "y": Out(signed(32))})

    @staticmethod
    def stages(*, float32: bool) -> int:
        """Shift, [to float32,] products, sum, [mask,] first rounding, right shift, second rounding and saturation."""
        return 8 if float32 else 6

    @property
    def latency(self) -> int:
        """Steps from a to v."""
        return self.stages(float32=self._float32)

    def elaborate(self, platform: object) -> Module:
        del platform
        m, control, factors = Module(), self.control, self.factors
        stages = iter(range(self.latency))

        def wire(name: str, shape: ShapeLike, value: Value) -> Signal:
            signal = Signal(shape, name=name)
            m.d.comb += signal.eq(value)
            return signal

        def advance(*values: Signal) -> list[Signal]:
            """The registers that the next stage loads with `values`: s<stage>_x from the wire c_x or the register s<stage - 1>_x."""
            stage = next(stages)
            registers = [Signal(Shape.cast(value.shape()), name=f"s{stage}_{value.name.split('_', 1)[-1]}", reset_less=True)
                         for value in values]
            with m.If(self.step[stage]):
                m.d.sync += [register.eq(value) for register, value in zip(registers, values, strict=True)]
            return registers

        def below_significand(x: Signal) -> Signal:
            """Bit k is 1 if bit k of `x` lies below its 24 most significant bits.

            For a negative x those of its one's complement count. They are one fewer than those of |x| only if |x| is a power
            of two; then all bits below are 0, and rounding at either place changes nothing.
            """
            filled = wire("c_ones", len(x) - 1, Mux(x[-1], ~x, x)[: len(x) - 1])
            distance = 1
            while distance < len(filled):
                filled = wire(f"c_filled_{distance}", len(filled), filled | filled >> distance)
                distance *= 2
            return wire("c_below", len(filled) - _SIGNIFICAND, filled[_SIGNIFICAND:])

        def is_half(x: Signal, below: Signal) -> Value:
            """The bits of `x` under the mask `below` are exactly a half: a one and zeros."""
            return below[0] & ((x[: len(below)] & below) == (below ^ below >> 1))

        def cleared(x: Signal, below: Signal, to_even: Signal) -> Signal:
            """What a first rounding of `x` clears: the bits under the mask, and the one above if it was a half."""
            half = wire("c_half", 1, is_half(x, below) & to_even)
            return wire("c_cleared", signed(len(below) + 2), below | Mux(half, below, 0) << 1)

        # x = (a + pre) << left, wrapping, and the choice of the other factors beside it.
        total = wire("c_total", 32, (self.a + factors.pre)[:32])
        left = wire("c_left", 5, Mux(control.left_b, self.b[:5], factors.left))
        x = wire("c_x", signed(32), (total << left)[:32].as_signed())
        multiplier = wire("c_multiplier", signed(32), Mux(control.multiplier_b, self.b, factors.multiplier))
        right = wire("c_right", 6, Mux(control.right_b, self.b[:6], factors.right))
        y = wire("c_y", signed(32), self.b)

        if self._float32:  # x to 24 significant bits; 2^31 - 1 becomes 2^31, hence one bit more
            x, multiplier, right, y = advance(x, multiplier, right, y)
            below = wire("c_below_x", 31 - _SIGNIFICAND, Mux(control.float32_x, below_significand(x), 0))
            raised = wire("c_raised_x", signed(33), x + below[1:] + below[0])
            x = wire("c_x_single", signed(33), raised & ~cleared(x, below, control.float32_x))

        # p = x * multiplier from four products that fit 18 x 18 multipliers, two stages each. |p| <= 2^62, so that 64 bits hold every sum.
        halves = {"x_high": x[16:].as_signed(), "x_low": x[:16], "y_high": multiplier[16:].as_signed(), "y_low": multiplier[:16]}
        halves = {name: wire(name, signed(17), half) for name, half in halves.items()}
        into = int(self._float32)  # the stage that ends in the multipliers' input registers
        for _ in range(2):
            right, y = advance(right, y)

        def product(name: str, a: str, b: str) -> Signal:
            m.submodules[name] = multiplier = Multiplier(17, 17, inputs=True, output=True)
            m.d.comb += [multiplier.a.eq(halves[a]), multiplier.b.eq(halves[b]), multiplier.a_enable.eq(self.step[into]),
                         multiplier.b_enable.eq(self.step[into]), multiplier.p_enable.eq(self.step[into + 1])]
            return wire(name, signed(32), multiplier.p[:32].as_signed())

        high, low = product("high", "x_high", "y_high"), product("low", "x_low", "y_low")
        cross = wire("cross", signed(33), product("cross_1", "x_high", "y_low") + product("cross_2", "x_low", "y_high"))
        p, right, y = advance(
            wire("c_p", signed(64), (Cat(low, high) + Cat(C(0, 16), cross).as_signed())[:64].as_signed()), right, y)

        # First rounding.
        if self._float32:
            below = wire("c_below_p", 63 - _SIGNIFICAND, below_significand(p))
            with_float32 = wire("c_below", len(below), Mux(control.float32_mask, below, Mux(control.double, (1 << 31) - 1, 0)))
            p, below, right, y = advance(p, with_float32, right, y)
        else:
            below = wire("c_below", 31, Mux(control.double, (1 << 31) - 1, 0))
        raised = wire("c_raised_p", signed(64), (p + below[1:] + below[0])[:64].as_signed())
        p, right, y = advance(wire("c_p_once", signed(64), (raised & ~cleared(p, below, control.float32_p))[:64].as_signed()), right, y)

        # Shift, and note what decides about the second rounding: the bit below the result, and whether any bit below that is set. From the
        # coarsest step down, what a step does not shift out at the bottom lies too high for the result, or is a copy of the sign.
        sign, value, sticky, beyond = p[-1], wire("doubled", signed(2 * 32 + 32), Cat(C(0, 1), p).as_signed()), [], []
        for level in reversed(range(len(right))):
            distance = 1 << level
            sticky.append(right[level] & value[:distance].any())
            beyond.append(~right[level] & (value[-distance:] ^ sign.replicate(distance)).any())
            value = wire(f"shifted_{distance}", len(value) - distance, Mux(right[level], value[distance:], value[:-distance]))
        guard, floor, negative, tie, inexact, inexact_late, overflow, y = advance(
            wire("c_guard", 1, value[0] & control.rounds), wire("c_floor", 32, value[1:]), wire("c_negative", 1, sign),
            wire("c_tie", 1, Mux(control.float32_ties, value[1], ~(control.away & sign))),  # a half rounds up
            wire("c_inexact", 1, Cat(sticky[:-2]).any()), wire("c_inexact_late", 1, Cat(sticky[-2:]).any()),
            wire("c_overflow", 1, Cat(beyond).any() | (value[-1] ^ sign)), y)

        # Round and saturate. A floor of -2^31 - 1 that would round up to -2^31 saturates to the same.
        rounded = wire("rounded", 32, (floor + (guard & (tie | inexact | inexact_late)))[:32])
        saturates = wire("saturates", 1, overflow | (rounded[-1] & ~negative))
        v, y = advance(
            wire("c_v", signed(32), Mux(saturates, Cat((~negative).replicate(31), negative), rounded).as_signed()), y)
        m.d.comb += [self.v.eq(v), self.y.eq(y)]
        return m
