"""Loads a network for the accelerator alone, or with the host's help."""

from pathlib import Path

from weft.gen.errors import WeftError
from weft.gen.frontend.load import load, parse
from weft.gen.frontend.refusal import Refused
from weft.gen.graph import Graph
from weft.gen.host.stages import SplitNetwork

SWITCH = "--host"


def load_network(path: str | Path, *, rounding: str = "tflm") -> Graph:
    """As `load`; where all that is refused could run on the host, the error's fix says how."""
    try:
        return load(path, rounding=rounding)
    except Refused as error:
        try:
            names = [stage.operator for stage in load_split(path, rounding=rounding).on_host]
        except WeftError:
            raise error from None
        raise Refused(error.what, error.reasons, where=error.where, why=error.why,
                      fix=f"`{SWITCH}` runs {', '.join(dict.fromkeys(names))} on the host, exactly; or {error.fix}") from None


def load_split(path: str | Path, *, rounding: str = "tflm") -> SplitNetwork:
    """The network in stages for accelerator and host. Raises `WeftError` as `load` does, for what neither can do."""

    def tflite(data: bytes, name: str) -> SplitNetwork:
        from weft.gen.host.tflite import split_tflite  # noqa: PLC0415 (each loads its format's package)

        return split_tflite(data, name, rounding)

    def onnx(data: bytes, name: str) -> SplitNetwork:
        from weft.gen.host.onnx import split_onnx  # noqa: PLC0415

        return split_onnx(data, name)

    return parse(Path(path), rounding, tflite, onnx)
