"""Classifies handwritten digits on a device, with the same lines for all three kinds of it.

    python examples/board/classify.py golden                       # the golden machine
    python examples/board/classify.py rtl                          # the simulated Verilog
    python examples/board/classify.py /dev/ttyUSB0 configs/edge8.toml   # a board with the image of that configuration
"""

import sys
from pathlib import Path

import numpy as np

from weft.fpga.backend import open_device
from weft.gen.compiler import compile_network
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.frontend import decode_output, encode_input, load
from weft.sim.execute import INPUT, OUTPUT, run_program

ROOT = Path(__file__).resolve().parents[2]
DIGITS = 10


def main(device_name: str, config: Path) -> None:
    """Print what the network makes of the first digits."""
    graph = load(ROOT / "examples/digits/digits.onnx")
    network = compile_network(graph, Config.load(config))
    samples = np.load(ROOT / "examples/digits/digits.npz")["x"][:DIGITS]
    with open_device(device_name, network, progress=print) as device:
        for index, sample in enumerate(samples):
            device.write_window(INPUT, network.pack_input(encode_input(graph, sample)))
            run_program(device, network, index, device_name)
            scores = decode_output(graph, 0, network.unpack_outputs(device.read_window(OUTPUT))[0]).ravel()
            print(f"digit {index}: {scores.argmax()}")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "golden", Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "configs/tiny4.toml")
    except WeftError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
