"""Compile the driver, its self-test and the digits firmware, and run both on the Verilated accelerator.

    python examples/driver/run.py [CONFIG [FOLDER]]      (default: tiny4, build/examples/driver)

Needs a C compiler: $CC, or gcc.
"""

import os
import subprocess
import sys
from pathlib import Path

from weft.gen.compiler import compile_network
from weft.gen.config import Config
from weft.gen.export import folder as exported
from weft.gen.export import render
from weft.gen.export.network import c_header
from weft.gen.frontend import load
from weft.sim import build

from samples import MODEL, samples  # beside this file  # isort: skip

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SAMPLES = 10
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow", "-O2")


def main(name: str, folder: Path) -> None:
    """Write and compile everything in `folder`; raises CalledProcessError if anything does not compile or does not pass."""
    config = Config.load(ROOT / "configs" / f"{name}.toml")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weft.h").write_text(render.header(config))
    for part in exported.DRIVER:
        (folder / part).write_bytes((ROOT / "gen" / "export" / "driver" / part).read_bytes())
    graph = load(MODEL)
    (folder / "digits.h").write_text(c_header(compile_network(graph, config), "digits"))
    (folder / "samples.h").write_text(samples(graph, SAMPLES))
    library = build.build(build.verilog_text(config), config.line_bytes)
    compiler = os.environ.get("CC", "gcc")
    # The driver as firmware has it: no library at all. Its users here have one, for printf.
    subprocess.run([compiler, *STRICT, "-ffreestanding", "-c", "weft_driver.c"], cwd=folder, check=True)
    for program in ("selftest", "digits"):
        subprocess.run([compiler, *STRICT, "-I", ".", str(HERE / f"{program}.c"), str(HERE / "platform_verilated.c"), "weft_driver.o",
                        str(library), f"-Wl,-rpath,{library.parent}", "-o", program], cwd=folder, check=True)
        subprocess.run([str(folder / program)], check=True)


if __name__ == "__main__":
    configuration, place = [*sys.argv[1:], *("tiny4", ROOT / "build" / "examples" / "driver")[len(sys.argv) - 1:]]
    main(configuration, Path(place).resolve())
