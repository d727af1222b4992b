"""A few digits for everything that the cycles of a run follow from, given its hardware."""

import hashlib
import json
from pathlib import Path

from weft.gen.compiler import CompiledNetwork, compile_network
from weft.gen.config import Config
from weft.gen.frontend import encode_input
from weft.gen.host import load_network
from weft.sim.inputs import load_samples

DIGITS = 8


def fingerprint(network: CompiledNetwork, packed: bytes) -> str:
    """The first hexadecimal digits of a SHA-256 of the configuration, the windows' sizes, program and constants, and the input, given as
    the bytes of its window."""
    state = hashlib.sha256(json.dumps([network.config.hash, network.window_bytes]).encode())
    for window in (network.image, packed):
        state.update(window)
    return state.hexdigest()[:DIGITS]


def compiled(config: Config, model: Path, inputs: Path) -> tuple[CompiledNetwork, str]:
    """A network as `simulate` compiles it, and its fingerprint with the first sample. Raises what `simulate` raises for bad files."""
    graph = load_network(model)
    network = compile_network(graph, config)
    (sample,) = load_samples(inputs, graph, 1)
    return network, fingerprint(network, network.pack_input(encode_input(graph, sample)))
