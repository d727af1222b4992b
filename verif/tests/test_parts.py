import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import verilog
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.hdl.formats.array import Arrangement, FormatArray
from weft.hdl.formats.element import FormatElement
from weft.hdl.formats.output_array import FormatOutputArray
from weft.verif.bench import parts, runner
from weft.verif.bench.format_gemm import KINDS
from weft.verif.tests.yosys import YosysError, run_yosys

E2M1 = OperandPair(OPERANDS["e2m1"], OPERANDS["e2m1"])
# Numbered nets have nothing in common but their numbers.
PROOF = """
read_verilog gold.v
read_verilog gate.v
proc
flatten
opt_clean
rename -hide w:_*_ w:*._*_
equiv_make gold gate equal
hierarchy -top equal
opt_clean
equiv_struct
equiv_simple
equiv_induct
equiv_status -assert
"""


def array(dataflow):
    return (FormatArray if dataflow == "weight_stationary" else FormatOutputArray)(Arrangement(E2M1, 2, 3, dataflow=dataflow))


@pytest.mark.parametrize(("dataflow", "broken"), [("weight_stationary", False), ("output_stationary", False), ("output_stationary", True)])
def test_an_array_of_instances_is_proved_equal_to_the_array(tmp_path, dataflow, broken):
    """Yosys proves it net by net; and would notice a difference."""
    (tmp_path / "gold.v").write_text(verilog.convert(array(dataflow), "gold"))
    text = parts.convert(array(dataflow), "gate", KINDS)
    assert parts.modules(text, "gate") == ["gate_part_0"]
    assert text.count("gate_part_0 element_") == 2 * 3
    if broken:
        other = text.replace(" ^ ", " | ")  # the sign of a product
        assert other != text
        (tmp_path / "gate.v").write_text(other)
        with pytest.raises(YosysError, match="unproven"):
            run_yosys(PROOF, tmp_path)
    else:
        (tmp_path / "gate.v").write_text(text)
        assert "Equivalence successfully proven" in run_yosys(PROOF, tmp_path)


class Two(wiring.Component):
    """Elements that differ in a parameter alone."""

    def __init__(self) -> None:
        self._elements = [FormatElement(E2M1.elements, depth) for depth in (4, 4, 64)]
        super().__init__({f"{flow.name.lower()}_{n}": member for n, element in enumerate(self._elements) for flow, member in (
            (wiring.Flow.In, In(element.signature.members["activation"].shape)),
            (wiring.Flow.Out, Out(element.signature.members["sum_out"].shape)))})

    def elaborate(self, platform):
        del platform
        m = Module()
        for n, element in enumerate(self._elements):
            m.submodules[f"element_{n}"] = element
            m.d.comb += [element.activation.eq(getattr(self, f"in_{n}")), getattr(self, f"out_{n}").eq(element.sum_out)]
        return m


def test_each_set_of_parameters_has_a_part():
    text = parts.convert(Two(), "two", KINDS)
    assert parts.modules(text, "two") == ["two_part_0", "two_part_1"]
    assert [text.count(f"two_part_{n} element_") for n in (0, 1)] == [2, 1]
    assert runner.ports(text, "two_part_1", "input") == ["activation", "clk", "load", "rst", "sum", "swap", "weight"]


def test_classes_are_whole_again_afterwards():
    before = FormatElement.elaborate
    parts.convert(array("weight_stationary"), "array", KINDS)
    assert FormatElement.elaborate is before
