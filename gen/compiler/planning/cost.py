"""What a plan costs: cycles of the busiest of array, vector unit and DRAM in each chain of steps, roughly; to choose between plans."""

import dataclasses
import math

from weft.gen.compiler.layout import lines_for
from weft.gen.compiler.lower.depthwise import Filter
from weft.gen.compiler.planning.plan import Plan
from weft.gen.compiler.planning.turns import Rows, input_rows
from weft.gen.compiler.rewrite import Simplified
from weft.gen.config import Config
from weft.gen.graph import Add, Conv, MaxPool

BAND = 150  # cycles that a band of a step costs beside its work
ADD_BAND, ADD_TURN = 600, 4000  # more where an addition follows its convolution: with two buffers, and with one, which others wait for
ADD_PASSES = 3  # of the vector unit
SERIAL_ROUND = 2000  # cycles of a round in which array and vector unit take turns in the same buffers, beside their work
ENOUGH = 1.03  # times the work of the array


@dataclasses.dataclass
class Work:
    """Cycles of array and vector unit for each stage, those of the vector unit for which the array waits, lines that cross the bus, cycles
    that bands cost, and those in which all wait for the bus; whether units work at the same time at all. `mixed`: how many stages
    there are from one to the next of those whose work is mixed, so that one's array work hides another's vector work."""

    overlaps: bool
    matrix: list[int]
    vector: list[int]
    mixed: int = 1
    serial: int = 0
    dram: int = 0
    overhead: int = 0
    waiting: int = 0

    @property
    def busiest(self) -> int:
        both = (max(sum(self.matrix[first::self.mixed]), sum(self.vector[first::self.mixed])) for first in range(self.mixed))
        return max(sum(both) + self.serial, self.dram)

    @property
    def cycles(self) -> int:
        """Somebody waits for the bus now and then, the more the busier it is: a quarter of its time where nobody has more to do, next to
        nothing where it is seldom used (measured)."""
        busiest = max(1, self.busiest)
        bus = self.dram ** 3 // (4 * busiest ** 2) if self.overlaps else self.dram // 2
        return busiest + self.overhead + self.waiting + bus


def weight_lines(node: Conv, plan: Filter | None, lanes: int) -> int:
    """Lines of a convolution's weights, a tile of R lines for each fold and output group."""
    outputs, height, width, depth = node.weights.shape
    groups = lines_for(outputs, lanes)
    return groups * lanes * (plan.folds if plan else height * lines_for(width * depth, lanes))


def _array(node: Conv, plan: Filter | None, made: list[Rows], width: int, lanes: int, packed: bool) -> int:
    """Cycles of the array for all bands; a depthwise stream begins with the rows above each band."""
    groups = lines_for(len(node.weights), lanes)
    rows = [last - first + 1 for first, last in made if last >= first]
    if plan is None:
        folds = lines_for(node.weights[0].size, lanes) if packed else weight_lines(node, None, lanes) // lanes // groups
        return sum(groups * folds * max(count * width, lanes) for count in rows)
    reach = (node.weights.shape[1] - 1) * node.dilation[0]
    return sum(groups * plan.folds * ((count - 1) * node.stride[0] + 1 + reach) * plan.length for count in rows)


def _copies(config: Config, node: Conv, made: list[Rows], width: int) -> int:
    """Cycles of the vector unit for packed windows; rows between two tiles are copied for both."""
    most = max(1, config.accumulator_lines // 2 // width)
    tiles = sum(lines_for(last - first + 1, most) for first, last in made)
    rows = sum(last - first + 1 for first, last in made) * node.stride[0] + tiles * (node.weights.shape[1] - node.stride[0])
    return int(rows * width * lines_for(math.prod(node.weights.shape[2:]), config.lanes))


def cycles(config: Config, simple: Simplified, plan: Plan) -> int:
    """Of the whole network."""
    return sum(_work(config, simple, plan, chain).cycles for chain in plan.chains)


def array_bound(config: Config, simple: Simplified, plan: Plan, chain: range) -> bool:
    """Whether no other way to cut a chain could save much: it takes little more than the multiplications on the array."""
    positions = sum(weight_lines(node, None, config.lanes) // config.lanes * math.prod(simple.tensors[node.output].shape[:2])
                    for node in (simple.nodes[step] for step in chain) if isinstance(node, Conv) and node.groups == 1)
    work = _work(config, simple, plan, chain)
    return work.busiest + work.overhead + work.waiting <= ENOUGH * positions


def _work(config: Config, simple: Simplified, plan: Plan, chain: range) -> Work:
    overlaps = config.machine.overlaps
    lanes, constants, bands, added = config.lanes, 0, 0, 0
    stages = sum(not isinstance(simple.nodes[step], Add) or step == chain.start for step in chain)
    takes_turns = stages > 1 and chain.start in plan.single  # each stage with the one that reads what it is about to replace
    alternates = stages == 1 and chain.start in plan.single  # with the units that move its rows
    refetched = 0  # lines of weights, if every band fetches them again
    work, stage = Work(overlaps, [0] * stages, [0] * stages), -1
    for step in chain:
        node = simple.nodes[step]
        stage += step == chain.start or not isinstance(node, Add)
        height, width, channels = simple.tensors[node.output].shape
        made = plan.made.get(step, [(0, height - 1)])
        count = sum(last >= first for first, last in made)
        bands, alone = bands + count, 0  # cycles of the vector unit for a stage that the array has no part in
        if isinstance(node, Conv):
            filtered = Filter.of(node, simple.tensors[node.inputs[0]], simple.tensors[node.output], config)
            lines = weight_lines(node, filtered, lanes)
            constants, refetched = constants + lines, refetched + lines * count
            work.matrix[stage] += _array(node, filtered, made, width, lanes, step in plan.packed)
            if step in plan.packed:
                work.vector[stage] += _copies(config, node, made, width)
            work.vector[stage] += height * width * lines_for(channels, lanes)
        elif isinstance(node, Add):
            passes = ADD_PASSES * lines_for(height * width * channels, lanes)
            work.vector[stage], alone = work.vector[stage] + passes, passes if step == chain.start else 0
            added += count * (step > chain.start and overlaps)
        elif isinstance(node, MaxPool):
            alone = math.prod(node.kernel) * height * width * lines_for(channels, lanes)
            work.vector[stage] += alone
        if overlaps and ((alone and takes_turns) or (step in plan.packed and stages > 1)):
            work.serial += SERIAL_ROUND * count
        elif alone and stages > 1 and overlaps and isinstance(node, Add):
            work.serial += alone  # in the accumulators that the array needs
        for name in dict.fromkeys(simple.root[name] for name in node.inputs):
            if name not in plan.spilled:
                continue
            if step in plan.handed and name == simple.nodes[step - 1].output:
                work.vector[stage] += sum(max(0, before[1] - max(0, layout.first_row) + 1) * layout.row_lines for before, layout in
                                   zip(plan.made[step - 1], plan.bands[step, name][1:], strict=False))
                continue
            tensor = simple.tensors[name]
            spans = [input_rows(simple, node, name, *span) for span in made]
            lines = sum(min(last, tensor.shape[0] - 1) - max(0, first) + 1 for first, last in spans) * plan.bands[step, name][0].data_lines
            work.dram += lines
            work.waiting += lines if alternates else lines // len(spans)  # those of the first band
        if node.output in plan.spilled and node.output not in plan.passing:
            lines = height * plan.bands[step, node.output][0].data_lines
            work.dram, work.waiting = work.dram + lines, work.waiting + lines * alternates
    fits = constants + max(constants // 8, 1) <= config.scratchpad_lines - plan.height
    work.dram += constants if fits and len(chain) > 1 else refetched
    if overlaps and bands > len(chain):
        work.mixed = stages if not fits else min(2, stages) if takes_turns else 1
    # Of two stages with one buffer between them each waits for the last results of the other.
    single = chain.start in plan.single
    if bands > len(chain):
        work.overhead = BAND * bands * (3 if single and stages == 2 else 1) + (ADD_TURN if single else ADD_BAND) * added
    return work
