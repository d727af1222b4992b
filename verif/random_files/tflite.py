"""Hypothesis strategies for .tflite recipes: one operator, or a small graph."""

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from weft.verif.random_files import tflite_elementwise, tflite_moves, tflite_windows
from weft.verif.random_files.draws import Draw, Node, grid, image, integer, one_of
from weft.verif.random_files.tflite_writer import Activation, TfliteWriter, append
from weft.verif.random_files.tflite_writer import build as build_with

OPERATORS: dict[str, Any] = {**tflite_windows.OPERATORS, **tflite_elementwise.OPERATORS, **tflite_moves.OPERATORS}
MOST_ELEMENTS = 60_000  # of a tensor: what is larger is not read again


def build(recipe: dict[str, Any]) -> bytes:
    """The file of a recipe."""
    return build_with(recipe, OPERATORS)


def _others(draw: Draw, operator: str, place: int, activations: list[Activation], node: Node) -> list[int]:
    """Places of the operands after the first."""
    x = activations[place]
    fits = getattr(OPERATORS[operator], "fits", None)
    if fits and node.get("kind") == "activation":
        return [one_of(draw, [index for index, other in enumerate(activations) if fits(x, other)])]
    if operator == "CONCATENATION":
        fitting = [index for index, other in enumerate(activations) if tflite_moves.Concatenation.fits(x, other, node["axis"])]
        return [one_of(draw, fitting) for _ in range(integer(draw, 0, 2))]
    return []


@st.composite
def recipes(draw: Any, nodes: int, first: str = "") -> dict[str, Any]:
    """A recipe of 2 to `nodes` operators, or of one if that is one; the first one is `first`, if it is given."""
    large = nodes == 1 and integer(draw, 0, 7) == 7
    kind = "uint8" if first == "QUANTIZE" and integer(draw, 0, 1) else "int8"
    shape, source = (1, *image(draw, large=large)), grid(draw)
    source[1] = -128 if first == "RSQRT" else source[1] + 128 * (kind == "uint8")
    seed = integer(draw, 0, 1000)
    recipe: dict[str, Any] = {"format": "tflite", "seed": seed, "input": {"shape": list(shape), "grid": source, "kind": kind}, "nodes": []}
    writer = TfliteWriter(shape, source, kind, seed)
    for step in range(integer(draw, min(2, nodes), nodes)):
        recent = [place for place, made in enumerate(writer.activations) if made.size <= MOST_ELEMENTS][-3:]
        place = recent[-1 - integer(draw, 0, len(recent) - 1)]
        x = writer.activations[place]
        names = [first] if first and not step else OPERATORS
        possible = [name for name in names if OPERATORS[name].takes(x)]
        assume(possible)
        operator = one_of(draw, possible)
        node = OPERATORS[operator].draw(draw, x)
        node = {"op": operator, "from": [place, *_others(draw, operator, place, writer.activations, node)], **node}
        append(writer, node, OPERATORS)
        recipe["nodes"].append(node)
    return recipe
