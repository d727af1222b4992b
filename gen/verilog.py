"""Verilog text of an Amaranth component."""

from amaranth.back import verilog
from amaranth.lib.wiring import Component


def convert(component: Component, name: str) -> str:
    """Synthesizable Verilog of `component` with top module `name`; the same bytes for the same component."""
    return verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)
