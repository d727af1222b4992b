"""Entry point of the front ends: which parser reads a file."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from weft.gen.errors import WeftError, nearest
from weft.gen.frontend.refusal import damaged
from weft.gen.graph import Graph

ROUNDINGS = ("tflm", "litert")
Parsed = TypeVar("Parsed")
TFLITE_IDENTIFIER = b"TFL3"  # bytes 4..7 of a TensorFlow Lite flatbuffer


def load(path: str | Path, *, rounding: str = "tflm") -> Graph:
    """The network in a .tflite or .onnx file as a graph.

    `rounding` selects whose bits a .tflite file means where the two references differ, which is in FULLY_CONNECTED ("tflm":
    tflite-micro, two roundings; "litert": LiteRT's reference kernels, one) and in a RELU that also rescales. ONNX files always
    mean onnxruntime's.

    Raises `WeftError` for a file that is missing, damaged or of another kind, and one `WeftError` that lists every node that
    is not supported.
    """
    def tflite(data: bytes, name: str) -> Graph:
        from weft.gen.frontend.tflite import load_tflite  # noqa: PLC0415 (each parser loads its format's package)

        return load_tflite(data, name, rounding)

    def onnx(data: bytes, name: str) -> Graph:
        from weft.gen.frontend.onnx import load_onnx  # noqa: PLC0415

        return load_onnx(data, name)

    return parse(Path(path), rounding, tflite, onnx)


def parse(path: Path, rounding: str, tflite: Callable[[bytes, str], Parsed], onnx: Callable[[bytes, str], Parsed]) -> Parsed:
    """Read a network file and give its bytes, and its path for messages, to the parser of its kind. Raises as `load` does."""
    if rounding not in ROUNDINGS:
        raise WeftError(f"rounding = {rounding!r}", where="--rounding", why="it names the engine whose bits a .tflite file means",
                        fix=nearest(rounding, ROUNDINGS))
    data = _read(path)
    try:
        if data[4:8] == TFLITE_IDENTIFIER or path.suffix == ".tflite":
            return tflite(data, str(path))
        if path.suffix == ".onnx":
            return onnx(data, str(path))
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        # Parsers check what a file says, but attributes of a wrong kind may pass them.
        raise damaged(str(path), f"{type(error).__name__}: {error}") from error
    raise WeftError(f"{path.name} is neither .tflite nor .onnx", where=str(path), why="the kind of a network is told by its file name",
                    fix="give a .tflite or .onnx file")


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeftError(f"cannot read network {path.name!r}", where=str(path), why=error.strerror or str(error),
                        fix="check the path and its permissions") from error
    if not data:
        raise WeftError(f"network {path.name!r} is empty", where=str(path), why="a network file has at least one operator",
                        fix="export or download it again")
    return data
