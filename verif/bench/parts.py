"""Verilog of a unit of many equal parts, each kind of which is elaborated once.

Amaranth elaborates and checks every one of the 1,024 elements of an array, and the parts that come out equal are merged afterwards
(`weft.gen.rtlil`). Here a part is an instance of a module that is converted by itself, from the same source. What differs from
`verilog.convert`: parts at the edges keep the ports that nothing uses there.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from unittest import mock

from amaranth import ClockSignal, Instance, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import Component

from weft.gen import verilog

Blocks = dict[object, tuple[str, Component]]


def convert(component: Component, name: str, kinds: Mapping[type[Component], str]) -> str:
    """As `verilog.convert`. `kinds`: classes of parts with plain members and a clock, and their attribute with all the parameters."""
    blocks: Blocks = {}
    with _instances(blocks, name, kinds):
        text = verilog.convert(component, name)
    return text + "".join(verilog.convert(part, module) for module, part in blocks.values())


def modules(text: str, name: str) -> list[str]:
    """Names of the parts' modules in `convert`'s text."""
    return re.findall(rf"^module ({re.escape(name)}_part_\d+)\(", text, re.MULTILINE)


@contextlib.contextmanager
def _instances(blocks: Blocks, name: str, kinds: Mapping[type[Component], str]) -> Iterator[None]:
    """Meanwhile parts of these `kinds` are instances of `blocks`, which is filled."""
    with contextlib.ExitStack() as stack:
        for kind, parameters in kinds.items():
            def elaborate(part: Component, platform: object, *, parameters: str = parameters) -> Instance:
                del platform
                module, _ = blocks.setdefault((type(part), getattr(part, parameters)), (f"{name}_part_{len(blocks)}", part))
                ports = {f"{'i' if member.flow is wiring.In else 'o'}_{path[0]}": value
                         for path, member, value in part.signature.flatten(part)}
                return Instance(module, i_clk=ClockSignal(), i_rst=ResetSignal(), **ports)
            stack.enter_context(mock.patch.object(kind, "elaborate", elaborate))
        yield
