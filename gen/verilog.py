"""Verilog text of an Amaranth component."""

import contextlib
import gc
import re
from collections.abc import Iterator

from amaranth._toolchain.yosys import find_yosys
from amaranth.back import rtlil as amaranth_rtlil
from amaranth.hdl import Elaboratable, Fragment
from amaranth.hdl._ir import Design, PortDirection
from amaranth.hdl._mem import MemoryInstance
from amaranth.hdl._xfrm import TransformedElaboratable
from amaranth.lib import wiring
from amaranth.lib.wiring import Component

from weft.gen import rtlil, verilog_text

_SCRIPT = """read_rtlil <<weft
{text}
weft
proc -nomux -norom
memory_collect
attrmap -remove generator -remove top -remove src
write_verilog
"""


def convert(component: Component, name: str, *, platform: object = None, assertions: bool = False) -> str:
    """Synthesizable Verilog-2005 of `component` with top module `name`; the same bytes for the same component.

    `platform` is what components ask for their technology's form (`weft.fpga.technology`); without one all are behavioural. A technology's
    blocks are instances of modules that the text does not hold.

    Equal modules appear once and are called ``<name>_<class>``; ports and nets have their names in the source, free of
    escapes. With `assertions`, the checks of the simulation stay in, as immediate assertions (SystemVerilog).
    """
    with _no_garbage_collection():
        design = _design(component, name, platform)
        skip_zeros(design)
        text = amaranth_rtlil.convert_fragment(design, name=name, emit_src=False)[0]
        return from_rtlil(text, design, name, assertions=assertions)


def from_rtlil(text: str, design: Design, name: str, *, assertions: bool = False) -> str:
    """The Verilog of `convert` from what Amaranth's RTLIL back end made of `design`, without source locations."""
    modules = rtlil.parse(text)
    rtlil.number_ports(modules)
    for module in modules:
        rtlil.number_checks(module)
        if not assertions:
            rtlil.remove_checks(module)
        rtlil.relax_memories(module)
    classes = _classes(design)
    modules = rtlil.merge(modules, lambda old: old)  # before tidying, because it is quick, and after, because more is equal then
    rtlil.tidy(modules)
    modules = rtlil.merge(modules, lambda old: f"{name}_{classes[old]}")
    yosys = find_yosys(lambda version: version >= (0, 40))
    # Yosys warns that not every process can be written as Verilog; those that Amaranth makes can.
    return verilog_text.rewrite(yosys.run(["-q", "-"], _SCRIPT.format(text=rtlil.unparse(modules)), ignore_warnings=True))


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A netlist is millions of objects that all live to the end; looking for dead ones takes a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _design(component: Component, name: str, platform: object) -> Design:
    """Elaborate; the ports are the signature's members, joined with double underscores."""
    directions = {wiring.In: PortDirection.Input, wiring.Out: PortDirection.Output}
    ports = [("__".join(map(str, path)), getattr(value, "as_value", lambda value=value: value)(), directions[member.flow])
             for path, member, value in component.signature.flatten(component)]
    return Fragment.get(component, platform).prepare(ports=ports, hierarchy=(name,))


def skip_zeros(design: Design) -> None:
    """Forget contents that are all zero, bit by bit the slowest part of a conversion; `relax_memories` drops them anyway."""
    for fragment in design.fragments:
        if isinstance(fragment, MemoryInstance) and not any(fragment._data._init._raw):
            fragment._data._init._raw = []


def _classes(design: Design) -> dict[str, str]:
    """Hierarchical name of a module -> its class in snake case, or its instance's name if it has no class of its own."""
    names = {}
    for fragment, info in design.fragments.items():
        # What ResetInserter and its like wrap around a component comes before the component.
        origins = [origin for origin in fragment.origins or () if isinstance(origin, Elaboratable)
                   and not isinstance(origin, TransformedElaboratable)]
        own = type(origins[0]).__name__ if origins else "Module"
        base = re.sub(r"(_\d+)+$", "", info.name[-1]) if own == "Module" else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", own).lower()
        names[".".join(info.name)] = re.sub(r"\W", "_", base)
    return names
