"""The random programs keep their promises: legal, free of races, independent of the schedule, covering; and the faulty ones fail."""

import itertools
from pathlib import Path

import pytest

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Alu, Destination, Rounding, Select, Source, Unit
from weft.verif.random_illegal import FAULTS, random_illegal
from weft.verif.random_programs import random_program
from weft.verif.tests.programs import TINY, TINY_BOTH, TINY_DEPTHWISE, TINY_OUTPUT

# Those with the instructions of int8 layers, of which the programs are made.
CONFIGS = [path for path in sorted((Path(__file__).parents[2] / "configs").glob("*.toml")) if not Config.load(path).array.formats]


@pytest.mark.parametrize("seed", range(6))
def test_result_does_not_depend_on_the_schedule(seed):
    program = random_program(TINY, seed, 30)
    results = set()
    for priority in itertools.islice(itertools.permutations(Unit), 0, None, 5):
        machine = program.machine(strict=True)
        assert machine.run(program.offset, program.length, priority=priority).error is None
        results.add(b"".join(window.data.tobytes() for window in machine.memory.windows))
    assert len(results) == 1


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_legal_on_every_configuration(path):
    config = Config.load(path)
    program = random_program(config, 1, 12)
    assert program.machine(strict=True).run(program.offset, program.length).error is None


def test_result_does_not_depend_on_power_up_state():
    program, results = random_program(TINY, 3, 30), set()
    for fill in (0, 0x5A):
        machine = program.machine()
        machine.memory.scratchpad[:] = fill
        machine.memory.accumulators[:] = fill
        for array in (machine.memory.pre, machine.memory.multiplier, machine.memory.right, machine.memory.left, machine.memory.table):
            array[:] = fill % 32
        machine.run(program.offset, program.length)
        results.add(b"".join(window.data.tobytes() for window in machine.memory.windows))
    assert len(results) == 1


def test_same_seed_same_program():
    assert random_program(TINY, 5, 10).words == random_program(TINY, 5, 10).words
    assert random_program(TINY, 5, 10).words != random_program(TINY, 6, 10).words


@pytest.mark.parametrize("config", [TINY, TINY_DEPTHWISE, TINY_OUTPUT, TINY_BOTH], ids=["plain", "depthwise", "output", "both"])
def test_coverage(config):
    """Over a few seeds every instruction, kind, mode and semaphore appears, and memory that is shared by all units is contended."""
    seen, edges = set(), set()
    for seed in range(8):
        for word in random_program(config, seed, 60).words[:-1]:
            decoded = isa.decode(word)
            seen.add(decoded.instruction.name)
            edges |= {(other, decoded.instruction.unit) for other in Unit if decoded.wait >> other & 1}
            for field in decoded.instruction.fields:
                if field.kind or field.maximum - field.minimum < 8:
                    seen.add((field.name, decoded.values[field.name]))
    kinds = {"a_source": Source, "b_source": Source, "destination_kind": Destination, "rounding": Rounding, "alu": Alu,
             "multiplier_select": Select, "left_select": Select, "right_select": Select}
    for name, kind in kinds.items():
        assert {(name, int(value)) for value in kind} <= seen
    assert {("reduce", depth) for depth in range(5)} | {("accumulate", 0), ("accumulate", 1), ("table", 1)} <= seen
    if config.array.depthwise:
        assert {("continues", 0), ("continues", 1)} <= seen
    assert {instruction.name for instruction in isa.INSTRUCTIONS if config.provides(instruction.option)} - seen == {"HALT"}
    assert edges == set(itertools.product(Unit, Unit))


@pytest.mark.parametrize("fault", sorted(FAULTS))
@pytest.mark.parametrize("path", [path for path in CONFIGS if path.stem in ("mini4", "tiny4", "edge16")], ids=lambda path: path.stem)
def test_faults(path, fault):
    _faults(Config.load(path), fault)


@pytest.mark.parametrize("fault", sorted(fault for fault in FAULTS if "matmul" in fault.lower()))
def test_faults_with_stationary_sums(fault):
    _faults(TINY_OUTPUT, fault)


def _faults(config, fault):
    for seed in range(3):
        program, error = random_illegal(config, seed, fault=fault)
        assert program.machine().run(program.offset, program.length).error == error
