"""`make bench`: measures cycles of networks on configurations and rewrites docs/cycles.md.

Cycles are deterministic, so the table is committed and a change in it is a change in hardware or compiler. Simulator speed
depends on the computer and is only printed. Networks that are not part of the project are read from $WEFT_MODELS and
$WEFT_DATA, or ../shared beside the repository; without them the table is left alone.
"""

import dataclasses
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.sim.runner import Options, simulate

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "cycles.md"
CONFIGS = ("tiny4", "edge8", "edge16", "edge32")


@dataclasses.dataclass(frozen=True)
class Network:
    """A network, its samples, and SCALE-Sim's weight-stationary ideal on 16 x 16 without memory where it is known."""

    model: str
    inputs: str
    own: bool = False
    ideal16: int | None = None


NETWORKS = (
    Network("examples/digits/digits.onnx", "examples/digits/digits.npz", own=True),
    Network("mlperf_tiny_resnet8.tflite", "resnet8_9.npz", ideal16=63_130),
    Network("mlperf_tiny_ad.tflite", "ad_196.npz", ideal16=48_870),
    Network("mnist8_qop_u8s8.onnx", "mnist_digits28.npz"),
)

HEADER = """# Cycles

Written by `make bench`; do not edit. Start to interrupt, everything included: instruction fetch, weights and input from DRAM
(16 bytes a cycle, 64 cycles of latency), output to DRAM. Utilisation is MACs done over MACs possible in those cycles. One sample; every
output equals the reference engine's. The ideal is SCALE-Sim 3.0.0's for a weight-stationary 16 x 16 array that never waits for memory.

| network | configuration | MACs | cycles | utilisation | DRAM read | DRAM written | SCALE-Sim ideal |
|---|---|---:|---:|---:|---:|---:|---:|
"""


def third_party(variable: str, folder: str, name: str) -> Path:
    """A file that is not part of the project."""
    return Path(os.environ.get(variable) or ROOT.parent / "shared" / folder) / name


def files(network: Network) -> tuple[Path, Path]:
    if network.own:
        return ROOT / network.model, ROOT / network.inputs
    return third_party("WEFT_MODELS", "models", network.model), third_party("WEFT_DATA", "data", network.inputs)


def row(network: Network, config: str, report: dict[str, Any]) -> str:
    ideal = f"{network.ideal16:,}" if network.ideal16 and config == "edge16" else ""
    dram = report["dram_bytes"]
    return (f"| {Path(network.model).stem} | {config} | {report['macs']:,} | {report['cycles_per_inference']:,.0f} | "
            f"{report['utilization']:.1%} | {dram['read']:,} | {dram['write']:,} | {ideal} |\n")


def measure(console: Console) -> Iterable[str]:
    for network in NETWORKS:
        model, inputs = files(network)
        for name in CONFIGS:
            with tempfile.TemporaryDirectory() as folder:
                report = simulate(Config.load(ROOT / "configs" / f"{name}.toml"), model, inputs, Path(folder) / "out", Options(samples=1))
            console.print(f"{model.stem:24} {name:8} {report['cycles_per_inference']:>12,.0f} cycles  {report['utilization']:>6.1%}  "
                          f"simulated at {report['simulation']['cycles_per_second']:,} cycles/s")
            yield row(network, name, report)


def main() -> int:
    console = Console(highlight=False)
    missing = [str(path) for network in NETWORKS for path in files(network) if not path.exists()]
    try:
        if missing:
            raise WeftError("networks of the table are missing", where=", ".join(missing),
                            why="a shorter table must not replace the whole one",
                            fix="set WEFT_MODELS and WEFT_DATA to the folders that hold them")
        TABLE.write_text(HEADER + "".join(measure(console)))
    except WeftError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    console.print(f"wrote {TABLE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
