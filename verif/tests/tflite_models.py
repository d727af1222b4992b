"""`TfliteMaker`, or a skip where the package that writes these tests' models is missing."""

import pytest

pytest.importorskip("ai_edge_litert.schema_py_generated", reason="ai-edge-litert writes these tests' models")

from weft.verif.tflite_maker import TfliteMaker

__all__ = ["TfliteMaker"]
