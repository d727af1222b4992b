"""The page of exact runs covers all that it should, says that nothing differs, and is what the command writes."""

import numpy as np
import pytest

from weft.sim import exact
from weft.sim.docs_page import committed, figures
from weft.verif.tests import third_party


def test_the_page_covers_every_network_and_says_that_nothing_differs():
    assert list(committed(exact.PAGE)) == list(exact.ROWS)
    assert exact.PAGE.read_text().startswith(exact.HEADER)
    for cells in figures(exact.PAGE).values():
        assert int(cells["output elements"]) > 0 and cells["mismatches"] == "0"


def test_a_difference_counts():
    """An output that differs from the engine's, a byte of memory and a recorded output: three."""
    assert exact.mismatches({"mismatches": {"reference": 1, "golden": 1, "tensors": 0}, "recorded": 1}) == 3


@pytest.mark.integration
def test_a_row_is_what_the_hardware_does():
    network = next(network for network in exact.NETWORKS if network.name == "tflm_micro_speech")
    third_party.model(network.model)
    third_party.data_path(network.inputs)
    report = exact.run(network, "edge16")
    assert report["inputs"] == len(network.arrays()["x"]) == 4 and exact.mismatches(report) == 0
    row, page = (exact.row(network, "edge16", report).split("|"), committed(exact.PAGE)[network.name, "edge16"].split("|"))
    assert row[5:] == page[5:], "run `make exact`"  # versions of engines may differ


def test_photographs_lose_their_margin():
    network = next(network for network in exact.NETWORKS if network.size == 128)
    third_party.data_path(network.inputs)
    photos = np.stack(list(third_party.data(network.inputs).values()))
    np.testing.assert_array_equal(network.arrays()["x"], photos[:, 48:176, 48:176])
