"""What lowering produces: steps, each with the constants that must be on chip before it is emitted."""

import dataclasses
from collections.abc import Callable

from weft.gen.compiler.constants import Block


@dataclasses.dataclass
class Step:
    """`emit(lines)` appends the step's instructions; `lines[i]` is the scratchpad line of `blocks[i]`.

    Constants are fetched ahead of the step in program order and their space is free again after it. An `early` step, the
    loading of a table, depends on nothing but its constants and may move up to where the unit has time. An `ahead` step prepares the
    input of the first stage of a chain: where the other stages come first it may go between them, so that nobody waits for it. A `rows`
    step asks for a band of rows from DRAM, if its operands have any there. `work` steps compute; one that is `joined` follows the one
    before immediately. Blocks of steps with the same `shared` are fetched once for all of them.
    """

    emit: Callable[[list[int]], None]
    blocks: list[Block] = dataclasses.field(default_factory=list)
    early: bool = False
    ahead: bool = False
    rows: bool = False
    work: bool = True
    joined: bool = False
    shared: object = None
