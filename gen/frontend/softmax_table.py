"""The table of exponentials behind TFLite's int8 softmax: PreprocessSoftmaxScaling and gemmlowp's `exp_on_negative_values`."""

import numpy as np

from weft.gen.frontend.gemmlowp import exp_on_negative_values, multiply_high
from weft.gen.frontend.multiplier import quantize_multiplier
from weft.gen.frontend.refusal import require

INTEGER_BITS = 5  # of the scaled difference: Q5.26
FRACTION = 31 - INTEGER_BITS


def exponential_table(input_scale: float, beta: float) -> np.ndarray:
    """256 int32 in Q0.31: entry d & 255 for the difference d = x - max, 0 where d lies below TFLite's diff_min."""
    real = min(beta * float(input_scale) * (1 << FRACTION), (1 << 31) - 1.0)
    require(real > 1, f"softmax with scale {input_scale:g} and beta {beta:g} is too flat for TFLite's fixed point")
    multiplier, left = quantize_multiplier(real)
    smallest = -int(((1 << INTEGER_BITS) - 1) * (1 << FRACTION) // (1 << left))
    table = np.zeros(256, dtype=np.int32)
    for difference in range(max(smallest, -255), 1):
        table[difference & 255] = exp_on_negative_values(multiply_high(difference << left, multiplier), INTEGER_BITS)
    return table
