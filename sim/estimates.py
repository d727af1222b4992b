"""`make bench`: the compiler's estimate of each layer beside its cycles on the RTL; rewrites docs/estimates.md."""

import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from weft.sim.dataflows import NETWORKS
from weft.sim.docs_page import ROOT, rewrite, third_party
from weft.sim.one_sample import named, one_sample

PAGE = ROOT / "docs" / "estimates.md"
CONFIG = "edge16"
OTHERS = "tiny4", "edge8", "edge32"

HEADER = """# What the compiler expects

Written by `make bench`; do not edit. `{config}`, one sample: what `weft compile` says of each layer (`gen/compiler/timing.py`, from the
program alone) and what it takes on the RTL, as reports attribute cycles to layers. Layers that take no cycles of their own are left out.

| network | layer | operator | shape | estimated | cycles | error |
|---|---:|---|---|---:|---:|---:|
"""


WHOLE = """
## Whole networks on other configurations

The sum of the layers' estimates beside the cycles from start to interrupt; DRAM of 16 bytes a cycle and 64 cycles of latency.

| network | configuration | estimated | cycles | error |
|---|---|---:|---:|---:|
"""


def report(model: str, samples: str, config: str) -> dict[str, Any]:
    return one_sample(named(config), third_party("WEFT_MODELS", "models", model), third_party("WEFT_DATA", "data", samples))


def layers(model: str, samples: str) -> list[dict[str, Any]]:
    """Those of a report that take cycles."""
    return [{**layer, "index": index} for index, layer in enumerate(report(model, samples, CONFIG)["layers"]) if layer["cycles"]]


def error(layer: dict[str, Any]) -> float:
    """Of the estimate, as a part of what the layer takes."""
    return float(layer["estimated_cycles"] / layer["cycles"] - 1)


def whole(model: str, samples: str, config: str) -> dict[str, Any]:
    """A network as one layer."""
    found = report(model, samples, config)
    return {"estimated_cycles": sum(layer["estimated_cycles"] for layer in found["layers"]), "cycles": round(found["cycles_per_inference"])}


def rows(console: Console) -> Iterable[str]:
    errors = []
    for model, samples in NETWORKS:
        for layer in layers(model, samples):
            errors.append(abs(error(layer)))
            yield (f"| {Path(model).stem} | {layer['index']} | {layer['op']} | {' x '.join(map(str, layer['shape']))} | "
                   f"{layer['estimated_cycles']:,} | {layer['cycles']:,} | {error(layer):+.1%} |\n")
    said = f"{len(errors)} layers: median error {statistics.median(errors):.1%}, worst {max(errors):.1%}."
    console.print(said)
    yield f"\n{said}\n{WHOLE}"
    for model, samples in NETWORKS:
        for config in OTHERS:
            network = whole(model, samples, config)
            yield (f"| {Path(model).stem} | {config} | {network['estimated_cycles']:,} | {network['cycles']:,} | {error(network):+.1%} |\n")


def main() -> int:
    console = Console(highlight=False)
    return rewrite(PAGE, lambda: HEADER.format(config=CONFIG) + "".join(rows(console)), console)


if __name__ == "__main__":
    sys.exit(main())
