"""The compiler's estimates of layers against their cycles on the RTL."""

import statistics

import pytest

from weft.sim import estimates
from weft.sim.dataflows import NETWORKS
from weft.verif.tests import third_party


@pytest.mark.integration
def test_layers_of_the_tiny_networks() -> None:
    """Of all layers that take cycles of their own, on edge16."""
    errors = []
    for model, samples in NETWORKS:
        third_party.model(model), third_party.data_path(samples)
        errors += [abs(estimates.error(layer)) for layer in estimates.layers(model, samples)]
    assert statistics.median(errors) <= 0.02 and max(errors) <= 0.10


@pytest.mark.integration
@pytest.mark.parametrize("config", estimates.OTHERS)
@pytest.mark.parametrize(("model", "samples"), NETWORKS)
def test_whole_networks_on_other_configurations(model: str, samples: str, config: str) -> None:
    third_party.model(model), third_party.data_path(samples)
    assert abs(estimates.error(estimates.whole(model, samples, config))) <= 0.10


def test_the_page_says_how_large_errors_are() -> None:
    text = estimates.PAGE.read_text()
    assert text.startswith(estimates.HEADER.format(config=estimates.CONFIG))
    assert all(f"| {model.removesuffix('.tflite')} | {place} |" in text for model, _ in NETWORKS for place in ("0", *estimates.OTHERS))
