"""Lattice ECP5: multipliers in sysDSP blocks."""

from amaranth import C, Cat, ClockSignal, Module
from amaranth.hdl import Instance

from weft.hdl.multiplier import Multiplier

_OPERAND, _PRODUCT = 18, 36  # bits of MULT18X18D


class Ecp5:
    """Platform of `weft.gen.verilog.convert`: Verilog for Yosys' ``synth_ecp5`` and nextpnr-ecp5.

    Yosys never moves a flip-flop into a MULT18X18D, so the block is instantiated with its registers: the two input registers, or
    none (nextpnr has timing figures for both or neither), and the output register. The pipeline register between them is not used: it
    has no figure in nextpnr's data. Operands stand in the upper bits with zeros below, so that no copies of the sign are
    routed; the product then stands in the upper bits too. Block and ports: Lattice FPGA-TN-02205 (ECP5 sysDSP usage guide).

    nextpnr does not time the way inside a block from its input registers to its output register. By its own data that is about 3.5 ns
    (the setup time of operands without registers before the output register, speed grade 6), less than any path of fabric here.
    """

    keeps_replicas = True  # `weft.hdl.replica`: wires across this chip take longer than its logic

    def get_multiplier(self, multiplier: Multiplier) -> Module:
        """One MULT18X18D. Clock enables: CE0 input A, CE1 input B, CE2 output."""
        m = Module()
        a, b = Cat(C(0, _OPERAND - multiplier.a_bits), multiplier.a), Cat(C(0, _OPERAND - multiplier.b_bits), multiplier.b)
        pins: dict[str, object] = {}
        registers = (("INPUTA", multiplier.inputs), ("INPUTB", multiplier.inputs), ("OUTPUT", multiplier.output))
        for enable, (register, built) in enumerate(registers):
            pins |= {f"p_REG_{register}_CLK": "CLK0" if built else "NONE", f"p_REG_{register}_CE": f"CE{enable}"}
        if multiplier.latency:
            pins |= {"i_CLK0": ClockSignal(), "i_CE0": multiplier.a_enable, "i_CE1": multiplier.b_enable, "i_CE2": multiplier.p_enable}
        for bit in range(_OPERAND):
            pins |= {f"i_A{bit}": a[bit], f"i_B{bit}": b[bit]}
        for bit in range(len(multiplier.p)):
            pins[f"o_P{_PRODUCT - len(multiplier.p) + bit}"] = multiplier.p[bit]
        m.submodules.block = Instance(
            "MULT18X18D", p_GSR="DISABLED", p_RESETMODE="SYNC", i_SIGNEDA=C(1, 1), i_SIGNEDB=C(1, 1), i_SOURCEA=C(0, 1), i_SOURCEB=C(0, 1),
            i_RST0=C(0, 1), **pins)
        return m
