"""The linear layers of stories260K on the RTL: a few tokens; all of a story, in five formats, is `weft.verif.stories.on_rtl`."""

import pytest

from weft.gen.config import Config
from weft.sim.format_error import MODEL, TEXT, story
from weft.verif.stories.on_rtl import FORMATS, LAYERS, PAGE, machine, recorded, run
from weft.verif.tests import third_party
from weft.verif.tests.test_gemm import BLOCKS

TOKENS = 6


@pytest.mark.integration
def test_layers_of_a_story():
    third_party.model(MODEL)  # skips where there is none
    third_party.data_path(TEXT)
    weights, tokens = story()
    totals = run(recorded(weights, tokens[:TOKENS], "mxfp4").layers, BLOCKS)
    assert (totals.matrices, totals.different) == (LAYERS, 0)
    assert totals.results == TOKENS * (LAYERS // 7 * (64 + 32 + 32 + 64 + 172 + 64 + 172) + 512)


@pytest.mark.parametrize("name", FORMATS)
def test_machines_of_the_page(name):
    config = machine(name, 8)
    assert isinstance(config, Config) and config.array.formats and config.tiling.operands.weight.name == name


def test_page_has_every_format_without_a_difference():
    rows = {cells[1].strip(): cells for line in PAGE.read_text().splitlines() if line.startswith("| ") and (cells := line.split("|"))}
    for name in FORMATS:
        assert rows[name][2].strip() == str(LAYERS) and rows[name][4].strip() == "0"
