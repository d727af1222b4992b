"""Every linear layer of stories260K over the tokens of a real story, as products of matrices on the simulated accelerator.

`python -m weft.verif.stories.on_rtl` runs them in `FORMATS` and rewrites docs/stories.md; `--only NAME` one format, which is printed.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence

import numpy as np
from rich.console import Console

from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.formats.operand import OPERANDS, Operand
from weft.gen.sections import Accumulator, Array, Axi, Scratchpad
from weft.sim.docs_page import ROOT, rewrite
from weft.sim.format_error import story
from weft.sim.gemm import multiply
from weft.verif.golden.formats.blocks import Matrix, quantise
from weft.verif.golden.formats.gemm import gemm, scaled
from weft.verif.stories.checkpoint import Checkpoint, Float32
from weft.verif.stories.model import Linear, Model

FORMATS = ("int8", "mxfp8_e4m3", "mxfp6_e2m3", "nvfp4", "mxfp4")
PAGE = ROOT / "docs" / "stories.md"
LAYERS = 36

HEADER = """# A language model's layers in number formats

Written by `make stories`; do not edit. Every linear layer of stories260K (five times wq wk wv wo w1 w2 w3, and the
classifier), weights and activations quantised, over all {tokens} tokens of the first story of tinystories_valid10.txt: products of matrices
by program, DMA, array and ROUND to fp32 on a machine of {rows} x {rows} elements, with four products an element where elements have 4 bits.
A layer's activations are those that the layers before it gave in the same format.

Different: results whose bits are not those of the golden arithmetic, or of the golden machine. Rounded early: results on whose way a term
lost bits below the window of 64 bits. Error: root of the mean square of what quantisation changes in a layer's results, over that of the
results in float32 with the same activations; its mean over the layers.

| format | products of matrices | results | different | rounded early | products | cycles | products a cycle | DRAM bytes | error |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"""


@dataclasses.dataclass
class Recorder:
    """A `Make` for `Model`: layers in one operand format by the golden model. Keeps what they were given: name, activations, weights, and
    the error."""

    operand: Operand
    layers: list[tuple[str, Matrix, Matrix]] = dataclasses.field(default_factory=list)
    errors: list[float] = dataclasses.field(default_factory=list)

    def __call__(self, name: str, weights: Float32) -> Linear:
        matrix = quantise(self.operand, weights)

        def layer(x: Float32) -> Float32:
            given = quantise(self.operand, x)
            result, plain = scaled(gemm(given, matrix), given, matrix), x @ weights.T
            self.layers.append((name, given, matrix))
            self.errors.append(float(np.sqrt(((result - plain) ** 2).mean() / (plain ** 2).mean())))
            return result

        return layer


@dataclasses.dataclass
class Totals:
    """Over all layers."""

    matrices: int = 0
    results: int = 0
    different: int = 0
    early: int = 0
    products: int = 0
    cycles: int = 0
    dram_bytes: int = 0


def machine(name: str, rows: int) -> Config:
    """For products of two matrices in a format, with results in fp32."""
    packing = 4 if OPERANDS[name].element.bits <= 4 else 1
    array = Array(rows=rows, columns=rows, operand=name, weights="int8" if name == "int8" else "", packing=packing)
    return Config(name=f"{name}_{rows}", array=array,
                  scratchpad=Scratchpad(kib=64), accumulator=Accumulator(kib=16 * rows * packing // 8), axi=Axi(data_bits=8 * rows))


def recorded(weights: Checkpoint, tokens: Sequence[int], name: str) -> Recorder:
    """What the layers were given in a forward pass in format `name`."""
    found = Recorder(OPERANDS[name])
    Model(weights, found).logits([tokens])
    assert len(found.layers) == LAYERS
    return found


def run(layers: Sequence[tuple[str, Matrix, Matrix]], config: Config) -> Totals:
    """Layers on the RTL. Raises `WeftError` for a machine that stops."""
    totals = Totals()
    for _, given, matrix in layers:
        done = multiply(config, given, matrix)
        rows, columns = done.results[0].shape
        totals.matrices += 1
        totals.results += rows * columns
        totals.different += sum(each.count for each in done.mismatches)
        totals.early += int((done.golden.underflow | done.golden.overflow).sum())
        totals.products += rows * given.k * columns
        totals.cycles += done.cycles
        totals.dram_bytes += done.dram_bytes
    return totals


def row(name: str, recorder: Recorder, t: Totals) -> str:
    return (f"| {name} | {t.matrices} | {t.results:,} | {t.different} | {t.early:,} | {t.products:,} | {t.cycles:,} | "
            f"{t.products / t.cycles:.1f} | {t.dram_bytes:,} | {np.mean(recorder.errors):.4f} |\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", choices=("", *FORMATS), help="this format, without writing the page")
    parser.add_argument("--rows", type=int, default=8, help="of the array (8)")
    given, console = parser.parse_args(), Console(highlight=False)
    try:
        weights, tokens = story()
    except WeftError as error:
        console.print(f"{error}\n{PAGE.relative_to(ROOT)} is left alone")
        return 0

    def table(names: Sequence[str]) -> str:
        lines = ""
        for name in names:
            recorder = recorded(weights, tokens, name)
            lines += (line := row(name, recorder, run(recorder.layers, machine(name, given.rows))))
            console.print(line, end="")
        return lines

    if given.only:
        try:
            table([given.only])
        except WeftError as error:
            print(error, file=sys.stderr)
            return error.exit_code
        return 0
    return rewrite(PAGE, lambda: HEADER.format(tokens=len(tokens), rows=given.rows) + table(FORMATS), console)


if __name__ == "__main__":
    sys.exit(main())
