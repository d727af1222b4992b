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

HEADER = """# What the compiler expects

Written by `make bench`; do not edit. `{config}`, one sample: what `weft compile` says of each layer (`gen/compiler/timing.py`, from the
program alone) and what it takes on the RTL, as reports attribute cycles to layers. Layers that take no cycles of their own are left out.

| network | layer | operator | shape | estimated | cycles | error |
|---|---:|---|---|---:|---:|---:|
"""


def layers(model: str, samples: str) -> list[dict[str, Any]]:
    """Those of a report that take cycles."""
    report = one_sample(named(CONFIG), third_party("WEFT_MODELS", "models", model), third_party("WEFT_DATA", "data", samples))
    return [{**layer, "index": index} for index, layer in enumerate(report["layers"]) if layer["cycles"]]


def error(layer: dict[str, Any]) -> float:
    """Of the estimate, as a part of what the layer takes."""
    return float(layer["estimated_cycles"] / layer["cycles"] - 1)


def rows(console: Console) -> Iterable[str]:
    errors = []
    for model, samples in NETWORKS:
        for layer in layers(model, samples):
            errors.append(abs(error(layer)))
            yield (f"| {Path(model).stem} | {layer['index']} | {layer['op']} | {' x '.join(map(str, layer['shape']))} | "
                   f"{layer['estimated_cycles']:,} | {layer['cycles']:,} | {error(layer):+.1%} |\n")
    said = f"{len(errors)} layers: median error {statistics.median(errors):.1%}, worst {max(errors):.1%}."
    console.print(said)
    yield f"\n{said}\n"


def main() -> int:
    console = Console(highlight=False)
    return rewrite(PAGE, lambda: HEADER.format(config=CONFIG) + "".join(rows(console)), console)


if __name__ == "__main__":
    sys.exit(main())
