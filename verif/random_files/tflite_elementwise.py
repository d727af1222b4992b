"""Random operators of .tflite that work element by element, and softmax."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from weft.verif.random_files.draws import Draw, Node, chance, grid, grid_near, integer, one_of, single
from weft.verif.random_files.tflite_windows import ACTIVATIONS
from weft.verif.random_files.tflite_writer import Activation, TfliteWriter

FIXED_OUTPUT = {"LOGISTIC": [1 / 256, -128], "TANH": [1 / 128, 0], "SOFTMAX": [1 / 256, -128]}
OPTIONS = {"LEAKY_RELU": "LeakyReluOptions", "SOFTMAX": "SoftmaxOptions"}


def is_int8(x: Activation) -> bool:
    return x.kind == "int8"


class Binary:
    """ADD, MUL and SUB: with another activation, with itself, with one value for each channel, with a constant."""

    takes = staticmethod(is_int8)

    @staticmethod
    def fits(x: Activation, other: Activation) -> bool:
        """Whether `other` can be the second operand."""
        rank = len(x.shape)
        return is_int8(other) and other.shape in (x.shape, (1,) * rank, (*(1,) * (rank - 1), x.channels))

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        kind = one_of(draw, ("activation", "number", "channels"))
        node: Node = {"activation": one_of(draw, ACTIVATIONS), "kind": kind, "swap": chance(draw), "constant": grid(draw)}
        return node | {"factor": single(draw(st.floats(0.25, 4))), "zero": integer(draw, -128, 127)}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x, other = inputs[0], inputs[-1]
        second, step = other.index, other.grid[0]
        if node["kind"] != "activation":
            shape = (x.channels,) if node["kind"] == "channels" else (1,)
            second = writer.maker.constant(writer.rng.integers(-128, 128, shape).astype(np.int8), *node["constant"])
            step = node["constant"][0]
        natural = x.grid[0] * step * 64 if node["op"] == "MUL" else max(x.grid[0], step)
        operands = [second, x.index] if node["swap"] else [x.index, second]
        y = writer.activation(x.shape, [single(natural * node["factor"]), node["zero"]])
        writer.node(node["op"], operands, y, f"{node['op'].capitalize()}Options", fusedActivationFunction=node["activation"])


class SquaredDifference(Binary):
    """Of two activations."""

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        return Binary.draw(draw, x) | {"kind": "activation"}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x, other = inputs[0], inputs[-1]
        operands = [other.index, x.index] if node["swap"] else [x.index, other.index]
        natural = 64 * max(x.grid[0], other.grid[0]) ** 2
        y = writer.activation(x.shape, [single(natural * node["factor"]), node["zero"]])
        writer.node(node["op"], operands, y, "SquaredDifferenceOptions")


class Extremum:
    """MAXIMUM and MINIMUM of two activations on one grid, or with a number."""

    takes = staticmethod(is_int8)

    @staticmethod
    def fits(x: Activation, other: Activation) -> bool:
        return Binary.fits(x, other) and other.grid == x.grid

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        return {"kind": one_of(draw, ("activation", "number")), "swap": chance(draw), "number": integer(draw, -128, 127)}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x, second = inputs[0], inputs[-1].index
        if node["kind"] == "number":
            second = writer.maker.constant(np.array([node["number"]], np.int8), *x.grid)
        operands = [second, x.index] if node["swap"] else [x.index, second]
        writer.node(node["op"], operands, writer.activation(x.shape, x.grid), "MaximumMinimumOptions")


class Prelu:
    """A slope for each channel, or one for all."""

    takes = staticmethod(is_int8)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        return {"slopes": grid(draw), "one": integer(draw, 0, 3) == 3, "grid": grid_near(draw, x.grid[0])}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x = inputs[0]
        shape = (1,) if node["one"] else (x.channels,)
        slopes = writer.maker.constant(writer.rng.integers(-128, 128, shape).astype(np.int8), *node["slopes"])
        writer.node("PRELU", [x.index, slopes], writer.activation(x.shape, node["grid"]))


class Rsqrt:
    """The engines stop at a value below zero, so none may be."""

    @staticmethod
    def takes(x: Activation) -> bool:
        return is_int8(x) and x.grid[1] == -128

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        return {"grid": grid_near(draw, 1 / (64 * x.grid[0]) ** 0.5 / 64)}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        writer.node("RSQRT", [inputs[0].index], writer.activation(inputs[0].shape, node["grid"]))


class Function:
    """A function of one operand."""

    takes = staticmethod(is_int8)

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        return {"grid": x.grid if chance(draw) else grid_near(draw, x.grid[0]), "parameter": single(draw(st.floats(0.125, 1)))}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        operator, x = node["op"], inputs[0]
        fields: dict[str, Any] = {"LEAKY_RELU": {"alpha": node["parameter"]}, "SOFTMAX": {"beta": node["parameter"]}}.get(operator, {})
        result = x.grid if operator == "RELU6" else FIXED_OUTPUT.get(operator, node["grid"])
        writer.node(operator, [x.index], writer.activation(x.shape, result), OPTIONS.get(operator, ""), **fields)


class Quantize:
    """Between int8 and uint8, and between grids; the engines have no kernel from uint8 to uint8."""

    @staticmethod
    def takes(x: Activation) -> bool:
        return True

    @staticmethod
    def draw(draw: Draw, x: Activation) -> Node:
        kind = "int8" if x.kind == "uint8" else one_of(draw, ("int8", "uint8"))
        same = chance(draw)
        result = list(x.grid) if same else grid_near(draw, x.grid[0])
        held = result[1] - 128 * (same and x.kind == "uint8")
        return {"kind": kind, "grid": [result[0], held + 128 * (kind == "uint8")]}

    @staticmethod
    def build(writer: TfliteWriter, inputs: list[Activation], node: Node) -> None:
        x = inputs[0]
        writer.node("QUANTIZE", [x.index], writer.activation(x.shape, node["grid"], node["kind"]))


FUNCTIONS = ("ABS", "ELU", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "RELU", "RELU6", "SOFTMAX", "TANH")
OPERATORS: dict[str, Any] = {
    "ADD": Binary, "MUL": Binary, "SUB": Binary, "SQUARED_DIFFERENCE": SquaredDifference, "MAXIMUM": Extremum, "MINIMUM": Extremum,
    "PRELU": Prelu, "RSQRT": Rsqrt, **dict.fromkeys(FUNCTIONS, Function), "QUANTIZE": Quantize}
