"""What travels through the vector unit with an iteration."""

from amaranth.lib import data

from weft.gen.config import Config
from weft.hdl.interfaces import touch_layout
from weft.hdl.vector.table import Table


def index_bits(config: Config) -> int:
    """Width of an address that was checked: byte, accumulator line, parameter set or table entry."""
    return (max(config.scratchpad_bytes, config.accumulator_lines, config.vector.parameter_sets, Table.ENTRIES) - 1).bit_length()


def tag_layout(config: Config) -> data.StructLayout:
    """first: begins a pass of a reduction. emit: its result leaves. final: last of the instruction. fault: touches no memory and
    writes nothing; it only carries an error behind everything that goes before it (then it is final, too). begins: first of the
    instruction; begins_results: first whose result leaves."""
    return data.StructLayout({"first": 1, "emit": 1, "final": 1, "fault": 1, "begins": 1, "begins_results": 1,
                              "destination": index_bits(config)})


def iteration_layout(config: Config) -> data.StructLayout:
    """Of both operands address and what it touches in the scratchpad, whether that is asked (`scratchpad`) or the accumulators (`line`);
    neither is for an operand without memory, nor, whatever these bits say, in a fault; `source`: its isa.Source. And the tag."""
    operand = data.StructLayout({"address": index_bits(config), "touches": touch_layout(config), "scratchpad": 1, "line": 1, "source": 3})
    return data.StructLayout({"a": operand, "b": operand, "tag": tag_layout(config)})


def result_layout(config: Config) -> data.StructLayout:
    """Lanes that go to `tag.destination`, and what a write of bytes to it touches in the scratchpad."""
    return data.StructLayout({"lanes": data.ArrayLayout(32, config.lanes), "tag": tag_layout(config), "touches": touch_layout(config)})
