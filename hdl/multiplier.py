"""Signed multiplier with the registers of a DSP block: the place where a technology puts its own block."""

from amaranth import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

MAXIMUM = 18  # bits of an operand: what the multipliers of FPGAs take


class Multiplier(wiring.Component):
    """p = a * b, exactly, `latency` cycles later.

    With `inputs`, a and b go through a register each; with `output`, the product does. Each register takes its value at the end of a
    cycle in which its enable is 1 and holds it otherwise; none has a reset. An enable that nothing drives is 1; the enable of a
    register that is not built has no effect.

    FPGA tools move registers into a DSP block seldom or never, so whoever wants them there must use this component: write the
    registers around a product as `inputs` and `output`, and give the value *before* the register to a, b. If that register is
    needed elsewhere too, keep a copy beside this. A pipeline whose stages move under `step` bits connects the bit of the
    stage that ends in the register: a_enable and b_enable to the step into the operands, p_enable to the step into the product.

    A platform that has blocks defines ``get_multiplier(multiplier)``, which returns an elaboratable with the same function that
    drives `multiplier.p`. `weft.fpga.technology` holds those that there are.

    Parameters
    ----------
    a_bits, b_bits: widths of the operands, 2 .. 18.
    inputs, output: build the registers.

    Members
    -------
    a, b: operands, signed.
    a_enable, b_enable, p_enable: one bit each.
    p: product, signed, a_bits + b_bits wide.

    Raises
    ------
    ValueError: for a width outside its range.
    """

    def __init__(self, a_bits: int, b_bits: int, *, inputs: bool = False, output: bool = False) -> None:
        for name, value in (("a_bits", a_bits), ("b_bits", b_bits)):
            if not isinstance(value, int) or not 2 <= value <= MAXIMUM:
                raise ValueError(f"Multiplier {name}={value!r}: must be an integer of 2 .. {MAXIMUM}")
        self._a_bits, self._b_bits, self._inputs, self._output = a_bits, b_bits, bool(inputs), bool(output)
        super().__init__({
            "a": In(signed(a_bits)), "b": In(signed(b_bits)), "a_enable": In(1, init=1), "b_enable": In(1, init=1),
            "p_enable": In(1, init=1), "p": Out(signed(a_bits + b_bits))})

    @property
    def a_bits(self) -> int:
        """Bits of a."""
        return self._a_bits

    @property
    def b_bits(self) -> int:
        """Bits of b."""
        return self._b_bits

    @property
    def inputs(self) -> bool:
        """There is a register behind each operand."""
        return self._inputs

    @property
    def output(self) -> bool:
        """There is a register behind the product."""
        return self._output

    @property
    def latency(self) -> int:
        """Cycles from a and b to p while every enable is 1."""
        return self._inputs + self._output

    def elaborate(self, platform: object) -> object:
        if hasattr(platform, "get_multiplier"):
            return platform.get_multiplier(self)
        m = Module()

        def taken(name: str, value: Signal, enable: Signal, registered: bool) -> Signal:
            """`value`, behind a register if there is one."""
            signal = Signal.like(value, name=name, reset_less=True)
            if registered:
                with m.If(enable):
                    m.d.sync += signal.eq(value)
            else:
                m.d.comb += signal.eq(value)
            return signal

        left = taken("left", self.a, self.a_enable, self._inputs)
        right = taken("right", self.b, self.b_enable, self._inputs)
        product = Signal.like(self.p, name="product")
        m.d.comb += [product.eq(left * right), self.p.eq(taken("result", product, self.p_enable, self._output))]
        return m


class MultiplierPair(wiring.Component):
    """Two signed multipliers of 8 x 8 bits for technologies with two in a block: p[k] = a[k] * b[k], `LATENCY` cycles later.

    Registers behind a, b and the product, as in `Multiplier`. Only b has an enable, one for each multiplier.

    The platform's method is ``get_multiplier_pair(pair)``; it drives both `pair.p`.

    Parameters
    ----------
    together: both enables are always equal, so that the block's own registers can hold b.

    Members
    -------
    a, b: two operands each, signed, 8 bits.
    b_enable: two bits.
    p: two products, signed, 16 bits.
    """

    LATENCY = 2

    def __init__(self, *, together: bool) -> None:
        self._together = together
        super().__init__({
            "a": In(signed(8)).array(2), "b": In(signed(8)).array(2), "b_enable": In(1).array(2), "p": Out(signed(16)).array(2)})

    @property
    def together(self) -> bool:
        """Both enables are always equal."""
        return self._together

    def elaborate(self, platform: object) -> object:
        if hasattr(platform, "get_multiplier_pair"):
            return platform.get_multiplier_pair(self)
        m = Module()
        for half in range(2):
            m.submodules[f"half_{half}"] = multiplier = Multiplier(8, 8, inputs=True, output=True)
            m.d.comb += [multiplier.a.eq(self.a[half]), multiplier.b.eq(self.b[half]), multiplier.b_enable.eq(self.b_enable[half]),
                         self.p[half].eq(multiplier.p)]
        return m
