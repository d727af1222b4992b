"""The C++ compiler of simulations."""

import functools
import os
import shutil
import subprocess

from weft.gen.errors import ToolError

# Models that clang has compiled run faster (docs/internals.md has measurements), so that it is taken if it is there.
NAMES = ("clang++", "c++", "g++")
OTHER = "install another compiler, or name one in $CXX"  # what to do about one that fails


def find() -> str:
    """Path of the compiler: $CXX, or else the first of `NAMES` that compiles. Raises `ToolError` if there is none."""
    if chosen := os.environ.get("CXX"):
        if path := shutil.which(chosen):
            return path
        raise ToolError(f"no C++ compiler {chosen!r}", where="$CXX",
                        why="it names no program: weft takes one name or path, without arguments",
                        fix=f"set CXX to the compiler's path, or unset it to use {_any('or')}")
    found = {os.path.realpath(path): path for name in reversed(NAMES) if (path := shutil.which(name))}
    if found:
        *others, last = reversed(found.values())  # which needs no trial: there is nothing else to take
        return next(filter(works, others), last)
    raise ToolError("no C++ compiler", where="PATH", why=f"a simulation is compiled to machine code; neither {_any('nor')} was found",
                    fix="install one, for example `apt-get install g++`, or name it in $CXX")


@functools.cache
def version(compiler: str) -> str:
    """What it calls itself: the first line that it prints about that."""
    lines = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout.splitlines()
    return lines[0] if lines else compiler


def fast(compiler: str) -> str:
    """Optimisation of what runs in every cycle: the level that compiles fastest and runs no slower than others."""
    return "-O2" if _clang(compiler) else "-O1"


@functools.cache
def works(compiler: str) -> bool:
    """Whether it compiles a file that includes a header of C++: clang++ can be there without any."""
    return subprocess.run([compiler, "-fsyntax-only", "-x", "c++", "-"], input="#include <string>\n", capture_output=True, text=True,
                          check=False).returncode == 0


def own_scope(compiler: str) -> tuple[str, ...]:
    """What keeps the inline variables of one model apart from those of another in the same process; clang never shares them."""
    return () if _clang(compiler) else ("-fno-gnu-unique",)


def _clang(compiler: str) -> bool:
    return "clang" in version(compiler)


def _any(word: str) -> str:
    return f"{', '.join(NAMES[:-1])} {word} {NAMES[-1]}"
