"""What rows of the committed tables must not exceed; that the tables are right, `test_cycles.py` tests."""

from pathlib import Path

import pytest

from weft.sim import bench, imagenet
from weft.sim.docs_page import Key, figures

CYCLES: dict[Path, dict[Key, int]] = {
    bench.TABLE: {
        ("mlperf_tiny_resnet8", "edge16"): 55_000,
        ("mlperf_tiny_kws", "edge16"): 16_000,
        ("mlperf_tiny_vww", "edge16"): 48_000,
        ("mlperf_tiny_ad", "edge16"): 18_500},
    imagenet.PAGE: {
        ("mobilenet_v2_224", "edge16"): 1_600_000,
        ("mobilenet_v1_224", "edge16"): 2_650_000,
        ("mobilenet_v1_224", "edge32"): 800_000,
        ("resnet50", "edge16"): 16_900_000,
        ("resnet50", "edge32"): 4_400_000}}
DRAM_OVER_LEAST = {"mlperf_tiny_resnet8": 1.15, "mlperf_tiny_ad": 1.15, "mlperf_tiny_vww": 1.15,
                   "mlperf_tiny_kws": 1.79}  # why it cannot be 1.15: docs/internals.md, DMA


@pytest.mark.parametrize(("page", "key", "limit"), [(page, key, limit) for page, rows in CYCLES.items() for key, limit in rows.items()],
                         ids=[" ".join(key) for rows in CYCLES.values() for key in rows])
def test_cycles(page: Path, key: Key, limit: int) -> None:
    assert int(figures(page)[key]["cycles"]) <= limit


@pytest.mark.parametrize("name", DRAM_OVER_LEAST)
def test_dram_traffic_on_edge16(name: str) -> None:
    assert float(figures(bench.TABLE)[name, "edge16"]["DRAM over least"]) <= DRAM_OVER_LEAST[name]
