"""A network on a device, sample by sample, and beside it on the golden machine."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from weft.fpga.backend import GOLDEN, open_device
from weft.fpga.link.port import BAUD
from weft.gen.compiler import compile_network
from weft.gen.compiler.network import CompiledNetwork
from weft.gen.config import Config
from weft.gen.errors import MismatchError
from weft.gen.host import AcceleratorStage, HostStage, SplitNetwork, load_network, load_split
from weft.gen.host.stages import Values
from weft.sim.execute import INPUT, OUTPUT, run_program
from weft.sim.inputs import load_samples
from weft.sim.output import check_writable, staged
from weft.sim.runner import save_outputs

Progress = Callable[[str, int, int], None]


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """`device`: see `backend.open_device`. `samples`: at most so many. `command`: as typed, for the report. `host`: what the accelerator
    cannot do runs on the host."""

    device: str = GOLDEN
    samples: int | None = None
    rounding: str = "tflm"
    baud: int = BAUD
    command: str = ""
    host: bool = False


def run(config: Config, model: Path, inputs: Path, out: Path, options: RunOptions,
        progress: Progress = lambda text, done, total: None) -> dict[str, Any]:
    """Run a network on a device and write outputs.npz and run.json to `out`; give the latter's contents.

    Every output byte is compared with that of the golden machine, unless that is the device. Raises `WeftError` for bad files and for a
    device that cannot be used, before anything is written; `MismatchError` after writing everything, if anything differs.
    """
    check_writable(out)
    split = (load_split(model, rounding=options.rounding) if options.host else
             SplitNetwork.of(load_network(model, rounding=options.rounding)))
    samples = load_samples(inputs, split, options.samples)
    networks = [compile_network(part.graph, config) for part in split.parts]
    values: list[Values] = [{split.input: sample} for sample in samples]
    rows = [_Row(index) for index in range(len(samples))]
    for stage in split.stages:
        if isinstance(stage, HostStage):
            for sample, row in zip(values, rows, strict=True):
                row.host_seconds += stage.run(sample)
        else:
            _run_part(stage, networks.pop(0), values, rows, options, progress)
    report = {"network": split.name, "config": config.name, "device": options.device, "inputs": len(samples),
              "mismatches": sum(row.differing_bytes or 0 for row in rows), "samples": [row.as_dict() for row in rows],
              "host": [{"name": stage.name, "operator": stage.operator, "why": stage.why} for stage in split.on_host],
              "parts": len(split.parts), "command": options.command}
    with staged(out) as folder:
        save_outputs(folder, split.outputs, [[sample[name] for name in split.outputs] for sample in values])
        (folder / "run.json").write_text(json.dumps(report, indent=1) + "\n")
    if report["mismatches"]:
        wrong_samples = [row.sample for row in rows if row.differing_bytes]
        raise MismatchError(f"{report['mismatches']} output bytes differ from the golden machine's", where=str(out / "run.json"),
                            why=f"samples {wrong_samples[:8]}", fix="is timing met in the bitstream's report? else this is a bug in weft")
    return report


@dataclasses.dataclass
class _Row:
    """What one sample took, over all parts. Without counters, or without a golden machine beside it, None."""

    sample: int
    cycles: int | None = 0
    seconds: float = 0.0
    host_seconds: float = 0.0
    differing_bytes: int | None = 0

    def as_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "seconds": round(self.seconds, 4), "host_seconds": round(self.host_seconds, 6)}


def _run_part(part: AcceleratorStage, network: CompiledNetwork, values: list[Values], rows: list[_Row], options: RunOptions,
              progress: Progress) -> None:
    """Run one part on every sample: adds its outputs to `values`, and what it took to `rows`. The golden machine has its turn before:
    a board that hears nothing for a while goes back to its slow rate."""
    packed = [network.pack_input(part.encode(sample)) for sample in values]

    def outputs(device: str, who: str) -> Iterator[tuple[bytes, int | None, float]]:
        return _outputs(device, network, packed, options, lambda text, done: progress(f"{who}{text}", done, len(rows)))

    golden = None if options.device == GOLDEN else [given for given, _, _ in outputs(GOLDEN, "golden machine: ")]
    for index, ((given, cycles, seconds), sample, row) in enumerate(zip(outputs(options.device, ""), values, rows, strict=True)):
        row.seconds += seconds
        row.cycles = None if cycles is None or row.cycles is None else row.cycles + cycles
        wrong = None if golden is None else _differing(given, golden[index])
        row.differing_bytes = None if wrong is None or row.differing_bytes is None else row.differing_bytes + wrong
        sample.update(part.decode(network.unpack_outputs(given)))


def _outputs(name: str, network: CompiledNetwork, packed: list[bytes], options: RunOptions,
             progress: Callable[[str, int], None]) -> Iterator[tuple[bytes, int | None, float]]:
    """For each input the output window that the device leaves, the cycles that it counted, if it does, and seconds with the transfers."""
    with open_device(name, network, baud=options.baud, progress=lambda text: progress(text, 0)) as device:
        for index, data in enumerate(packed):
            progress("running", index)
            begin = time.perf_counter()
            device.write_window(INPUT, data)
            result = run_program(device, network, index, name)
            given = device.read_window(OUTPUT)
            yield given, result.counters.get("CYCLES"), time.perf_counter() - begin


def _differing(given: bytes, golden: bytes) -> int:
    """Bytes of the output window that are not those of the golden machine."""
    return int((np.frombuffer(given, np.uint8) != np.frombuffer(golden, np.uint8)).sum())
