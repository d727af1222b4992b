"""What number formats do to real data: the error of the linear layers of a language model over the tokens of a story."""

import dataclasses

import numpy as np

from weft.gen.errors import WeftError
from weft.gen.formats.operand import OPERANDS, Operand
from weft.sim.docs_page import third_party
from weft.verif.golden.formats.blocks import quantise
from weft.verif.stories import checkpoint, tokenizer
from weft.verif.stories.checkpoint import Checkpoint, Float32
from weft.verif.stories.model import Linear, Model

MODEL, WORDS, TEXT = "stories260K.bin", "tok512.bin", "tinystories_valid10.txt"


@dataclasses.dataclass
class _Layers:
    """A `Make` for `Model`: products of quantised weights and activations, exact but for float64; squares of results and errors."""

    operand: Operand
    errors: list[float] = dataclasses.field(default_factory=list)

    def __call__(self, name: str, weights: Float32) -> Linear:
        del name
        matrix = quantise(self.operand, weights).values()

        def layer(x: Float32) -> Float32:
            result, plain = quantise(self.operand, x).values() @ matrix.T, x @ weights.T
            self.errors.append(float(np.sqrt(((result - plain) ** 2).mean() / (plain ** 2).mean())))
            return result.astype(np.float32)

        return layer


def story() -> tuple[Checkpoint, list[int]]:
    """stories260K, and the tokens of the first story as it sees them. Raises `WeftError` if a file is missing."""
    places = [*(third_party("WEFT_MODELS", "models", name) for name in (MODEL, WORDS)), third_party("WEFT_DATA", "data", TEXT)]
    for place in places:
        if not place.is_file():
            raise WeftError(f"no {place.name}", where=str(place.parent), why="it is not part of the project",
                            fix="put it there, or name its folder with $WEFT_MODELS or $WEFT_DATA")
    weights = checkpoint.load(places[0])
    words = tokenizer.load(places[1], weights.vocabulary)
    return weights, [tokenizer.BEGIN, *words.encode(tokenizer.stories(places[2].read_text())[0])][:weights.length]


def errors() -> dict[str, float]:
    """For each operand format with negative values: root of the mean square of what quantisation of weights and activations changes in a
    layer's results, over that of the results in float32 with the same activations; mean over the layers. Raises as `story`."""
    weights, tokens = story()
    found = {}
    for name, operand in OPERANDS.items():
        if operand.element.signed:
            layers = _Layers(operand)
            Model(weights, layers).logits([tokens])
            found[name] = float(np.mean(layers.errors))
    return found
