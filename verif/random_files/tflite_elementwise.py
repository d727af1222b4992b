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
    """ADD and MUL: with another activation, with itself, with one value for each channel, with a constant."""

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
        natural = max(x.grid[0], step) if node["op"] == "ADD" else x.grid[0] * step * 64
        operands = [second, x.index] if node["swap"] else [x.index, second]
        y = writer.activation(x.shape, [single(natural * node["factor"]), node["zero"]])
        writer.node(node["op"], operands, y, f"{node['op'].capitalize()}Options", fusedActivationFunction=node["activation"])


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
OPERATORS: dict[str, Any] = {"ADD": Binary, "MUL": Binary, **dict.fromkeys(FUNCTIONS, Function), "QUANTIZE": Quantize}
