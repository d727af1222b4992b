"""Steps that take turns band by band: what passes between them stays on chip, with the rows that a kernel needs again."""

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from weft.gen import isa
from weft.gen.compiler.compile import Compilation, Prepared, compile_network
from weft.gen.compiler.constants import Block
from weft.gen.compiler.lower.steps import Step
from weft.gen.compiler.planning.plan import OUTPUT_WINDOW
from weft.gen.compiler.planning.planner import Planner
from weft.gen.compiler.scheduling.lasting import Uses
from weft.gen.compiler.scheduling.rounds import LayerStep, mixed, rounds
from weft.gen.config import Config
from weft.gen.graph import Conv, Graph, MaxPool
from weft.verif.random_networks import RandomNetwork
from weft.verif.tests.test_compiler_networks import check, configuration, run


class Pattern(RandomNetwork):
    """Layers of given kinds, kernels, strides and channels over one image; "add" sums with the newest tensor of the same shape before."""

    def __init__(self, seed: int, shape: tuple[int, int, int], layers: str) -> None:
        self.shape, self.layers = shape, iter(layers.split())
        super().__init__(seed, nodes=len(layers.split()), head=False)

    def _tensor(self, name: str, shape: tuple[int, int, int]) -> str:
        return super()._tensor(name, self.shape if name == "input" else shape)

    def _append(self, source: str) -> str:
        kind, *numbers = next(self.layers).split(",")
        height, width, channels = self.tensors[source].shape
        name = self._name()
        if kind == "add":
            partners = [other for other in self._partners(source) if self.tensors[other].shape == (height, width, channels)]
            self._partners = lambda _: partners[-1:]  # type: ignore[method-assign]
            self._add(source)
            del self._partners
            return name
        kernel, stride, outputs = map(int, numbers)
        before, after = kernel // 2, (kernel - 1) // 2
        size = [self._extent(extent, kernel, stride, before, after) for extent in (height, width)]
        padding = before, before, after, after
        if kind == "pool":
            self._tensor(name, (*size, channels))
            self.nodes.append(MaxPool(name=name, source="MAX_POOL_2D", inputs=(source,), output=name, kernel=(kernel, kernel),
                                      stride=(stride, stride), padding=padding))
            return name
        groups = channels if kind == "depthwise" else 1
        outputs = channels if kind == "depthwise" else outputs
        self._tensor(name, (*size, outputs))
        weights = self.rng.integers(-127, 128, (outputs, kernel, kernel, channels // groups)).astype(np.int16)
        low, high = self._clamp()
        self.nodes.append(Conv(
            name=name, source="CONV_2D", inputs=(source,), output=name, weights=weights, low=low, high=high, stride=(stride, stride),
            scale=self._requantisation(kernel * kernel * channels // groups, outputs), zero_point=self.tensors[name].zero_point,
            padding=padding, groups=groups))
        return name


CONFIGS = (configuration("edge8", kib=16), configuration("edge16", kib=16))
PATTERNS = (
    "conv,1,1,24 depthwise,3,1,0 conv,1,1,8 conv,1,1,24 depthwise,3,2,0 conv,1,1,12",
    "conv,3,1,28 pool,3,2,0 conv,1,1,24 conv,3,1,8 conv,1,1,24 add conv,1,1,8",
    "conv,3,1,17 conv,5,1,9 conv,3,2,17 conv,2,1,5 pool,2,2,0 conv,1,2,20",
    "conv,1,1,24 conv,1,1,8 conv,3,1,24 add conv,1,1,8 conv,3,1,24 add",
    "conv,3,1,32 depthwise,3,2,0 conv,1,1,64 pool,3,2,0",
)
CASES = [(config, pattern) for config in CONFIGS for pattern in range(len(PATTERNS))] + [
    (configuration("edge8", kib=8), pattern) for pattern in range(4)]


def network(pattern: int, seed: int = 0) -> Pattern:
    return Pattern(seed, (30, 20, 8 if pattern < 4 else 3), PATTERNS[pattern])


@pytest.fixture(autouse=True, params=["two buffers", "one buffer"])
def always(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Turns are taken wherever they can be, whether that saves time or not, with two buffers or with one for all that is handed on."""
    monkeypatch.setattr("weft.gen.compiler.planning.search._changes", lambda *_: iter(()))
    if request.param == "one buffer":
        plan = Planner.plan
        monkeypatch.setattr(Planner, "plan", lambda self, choice: plan(self, dataclasses.replace(choice, single=frozenset(range(100)))))


@pytest.mark.parametrize(("config", "pattern"), CASES, ids=[f"{config.name}-{config.scratchpad.kib}-{number}" for config, number in CASES])
def test_pattern(config, pattern):
    made = network(pattern)
    held = made.sample()
    whole = check(made.graph, held, config)
    without = compile_network(made.graph, config)  # sums then take the place of what they are made of
    expected = whole.unpack_outputs(run(whole, held)[OUTPUT_WINDOW])
    for name, got, want in zip(made.graph.outputs, without.unpack_outputs(run(without, held)[OUTPUT_WINDOW]), expected, strict=True):
        np.testing.assert_array_equal(got, want, err_msg=name)


def compilation_of(graph: Graph, config: Config) -> Compilation:
    """With the best plan by its cost."""
    prepared = Prepared(graph, config, dump=False)
    return Compilation(prepared, prepared.candidates[0])


def test_turns_are_taken():
    """The patterns have chains with kernels that need rows again, packing, sums, poolings, bands without rows for a step, and tensors
    that are handed on and read again later."""
    seen = Counter[str]()
    for config, pattern in CASES:
        compilation = compilation_of(network(pattern).graph, config)
        plan, nodes = compilation.plan, compilation.simple.nodes
        for chain in plan.chains:
            if len(plan.made.get(chain.start, [])) < 2:
                continue
            for step in chain[1:]:
                held = plan.bands[step, nodes[step - 1].output]
                seen["kept"] += held[1].first_row <= plan.made[step - 1][0][1]
                seen[type(nodes[step]).__name__] += 1
            seen["in place"] += len(plan.in_place & set(chain))
            seen["packed"] += any(step in plan.packed for step in chain)
            seen["shared"] += any(nodes[step - 1].output not in plan.passing for step in plan.handed & set(chain))
            seen["empty"] += any(last < first for step in chain for first, last in plan.made[step])
    assert all(seen[what] for what in ("kept", "empty", "packed", "shared", "in place", "Add", "MaxPool", "Conv")), seen


def test_tables_show_the_tiles_of_the_program():
    """The smallest and the largest of those that bands of a convolution have; some bands differ, because their work is mixed or
    because rows are left over."""
    several = 0
    for config, pattern in CASES:
        compiled = compile_network(network(pattern).graph, config)
        shape, sizes = {}, [set() for _ in compiled.layers]  # positions of each layer's MATMULs
        for word, layer in zip(compiled.program, compiled.layer_of_pc, strict=True):
            decoded = isa.decode(word)
            if decoded.instruction.name == "MATRIX_SHAPE":
                shape = decoded.values
            elif decoded.instruction.name == "MATMUL":
                sizes[layer].add(shape["x_count"] * shape["y_count"])
        for layer, held in zip(compiled.layers, sizes, strict=True):
            if held:  # what is not a depthwise convolution
                tiles = [math.prod(map(int, tile.split("x")[:2])) for tile in layer.tile.partition(" in ")[0].split(" .. ")]
                assert tiles[-1] == max(held) and set(tiles) <= held and tiles == sorted(tiles)
                several += len(tiles) > 1
    assert several


def test_without_dump_nothing_in_between_goes_to_dram():
    for config in CONFIGS:
        compilation = compilation_of(network(0).graph, config)
        passing = compilation.plan.passing
        compiled = compilation.emit()
        assert passing
        assert not passing & set(compiled.tensors)
        assert not passing & set(compiled.spilled)


def uses(chains: Sequence[int], blocks: list[list[Block]], room: int,
         shared: Sequence[object] | None = None) -> tuple[list[int], list[int]]:
    found = Uses.of(chains, blocks, shared or [None] * len(blocks), room)
    assert sum(found.released) == sum(map(len, found.fetched))
    return [len(new) for new in found.fetched], found.released


def test_constants_stay_for_a_chain_if_they_fit():
    one, two = Block(0, 10), Block(10, 20)
    bands = [[one], [two], [], [one], [two]]
    assert uses([0] * 5, bands, 50) == ([1, 1, 0, 0, 0], [0, 0, 0, 0, 2])
    assert uses([0] * 5, bands, 49) == ([1, 1, 0, 1, 1], [1, 1, 0, 1, 1])
    assert uses([-1] * 5, bands, 50) == ([1, 1, 0, 1, 1], [1, 1, 0, 1, 1])


def test_steps_that_share_a_block_fetch_it_once_and_runs_end_in_order():
    one, two = Block(0, 10), Block(10, 20)
    first, second = object(), object()
    assert uses([-1] * 4, [[one], [one], [], [one]], 50, [first, first, None, second]) == ([1, 0, 0, 1], [0, 1, 0, 1])
    assert uses([-1] * 3, [[one], [two], [one]], 50, [first, None, first]) == ([1, 1, 0], [0, 0, 2])


def test_rounds_give_each_stage_every_band_after_the_stage_before():
    for single in (False, True):
        for stages in range(1, 5):
            for bands in range(1, 6):
                order = list(rounds(stages, bands, single=single))
                at = {item: number for number, active in enumerate(order) for item in active}
                assert sum(map(len, order)) == len(at) == stages * bands
                for (stage, band), number in at.items():
                    assert stage == 0 or at[stage - 1, band] < number
                    assert band == 0 or at[stage, band - 1] < number
                    # With one buffer it is read before it is written again, with two in the same round at the latest.
                    if stage and (stage - 1, band + 1) in at:
                        assert at[stage - 1, band + 1] > number - (not single)


def test_work_is_mixed_evenly_and_what_is_joined_stays_together():
    def part(layer: int, *kinds: str) -> list[LayerStep]:
        return [LayerStep(layer, Step(lambda _: None, work=kind != "move", joined=kind == "joined")) for kind in kinds]

    much, other = part(0, "move", "work", "work", "move"), part(1, "work", "joined", "move", "work", "joined", "move")
    order = mixed([much], [other])
    assert [item.layer for item in order] == [0, 0, 1, 1, 0, 0, 1, 1, 1, 1]
    assert [item for item in order if item.layer] == other
    assert [item for item in order if not item.layer] == much


def test_rows_of_all_bands_are_those_of_the_tensor():
    for pattern in range(len(PATTERNS)):
        compilation = compilation_of(network(pattern).graph, CONFIGS[0])
        for step, bands in compilation.plan.made.items():
            rows = [row for first, last in bands for row in range(first, last + 1)]
            height = compilation.simple.tensors[compilation.simple.nodes[step].output].shape[0]
            np.testing.assert_array_equal(rows, np.arange(height))
