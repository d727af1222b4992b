"""Random .tflite and .onnx files on the simulated RTL, equal to tflite-micro and onnxruntime; and what earlier ones have found."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.verif.random_files import compare, onnx, run, tflite

pytest.importorskip("tflite_micro", reason="tflite-micro is the oracle of these tests")
pytest.importorskip("onnxruntime", reason="onnxruntime is the oracle of these tests")
CASES = json.loads((Path(__file__).parent / "random_cases.json").read_text())
SMALL = {"format": "tflite", "seed": 3, "input": {"shape": [1, 3, 4, 5], "grid": [0.05, 3], "kind": "int8"},
         "nodes": [{"op": "ABS", "from": [0], "grid": [0.05, 3], "parameter": 1}]}


@pytest.mark.integration
@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_what_random_files_have_found(case):
    assert compare.compare_recipe(case["recipe"], case["config"]).with_engine > 0


@pytest.mark.integration
def test_sixty_random_files():
    """``make random`` runs 1,200."""
    tally = run.run(53, 12, seed=7, batch=1)
    assert tally.failures == []
    assert (tally.operators, tally.graphs) == (53, 12)
    names = {*tflite.OPERATORS, *onnx.OPERATORS}
    assert names <= tally.compared.keys(), f"never compared: {names - tally.compared.keys()}; {tally.refused}"


@pytest.mark.integration
def test_a_wrong_element_is_found_and_shrunk(monkeypatch):
    """One wrong entry of a table that the front end writes, which the reference and the RTL believe alike."""
    from weft.gen.frontend import tflite_elementwise  # noqa: PLC0415 - patched here alone

    right = tflite_elementwise.tables.absolute_table

    def wrong(x, y, rounding):
        values = right(x, y, rounding).copy()
        values[0] ^= 1
        return values
    monkeypatch.setattr(tflite_elementwise.tables, "absolute_table", wrong)
    with pytest.raises(compare.Differs, match="differ from tflite-micro"):
        compare.compare_recipe(SMALL, "tiny4")
    tally = run.Tally()
    run.run_some(tally, "ABS", tflite.recipes(1, "ABS"), "tiny4", 4, 1)
    (failure,) = tally.failures
    assert failure["recipe"]["input"]["shape"] == [1, 1, 1, 1] and "Differs" in failure["why"]


@settings(max_examples=20, deadline=None)
@given(st.one_of(tflite.recipes(4), onnx.recipes(4)))
def test_a_recipe_survives_json_and_gives_one_file(recipe):
    build = compare.BUILDERS[recipe["format"]]
    assert build(json.loads(json.dumps(recipe))) == build(recipe)
