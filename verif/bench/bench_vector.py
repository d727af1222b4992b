"""The vector unit against a plain-Python model: random programs, errors, throughput and latency."""

import copy
import itertools
import random

import cocotb
import pytest

from weft.gen.config import Config
from weft.gen.isa import Alu, Destination, Rounding, Source, State
from weft.hdl.vector.unit import VectorUnit
from weft.verif.bench import runner
from weft.verif.bench.rounding_model import wrap
from weft.verif.bench.vector_driver import VectorDriver
from weft.verif.bench.vector_model import Hazard, ModelError, VectorModel
from weft.verif.bench.vector_programs import Instructions, loop, post, random_illegal, random_vector, run, scale, strides

MOODS = ((1.0, 1.0), (0.8, 0.9), (0.3, 0.5), (0.9, 0.1))  # ready on the memory ports, instructions offered


def config_of() -> Config:
    parameters = runner.bench_parameters()
    return Config.from_mapping(parameters["config"], name="bench")


async def bench(dut) -> tuple[VectorDriver, VectorModel, random.Random]:
    """Reset unit with random memories; parameter sets and table are loaded by VECTORs, since nothing else reaches them."""
    config, rng = config_of(), random.Random(cocotb.RANDOM_SEED)
    scratchpad = bytearray(rng.randbytes(config.scratchpad_bytes))
    accumulators = [[wrap(rng.getrandbits(32)) >> rng.randint(0, 31) for _ in range(config.lanes)] for _ in range(config.accumulator_lines)]
    driver = VectorDriver(dut, config, scratchpad, accumulators, rng)
    model = VectorModel(config, bytearray(scratchpad), [list(line) for line in accumulators])
    driver.start_clock()
    await driver.reset()
    sets = config.vector.parameter_sets
    lines = min(sets, config.accumulator_lines)
    work: Instructions = [scale(), post(), strides(0, 1), strides(1), strides(2, 1), loop(lines)]
    work += [run(a_source=Source.ACCUMULATOR, destination_kind=kind, destination=sets - lines) for kind in (
        Destination.PARAMETER_PRE, Destination.PARAMETER_MULTIPLIER, Destination.PARAMETER_SHIFT)]
    work += [strides(0, 4), loop(256), run(a_source=Source.SPLAT_INT32, a=1, destination=77, destination_kind=Destination.TABLE)]
    await both(driver, model, work)
    if lines < sets:  # the rest, so that nothing undefined is ever read
        await both(driver, model, [strides(0, 0), loop(sets - lines), *(
            run(a_source=Source.SPLAT_INT32, a=9, destination_kind=kind) for kind in (
                Destination.PARAMETER_PRE, Destination.PARAMETER_MULTIPLIER, Destination.PARAMETER_SHIFT))])
    return driver, model, rng


def turns_of(driver: VectorDriver) -> int:
    """Cycles that an iteration takes."""
    return driver.config.vector.columns_per_lane


async def both(driver: VectorDriver, model: VectorModel, work: Instructions) -> None:
    """Perform `work` in the unit and in the model, and compare all that can be seen."""
    for name, values in work:
        model.perform(name, values)
    driver.submit(work)
    await driver.finish()
    assert driver.error is None
    compare(driver, model, work)


def compare(driver: VectorDriver, model: VectorModel, what: object) -> None:
    if driver.scratchpad != model.scratchpad:
        first = next(k for k, pair in enumerate(zip(driver.scratchpad, model.scratchpad, strict=True)) if pair[0] != pair[1])
        raise AssertionError(f"scratchpad byte {first}: {driver.scratchpad[first]}, expected {model.scratchpad[first]}, after {what}")
    for line, (found, wanted) in enumerate(zip(driver.accumulators, model.accumulators, strict=True)):
        assert found == wanted, f"accumulator line {line} after {what}"


@cocotb.test()
async def random_programs(dut):
    driver, model, rng = await bench(dut)
    config, done = driver.config, 0
    while done < runner.bench_parameters()["programs"]:
        driver.mood, driver.offer = rng.choice(MOODS)
        work: Instructions = []
        for _ in range(rng.choice((1, 1, 2, 5))):  # back to back, so that they overlap
            following, trial = random_vector(config, rng), copy.deepcopy(model)
            if work and rng.random() < 0.5:
                following = [item for item in following if rng.random() < 0.5 or item[0] == "VECTOR"]  # set-up of the one before
            try:
                for name, values in following:
                    trial.perform(name, values)
            except (Hazard, ModelError):
                continue
            work, model = work + following, trial
            done += 1
        driver.submit(work)
        await driver.finish()
        assert driver.error is None, work
        compare(driver, model, work)


@cocotb.test()
async def errors_are_precise(dut):
    driver, model, rng = await bench(dut)
    for _ in range(runner.bench_parameters()["programs"] // 4):
        driver.mood, driver.offer = rng.choice(MOODS)
        while True:
            work, cause = random_illegal(driver.config, rng)
            trial = copy.deepcopy(model)
            try:
                for name, values in work:
                    trial.perform(name, values)
            except Hazard:
                continue
            except ModelError as caught:
                error = caught
                break
            raise AssertionError(f"the model finds nothing wrong: {work}")
        assert error.cause == cause
        model = trial  # what went before the bad iteration counts
        driver.submit([*work, run(destination_kind=Destination.BYTES)])  # nothing after it is taken
        pc = driver.pc - 2
        await driver.finish()
        assert driver.error == (cause, pc, error.address), (error, work)
        for _ in range(20):
            await driver.cycle()
        assert len(driver.queue) == 1 and driver.states[State.RUN] == driver.iterations * turns_of(driver)
        compare(driver, model, work)
        await driver.reset()


@cocotb.test()
async def halt_holds_instructions(dut):
    driver, model, _ = await bench(dut)
    dut.halt.value = 1
    before = len(driver.taken_at)
    driver.submit([loop(5)])
    for _ in range(20):
        await driver.cycle()
    assert len(driver.taken_at) == before
    dut.halt.value = 0
    await driver.finish()
    # A VECTOR that runs when halt rises completes.
    work = [run(a_source=Source.SPLAT_INT8, destination_kind=Destination.BYTES)]
    for name, values in (loop(5), *work):
        model.perform(name, values)
    driver.submit(work)
    await driver.cycle()
    await driver.cycle()
    dut.halt.value = 1
    await driver.finish()
    compare(driver, model, work)


async def measure(driver: VectorDriver, model: VectorModel, work: Instructions, iterations: int) -> int:
    """Cycles from taking the last VECTOR of `work` to its retirement, beyond one for each turn of an iteration."""
    turns = turns_of(driver)
    before, driver.states = driver.iterations, type(driver.states)()
    await both(driver, model, work)
    assert driver.iterations - before == iterations
    assert driver.states[State.RUN] == iterations * turns
    return driver.retired_at[-1] - driver.taken_at[-1] - iterations * turns


@cocotb.test()
async def one_iteration_a_cycle(dut):
    driver, model, _ = await bench(dut)
    overhead = runner.bench_parameters()["overhead"]
    work = [loop(40, 5), strides(0, 4, 160), strides(1, 1, 0), strides(2, 4, 160), post(alu=Alu.ADD),
            scale(multiplier=1 << 30, right=33, rounding=Rounding.DOUBLE)]
    both_scratchpad = {"a_source": Source.INT8, "b_source": Source.UINT8, "b": 1000, "destination": 5001, "lanes": 3}
    assert await measure(driver, model, [*work, run(**both_scratchpad, destination_kind=Destination.BYTES)], 200) == overhead
    # Accumulator and scratchpad together, result to the accumulators (whose answer may take two cycles more where columns share lanes);
    # then a reduction.
    offered = overhead + 2 * (turns_of(driver) >= 4)
    work += [strides(0, 1, 5), strides(2, 1, 0)]
    mixed = {"a_source": Source.ACCUMULATOR, "b_source": Source.SPLAT_INT8, "b": 1000, "destination": 64}
    assert await measure(driver, model, [loop(50), *work[1:], run(**mixed, destination_kind=Destination.ACCUMULATOR)], 50) == offered
    work = [loop(9, 20, reduce=1), *work[1:]]
    assert await measure(driver, model, [*work, run(**both_scratchpad, destination_kind=Destination.BYTES)], 180) == overhead
    # One iteration alone: the fixed cost. Two operands from the accumulators: one cycle more for each iteration.
    assert await measure(driver, model, [loop(1), run(**mixed, destination_kind=Destination.ACCUMULATOR)], 1) == offered
    two_lines = {**mixed, "b_source": Source.ACCUMULATOR, "b": 1, "destination": 100}
    assert await measure(driver, model, [loop(20), strides(1, 1), run(**two_lines, destination_kind=Destination.ACCUMULATOR)],
                         20) == offered + 20
    stalled = driver.states[State.STALL_MEMORY]
    assert stalled == 20 if offered == overhead else stalled > 20  # then a result that is offered counts, too


@cocotb.test()
async def set_up_takes_a_cycle(dut):
    driver, _, _ = await bench(dut)
    await driver.finish()
    work = [loop(3), strides(0, 1), strides(1, 2), strides(2, 3), scale(), post()]
    driver.submit(work)
    await driver.finish()
    assert driver.taken_at[-1] - driver.taken_at[-len(work)] == len(work) - 1
    assert driver.retired_at[-1] - driver.taken_at[-1] == 2


@cocotb.test()
async def vectors_overlap(dut):
    driver, model, _ = await bench(dut)
    settling, turns = runner.bench_parameters()["settling"], turns_of(driver)
    for iterations in (1, 4, 100):
        work = [loop(iterations), strides(0, 1), strides(2, 1), scale(), post()]
        work += [run(a_source=Source.INT8, a=0, destination=1000 + 200 * n, destination_kind=Destination.BYTES, overlap=int(n > 0))
                 for n in range(6)]
        await both(driver, model, work)
        gaps = [after - before for before, after in itertools.pairwise(driver.taken_at[-5:])]
        if turns == 1:
            assert gaps == [max(iterations + 1, settling)] * 4, iterations
        else:  # the queue of requests takes the last iterations before their turn comes
            assert gaps[1:] == [max(iterations * turns, settling)] * 3, iterations


def build(config: dict[str, dict[str, object]], programs: int) -> None:
    unit = VectorUnit(Config.from_mapping(config, name="bench"))
    runner.run(unit, "vector_unit", "weft.verif.bench.bench_vector",
               parameters={"config": config, "programs": programs, "overhead": unit.overhead, "settling": unit.settling})


def shape(rows: int, **vector: object) -> dict[str, dict[str, object]]:
    return {"array": {"rows": rows, "columns": rows}, "axi": {"data_bits": 8 * rows}, "scratchpad": {"kib": 16},
            "accumulator": {"kib": rows}, "vector": vector}


@pytest.mark.parametrize(("rows", "vector"), [(4, {"parameter_sets": 32}), (4, {"float32": False, "parameter_sets": 256}),
                                              (4, {"columns_per_lane": 2, "parameter_sets": 32}), (4, {"columns_per_lane": 4})])
def test_vector(rows, vector):
    build(shape(rows, **vector), 400)


@pytest.mark.integration
def test_vector_of_16_lanes():
    build(shape(16), 300)
