"""Linear layers in an operand format, weights and activations, computed by the golden model."""

import dataclasses

from weft.gen.formats.operand import Operand
from weft.gen.formats.window import Window
from weft.verif.golden.formats.blocks import ScaleRule, quantise
from weft.verif.golden.formats.gemm import WINDOW, gemm, scaled
from weft.verif.stories.checkpoint import Float32
from weft.verif.stories.model import Linear


@dataclasses.dataclass
class Quantised:
    """A `Make` for `Model`. Activations are quantised as they come, one matrix a call; `lost` counts results with a flag."""

    operand: Operand
    rule: ScaleRule = ScaleRule.FLOOR
    window: Window = WINDOW
    lost: int = 0
    results: int = 0

    def __call__(self, name: str, weights: Float32) -> Linear:
        del name
        matrix = quantise(self.operand, weights, rule=self.rule)

        def layer(x: Float32) -> Float32:
            given = quantise(self.operand, x, rule=self.rule)
            product = gemm(given, matrix, window=self.window)
            self.lost += int((product.overflow | product.underflow).sum())
            self.results += product.codes.size
            return scaled(product, given, matrix)

        return layer
