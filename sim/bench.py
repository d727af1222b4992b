"""`make bench`: measures cycles of networks on configurations and rewrites docs/cycles.md; `--only NAME` just the rows of one network,
`--config NAME` of one configuration.

Cycles are deterministic, so the table is committed and a change in it is a change in hardware or compiler. Simulator speed
depends on the computer and is only printed. Networks that are not part of the project are read from $WEFT_MODELS and
$WEFT_DATA, or ../shared beside the repository; without them the table is left alone.
"""

import dataclasses
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from weft.gen.errors import WeftError
from weft.sim.docs_page import PHOTOGRAPHS, ROOT, chosen, measured, photographs, rewrite, third_party
from weft.sim.one_sample import named, one_sample

TABLE = ROOT / "docs" / "cycles.md"
CONFIGS = ("mini4", "tiny4", "edge8", "edge16", "edge32")


@dataclasses.dataclass(frozen=True)
class Network:
    """A network, its samples ("": every int8 value, for a network that takes one), SCALE-Sim's weight-stationary ideal on 16 x 16 without
    memory where it is known, the script that writes both files where they are `made`, and how many `pixels` of a photograph's side it
    takes."""

    model: str
    inputs: str
    own: bool = False
    ideal16: int | None = None
    made: str = ""
    pixels: int = 0

    @property
    def name(self) -> str:
        return Path(self.model).stem


NETWORKS = (
    Network("examples/digits/digits.onnx", "examples/digits/digits.npz", own=True),
    Network("mlperf_tiny_resnet8.tflite", "resnet8_9.npz", ideal16=63_130),
    Network("mlperf_tiny_ad.tflite", "ad_196.npz", ideal16=48_870),
    Network("mnist8_qop_u8s8.onnx", "mnist_digits28.npz"),
    Network("tflm_hello_world.tflite", ""),
    Network("mlperf_tiny_kws.tflite", "kws_1000.npz", ideal16=56_698),
    Network("mlperf_tiny_vww.tflite", "vww_9.npz", ideal16=210_567),
    Network("nngen_example.tflite", "nngen_inputs.npz", made="examples/nngen/make_network.py"),
    Network("tflm_micro_speech.tflite", "micro_speech_4.npz"),
    Network("mobilenet_v1_025_128_uint8.tflite", PHOTOGRAPHS, pixels=128),
)
ROWS = {(network.name, config): (network, config) for network in NETWORKS for config in CONFIGS}

HEADER = """# Cycles

Written by `make bench`; do not edit. Start to interrupt, everything included: instruction fetch, weights and input from DRAM
(16 bytes a cycle, 64 cycles of latency), output to DRAM. Utilisation is MACs done over MACs possible in those cycles. One sample; every
output equals the reference engine's. MACs are those of the channels that depend on the input: the compiler leaves out the others, of which
mlperf_tiny_vww has many (7,489,664 MACs as its file has it). The ideal is SCALE-Sim 3.0.0's for a weight-stationary 16 x 16 array
that never waits for memory.
nngen_example is the example of NNgen's documentation (`examples/nngen`), for which NNgen itself takes 1,788,938 cycles on 36 multipliers:
23.9 %. The least DRAM traffic is every weight of the file, the input and the output once, a byte each.

The fingerprint stands for all that cycles follow from on a given hardware: configuration, program, constants, input. `make test` measures
again the rows that take up to a few seconds, some on every configuration, and compares the fingerprints of the others. The programs of
these use only instructions and modes that a measured row of the same configuration uses too, so that a change of the hardware shows there.
The text of the Verilog is not compared, because it changes with every name, and with the version of Amaranth.

| network | configuration | MACs | cycles | utilisation | DRAM read | DRAM written | DRAM over least | SCALE-Sim ideal | fingerprint |
|---|---|---:|---:|---:|---:|---:|---:|---:|---|
"""


def files(network: Network) -> list[Path]:
    """Model and samples, as far as they are files."""
    if network.made:
        return [ROOT / network.made]
    if network.own:
        return [ROOT / network.model, ROOT / network.inputs]
    data = [third_party("WEFT_DATA", "data", network.inputs)] if network.inputs else []
    return [third_party("WEFT_MODELS", "models", network.model), *data]


def prepared(network: Network, folder: Path) -> tuple[Path, Path]:
    """Model and samples; what is no file yet is written to `folder`."""
    if network.made:
        runpy.run_path(str(ROOT / network.made))["write"](folder)
        return folder / network.model, folder / network.inputs
    model, *data = files(network)
    if data and not network.pixels:
        return model, data[0]
    samples = folder / f"{network.name}.npy"
    np.save(samples, photographs(network.pixels) if network.pixels else np.arange(-128, 128, dtype=np.int8).reshape(256, 1, 1))
    return model, samples


def run(network: Network, config: str) -> dict[str, Any]:
    """Report of one sample, compared with the reference engine."""
    with tempfile.TemporaryDirectory() as folder:
        return one_sample(named(config), *prepared(network, Path(folder)))


def row(network: Network, config: str, report: dict[str, Any]) -> str:
    ideal = f"{network.ideal16:,}" if network.ideal16 and config == "edge16" else ""
    dram = report["dram_bytes"]
    return (f"| {network.name} | {config} | {report['macs']:,} | {report['cycles_per_inference']:,.0f} | "
            f"{report['utilization']:.1%} | {dram['read']:,} | {dram['write']:,} | {report['dram_over_least']:.2f} | {ideal} | "
            f"{report['fingerprint']} |\n")


def main() -> int:
    choice, console = chosen(__doc__.splitlines()[0], ROWS), Console(highlight=False, soft_wrap=True)

    def measure(pair: tuple[Network, str]) -> str:
        report = run(*pair)
        console.print(f"{pair[0].name:26} {pair[1]:8} {report['cycles_per_inference']:>12,.0f} cycles  {report['utilization']:>6.1%}  "
                      f"simulated at {report['simulation']['cycles_per_second']:,} cycles/s")
        return row(*pair, report)

    def text() -> str:
        if missing := [str(path) for network in NETWORKS for path in files(network) if not path.exists()]:
            raise WeftError("networks of the table are missing", where=", ".join(missing),
                            why="a shorter table must not replace the whole one",
                            fix="set WEFT_MODELS and WEFT_DATA to the folders that hold them")
        return HEADER + "".join(measured(TABLE, ROWS, choice, measure))

    return rewrite(TABLE, text, console)


if __name__ == "__main__":
    sys.exit(main())
