"""`make imagenet`: networks of ImageNet's size on the RTL, compared with their reference engine; rewrites docs/imagenet.md.

ResNet-50 and MobileNetV1 come from `examples/imagenet`, MobileNetV2 is a third-party file. `--only NAME` and `--config NAME` measure
these rows again and keep the others.
"""

import dataclasses
import runpy
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console

from weft.sim.docs_page import ROOT, chosen, measured, photographs, rewrite, third_party
from weft.sim.execute import DramTiming
from weft.sim.one_sample import named, one_sample

PAGE = ROOT / "docs" / "imagenet.md"
MAKER = ROOT / "examples" / "imagenet" / "make_networks.py"


@dataclasses.dataclass(frozen=True)
class Row:
    """A network on a configuration. bound: cycles that nothing could undercut; ideal: SCALE-Sim's; 0 where they are not known."""

    network: str
    config: str
    bound: int = 0
    ideal: int = 0


# bound: the larger one, layer by layer, of MACs over array size and bytes over the bus' width.
# ideal: SCALE-Sim 3.0.0 for a weight-stationary array of that size that never waits for memory.
ROWS = {(row.network, row.config): row for row in (
    Row("mobilenet_v2_224", "edge16", 1_370_000, 4_390_000), Row("mobilenet_v2_224", "edge32"),
    Row("mobilenet_v1_224", "edge16", 2_340_000, 5_070_000), Row("mobilenet_v1_224", "edge32", 634_000, 3_320_000),
    Row("resnet50", "edge16", 16_140_000, 20_600_000), Row("resnet50", "edge32", 4_070_000, 6_350_000))}

HEADER = """# Networks of ImageNet's size

Written by `make imagenet`; do not edit. 224 x 224 pixels, int8, one image; start to interrupt, everything included. DRAM moves a line of
the scratchpad in a cycle (16 bytes on `edge16`, 32 on `edge32`), after 64 cycles of latency. The outputs of every row equal those of the
reference engine, tflite-micro, and the golden machine ends with the same scratchpad, accumulators and DRAM. ResNet-50 and MobileNetV1 have
the standard shapes and random weights (`examples/imagenet`). The bound is the larger one, layer by layer, of MACs over the array's size and
bytes over the bus' width; the ideal is SCALE-Sim 3.0.0's for a weight-stationary array of the same size that never waits for memory.
Fingerprints are as in [cycles.md](cycles.md); `make test` compiles these networks and compares them.

| network | configuration | MACs | cycles | bound | SCALE-Sim ideal | utilisation | DRAM read | DRAM written | fingerprint |
|---|---|---:|---:|---:|---:|---:|---:|---:|---|
"""


def files(network: str, folder: Path) -> tuple[Path, Path]:
    """Model and images of a network; those of the project are written to `folder` first."""
    if network == "mobilenet_v2_224":
        np.save(folder / "photographs.npy", photographs(224))
        return third_party("WEFT_MODELS", "models", f"{network}.tflite"), folder / "photographs.npy"
    if not (folder / f"{network}.tflite").exists():
        runpy.run_path(str(MAKER))["write"](folder, names=[network])
    return folder / f"{network}.tflite", folder / "imagenet_inputs.npz"


def line(row: Row, folder: Path) -> str:
    """Of the page, measured now. Raises what `one_sample` raises."""
    config = named(row.config)
    timing = DramTiming(bytes_per_cycle=config.line_bytes)
    report = one_sample(config, *files(row.network, folder), timing=timing, dumped=0)
    bound, ideal = (f"{cycles / 1e6:.3g} M" if cycles else "" for cycles in (row.bound, row.ideal))
    dram = report["dram_bytes"]
    return (f"| {row.network} | {row.config} | {report['macs']:,} | {report['cycles_per_inference']:,.0f} | {bound} | {ideal} | "
            f"{report['utilization']:.1%} | {dram['read']:,} | {dram['write']:,} | {report['fingerprint']} |\n")


def main() -> int:
    choice, console = chosen(__doc__.splitlines()[0], ROWS), Console(highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as folder:
        def measure(row: Row) -> str:
            text = line(row, Path(folder))
            console.print(text, end="")
            return text

        return rewrite(PAGE, lambda: HEADER + "".join(measured(PAGE, ROWS, choice, measure)), console)


if __name__ == "__main__":
    sys.exit(main())
