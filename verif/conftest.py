"""Options of the test run."""

import gc
import os

import pytest

# Threads of the linear algebra library wait for each other busily; test processes beside each other make better use of the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-inputs", action="store_true", help="run networks on all of their inputs, not on a few")
    parser.addoption("--all-formats", action="store_true", help="run matrix products in all number formats and array sizes, not a few")


def pytest_collection_finish() -> None:
    """All modules and tests live to the end: looking for dead objects among them, time and again, takes a sixth of the tests' own time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
