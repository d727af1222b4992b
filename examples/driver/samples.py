"""Digits for firmware: images and what onnxruntime makes of them, as C arrays."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from weft.gen.frontend import encode_input
from weft.gen.graph import Graph
from weft.verif import oracles

FOLDER = Path(__file__).resolve().parents[1] / "digits"
MODEL = FOLDER / "digits.onnx"


def samples(graph: Graph, count: int) -> str:
    """C arrays: held inputs, labels, and onnxruntime's scores brought back to the integers that they were made of."""
    data = np.load(FOLDER / "digits.npz")
    engine, output = oracles.ENGINES[graph.engine](MODEL), graph.tensors[graph.outputs[0]]
    inputs, scores = [], []
    for sample in data["x"][:count]:
        inputs.append(encode_input(graph, sample).reshape(-1))
        real, = engine.run(sample.astype(np.float32))
        scores.append((np.rint(real / np.float32(output.scale)) + output.zero_point).astype(int).reshape(-1))

    def rows(values: Iterable[Iterable[int]]) -> str:
        return ",\n".join("    {" + ", ".join(map(str, row)) + "}" for row in values)

    return (f"#define SAMPLES {count}u\n"
            f"static const int8_t sample_inputs[SAMPLES][{len(inputs[0])}] = {{\n{rows(inputs)}\n}};\n"
            f"static const int8_t sample_outputs[SAMPLES][{len(scores[0])}] = {{\n{rows(scores)}\n}};\n"
            f"static const int sample_labels[SAMPLES] = {{{', '.join(str(int(label)) for label in data['y'][:count])}}};\n")
