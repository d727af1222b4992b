"""Which converter turns which TensorFlow Lite operator into graph nodes.

Each takes the context and one operator and raises `Unsupported` where it cannot state exact arithmetic.
"""

from weft.gen.frontend.tflite_bilinear import resize_bilinear
from weft.gen.frontend.tflite_conv import conv_2d, depthwise_conv_2d, fully_connected
from weft.gen.frontend.tflite_elementwise import (
    absolute,
    add,
    dequantize,
    elu,
    extremum,
    hard_swish,
    leaky_relu,
    logistic,
    mul,
    prelu,
    quantize,
    relu,
    rsqrt,
    softmax,
    squared_difference,
    tanh,
)
from weft.gen.frontend.tflite_move import depth_to_space, resize_nearest_neighbor, slice_, space_to_depth, split, strided_slice, transpose
from weft.gen.frontend.tflite_pool import average_pool_2d, max_pool_2d, mean
from weft.gen.frontend.tflite_shape import concatenation, pad, reshape

CONVERTERS = {
    "ABS": absolute, "ADD": add, "AVERAGE_POOL_2D": average_pool_2d, "CONCATENATION": concatenation, "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d, "DEPTH_TO_SPACE": depth_to_space, "DEQUANTIZE": dequantize, "ELU": elu,
    "EXPAND_DIMS": reshape, "FULLY_CONNECTED": fully_connected, "HARD_SWISH": hard_swish, "LEAKY_RELU": leaky_relu, "LOGISTIC": logistic,
    "MAXIMUM": extremum, "MAX_POOL_2D": max_pool_2d, "MEAN": mean, "MINIMUM": extremum, "MUL": mul, "PAD": pad, "PADV2": pad,
    "PRELU": prelu, "QUANTIZE": quantize, "RELU": relu, "RELU6": relu, "RELU_N1_TO_1": relu, "RESHAPE": reshape,
    "RESIZE_BILINEAR": resize_bilinear, "RESIZE_NEAREST_NEIGHBOR": resize_nearest_neighbor, "RSQRT": rsqrt, "SLICE": slice_,
    "SOFTMAX": softmax, "SPACE_TO_DEPTH": space_to_depth, "SPLIT": split, "SQUARED_DIFFERENCE": squared_difference, "SQUEEZE": reshape,
    "STRIDED_SLICE": strided_slice, "SUB": add, "TANH": tanh, "TRANSPOSE": transpose,
}
