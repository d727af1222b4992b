"""One compared sample of a network: what the pages of cycles are made of."""

import tempfile
from pathlib import Path
from typing import Any

from weft.gen.config import Config
from weft.gen.errors import ToolError
from weft.sim.docs_page import ROOT
from weft.sim.runner import Options, simulate


def named(config: str) -> Config:
    """A configuration of the project."""
    return Config.load(ROOT / "configs" / f"{config}.toml")


def one_sample(config: Config, model: Path, inputs: Path, **options: Any) -> dict[str, Any]:
    """Report of one sample, which has been compared with the reference engine. `options`: fields of `Options`.

    Raises `ToolError` if there is no reference engine, and what `simulate` raises.
    """
    with tempfile.TemporaryDirectory() as name:
        report = simulate(config, model, inputs, Path(name) / "out", Options(samples=1, **options))
    if report["mismatches"]["reference"] is None:
        raise ToolError("the reference engine is missing", where=str(model), why=report["reference"]["note"], fix="run `make setup`")
    return report
