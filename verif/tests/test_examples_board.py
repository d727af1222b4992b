"""The worked example of a device, on the golden machine, against onnxruntime."""

import subprocess
import sys

import pytest

from weft.gen.frontend import load
from weft.sim.inputs import load_samples
from weft.verif import oracles
from weft.verif.tests.test_house import ROOT

DIGITS = ROOT / "examples/digits"


def test_classify_on_the_golden_machine():
    pytest.importorskip("onnxruntime")
    engine = oracles.ENGINES["onnxruntime"](DIGITS / "digits.onnx")
    done = subprocess.run([sys.executable, ROOT / "examples/board/classify.py", "golden"], capture_output=True, text=True, check=True)
    samples = load_samples(DIGITS / "digits.npz", load(DIGITS / "digits.onnx"), 10)
    assert done.stdout.splitlines() == [f"digit {index}: {engine.run(sample)[0].argmax()}" for index, sample in enumerate(samples)]
