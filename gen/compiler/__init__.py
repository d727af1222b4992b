"""Compiler: a `weft.gen.graph.Graph` and a configuration to a program and its constants."""

from weft.gen.compiler.compile import compile_network
from weft.gen.compiler.network import CompiledNetwork, Layer

__all__ = ["CompiledNetwork", "Layer", "compile_network"]
