"""`make exact`: real networks on all of their inputs on the RTL, every comparison counted; rewrites docs/exact.md. `--only NAME` just the
rows of one network, `--config NAME` of one configuration.

Networks and inputs are third-party files, see `docs_page`. The exit code is 4 if anything differs; the page says so, too.
"""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from weft.gen.errors import MismatchError, ToolError
from weft.sim.docs_page import PHOTOGRAPHS, ROOT, chosen, measured, photographs, rewrite, third_party
from weft.sim.one_sample import named
from weft.sim.runner import Options, simulate

PAGE = ROOT / "docs" / "exact.md"
RECORDED = "out_tflm"  # array of a data file: outputs that its author had from tflite-micro
LABELS = "y"
SMALL, ALL = ("edge16",), ("edge8", "edge16", "edge32")


@dataclasses.dataclass(frozen=True)
class Network:
    """A network and its inputs: an .npz with an array ``x``, or photographs of which the middle `size` x `size` pixels are taken."""

    model: str
    inputs: str
    configs: tuple[str, ...]
    size: int = 0

    @property
    def name(self) -> str:
        return Path(self.model).stem

    def arrays(self) -> dict[str, np.ndarray]:
        """Inputs ``x``, and what else the file holds."""
        if self.size:
            return {"x": photographs(self.size)}
        with np.load(third_party("WEFT_DATA", "data", self.inputs)) as file:
            return dict(file)


NETWORKS = (
    Network("mlperf_tiny_resnet8.tflite", "resnet8_9.npz", ALL),
    Network("mlperf_tiny_kws.tflite", "kws_1000.npz", ALL),
    Network("mlperf_tiny_vww.tflite", "vww_9.npz", ALL),
    Network("mlperf_tiny_ad.tflite", "ad_196.npz", ALL),
    Network("tflm_micro_speech.tflite", "micro_speech_4.npz", ALL),
    Network("mobilenet_v2_224.tflite", PHOTOGRAPHS, SMALL, size=224),
    Network("mobilenet_v1_025_128_uint8.tflite", PHOTOGRAPHS, SMALL, size=128),
    Network("mnist8_qop_u8s8.onnx", "mnist_digits28.npz", SMALL),
)
ROWS = {(network.name, config): (network, config) for network in NETWORKS for config in network.configs}

HEADER = """# Every bit

Written by `make exact`; do not edit. Each row is a network on the simulated RTL with all of its inputs. Every comparison is made for every
one of these inputs:

* **outputs** with the reference engine, run beside it (and with the outputs of tflite-micro that came with the inputs, where some did);
* **intermediate tensors**: the network is compiled once more so that it stores every tensor that a layer produces in DRAM, and each is
  compared with the golden model's arithmetic, which `verif/tests/test_golden_reference.py` compares with the engines' intermediate tensors;
* **memory**: the golden machine runs the same program, and after every inference its scratchpad, its accumulators and the DRAM windows
  that the accelerator may write must be the RTL's, byte for byte.

Mismatches are elements and bytes that differ, in all of these together. Accuracy is that of the outputs, where inputs have labels.
`weft sim` makes the same comparisons for any network (of intermediate tensors for the first ten inputs), and ends with exit code 4 if
anything differs.

| network | configuration | inputs | reference engine | output elements | tensors | their elements | memory, bytes | mismatches | accuracy |
|---|---|---:|---|---:|---:|---:|---:|---:|---:|
"""


def run(network: Network, config: str) -> dict[str, Any]:
    """Report of all inputs; ``recorded`` and ``accuracy`` are added where the data file has what they need.

    Raises `ToolError` if there is no reference engine, and what `simulate` raises but for mismatches.
    """
    arrays = network.arrays()
    with tempfile.TemporaryDirectory() as name:
        inputs, out = Path(name) / "x.npy", Path(name) / "out"
        np.save(inputs, arrays["x"])
        try:
            report = simulate(named(config), third_party("WEFT_MODELS", "models", network.model), inputs, out, Options(dumped=None))
        except MismatchError:  # the row will say it
            report = json.loads((out / "report.json").read_text())
        with np.load(out / "outputs.npz") as file:
            (outputs, *_) = file.values()
    if report["mismatches"]["reference"] is None:
        raise ToolError("the reference engine is missing", where=network.model, why=report["reference"]["note"], fix="run `make setup`")
    flat = outputs.reshape(len(outputs), -1)
    report["recorded"] = int((flat != arrays[RECORDED].reshape(flat.shape)).sum()) if RECORDED in arrays else 0
    report["accuracy"] = float((flat.argmax(1) == arrays[LABELS]).mean()) if LABELS in arrays else None
    return report


def mismatches(report: dict[str, Any]) -> int:
    """All that differs, of whatever kind."""
    wrong = report["mismatches"]
    return int(wrong["reference"] + wrong["golden"] + report["recorded"])


def row(network: Network, config: str, report: dict[str, Any]) -> str:
    wrong, engine = report["mismatches"], report["reference"]
    compared, accuracy = wrong["elements_compared"], "" if report["accuracy"] is None else f"{report['accuracy']:.1%}"
    return (f"| {network.name} | {config} | {report['inputs']:,} | {engine['name']} {engine['version']} | {compared['outputs']:,} | "
            f"{wrong['tensors_compared']:,} | {compared['tensors']:,} | {compared['memory']:,} | {mismatches(report):,} | {accuracy} |\n")


def main() -> int:
    choice, console = chosen(__doc__.splitlines()[0], ROWS), Console(highlight=False, soft_wrap=True)
    differing: list[str] = []

    def measure(pair: tuple[Network, str]) -> str:
        report = run(*pair)
        differing.extend([f"{pair[0].name} on {pair[1]}"] * bool(mismatches(report)))
        console.print(row(*pair, report), end="")
        return row(*pair, report)

    def text() -> str:
        rows = "".join(measured(PAGE, ROWS, choice, measure))
        total = sum(int(line.split("|")[9].replace(",", "")) for line in rows.splitlines())
        return HEADER + rows + f"\n{len(rows.splitlines())} rows, {total:,} mismatches.\n"

    return rewrite(PAGE, text, console) or (MismatchError.exit_code if differing else 0)


if __name__ == "__main__":
    sys.exit(main())
