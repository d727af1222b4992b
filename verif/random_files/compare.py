"""One recipe on the simulated RTL, compared with everything that knows better: the engine, the golden machine, the reference."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from weft.gen.compiler import CompiledNetwork, compile_network
from weft.gen.config import Config
from weft.gen.frontend import decode_output, encode_input, load
from weft.gen.graph import Graph
from weft.sim.cache import ROOT
from weft.sim.check import GoldenDevice, compare
from weft.sim.device import RtlDevice
from weft.sim.execute import IMAGE, INPUT, OUTPUT, SPILL, cycle_limit, run_program, windows_of
from weft.sim.simulator import Simulator
from weft.verif import oracles
from weft.verif.golden import reference
from weft.verif.random_files import onnx, tflite

BUILDERS = {"tflite": tflite.build, "onnx": onnx.build}
GOLDEN_INSTRUCTIONS = 500  # it runs a thousand of them a second


class EngineRefuses(Exception):
    """The engine that owns the format does not run this file: there is nothing to compare with."""


class NotExact(Exception):
    """weft states a note that single results may differ from the engine's."""


class Differs(AssertionError):
    """Something that must be equal is not."""


@dataclasses.dataclass(frozen=True)
class Compared:
    """What one recipe gave: elements compared with the engine, elements of intermediate tensors compared with the reference."""

    operators: tuple[str, ...]
    with_engine: int
    with_reference: int
    cycles: int


def compare_recipe(recipe: dict[str, Any], config_name: str) -> Compared:
    """Compile and run a recipe. Every output equals the engine's; every intermediate tensor the reference's; memory after a program of
    at most `GOLDEN_INSTRUCTIONS` equals the golden machine's, which demands every semaphore.

    Raises `Differs`, `WeftError` where weft refuses or fails, `EngineRefuses` and `NotExact`.
    """
    config = Config.load(ROOT / "configs" / f"{config_name}.toml")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"random.{recipe['format']}"
        path.write_bytes(BUILDERS[recipe["format"]](recipe))
        graph = load(path)
        if any("differ" in note for note in graph.notes):
            raise NotExact("; ".join(graph.notes))
        samples = _samples(graph, recipe["seed"])
        theirs = _engine(graph, path, samples)
        held = [encode_input(graph, sample) for sample in samples]
        simulator = Simulator(config)
        try:
            cycles, ours = _run(simulator, graph, held)
            inside = _run_dumped(simulator, graph, held[0]) if len(graph.nodes) > 1 else 0
        finally:
            simulator.close()
    count = 0
    for index, (given, expected) in enumerate(zip(ours, theirs, strict=True)):
        for name, mine, wanted in zip(graph.outputs, given, expected, strict=True):
            if mine.shape != wanted.shape or mine.dtype != wanted.dtype:
                raise Differs(f"output {name!r} is {mine.dtype} {mine.shape}, of {graph.engine} {wanted.dtype} {wanted.shape}")
            wrong = int((mine != wanted).sum())
            if wrong:
                raise Differs(f"sample {index}: {wrong} of {mine.size} elements of output {name!r} differ from {graph.engine}")
            count += mine.size
    return Compared(tuple(node["op"] for node in recipe["nodes"]), count, inside, cycles)


def _samples(graph: Graph, seed: int) -> list[np.ndarray]:
    """Uniform values; then a mixture of the two extremes and the zero point."""
    rng, source = np.random.default_rng([seed, 1 << 20]), graph.tensors[graph.input]
    offset = 128 * source.unsigned
    uniform = rng.integers(-128, 128, graph.input_shape)
    extreme = rng.choice([-128, 127, source.zero_point], graph.input_shape)
    return [(values + offset).astype(np.uint8 if source.unsigned else np.int8) for values in (uniform, extreme)]


def _engine(graph: Graph, path: Path, samples: list[np.ndarray]) -> list[list[np.ndarray]]:
    try:
        engine = oracles.ENGINES[graph.engine](path)
        return [engine.run(sample) for sample in samples]
    except Exception as error:  # whatever a foreign engine raises
        raise EngineRefuses(f"{graph.engine}: {str(error).strip().splitlines()[0] if str(error) else error!r}") from error


def _run(simulator: Simulator, graph: Graph, held: list[np.ndarray]) -> tuple[int, list[list[np.ndarray]]]:
    """Cycles of the last sample, and the outputs in the file's types; memory is compared with the golden machine's."""
    network, outputs, cycles = compile_network(graph, simulator.config), [], 0
    windows = windows_of(network)
    rtl = RtlDevice(simulator, windows, max_cycles=cycle_limit(network))
    rtl.write_window(IMAGE, network.image)
    for index, tensor in enumerate(held):
        rtl.write_window(INPUT, network.pack_input(tensor))
        cycles = run_program(rtl, network, index, "RTL").counters["CYCLES"]
        if index == 0 and len(network.program) <= GOLDEN_INSTRUCTIONS:
            _compare_memory(rtl, network, tensor)
        unpacked = network.unpack_outputs(rtl.read_window(OUTPUT))
        outputs.append([decode_output(graph, place, values) for place, values in enumerate(unpacked)])
    return cycles, outputs


def _compare_memory(rtl: RtlDevice, network: CompiledNetwork, tensor: np.ndarray) -> None:
    golden = GoldenDevice(network.config, windows_of(network), strict=True)
    golden.write_window(IMAGE, network.image)
    golden.write_window(INPUT, network.pack_input(tensor))
    run_program(golden, network, 0, "golden machine")
    for mismatch in compare(0, rtl, golden, (OUTPUT, SPILL))[1]:
        raise Differs(str(mismatch))


def _run_dumped(simulator: Simulator, graph: Graph, held: np.ndarray) -> int:
    """Elements of all tensors, each equal to the reference's."""
    network = compile_network(graph, simulator.config, dump=True)
    rtl = RtlDevice(simulator, windows_of(network), max_cycles=cycle_limit(network))
    rtl.write_window(IMAGE, network.image)
    rtl.write_window(INPUT, network.pack_input(held))
    run_program(rtl, network, 0, "RTL")
    windows, expected, count = {SPILL: rtl.read_window(SPILL), OUTPUT: rtl.read_window(OUTPUT)}, reference.run(graph, held), 0
    for name in network.tensors:
        wrong = int((network.unpack_tensor(name, windows) != expected[name]).sum())
        if wrong:
            raise Differs(f"{wrong} of {expected[name].size} elements of tensor {name!r} differ from the reference arithmetic")
        count += expected[name].size
    return count

