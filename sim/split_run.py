"""Runs a network in stages: parts on the RTL, with every check that a whole network gets, and the operators between them on the host."""

import json
import math
import statistics
import time
from pathlib import Path
from typing import Any

from weft.gen.compiler import CompiledNetwork, compile_network
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.host import AcceleratorStage, HostStage, SplitNetwork
from weft.gen.host.stages import Values
from weft.sim.inputs import load_samples
from weft.sim.output import staged
from weft.sim.report.collect import performance, weights
from weft.sim.report.page import render, render_split
from weft.sim.runner import (
    Checks,
    Options,
    Progress,
    build_model,
    describe,
    heading,
    load_engine,
    raise_if_different,
    run_part,
    save_outputs,
    tools,
)

SUMMED = ("cycles_per_inference", "macs")


def simulate_split(split: SplitNetwork, config: Config, model: Path, inputs: Path, out: Path, options: Options,
                   progress: Progress) -> dict[str, Any]:
    """As `simulate`. Folder ``part<n>`` has the report of a part; the report of the whole names the operators on the host, why they are
    there, what they took, and the bytes that are moved because the network is split."""
    begin = time.perf_counter()
    if options.waves:
        raise WeftError(f"--waves {options.waves} with --host", where="--waves", why=f"{split.name} runs as {len(split.parts)} programs",
                        fix="leave --waves out, or cut the network's file yourself")
    samples = load_samples(inputs, split, options.samples)
    networks = [compile_network(part.graph, config, dataflow=options.dataflow) for part in split.parts]
    engine, reference = load_engine(split.engine, model)
    if networks:
        build_model(config, progress)
    values: list[Values] = [{split.input: sample} for sample in samples]
    common = {**heading(config, options), "inputs": len(samples), "input_file": str(inputs), "tools": tools(split.engine)}
    checks = Checks()
    host: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    pages: list[dict[str, Any]] = []
    for stage in split.stages:
        if isinstance(stage, HostStage):
            seconds = [stage.run(sample) for sample in values]
            host.append(_host_row(stage, values[0], statistics.median(seconds), len(parts)))
            continue
        network = networks[len(parts)]
        report = {**common, **_run(stage, network, values, options, progress, checks)}
        pages.append(report)
        parts.append(_part_row(split, stage, report, len(parts) + 1))
    outputs = [[sample[name] for name in split.outputs] for sample in values]
    whole = {**common, "model": describe(split, model), "reference": reference,
             "mismatches": checks.against(split.outputs, split.engine, engine, samples, outputs), **_total(split, config, pages),
             "parts": parts, "host": host, "host_seconds": sum(row["seconds"] for row in host),
             "cut_bytes": sum(row["cut_bytes"] for row in parts)}
    with staged(out) as folder:
        for number, page in enumerate(pages, start=1):
            page["model"] = {**whole["model"], "name": f"{split.name}, part {number} of {len(pages)}"}
            page["simulation"]["wall_seconds"] = page["simulation"]["model_seconds"]
            sub = folder / f"part{number}"
            sub.mkdir()
            (sub / "report.json").write_text(json.dumps(page, indent=1) + "\n")
            (sub / "report.html").write_text(render(page))
        whole["simulation"]["wall_seconds"] = round(time.perf_counter() - begin, 2)
        save_outputs(folder, split.outputs, outputs)
        (folder / "report.json").write_text(json.dumps(whole, indent=1) + "\n")
        (folder / "report.html").write_text(render_split(whole))
    raise_if_different(whole["mismatches"], out, split.notes)
    return whole


def _run(stage: AcceleratorStage, network: CompiledNetwork, values: list[Values], options: Options, progress: Progress,
         checks: Checks) -> dict[str, Any]:
    """Run one part on all samples, whose `values` it adds to; its report. `checks` gets what was compared."""
    results, own = run_part(network, stage.graph, [stage.encode(sample) for sample in values], options, progress)
    for sample, result in zip(values, results, strict=True):
        sample.update(stage.decode(network.unpack_outputs(result.output)))
    checks.add(own)
    reference = {"name": stage.graph.engine, "version": None, "note": "a part of a network; the outputs of the whole are compared"}
    return {"reference": reference, "mismatches": own.counts(), **performance(network, results, options.timing)}


def _host_row(stage: HostStage, values: Values, seconds: float, after: int) -> dict[str, Any]:
    """`after`: parts that ran before it."""
    return {"name": stage.name, "operator": stage.operator, "why": stage.why, "seconds": seconds, "after": after,
            "bytes_read": sum(values[name].nbytes for name in stage.inputs),
            "bytes_written": sum(values[name].nbytes for name in stage.outputs)}


def _part_row(split: SplitNetwork, stage: AcceleratorStage, report: dict[str, Any], number: int) -> dict[str, Any]:
    return {"number": number, "inputs": [entry.name for entry in stage.inputs], "outputs": list(stage.outputs),
            "layers": len(report["layers"]), "cut_bytes": sum(split.cut(stage)),
            **{name: report[name] for name in (*SUMMED, "utilization", "dram_bytes")}}


def _total(split: SplitNetwork, config: Config, pages: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures of all parts together."""
    cycles, macs = (sum(page[name] for page in pages) for name in SUMMED)
    dram = {way: sum(page["dram_bytes"][way] for page in pages) for way in ("read", "write")}
    shapes = {name: shape for part in split.parts for name, shape in zip(part.outputs, part.graph.output_shapes, strict=True)}
    ends = math.prod(split.shape) + sum(math.prod(shapes[name]) for name in split.outputs if name in shapes)
    least = ends + sum(weights(part.graph) for part in split.parts)
    spent = sum(page["simulation"]["model_seconds"] for page in pages)
    return {"cycles_per_inference": cycles, "macs": macs, "macs_per_cycle": config.macs_per_cycle,
            "utilization": macs / (cycles * config.macs_per_cycle) if cycles else 0.0, "dram_bytes": dram,
            "dram_over_least": sum(dram.values()) / least,
            "simulation": {"cycles_per_second": round(cycles * pages[0]["inputs"] / spent) if spent else 0, "model_seconds": spent},
            "layers": [{**layer, "part": number} for number, page in enumerate(pages, start=1) for layer in page["layers"]]}
