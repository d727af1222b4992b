"""What a plan is: where everything lies on chip, which steps take turns, and what goes through DRAM."""

import dataclasses

from weft.gen.compiler.layout import Layout
from weft.gen.compiler.memory import Buffer
from weft.gen.compiler.planning.turns import Rows

SPILL_WINDOW, INPUT_WINDOW, OUTPUT_WINDOW = 3, 1, 2


@dataclasses.dataclass
class Choice:
    """What a plan does not find by itself: steps before which chains are cut (`separate`), whether kernel windows are packed, and the first
    steps of chains whose operands have one buffer instead of two (`single`): bands may be larger. What such a chain hands on is read before
    it is written in each round; a step that is alone waits for its next band until this one is done."""

    separate: set[int] = dataclasses.field(default_factory=set)
    packs: bool = False
    single: frozenset[int] = frozenset()


@dataclasses.dataclass
class Plan:
    """`resident[tensor]` lies on chip from its producer to its last reader; `spilled[tensor]` is (window, line) in DRAM. Steps of one of
    `chains` take turns, band by band, if they have bands: `made[step]` are the output rows of each, and `bands[step, tensor]` says where
    in alternating buffers the rows of a spilled operand lie. Steps of `handed` take what the step before made from there. Tensors of
    `passing` have no other reader: they never go to DRAM, although they have a place there. Operands of chains that begin with a step of
    `single` have one buffer. `packed[step]`: first lines for kernel
    windows that the step packs, for one band after the other. Steps of `in_parts` are means whose input comes in bands; only the last of
    these has an output row. Results of steps of `in_place` lie where the addition after them puts its own."""

    resident: dict[str, Layout]
    spilled: dict[str, tuple[int, int]]
    chains: list[range]
    made: dict[int, list[Rows]]
    bands: dict[tuple[int, str], list[Layout]]
    handed: set[int]
    passing: set[str]
    packed: dict[int, list[int]]
    in_parts: set[int]
    in_place: set[int]
    single: frozenset[int]
    buffers: list[Buffer]
    height: int
    spill_lines: int
