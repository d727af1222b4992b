"""What accumulators do to real data: exact sums, and those of graphics processors, in the linear layers of a language model."""

import dataclasses

import numpy as np

from weft.gen.formats.alignment import ALIGNMENTS, EXACT
from weft.gen.formats.element import ELEMENTS
from weft.gen.formats.operand import OPERANDS, Operand, OperandPair
from weft.sim.format_error import story
from weft.verif.golden.formats.aligned import Alignment, aligned_gemm
from weft.verif.golden.formats.blocks import Float32, Matrix, quantise
from weft.verif.golden.formats.gemm import gemm, scaled
from weft.verif.stories.model import Linear, Model

FORMATS = ("bf16", "e4m3", "e5m2", "mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp4", "nvfp4")
SINGLE = ELEMENTS["fp32"]
STEP = 16  # products of a step, as on an array of 16 rows


@dataclasses.dataclass
class Difference:
    """Of a layer's results with one accumulator, fp32 without the factors of rows, against those of exact sums that are rounded once; over
    all layers. `results`, `changed` (bits that are not the exact ones), `by_order` (bits that change if the same products come from the
    last to the first); for each layer the root of the mean square of the error over that of the results, and the mean of what is
    missing from magnitudes in the same measure."""

    results: int = 0
    changed: int = 0
    by_order: int = 0
    errors: list[float] = dataclasses.field(default_factory=list)
    shrinks: list[float] = dataclasses.field(default_factory=list)

    def add(self, found: Float32, backwards: Float32, exact: Float32) -> None:
        """One layer."""
        error, size = found.astype(np.float64) - exact, float(np.sqrt((exact.astype(np.float64) ** 2).mean()))
        self.results += found.size
        self.changed += int((found != exact).sum())
        self.by_order += int((found != backwards).sum())
        self.errors.append(float(np.sqrt((error ** 2).mean())) / size)
        self.shrinks.append(float(-(error * np.sign(exact)).mean()) / size)


@dataclasses.dataclass
class _Layers:
    """A `Make` for `Model`: layers go on with exact sums; beside them the accumulators that take the operand."""

    operand: Operand
    found: dict[str, Difference]

    def __call__(self, name: str, weights: Float32) -> Linear:
        del name
        # bf16 has the range of fp32: scaled to all of it, its products would not fit.
        factor = np.ones((1, 1)) if self.operand.element.largest_exponent == SINGLE.largest_exponent else None
        matrix = quantise(self.operand, weights, factor=factor)

        def layer(x: Float32) -> Float32:
            given = quantise(self.operand, x, factor=factor)
            product, backwards = gemm(given, matrix), (_backwards(given), _backwards(matrix))
            exact = product.values().astype(np.float32)
            for kind, difference in self.found.items():
                if kind == EXACT:
                    difference.add(exact, gemm(*backwards).values().astype(np.float32), exact)
                else:
                    alignment = Alignment.of(ALIGNMENTS[kind], STEP)
                    difference.add(aligned_gemm(given, matrix, alignment), aligned_gemm(*backwards, alignment), exact)
            return scaled(product, given, matrix)

        return layer


def _backwards(side: Matrix) -> Matrix:
    """The same columns from the last to the first; those that fill the last block come first."""
    scales = None if side.scales is None else side.scales[:, ::-1]
    return Matrix(side.operand, side.codes[:, ::-1], scales, side.factor, side.codes.shape[1])


def accumulators(operand: Operand) -> tuple[str, ...]:
    """Those that take products of the operand with itself."""
    pair = OperandPair(operand, operand)
    return (EXACT, *(kind for kind, alignment in ALIGNMENTS.items() if alignment.refusal(pair) is None))


def differences() -> dict[tuple[str, str], Difference]:
    """By operand format and accumulator. Raises as `story`."""
    weights, tokens = story()
    found: dict[tuple[str, str], Difference] = {}
    for name in FORMATS:
        layers = _Layers(OPERANDS[name], {kind: Difference() for kind in accumulators(OPERANDS[name])})
        Model(weights, layers).logits([tokens])
        found |= {(name, kind): difference for kind, difference in layers.found.items()}
    return found
