"""Functions of one operand that a quantised .onnx file may compute in float32 between two scales, and what becomes of them: tables.

Formulas: onnxruntime's CPU kernels. A table is exact wherever their float32 results lie on the same side of every rounding border.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from weft.gen.frontend.mlas import tanh

Function = Callable[[np.ndarray, dict[str, Any]], np.ndarray]
ELU_ALPHA = 1.0
HARD_SIGMOID = (0.2, 0.5)
SIXTH = 1 / 6


def _hard_sigmoid(real: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    result: np.ndarray = np.clip(np.float32(alpha) * real + np.float32(beta), np.float32(0), np.float32(1))
    return result


def _elu(real: np.ndarray, attributes: dict[str, Any]) -> np.ndarray:
    alpha = np.float32(attributes.get("alpha", ELU_ALPHA))
    return np.where(real >= 0, real, alpha * (np.exp(np.minimum(real, 0)) - np.float32(1)))


FUNCTIONS: dict[str, Function] = {
    "Abs": lambda real, _: np.abs(real),
    "Elu": _elu,
    "Exp": lambda real, _: np.exp(real),
    "HardSigmoid": lambda real, given: _hard_sigmoid(real, given.get("alpha", HARD_SIGMOID[0]), given.get("beta", HARD_SIGMOID[1])),
    "HardSwish": lambda real, _: real * _hard_sigmoid(real, SIXTH, 0.5),
    "Neg": lambda real, _: -real,
    "Softsign": lambda real, _: real / (np.float32(1) + np.abs(real)),
    "Tanh": lambda real, _: tanh(real),
}
