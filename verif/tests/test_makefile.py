"""The Makefile's commands, as make prints them."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
@pytest.mark.parametrize(("target", "arguments"), [
    ("demo", ["sim", "a net.onnx", "my samples.npz", "--config", "my chip.toml", "--samples", "100"]),
    ("sim", ["sim", "a net.onnx", "my samples.npz", "--config", "my chip.toml", "--out", "an out"]),
    ("verilog", ["verilog", "my chip.toml", "--out", "an out"])])
def test_paths_may_have_spaces(target: str, arguments: list[str]) -> None:
    variables = ["MODEL=a net.onnx", "INPUT=my samples.npz", "CONFIG=my chip.toml", "OUT=an out", "ARGS="]
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}  # these tests may run in make
    done = subprocess.run(["make", "-n", target, *variables], cwd=ROOT, env=outside, capture_output=True, text=True, check=True)
    assert shlex.split(done.stdout.splitlines()[-1])[1:] == arguments
