"""Many format elements in one top module, so that one build and one cycle try many pairs of codes."""

from amaranth import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from weft.gen.formats.pair import Pair
from weft.hdl.formats.element import FormatElement

DEPTH = 16


class Row(wiring.Component):
    """`lanes` elements with one activation; lane 0 lowest in every other port."""

    def __init__(self, each: Pair, lanes: int, **options) -> None:
        self._elements = [FormatElement(each, DEPTH, **options) for _ in range(lanes)]
        members = self._elements[0].signature.members
        self._shared = {"activation", "load", "swap", "position"} & set(members)
        own = set(members) - self._shared - {"activation_out"}
        super().__init__({
            **{name: members[name] for name in self._shared},
            **{name: type(members[name])(members[name].flow, len(getattr(self._elements[0], name)) * lanes) for name in sorted(own)}})
        self._own = own

    def elaborate(self, platform):
        m = Module()
        for k, element in enumerate(self._elements):
            m.submodules[f"element_{k}"] = element
            m.d.comb += [getattr(element, name).eq(getattr(self, name)) for name in self._shared]
        for name in self._own:
            own = Cat(getattr(element, name) for element in self._elements)
            m.d.comb += getattr(self, name).eq(own) if name.endswith("_out") else own.eq(getattr(self, name))
        return m


class Rows(wiring.Component):
    """A row for each of several pairs; the ports of row k end in _k."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        super().__init__({f"{name}_{k}": member for k, row in enumerate(rows) for name, member in row.signature.members.items()})

    def elaborate(self, platform):
        m = Module()
        for k, row in enumerate(self._rows):
            m.submodules[f"row_{k}"] = row
            for name, member in row.signature.members.items():
                inner, outer = getattr(row, name), getattr(self, f"{name}_{k}")
                m.d.comb += inner.eq(outer) if member.flow is In else outer.eq(inner)
        return m


def split(word: int, bits: int, count: int) -> list[int]:
    return [word >> bits * k & (1 << bits) - 1 for k in range(count)]


def joined(values, bits: int) -> int:
    return sum((int(value) & (1 << bits) - 1) << bits * k for k, value in enumerate(values))
