"""Export tiny4 with Wishbone ports, build the system of this folder around it, and run the digits firmware of examples/driver on it.

    python examples/wishbone/run.py [FOLDER]      (default: build/examples/wishbone)

Needs a C compiler: $CC, or gcc.
"""

import os
import subprocess
import sys
from pathlib import Path

from weft.gen.compiler import compile_network
from weft.gen.config import Config
from weft.gen.export import export
from weft.gen.export.network import c_header
from weft.gen.frontend import load
from weft.sim import build

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DRIVER = HERE.parent / "driver"
sys.path.insert(0, str(DRIVER))

from samples import MODEL, samples  # noqa: E402 - in examples/driver

SAMPLES = 10
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow", "-O2")


def main(folder: Path) -> None:
    """Everything in `folder`; raises CalledProcessError if Verilator, the compiler or the firmware has something to say."""
    config, graph = Config.load(ROOT / "configs" / "tiny4.toml"), load(MODEL)  # system.v has the widths of its ports
    folder.mkdir(parents=True, exist_ok=True)
    export(config, folder / "weft", bus="wishbone")
    (folder / "digits.h").write_text(c_header(compile_network(graph, config), "digits"))
    (folder / "samples.h").write_text(samples(graph, SAMPLES))
    verilog, translator = [HERE / "system.v", folder / "weft" / "rtl" / "weft_npu_wishbone.v"], build.verilator()
    subprocess.run([str(translator), "--lint-only", "-Wall", "--top-module", "system", str(folder / "weft" / "waivers.vlt"),
                    *map(str, verilog)], check=True, env={**os.environ, "VERILATOR_ROOT": str(translator.parents[1])})
    model = build.Model("system", "system", (str(HERE / "simulation.cpp"),))
    library = build.build_model(model, "\n".join(path.read_text() for path in verilog))
    sources = [HERE / "platform_wishbone.c", DRIVER / "digits.c", folder / "weft" / "weft_driver.c"]
    subprocess.run([os.environ.get("CC", "gcc"), *STRICT, "-I", "weft", "-I", ".", "-I", str(DRIVER), *map(str, sources), str(library),
                    f"-Wl,-rpath,{library.parent}", "-o", "digits"], cwd=folder, check=True)
    subprocess.run([str(folder / "digits")], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "examples" / "wishbone").resolve())
