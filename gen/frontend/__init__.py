"""Front ends: a network file to a `weft.gen.graph.Graph` of exact integer arithmetic."""

from weft.gen.frontend.ends import decode_output, encode_input
from weft.gen.frontend.load import load

__all__ = ["decode_output", "encode_input", "load"]
