"""A network on a device, sample by sample, and beside it on the golden machine."""

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from weft.fpga.backend import GOLDEN, open_device
from weft.fpga.link.port import BAUD
from weft.gen.compiler import compile_network
from weft.gen.compiler.network import CompiledNetwork
from weft.gen.config import Config
from weft.gen.errors import MismatchError
from weft.gen.frontend import decode_output, encode_input, load
from weft.sim.device import Device
from weft.sim.execute import INPUT, OUTPUT, run_program
from weft.sim.inputs import load_samples
from weft.sim.output import check_writable, staged

Progress = Callable[[str, int, int], None]


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """`device`: see `backend.open_device`. `samples`: at most so many. `command`: as typed, for the report."""

    device: str = GOLDEN
    samples: int | None = None
    rounding: str = "tflm"
    baud: int = BAUD
    command: str = ""


def run(config: Config, model: Path, inputs: Path, out: Path, options: RunOptions,
        progress: Progress = lambda text, done, total: None) -> dict[str, Any]:
    """Run a network on a device and write outputs.npz and run.json to `out`; give the latter's contents.

    Every output byte is compared with that of the golden machine, unless that is the device. Raises `WeftError` for bad files and for a
    device that cannot be used, before anything is written; `MismatchError` after writing everything, if anything differs.
    """
    check_writable(out)
    graph = load(model, rounding=options.rounding)
    samples = load_samples(inputs, graph, options.samples)
    network = compile_network(graph, config)
    rows, outputs = [], []
    with contextlib.ExitStack() as stack:
        device = stack.enter_context(open_device(options.device, network, baud=options.baud, progress=lambda text: progress(text, 0, 0)))
        golden = None if options.device == GOLDEN else stack.enter_context(open_device(GOLDEN, network))
        for index, sample in enumerate(samples):
            progress("running", index, len(samples))
            packed = network.pack_input(encode_input(graph, sample))
            begin = time.perf_counter()
            device.write_window(INPUT, packed)
            result = run_program(device, network, index, options.device)
            given = device.read_window(OUTPUT)
            seconds = time.perf_counter() - begin
            wrong = None if golden is None else _differing(given, golden, network, packed, index)
            outputs.append([decode_output(graph, number, tensor) for number, tensor in enumerate(network.unpack_outputs(given))])
            rows.append({"sample": index, "cycles": result.counters.get("CYCLES"), "seconds": round(seconds, 4), "differing_bytes": wrong})
    report = {"network": graph.name, "config": config.name, "device": options.device, "inputs": len(samples),
              "mismatches": sum(row["differing_bytes"] or 0 for row in rows), "samples": rows, "command": options.command}
    with staged(out) as folder:
        names: dict[str, Any] = {f"{name}_" if name == "file" else name: np.concatenate([sample[index] for sample in outputs])
                                 for index, name in enumerate(graph.outputs)}  # numpy keeps the name "file" for itself
        np.savez(folder / "outputs.npz", **names)
        (folder / "run.json").write_text(json.dumps(report, indent=1) + "\n")
    if report["mismatches"]:
        wrong_samples = [row["sample"] for row in rows if row["differing_bytes"]]
        raise MismatchError(f"{report['mismatches']} output bytes differ from the golden machine's", where=str(out / "run.json"),
                            why=f"samples {wrong_samples[:8]}", fix="is timing met in the bitstream's report? else this is a bug in weft")
    return report


def _differing(given: bytes, golden: Device, network: CompiledNetwork, packed: bytes, index: int) -> int:
    """Bytes of the output window that are not those of the golden machine."""
    golden.write_window(INPUT, packed)
    run_program(golden, network, index, "golden machine")
    return int((np.frombuffer(given, np.uint8) != np.frombuffer(golden.read_window(OUTPUT), np.uint8)).sum())
