"""Where tests find third-party models and data: $WEFT_MODELS and $WEFT_DATA, or ../shared beside the repository."""

import os
from pathlib import Path

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"


def _file(variable: str, folder: str, name: str) -> Path:
    path = Path(os.environ.get(variable, SHARED / folder)) / name
    if not path.exists():
        pytest.skip(f"third-party file {name} not found: set {variable} to the folder that holds it")
    return path


def model(name: str) -> Path:
    """A network file; skips the test where it is missing."""
    return _file("WEFT_MODELS", "models", name)


def data_path(name: str) -> Path:
    """A data file; skips the test where it is missing."""
    return _file("WEFT_DATA", "data", name)


def data(name: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz file; skips the test where it is missing."""
    with np.load(data_path(name)) as arrays:
        return dict(arrays)
