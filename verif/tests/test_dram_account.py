"""The account of DRAM traffic adds up to what the hardware's counters say, which docs/cycles.md holds."""

import pytest

from weft.gen.compiler import compile_network
from weft.gen.compiler.dram_account import account
from weft.gen.config import Config
from weft.gen.frontend import load
from weft.sim import bench
from weft.sim.docs_page import figures
from weft.verif.tests.test_house import ROOT

NETWORKS = ("digits", "mlperf_tiny_resnet8", "mnist8_qop_u8s8", "mlperf_tiny_kws", "mlperf_tiny_vww")


def rows_of(name, config):
    network = next(network for network in bench.NETWORKS if network.name == name)
    model = bench.files(network)[0]
    if not model.exists():
        pytest.skip(f"third-party file {model.name} not found")
    return account(compile_network(load(model), Config.load(ROOT / "configs" / f"{config}.toml")))


@pytest.mark.parametrize(("name", "config"), [(name, "edge16") for name in NETWORKS] + [("mlperf_tiny_resnet8", "edge8")])
def test_it_adds_up_to_what_was_measured(name, config):
    rows = rows_of(name, config)
    cells = figures(bench.TABLE)[name, config]
    for way in ("read", "written"):
        assert sum(count for _, direction, count in rows if direction == way) == int(cells[f"DRAM {way}"])
    assert all(count > 0 for _, _, count in rows)


def test_weights_are_those_of_the_file():
    """DS-CNN: 10 x 4 x 64, four times 3 x 3 x 64 and 64 x 64, 64 x 12; 588 channels, of a bias, a multiplier and a shift each."""
    rows = {what: count for what, way, count in rows_of("mlperf_tiny_kws", "edge16") if way == "read"}
    assert rows["weights"] == 10 * 4 * 64 + 4 * (9 + 64) * 64 + 64 * 12
    assert rows["multipliers"] == 4 * (9 * 64 + 16), "twelve outputs take a set of sixteen"
