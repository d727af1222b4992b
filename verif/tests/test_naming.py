"""Signals take the names that they are assigned to."""

import re

from amaranth import ClockDomain, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import verilog
from weft.gen.naming import source_names


class Several(wiring.Component):
    """Registers in a tuple, in a list, on several lines, and of an attribute."""

    def __init__(self) -> None:
        super().__init__({"i": In(1), "o": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        first, (second, third) = Signal(), (Signal(), Signal(
            reset_less=True))
        row = [Signal() for _ in range(2)]
        m.d.sync += [first.eq(self.i), second.eq(first), third.eq(second), row[0].eq(third), row[1].eq(row[0]), self.o.eq(row[1])]
        return m


def test_tuples_and_lists() -> None:
    with source_names():
        left, right = Signal(4), Signal(5)
        same = left, right
        row = [Signal() for _ in range(2)]
        single = Signal()
        other, domain = Signal(), ClockDomain()
        nested = [*row, Signal(name="given")]
    assert [signal.name for signal in (*same, *row, single, other, domain, *nested)] == [
        "left", "right", "row", "row", "single", "other", "domain", "row", "row", "given"]


def test_it_ends() -> None:
    with source_names():
        pass
    row = [Signal() for _ in range(2)]
    assert [signal.name for signal in row] == ["$signal", "$signal"]


def test_registers_of_verilog() -> None:
    with source_names():
        text = verilog.convert(Several(), "top")
    registers = re.findall(r"^  reg (\w+)", text, re.MULTILINE)
    assert {re.sub(r"_\d+$", "", name) for name in registers} == {"first", "second", "third", "row", "o"}
