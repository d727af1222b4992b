"""MatrixUnit under Verilator: results, order, errors, and the cycle counts that its docstring promises."""

import dataclasses
import itertools
import random
from pathlib import Path

import cocotb
import pytest

from weft.gen import isa
from weft.gen.config import FOLDS_IN_PLACE, Config
from weft.gen.isa import Cause, State
from weft.hdl.interfaces import ScratchpadRead
from weft.hdl.matrix.accumulators import Accumulators
from weft.hdl.matrix.unit import MatrixUnit
from weft.verif.bench import runner
from weft.verif.bench.matrix_driver import MatrixDriver
from weft.verif.bench.matrix_programs import depthwise, matmul, perform, random_program, shape, with_stationary_sums

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def _configuration(name: str, options: dict[str, object]) -> Config:
    config = Config.load(CONFIGS / f"{name}.toml")
    return dataclasses.replace(config, array=dataclasses.replace(config.array, **options))


def _moves(driver: MatrixDriver) -> bool:
    """Whether there is MATMUL. Where there is not, programs are written with it and changed."""
    return driver.config.array.weight_stationary


async def _begin(dut) -> MatrixDriver:
    parameters = runner.bench_parameters()
    config = _configuration(parameters["config"], parameters["options"])
    driver = MatrixDriver(dut, config, cocotb.RANDOM_SEED)
    driver.start_clock()
    await driver.reset()
    return driver


async def _check(driver: MatrixDriver, program: list[int], first_pc: int = 0):
    """Run, and compare accumulators, retirements and event counts with the definition. Gives the record."""
    program = program if _moves(driver) else with_stationary_sums(program)
    expected = driver.accumulators.copy()
    error = perform(driver.config, driver.scratchpad, expected, program, first_pc=first_pc)
    assert error is None
    record = await driver.run(program, first_pc=first_pc)
    assert record.errors == []
    assert (driver.accumulators == expected).all()
    signals = [isa.decode(word).signal for word in program]
    assert [(pc, signal) for _, pc, signal in record.retired] == list(enumerate(signals, first_pc))
    assert record.streamed == len(record.vectors) <= record.states.count(State.RUN)
    if not driver.config.array.output_stationary:
        assert record.streamed == record.states.count(State.RUN)
    assert len(record.results) == _results(program)
    assert record.tiles * driver.config.lanes == len(record.lines)
    return record


def _results(program: list[int]) -> int:
    """Accumulator lines that a program writes."""
    count, shape_now = 0, {}
    for decoded in map(isa.decode, program):
        if decoded.instruction.name == "MATRIX_SHAPE":
            shape_now = decoded.values
            continue
        folds = shape_now["inner_count"] * shape_now["outer_count"]
        if decoded.instruction.name == "MATMUL_OS":
            count += -(-folds // FOLDS_IN_PLACE) * (decoded.values["last"] + 1)
            continue
        count += folds * max(0, shape_now["x_count"] * shape_now["y_count"] - decoded.values.get("skip", 0))
    return count


@cocotb.test()
async def random_programs(dut) -> None:
    """Any strides, short and long folds, overlapping accumulators, ports that stall."""
    driver = await _begin(dut)
    for index in range(runner.bench_parameters()["programs"]):
        driver.ready = driver.chance.choice([1.0, 0.9, 0.5, 0.2])
        driver.offer = driver.chance.choice([1.0, 0.3])
        await _check(driver, random_program(driver.config, driver.chance, 6), first_pc=1000 * index)


@cocotb.test()
async def long_folds_leave_no_bubble(dut) -> None:
    """Four folds of 256 positions, three MATMULs, a new shape between two of them: one vector in every cycle."""
    driver = await _begin(dut)
    if not _moves(driver):
        return
    vectors, folds = 256, 4
    one, other = ((shape(x=(16, 3), y=(16, stride), inner=(2, 5), outer=(2, 700))) for stride in (50, 61))
    program = [one, matmul(), matmul(1001, 200, 7, 1), other, matmul(20, 77, 100)]
    record = await _check(driver, program)
    cycles = [cycle for cycle, _ in record.vectors]
    assert cycles == list(range(cycles[0], cycles[0] + 3 * folds * vectors))


@cocotb.test()
async def streams_leave_no_bubble(dut) -> None:
    """MATMULs and two streams, one of which goes on after a MATMUL: one vector in every cycle, also where nothing is a result."""
    driver = await _begin(dut)
    if not driver.config.array.depthwise:
        return
    positions, line = 16 * 16, 17
    program = [shape(x=(16, 3), y=(16, 50)), matmul(), depthwise(5, 100, 0, line=line, skip=2 * line + 2, fill=7),
               matmul(33, 150, 600), depthwise(900, 200, 300, continues=1, line=line), depthwise(77, 300, 0, 1, line=235, skip=20)]
    record = await _check(driver, program)
    cycles = [cycle for cycle, _ in record.vectors]
    assert cycles == list(range(cycles[0], cycles[0] + 5 * positions))


@cocotb.test()
async def short_folds_cost_as_many_cycles_as_rows(dut) -> None:
    """Fully connected: one position, many folds. Bound of the promise: max(positions, R), so R; 3 positions cost no more."""
    driver = await _begin(dut)
    if not _moves(driver):
        return
    for positions in (1, 3, driver.config.lanes, driver.config.lanes + 1):
        record = await _check(driver, [shape(x=(positions, 4), inner=(30, 4)), matmul()])
        cycles = [cycle for cycle, _ in record.vectors][::positions]
        distances = {after - before for before, after in itertools.pairwise(cycles)}
        assert distances == {max(positions, driver.config.lanes)}


@cocotb.test()
async def latencies_are_the_stated_ones(dut) -> None:
    """From read to result, and from the last result until the instruction retires."""
    driver = await _begin(dut)
    if not _moves(driver):
        return
    record = await _check(driver, [shape(x=(5, 9), inner=(2, 1)), matmul(123, 45)])
    delays = {after - before for (before, _), (after, _) in zip(record.vectors, record.results, strict=True)}
    assert delays == {MatrixUnit.latency(driver.config)}
    assert record.retired[1][0] - record.results[-1][0] == Accumulators.LATENCY
    # Fill: R lines, their way to the buffer, and through it to the array.
    assert record.vectors[0][0] - record.lines[driver.config.lanes - 1][0] == ScratchpadRead.LATENCY + 2


@cocotb.test()
async def weights_of_the_next_instruction_come_early(dut) -> None:
    """The second MATMUL's first tile is fetched before the first MATMUL's last vector leaves."""
    driver = await _begin(dut)
    lanes = driver.config.lanes
    record = await _check(driver, [shape(x=(40, 1)), matmul(), matmul(0, lanes)])
    assert record.lines[2 * lanes - 1][0] < record.vectors[39][0]


@cocotb.test()
async def adjacent_matmuls_on_one_line_wait_for_the_accumulators(dut) -> None:
    """The second begins on the last line of the first; one vector must wait, the sums are right (and the driver watches)."""
    driver = await _begin(dut)
    if not _moves(driver):
        return
    record = await _check(driver, [shape(x=(40, 1)), matmul(), matmul(0, 64, 39, 1), matmul(0, 128, 78, 0)])
    cycles = [cycle for cycle, _ in record.vectors]
    assert cycles[40] - cycles[39] == Accumulators.HAZARD + 1
    assert cycles[80] - cycles[79] == 1  # an overwrite need not wait


@cocotb.test()
async def blocks_follow_each_other_without_a_gap(dut) -> None:
    """Sums that stay: R cycles for each block and fold, over three instructions, the last block of each with one position; sums that leave
    together come one a cycle."""
    driver = await _begin(dut)
    if not driver.config.array.output_stationary:
        return
    lanes, folds, blocks = driver.config.lanes, 2 * FOLDS_IN_PLACE + 1, 6
    program = with_stationary_sums([shape(x=(lanes * (blocks - 1) + 1, 3), inner=(folds, 5)), matmul(), matmul(1001, 200, 7, 1), matmul()])
    record = await _check(driver, program)
    # A tile takes R cycles from the scratchpad too, and the tiles of an instruction come one cycle after those of the one before.
    first = FOLDS_IN_PLACE * lanes
    starts = [record.results[index][0] for index in range(0, len(record.results), len(record.results) // 3)]
    for before, after in itertools.pairwise(starts):
        assert blocks * folds * lanes <= after - before <= blocks * folds * lanes + 1
    assert record.results[-1][0] - starts[-1] == blocks * folds * lanes - first
    assert record.retired[-1][0] - record.results[-1][0] == Accumulators.LATENCY


@cocotb.test()
async def dataflows_take_turns(dut) -> None:
    """Both, one after the other on the same accumulators; each waits until the one before has retired."""
    driver = await _begin(dut)
    if not (_moves(driver) and driver.config.array.output_stationary):
        return
    words = [shape(x=(19, 3), inner=(3, 5)), matmul(0, 0, 0, 0), matmul(9, 40, 3, 1)]
    other = with_stationary_sums(words)
    record = await _check(driver, [*words, *other[1:], *words[1:], other[1]])
    accepted = record.accepted
    for change in (3, 5, 7):
        assert accepted[change] > record.retired[change - 1][0]


@cocotb.test()
async def random_errors_are_the_first_in_program_order(dut) -> None:
    """Cause, program counter and address; instructions before it retire, it does not, and then nothing happens any more."""
    driver = await _begin(dut)
    seen = set()
    for _ in range(runner.bench_parameters()["programs"] * 2):
        driver.ready = driver.chance.choice([1.0, 0.5])
        program = random_program(driver.config, driver.chance, 12, errors=True)
        error = perform(driver.config, driver.scratchpad, driver.accumulators.copy(), program)
        if error is None:
            continue
        seen.add((error[0], bool(error[2] >> 23)))
        record = await driver.run(program)
        assert record.errors == [error]
        assert [pc for _, pc, _ in record.retired] == list(range(error[1]))
        before = len(record.vectors), len(record.accepted)
        for _ in range(50):
            await driver.step()
        assert (len(record.vectors), len(record.accepted)) == before
        assert record.states[-1] == State.IDLE
        await driver.reset()
    assert {(Cause.SCRATCHPAD, False), (Cause.SCRATCHPAD, True), (Cause.ACCUMULATOR, False)} <= seen


@cocotb.test()
async def halt_starts_nothing(dut) -> None:
    """A running MATMUL goes on, one that has only been accepted and those behind it do not begin."""
    driver = await _begin(dut)
    words = [shape(x=(100, 1)), *[matmul()] * 3]
    driver.program = [(word, pc) for pc, word in enumerate(words if _moves(driver) else with_stationary_sums(words))]
    while len(driver.record.vectors) < 50:
        await driver.step()
    accepted = len(driver.record.accepted)
    assert accepted == (3 if _moves(driver) else 2)  # with stationary sums the weights come again until the end
    driver.halt = 1
    for _ in range(400):
        await driver.step()
    assert len(driver.record.vectors) == 100
    assert len(driver.record.accepted) == accepted
    assert [pc for _, pc, _ in driver.record.retired] == [0, 1]
    driver.halt = 0
    for _ in range(400):
        await driver.step()
    assert [pc for _, pc, _ in driver.record.retired] == [0, 1, 2, 3]


@pytest.mark.parametrize(("name", "programs", "options"), [
    ("tiny4", 40, {}), pytest.param("edge16", 10, {}, marks=pytest.mark.integration),
    ("tiny4", 40, {"dataflow": "output_stationary"}), ("tiny4", 40, {"dataflow": "both", "product_register": True}),
    pytest.param("edge16", 10, {"dataflow": "both"}, marks=pytest.mark.integration)])
def test_matrix_unit(name: str, programs: int, options: dict[str, object]) -> None:
    runner.run(MatrixUnit(_configuration(name, options)), "matrix_unit", "weft.verif.bench.bench_matrix",
               parameters={"config": name, "programs": programs, "options": options}, seed=random.Random(name).randrange(1 << 30))
