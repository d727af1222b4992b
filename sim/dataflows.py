"""`make bench`: cycles of each layer in either dataflow, in an array that has both; rewrites docs/dataflow.md."""

import dataclasses
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from weft.gen import isa
from weft.gen.compiler import compile_network
from weft.gen.config import Config
from weft.gen.frontend import load
from weft.sim.docs_page import ROOT, rewrite, third_party
from weft.sim.one_sample import named, one_sample

PAGE = ROOT / "docs" / "dataflow.md"
BASE = "edge16"
NETWORKS = (("mlperf_tiny_resnet8.tflite", "resnet8_9.npz"), ("mlperf_tiny_kws.tflite", "kws_1000.npz"),
            ("mlperf_tiny_vww.tflite", "vww_9.npz"), ("mlperf_tiny_ad.tflite", "ad_196.npz"))
DATAFLOWS = ("weight_stationary", "output_stationary", None)  # None: the compiler's choice for each layer

HEADER = """# Weights that stay, sums that stay

Written by `make bench`; do not edit. `{base}` with `array.dataflow = "both"`, start to interrupt, one sample; every output equals
the reference engine's and every tensor the golden model's, in each dataflow. A layer that computes has a row, with its cycles when all
layers keep their weights in the array, when all keep their sums (depthwise layers keep their weights and run as DEPTHWISE all the same),
and as the compiler chooses. The last column is the network on `{base}` itself. Layers overlap, so a row also has what its neighbours
leave to it. Accumulator lines are those that the matrix and the vector unit read and write.

What each costs and why weights win where the numbers differ: [decision 17](decisions/0017-sums-that-stay.md).
"""


def configuration() -> Config:
    config = named(BASE)
    return dataclasses.replace(config, name=f"{BASE} both", array=dataclasses.replace(config.array, dataflow="both"))


def chosen(model: Path, config: Config) -> set[int]:
    """Layers for which the compiler lets the sums stay."""
    network = compile_network(load(model), config)
    return {layer for layer, word in zip(network.layer_of_pc, network.program, strict=True)
            if word & 0xFF == isa.BY_NAME["MATMUL_OS"].opcode}


def section(name: str, sums: set[int], reports: list[dict[str, Any]], base: dict[str, Any]) -> str:
    """Table of one network."""
    lines = [f"\n## {name}\n\n| layer | shape | weights stay | sums stay | both | chosen | {BASE} |\n|---|---|---:|---:|---:|---|---:|\n"]
    for index, layers in enumerate(zip(*(report["layers"] for report in [*reports, base]), strict=True)):
        if layers[0]["macs"]:
            weights, stay, both, plain = (f"{layer['cycles']:,}" for layer in layers)
            shape = " x ".join(map(str, layers[0]["shape"]))
            lines.append(f"| {index} | {shape} | {weights} | {stay} | {both} | {'sums' if index in sums else 'weights'} | {plain} |\n")
    cycles = (f"{report['cycles_per_inference']:,.0f}" for report in [*reports, base])
    accesses = (f"{report['counters']['ACCUMULATOR_READS'] + report['counters']['ACCUMULATOR_WRITES']:,}" for report in [*reports, base])
    for what, values in (("network", cycles), ("accumulator lines", accesses)):
        weights, stay, both, plain = values
        lines.append(f"| {what} | | {weights} | {stay} | {both} | | {plain} |\n")
    return "".join(lines)


def sections(console: Console) -> Iterable[str]:
    config, base = configuration(), named(BASE)
    for name, samples in NETWORKS:
        model, inputs = third_party("WEFT_MODELS", "models", name), third_party("WEFT_DATA", "data", samples)
        reports = [one_sample(config, model, inputs, dataflow=dataflow) for dataflow in DATAFLOWS]
        text = section(model.stem, chosen(model, config), reports, one_sample(base, model, inputs))
        console.print(text, soft_wrap=True)
        yield text


def main() -> int:
    console = Console(highlight=False)
    return rewrite(PAGE, lambda: HEADER.format(base=BASE) + "".join(sections(console)), console)


if __name__ == "__main__":
    sys.exit(main())
