"""Compile the driver, its self-test and the digits firmware, and run both on the Verilated accelerator.

    python examples/driver/run.py [CONFIG [FOLDER]]      (default: tiny4, build/examples/driver)

Needs a C compiler: $CC, or gcc.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from weft.gen.compiler import compile_network
from weft.gen.config import Config
from weft.gen.export import folder as exported
from weft.gen.export import render
from weft.gen.export.network import c_header
from weft.gen.frontend import encode_input, load
from weft.sim import build
from weft.verif import oracles

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODEL = ROOT / "examples" / "digits" / "digits.onnx"
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
    (folder / "samples.h").write_text(samples(graph))
    library = build.build(build.verilog_text(config), config.line_bytes)
    compiler = os.environ.get("CC", "gcc")
    # The driver as firmware has it: no library at all. Its users here have one, for printf.
    subprocess.run([compiler, *STRICT, "-ffreestanding", "-c", "weft_driver.c"], cwd=folder, check=True)
    for program in ("selftest", "digits"):
        subprocess.run([compiler, *STRICT, "-I", ".", str(HERE / f"{program}.c"), str(HERE / "platform_verilated.c"), "weft_driver.o",
                        str(library), f"-Wl,-rpath,{library.parent}", "-o", program], cwd=folder, check=True)
        subprocess.run([str(folder / program)], check=True)


def samples(graph) -> str:
    """C arrays: held inputs, labels, and onnxruntime's scores brought back to the integers that they were made of."""
    data = np.load(ROOT / "examples" / "digits" / "digits.npz")
    engine, output = oracles.ENGINES[graph.engine](MODEL), graph.tensors[graph.outputs[0]]
    inputs, scores = [], []
    for sample in data["x"][:SAMPLES]:
        inputs.append(encode_input(graph, sample).reshape(-1))
        real, = engine.run(sample.astype(np.float32))
        scores.append((np.rint(real / np.float32(output.scale)) + output.zero_point).astype(int).reshape(-1))

    def rows(values) -> str:
        return ",\n".join("    {" + ", ".join(map(str, row)) + "}" for row in values)

    return (f"#define SAMPLES {SAMPLES}u\n"
            f"static const int8_t sample_inputs[SAMPLES][{len(inputs[0])}] = {{\n{rows(inputs)}\n}};\n"
            f"static const int8_t sample_outputs[SAMPLES][{len(scores[0])}] = {{\n{rows(scores)}\n}};\n"
            f"static const int sample_labels[SAMPLES] = {{{', '.join(str(int(label)) for label in data['y'][:SAMPLES])}}};\n")


if __name__ == "__main__":
    configuration, place = [*sys.argv[1:], *("tiny4", ROOT / "build" / "examples" / "driver")[len(sys.argv) - 1:]]
    main(configuration, Path(place).resolve())
