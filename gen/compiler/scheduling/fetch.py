"""Constants come on chip ahead of the steps that need them."""

from collections import deque
from collections.abc import Hashable

from weft.gen.compiler.emitter import Emitter
from weft.gen.compiler.memory import ConstantRing
from weft.gen.compiler.scheduling.lasting import Uses
from weft.gen.compiler.scheduling.rounds import LayerStep
from weft.gen.errors import WeftError

FETCH_AHEAD = 6  # blocks of constants requested before the step that needs them; a shorter queue only holds dispatch up
FIRST_AHEAD = 2  # the same before the first layer works: the input and what else it needs come after its parameters and weights


class ConstantFetch:
    """Loads of the constants of `steps` into a ring, in order, as early as there is room. The program in front of the constants in DRAM
    has a length that is known only at the end: `shift` adds it."""

    def __init__(self, steps: list[LayerStep], ring: ConstantRing, emitter: Emitter) -> None:
        self._steps, self._ring, self._emitter = steps, ring, emitter
        self._uses = Uses.of([item.chain for item in steps], [item.step.blocks for item in steps], [item.step.shared for item in steps],
                             ring.lines)
        self._wanted = deque((index, key, block) for index, blocks in enumerate(self._uses.fetched) for key, block in blocks)
        self._lying: dict[Hashable, int] = {}  # first line of what has been requested
        self._early: dict[int, int] = {}  # how many blocks a step to come finds requested
        self._loads: list[int] = []  # instruction numbers
        self._started = False

    def before(self, index: int) -> list[int]:
        """Request what step `index` needs, and more while it fits; the first line of each block of the step."""
        needs = bool(self._steps[index].step.blocks)
        self._started = self._started or (index > 0 and needs)
        self._request(index if needs else index - 1, FETCH_AHEAD if self._started else FIRST_AHEAD)
        self._emitter.builder.layer = self._steps[index].layer
        self._early.pop(index, None)
        return [self._lying[key] for key in self._uses.keys[index]]

    def after(self, index: int) -> None:
        """Step `index` is emitted: what nobody needs any more makes room."""
        for _ in range(self._uses.released[index]):
            self._ring.release()

    def shift(self, lines: int) -> None:
        """Let all loads begin `lines` later in DRAM."""
        for number in self._loads:
            self._emitter.builder.instructions[number].values["dram_line"] += lines

    def _request(self, limit: int, most: int) -> None:
        """Request blocks in order while they fit: at most `most` that no step up to `limit` needs."""
        builder = self._emitter.builder
        ahead = sum(count for index, count in self._early.items() if index > limit)
        while self._wanted:
            index, key, block = self._wanted[0]
            if index > limit and ahead >= most:
                return
            line = self._ring.allocate(block.lines)
            if line is None:
                if index <= limit:
                    raise WeftError("constants do not fit", why="the ring is full although no step needs its content",
                                    fix="report this network; it is an error of the compiler")
                return
            self._wanted.popleft()
            ahead += index > limit
            self._early[index] = self._early.get(index, 0) + 1
            self._lying[key] = line
            if block.line is None:
                continue
            builder.layer = self._steps[index].layer
            self._emitter.load(0, block.line, line, block.lines)
            self._loads.append(len(builder.instructions) - 1)
