"""How fast the simulator is: ``python -m weft.sim.speed`` (part of `make bench`).

One inference of each network on `edge16`, every cycle simulated, on one processor, without the checks of `weft sim`. Seconds are those of
the processor, so that other programs on the computer hardly count; the model is built before.
"""

import argparse
import contextlib
import runpy
import sys
import time
from pathlib import Path

import numpy as np

from weft.gen.compiler import compile_network
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.frontend import load
from weft.sim.docs_page import ROOT, third_party
from weft.sim.execute import DramTiming, Executor

TINY = ("resnet8", "kws", "vww", "ad")
LARGE = "resnet50"


def measure(model: Path) -> tuple[int, float]:
    """Cycles of one inference, and seconds."""
    graph, config = load(model), Config.load(ROOT / "configs" / "edge16.toml")
    network = compile_network(graph, config)
    held = np.random.default_rng(1).integers(-128, 128, graph.tensors[graph.input].shape).astype(np.int8)
    executor = Executor(network, DramTiming(), check=False)
    with contextlib.closing(executor.simulator):
        begin = time.process_time()
        cycles = executor.run(0, network.pack_input(held)).cycles
        return cycles, time.process_time() - begin


def resnet50(folder: Path) -> Path:
    """The full-size network of examples/imagenet, written once."""
    path = folder / f"{LARGE}.tflite"
    if not path.exists():
        make = runpy.run_path(str(ROOT / "examples" / "imagenet" / "make_networks.py"))
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make["NETWORKS"][LARGE](make["NetworkWriter"](1, 224, 1.0)))
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="the four MLPerf Tiny networks alone")

    def show(name: str, cycles: int, seconds: float) -> None:
        print(f"{name:10} {cycles:>12,} cycles in {seconds:6.2f} s, {cycles / seconds:>9,.0f} cycles/s", flush=True)

    try:
        tiny = [third_party("WEFT_MODELS", "models", f"mlperf_tiny_{name}.tflite") for name in TINY]
        only_tiny = parser.parse_args().tiny
        if missing := [str(path) for path in tiny if not path.exists()]:
            raise WeftError("networks are missing", where=", ".join(missing), why="they are not part of the project",
                            fix="set WEFT_MODELS to the folder that holds them")
        measure(tiny[0])  # builds the model
        results = [measure(path) for path in tiny]
        for name, result in zip(TINY, results, strict=True):
            show(name, *result)
        show("all four", *(sum(column) for column in zip(*results, strict=True)))
        if not only_tiny:
            show(LARGE, *measure(resnet50(ROOT / "build" / "imagenet")))
    except WeftError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
