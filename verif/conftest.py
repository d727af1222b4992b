"""Options of the test run."""

import os

import pytest

from weft.verif import garbage

# Threads of the linear algebra library wait for each other busily; test processes beside each other make better use of the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-inputs", action="store_true", help="run networks on all of their inputs, not on a few")
    parser.addoption("--all-formats", action="store_true", help="run matrix products in all number formats and array sizes, not a few")


def pytest_collection_finish() -> None:
    garbage.leave_alone()
