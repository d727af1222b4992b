"""The parts of TensorFlow Lite's schema (version 3) that weft reads, as plain Python objects.

Slots are positions of fields in the schema's tables; operator and type names are those of its enumerations.
"""

import dataclasses

import numpy as np

from weft.gen.frontend.flatbuffer import Damaged, Record
from weft.gen.frontend.load import TFLITE_IDENTIFIER

TENSOR_TYPES = ("float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64", "complex128",
                "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16")
CONSTANT_TYPES = ("float32", "int32", "uint8", "int64", "int16", "int8")
ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
PADDINGS = ("SAME", "VALID")
CUSTOM = 32
_OPERATOR_NAMES = (
    "ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED "
    "HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU "
    "RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM "
    "EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV "
    "SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE "
    "BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN "
    "TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD "
    "REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL "
    "FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N "
    "GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH")
OPERATORS = dict(enumerate(_OPERATOR_NAMES.split()))


@dataclasses.dataclass(frozen=True, eq=False)
class FileTensor:
    """`data`: the constant's values in `shape`, or None. `scales` is empty for a tensor without quantisation."""

    name: str
    shape: tuple[int, ...]
    type: str
    data: np.ndarray | None
    scales: np.ndarray
    zero_points: np.ndarray
    axis: int
    dynamic: bool


@dataclasses.dataclass(frozen=True, eq=False)
class FileOperator:
    """Tensor indices (-1: an optional input left out); named by its first output. `options` is its union member's table."""

    name: str
    operator: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Record | None

    def option(self, slot: int, kind: str, default: float) -> float:
        """A number of the operator's options."""
        return default if self.options is None else self.options.scalar(slot, kind, default)

    def choice(self, slot: int, names: tuple[str, ...]) -> str:
        """An enumeration of the operator's options by name."""
        index = int(self.option(slot, "int8", 0))
        return names[index] if 0 <= index < len(names) else f"value {index}"


@dataclasses.dataclass(frozen=True, eq=False)
class FileModel:
    """The main subgraph. `subgraphs` counts all."""

    name: str
    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    subgraphs: int


def read_model(data: bytes) -> FileModel:
    """Parse a .tflite file. Raises `Damaged`."""
    if data[4:8] != TFLITE_IDENTIFIER:
        raise Damaged(f"not a TensorFlow Lite file: bytes 4 to 7 are {data[4:8]!r}, not {TFLITE_IDENTIFIER!r}")
    model = Record.root(data)
    version = model.scalar(0, "uint32", 0)
    if version != 3:
        raise Damaged(f"schema version {version}; TensorFlow Lite files have 3")
    subgraphs = model.records(2)
    if not subgraphs:
        raise Damaged("no subgraph")
    graph, buffers = subgraphs[0], model.records(4)
    tensors = tuple(_tensor(record, buffers, data) for record in graph.records(0))
    codes = [_operator_name(record) for record in model.records(1)]
    operators = tuple(_operator(record, codes, tensors) for record in graph.records(3))
    inputs, outputs = (_indices(graph, slot, len(tensors)) for slot in (1, 2))
    return FileModel(graph.text(4) or model.text(3), tensors, operators, inputs, outputs, len(subgraphs))


def _indices(record: Record, slot: int, count: int, optional: bool = False) -> tuple[int, ...]:
    numbers = record.numbers(slot, "int32")
    indices = tuple(int(index) for index in numbers) if numbers is not None else ()
    if any(not -int(optional) <= index < count for index in indices):
        raise Damaged(f"tensor indices {list(indices)} of {count} tensors")
    return indices


def _operator_name(record: Record) -> str:
    # The code had 8 bits once: files hold the larger of the old and the new field.
    code = max(record.scalar(0, "int8", 0), record.scalar(3, "int32", 0))
    return f"CUSTOM {record.text(1)}" if code == CUSTOM else OPERATORS.get(code, f"operator code {code}")


def _operator(record: Record, codes: list[str], tensors: tuple[FileTensor, ...]) -> FileOperator:
    index = record.scalar(0, "uint32", 0)
    if index >= len(codes):
        raise Damaged(f"operator code {index} of {len(codes)}")
    inputs, outputs = _indices(record, 1, len(tensors), optional=True), _indices(record, 2, len(tensors))
    if not outputs:
        raise Damaged(f"an operator {codes[index]} without an output")
    return FileOperator(tensors[outputs[0]].name, codes[index], inputs, outputs, record.record(4))


def _tensor(record: Record, buffers: list[Record], data: bytes) -> FileTensor:
    shape, signature = (record.numbers(slot, "int32") for slot in (0, 7))
    kind, name = record.scalar(1, "int8", 0), record.text(3)
    dimensions = tuple(int(size) for size in shape) if shape is not None else ()
    if not 0 <= kind < len(TENSOR_TYPES):
        raise Damaged(f"tensor {name!r} of type {kind}")
    quantisation = record.record(4)
    scales = zero_points = None
    if quantisation is not None:
        scales, zero_points = quantisation.numbers(2, "float32"), quantisation.numbers(3, "int64")
    scales = np.zeros(0, np.float32) if scales is None else scales
    zero_points = np.zeros(scales.size, np.int64) if zero_points is None or not zero_points.size else zero_points
    if zero_points.size != scales.size:
        raise Damaged(f"tensor {name!r} has {scales.size} scales and {zero_points.size} zero points")
    return FileTensor(name, dimensions, TENSOR_TYPES[kind], _constant(record, buffers, data, name, dimensions, TENSOR_TYPES[kind]), scales,
                      zero_points, quantisation.scalar(6, "int32", 0) if quantisation is not None else 0,
                      signature is not None and bool((signature[1:] < 0).any()))


def _constant(record: Record, buffers: list[Record], data: bytes, name: str, shape: tuple[int, ...], kind: str) -> np.ndarray | None:
    index = record.scalar(2, "uint32", 0)
    if index >= len(buffers):
        raise Damaged(f"tensor {name!r} in buffer {index} of {len(buffers)}")
    raw = buffers[index].numbers(0, "uint8")
    if raw is None:
        start, size = (buffers[index].scalar(slot, "uint64", 0) for slot in (1, 2))
        if start + size > len(data):
            raise Damaged.beyond(data, start + size)
        # Offsets 0 and 1 mean that there are no bytes outside the table.
        raw = np.frombuffer(data, np.uint8, size, start) if start > 1 else None
    if raw is None or not raw.size or kind not in CONSTANT_TYPES:
        return None
    dtype, count = np.dtype(kind).newbyteorder("<"), int(np.prod(shape, dtype=object)) if shape else 1
    if raw.size != count * dtype.itemsize:
        raise Damaged(f"constant {name!r} has {raw.size} bytes, its shape {list(shape)} of {kind} {count * dtype.itemsize}")
    return np.frombuffer(raw.tobytes(), dtype).reshape(shape)
